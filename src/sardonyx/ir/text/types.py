"""Types and constants from text."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from sardonyx.core import dims, dtypes
from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import ParseError
from sardonyx.ir.entries import count_entries, entry_type, from_entries, unfit
from sardonyx.ir.tensor import Array, ExternalLocation, Tensor
from sardonyx.ir.text.lexer import Lexer
from sardonyx.ir.text.words import DTYPES, TYPE_WORDS, UNKNOWN
from sardonyx.ir.types import (
    MapType,
    OpaqueType,
    OptionalType,
    SequenceType,
    Shape,
    SparseTensorType,
    TensorType,
    Type,
)

__all__ = ["External", "at_type", "read_dotted", "read_tensor", "read_type", "text_dim"]

# Where a constant lies, how many bytes it has -> a view of them; raises if the place is not allowed.
External = Callable[[ExternalLocation, int], memoryview]

DEEPEST: Final = 100  # types within types
_LIMITS: Final = {t: (int(np.iinfo(t).min), int(np.iinfo(t).max)) for t in np.typecodes["AllInteger"]}


def at_type(lexer: Lexer) -> bool:
    """Whether the token in hand begins a type."""
    return lexer.kind == "word" and lexer.token in TYPE_WORDS and not (lexer.exact and lexer.token == UNKNOWN)


def read_type(lexer: Lexer, depth: int = 0) -> Type | None:
    """The type in hand; None where the text says nothing, as in ``seq()``."""
    if lexer.at(")"):
        return None
    if depth > DEEPEST:
        raise lexer.error("types are nested too deeply")
    if not at_type(lexer):
        raise lexer.error(f"a type is wanted here, not {lexer.shown()}", fix="types look like float[N,3] or seq(int64)")
    kind = lexer.advance()
    if kind in DTYPES or kind == UNKNOWN:
        return TensorType(DTYPES.get(kind), _shape(lexer))
    lexer.expect("(", f"after {kind}")
    found: Type
    if kind == "map":
        key = _element(lexer)
        if key is None:
            raise lexer.error("the type of a map's keys is wanted here")
        lexer.expect(",", "between the types of keys and values")
        found = MapType(key, read_type(lexer, depth + 1))
    elif kind == "sparse_tensor":
        found = SparseTensorType(_element(lexer), _shape(lexer))
    elif kind == "opaque":
        found = _opaque(lexer)
    else:
        found = (SequenceType if kind == "seq" else OptionalType)(read_type(lexer, depth + 1))
    lexer.expect(")", f"at the end of {kind}")
    return found


def _element(lexer: Lexer) -> DType | None:
    if not at_type(lexer) or lexer.token not in {*DTYPES, UNKNOWN}:
        raise lexer.error(f"an element type is wanted here, not {lexer.shown()}")
    return DTYPES.get(lexer.advance())


def _opaque(lexer: Lexer) -> OpaqueType:
    if lexer.at(")"):
        return OpaqueType("", "")
    first = read_dotted(lexer, "a name")
    return OpaqueType(first, read_dotted(lexer, "a name")) if lexer.take(",") else OpaqueType("", first)


def read_dotted(lexer: Lexer, what: str) -> str:
    """Names joined by dots."""
    names = [lexer.name(what)]
    while lexer.take("."):
        names.append(lexer.name(what))
    return ".".join(names)


def _shape(lexer: Lexer) -> Shape | None:
    """No brackets: a scalar. Empty ones: a rank nobody knows."""
    if not lexer.take("["):
        return ()
    if lexer.take("]"):
        return None
    shape: list[Dim | None] = [_dim(lexer)]
    while lexer.take(","):
        shape.append(_dim(lexer))
    lexer.expect("]", "at the end of a shape")
    return tuple(shape)


def _dim(lexer: Lexer) -> Dim | None:
    if lexer.take("?"):
        return None
    if lexer.kind in ("word", "string"):
        return text_dim(lexer.name("a dim"))
    number = lexer.integer("a dim")
    return number if number >= 0 or lexer.exact else None  # some exporters write -1 for "unknown"


def text_dim(text: str) -> Dim | None:
    """What a ``dim_param`` means."""
    return dims.parse(text) if text else None


# -- constants ------------------------------------------------------------------------------------------------------------


def read_tensor(lexer: Lexer, type: Type | None, name: str, external: External) -> Tensor:
    """The entries in hand, as a constant of `type`."""
    if not isinstance(type, TensorType) or type.dtype is None or type.shape is None:
        raise lexer.error(
            f"constant '{name}' needs an element type and a shape", fix="as in float[2,3]; float is a scalar"
        )
    shape = tuple(d for d in type.shape if isinstance(d, int))
    if len(shape) != len(type.shape):
        raise lexer.error(f"constant '{name}' needs a shape of numbers, not {type}")
    dtype = type.dtype
    start = lexer.start
    fault = unfit(dtype, shape)
    if fault is not None:
        raise lexer.error(f"constant '{name}' has an impossible shape: {fault}")
    if lexer.at("["):
        place = _location(lexer)
        view = external(place, dtype.nbytes(math.prod(shape)))
        return Tensor(view, name=name, dtype=dtype, shape=shape, external=place)
    if not lexer.at("{"):
        raise lexer.error(f"the entries of constant '{name}' are wanted here, in braces")
    expected = count_entries(dtype, shape)
    entries = _strings(lexer) if dtype is dtypes.STRING else _numbers(lexer, entry_type(dtype))
    if dtype.kind == "complex" and entries.size == math.prod(shape):  # one number an element: the imaginary parts are 0
        entries = np.column_stack((entries, np.zeros_like(entries))).ravel()
    if entries.size != expected:
        raise ParseError(
            f"constant '{name}' has {entries.size} entries, {dtype}{list(shape)} needs {expected}",
            text=lexer.text,
            position=start,
        )
    return Tensor(from_entries(entries, dtype, shape), name=name, dtype=dtype, shape=shape)


def _location(lexer: Lexer) -> ExternalLocation:
    start = lexer.start
    lexer.expect("[", "before the place of external data")
    table: dict[str, str] = {}
    while not lexer.take("]"):
        key = lexer.plain("a key")
        lexer.expect(":", f"after {key!r}")
        table[key] = lexer.plain("a value")
        if not lexer.take(","):
            lexer.expect("]", "at the end of the place of external data")
            break
    length = table.get("length")
    try:
        return ExternalLocation(
            table["location"],
            int(table.get("offset", 0)),
            None if length is None else int(length),
            table.get("checksum"),
        )
    except (KeyError, ValueError) as error:
        raise ParseError(f"external data is described wrongly: {error}", text=lexer.text, position=start) from error


def _strings(lexer: Lexer) -> Array:
    lexer.advance()
    found: list[str | bytes] = []
    while not lexer.take("}"):
        found.append(lexer.string("a string"))
        if not lexer.take(","):
            lexer.expect("}", "at the end of the entries")
            break
    entries = np.empty(len(found), object)
    entries[:] = found
    return entries


def _numbers(lexer: Lexer, kind: np.dtype[Any]) -> Array:
    """The numbers in braces: plain ones some thousands at a time; where something else stands, token by token."""
    found = [_converted(lexer, words, kind) for words in lexer.numbers("}")]
    if found:
        lexer.take(",")
    some: list[str] = []
    while not lexer.take("}"):
        if lexer.kind not in ("number", "word"):
            raise lexer.error(f"a number is wanted here, not {lexer.shown()}")
        some.append(lexer.token)
        if len(some) == 1000 or lexer.kind == "word":
            found.append(_converted(lexer, some, kind))
            some = []
        lexer.advance()
        if not lexer.take(","):
            lexer.expect("}", "at the end of the entries")
            break
    if some or not found:
        found.append(_converted(lexer, some, kind))
    return found[0] if len(found) == 1 else np.concatenate(found)


def _converted(lexer: Lexer, words: list[str], kind: np.dtype[Any]) -> Array:
    """The words as numbers of `kind`; every one of them must fit."""
    is_float = kind.kind == "f"
    try:
        numbers = [float(w) for w in words] if is_float else [int(w) for w in words]
    except ValueError:
        raise lexer.error(f"an entry is no number of type {kind.name}") from None
    if is_float:
        with np.errstate(over="ignore"):
            entries = np.array(numbers, np.float64).astype(kind)
        large = (words[i] for i in np.flatnonzero(np.isinf(entries)) if "inf" not in words[i].lower())
    else:
        low, high = _LIMITS[kind.char]
        if low <= min(numbers, default=0) and max(numbers, default=0) <= high:
            return np.array(numbers, kind)
        large = (w for w, n in zip(words, numbers, strict=True) if not low <= n <= high)
        entries = np.empty(0, kind)
    bad = next(large, None)
    if bad is not None:
        raise lexer.error(f"{bad.strip()} does not fit into {kind.name}")
    return entries
