"""Attributes from text: ``name: kind = value``, where the kind may be left out if the value shows it."""

from __future__ import annotations

import math
from sys import intern
from typing import Any, Protocol

import numpy as np

from sardonyx.core.errors import ParseError
from sardonyx.ir.attr import Attr, AttrKind
from sardonyx.ir.graph import Graph
from sardonyx.ir.scope import Scope
from sardonyx.ir.text.lexer import Lexer
from sardonyx.ir.text.types import External, at_type, read_tensor, read_type
from sardonyx.ir.text.words import KINDS, SINGULAR

__all__ = ["read_list", "read_value"]


_FEW = 32  # words: below, reading them one by one takes less than setting up an array
_LISTS = {one: many for many, one in SINGULAR.items()}
_STORED = {AttrKind.INT: np.int64, AttrKind.FLOAT: np.float32}


class Reader(Protocol):
    """What attributes need of the parser: tokens, external data, and graphs, which attributes may hold."""

    lexer: Lexer
    external: External

    def graph(self, scope: Scope) -> Graph: ...


def read_list(reader: Reader, scope: Scope) -> list[Attr]:
    """``<a: int = 1, b = "x">``, or nothing."""
    found: list[Attr] = []
    lexer = reader.lexer
    if not lexer.take("<"):
        return found
    while True:
        found.append(read_value(reader, intern(lexer.name("the name of an attribute")), scope))
        if not lexer.take(","):
            lexer.expect(">", "at the end of the attributes")
            return found


def read_value(reader: Reader, name: str, scope: Scope) -> Attr:
    """What follows the name of an attribute."""
    lexer = reader.lexer
    kind = AttrKind.UNDEFINED
    if lexer.take(":"):
        if lexer.token not in KINDS:
            raise lexer.error(f"{lexer.shown()} is no kind of attribute", fix="one of " + ", ".join(KINDS))
        kind = KINDS[lexer.advance()]
    lexer.expect("=", f"before the value of attribute '{name}'")
    if lexer.take("@"):
        start = lexer.start
        ref = lexer.name("the name of an attribute")
        if not ref:
            raise ParseError(f"attribute '{name}' refers to no name", text=lexer.text, position=start)
        return Attr(name, kind, None, ref)
    if lexer.at("["):
        return _several(reader, name, kind, scope)
    if kind is not AttrKind.UNDEFINED and kind in SINGULAR:
        raise lexer.error(f"'[' is wanted before the values of attribute '{name}'")
    return Attr(name, *_one(reader, kind, scope))


def _several(reader: Reader, name: str, kind: AttrKind, scope: Scope) -> Attr:
    lexer = reader.lexer
    if kind is not AttrKind.UNDEFINED and kind not in SINGULAR:
        raise lexer.error(f"attribute '{name}' holds one {kind.name.lower()}, not a list")
    one = SINGULAR.get(kind, AttrKind.UNDEFINED)
    one, values = _numbers(lexer, one)
    if values:
        lexer.take(",")
    while not lexer.at("]"):
        one, value = _one(reader, one, scope)
        values.append(value)
        if not lexer.take(","):
            break
    if one is AttrKind.UNDEFINED:
        raise lexer.error("the kind of an empty list cannot be seen", fix=f"write {name}: ints = []")
    lexer.expect("]", "at the end of a list")
    return Attr(name, _LISTS[one], tuple(values))


def _numbers(lexer: Lexer, kind: AttrKind) -> tuple[AttrKind, list[Any]]:
    """The plain numbers that a list begins with, if they are what it holds; equal ones near each other are one object."""
    found: list[Any] = []
    for words in lexer.numbers("]"):
        if kind is AttrKind.UNDEFINED:
            kind = AttrKind.INT if words[0].strip().lstrip("-").isdigit() else AttrKind.FLOAT
        value = _by_word(set(words), kind)
        if value is None:
            lexer.jump(lexer.start)
            break
        found += [value[w] for w in words]
    return kind, found


def _by_word(words: set[str], kind: AttrKind) -> dict[str, Any] | None:
    """The numbers that the words stand for; None if some are better read, or refused, one by one."""
    if kind not in _STORED:
        return None
    try:
        if kind is AttrKind.INT and len(words) < _FEW:
            few = {word: int(word) for word in words}
            return few if all(-(1 << 63) <= n < 1 << 63 for n in few.values()) else None
        with np.errstate(over="ignore"):
            found = {w: n.item() for w, n in zip(words, np.array(list(words), _STORED[kind]), strict=True)}
    except (ValueError, OverflowError):
        return None
    return found if all(map(math.isfinite, found.values())) else None


def _one(reader: Reader, kind: AttrKind, scope: Scope) -> tuple[AttrKind, Any]:
    """One value, and its kind, which must be `kind` if that is known."""
    lexer, start = reader.lexer, reader.lexer.start
    found, value = _literal(reader, kind, scope)
    if kind not in (AttrKind.UNDEFINED, found):
        raise ParseError(
            f"a value of kind {kind.name.lower()} is wanted here, this is of kind {found.name.lower()}",
            text=lexer.text,
            position=start,
        )
    return found, value


def _literal(reader: Reader, kind: AttrKind, scope: Scope) -> tuple[AttrKind, Any]:
    lexer = reader.lexer
    special = lexer.kind == "word" and lexer.token.lower() in ("inf", "infinity", "nan")
    if special or lexer.kind == "number":
        return _number(lexer, kind)
    if lexer.kind == "string" and kind not in (AttrKind.GRAPH, AttrKind.TYPE_PROTO):
        return AttrKind.STRING, lexer.string("a string")
    if at_type(lexer):
        return _typed(reader)
    if kind is not AttrKind.TYPE_PROTO and lexer.kind in ("word", "string"):
        return AttrKind.GRAPH, reader.graph(Scope(scope))
    if kind is AttrKind.TYPE_PROTO:  # a type that says nothing prints as nothing
        return kind, None
    raise lexer.error(f"the value of an attribute is wanted here, not {lexer.shown()}")


def _number(lexer: Lexer, kind: AttrKind) -> tuple[AttrKind, Any]:
    token = lexer.token
    if kind is not AttrKind.FLOAT and token.lstrip("-").isdigit():
        return AttrKind.INT, lexer.integer("a number")
    with np.errstate(over="ignore"):
        value = float(np.float32(float(token)))  # what a file can hold
    if math.isinf(value) and "inf" not in token.lower():
        raise lexer.error(f"{token} is too large for a float")
    lexer.advance()
    return AttrKind.FLOAT, value


def _typed(reader: Reader) -> tuple[AttrKind, Any]:
    """A type; or a constant, if a name or entries follow it."""
    lexer = reader.lexer
    type = read_type(lexer)
    named = lexer.kind in ("word", "string")
    if not (named or lexer.at("{") or lexer.at("=")):
        return AttrKind.TYPE_PROTO, type
    name = lexer.name("the name of a constant") if named else ""
    lexer.take("=")
    return AttrKind.TENSOR, read_tensor(lexer, type, name, reader.external)
