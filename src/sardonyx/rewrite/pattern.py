"""Patterns as values, in operator syntax: ``Add(MatMul(a, b), c)``.

The same words state what is looked for and what takes its place. In a pattern the arguments of an operator are patterns;
in a replacement they may also be values, arrays and numbers.

    a, b, c = values("a b c?")    anything; a name with ? may be absent
    w = constants("w")            a value whose elements are known
    xs = rest("xs")               all further inputs
    axis = attribute("axis")      captures an attribute: Softmax(x, axis=axis)
    Mul(x, 0.5)                   a constant of one element equal to that (to a few ulps, where it is no whole number)
    Reshape(x, [0, -1])           a constant of exactly these elements
    Relu(x) | x                   either
    Split(x, 2)[1]                the second output

Attributes that a pattern does not mention must have their default, unless it is written ``Conv.any(x, w)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

__all__ = [
    "Capture",
    "Either",
    "Literal",
    "Op",
    "Out",
    "Pattern",
    "Rest",
    "Term",
    "Var",
    "as_pattern",
    "attribute",
    "constants",
    "one_of",
    "rest",
    "terms_of",
    "values",
]

Arg: TypeAlias = Any  # a Pattern, a value, an array, a number, a list of numbers, or None for an absent input


class Pattern:
    """Something a value may look like."""

    __slots__ = ()

    def __or__(self, other: Arg) -> Either:
        return Either((self, as_pattern(other)))

    def __ror__(self, other: Arg) -> Either:
        return Either((as_pattern(other), self))


class Var(Pattern):
    """Any value; the same one wherever the variable stands."""

    __slots__ = ("constant", "name", "optional")

    def __init__(self, name: str, *, constant: bool = False) -> None:
        self.name, self.optional = name.removesuffix("?"), name.endswith("?")
        self.constant = constant

    def __repr__(self) -> str:
        return self.name


class Rest(Pattern):
    """All inputs from this position on; only as the last argument."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"*{self.name}"


class Capture:
    """A variable for an attribute."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"@{self.name}"


class Literal(Pattern):
    """A constant of known elements."""

    __slots__ = ("value",)

    def __init__(self, value: float | Sequence[float]) -> None:
        self.value = value

    def equals(self, array: np.ndarray[Any, Any]) -> bool:
        """Whether `array` holds these elements, as exactly as its type can."""
        if array.dtype.kind in "OUSbV" and array.dtype.kind != "b" and array.dtype.itemsize not in (1, 2):
            return False
        if not isinstance(self.value, (int, float)):
            return array.ndim == 1 and array.tolist() == list(self.value)
        if array.size != 1:
            return False
        found = float(array.reshape(()))
        if float(self.value).is_integer():
            return found == self.value
        ulp = {8: 1e-15, 4: 2.4e-7, 2: 2e-3 if array.dtype == np.float16 else 1.6e-2}.get(array.dtype.itemsize, 0.0)
        return abs(found - self.value) <= 4 * ulp * abs(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


class Either(Pattern):
    """One of several patterns, tried in order."""

    __slots__ = ("choices",)

    def __init__(self, choices: tuple[Pattern, ...]) -> None:
        self.choices = choices

    def __repr__(self) -> str:
        return "(" + " | ".join(map(repr, self.choices)) + ")"


class Term(Pattern):
    """An operator applied to patterns: its first output."""

    __slots__ = ("args", "attrs", "free", "op")

    def __init__(self, op: Op, args: tuple[Arg, ...], attrs: Mapping[str, Any], *, free: bool) -> None:
        self.op, self.args, self.attrs, self.free = op, args, dict(attrs), free

    def __getitem__(self, index: int) -> Out:
        return Out(self, index)

    def __repr__(self) -> str:
        shown = [*map(repr, self.args), *(f"{k}={v!r}" for k, v in self.attrs.items())]
        return f"{self.op!r}({', '.join(shown)})"


class Out(Pattern):
    """Output number `index` of a term."""

    __slots__ = ("index", "term")

    def __init__(self, term: Term, index: int) -> None:
        self.term, self.index = term, index

    def __repr__(self) -> str:
        return f"{self.term!r}[{self.index}]"


class Op:
    """The name of an operator, or of several where any of them will do; call it to apply it."""

    __slots__ = ("domain", "names")

    def __init__(self, *names: str, domain: str = "") -> None:
        self.names, self.domain = names, domain

    def __call__(self, *args: Arg, **attrs: Any) -> Term:
        return Term(self, args, attrs, free=False)

    def any(self, *args: Arg, **attrs: Any) -> Term:
        """The same, whatever the attributes that are not mentioned may be."""
        return Term(self, args, attrs, free=True)

    def __repr__(self) -> str:
        return "|".join(self.names)


def as_pattern(arg: Arg) -> Pattern:
    """`arg` as a pattern: numbers and lists of numbers stand for constants."""
    if isinstance(arg, Pattern):
        return arg
    return Literal(arg)


def values(names: str) -> tuple[Var, ...]:
    """Variables for any value; a name ending in ? may stand for an absent input."""
    return tuple(Var(name) for name in names.split())


def constants(names: str) -> tuple[Var, ...]:
    """Variables for values whose elements are known."""
    return tuple(Var(name, constant=True) for name in names.split())


def rest(name: str) -> Rest:
    """A variable for all further inputs."""
    return Rest(name)


def attribute(name: str) -> Capture:
    """A variable for an attribute's value."""
    return Capture(name)


def one_of(*names: str, domain: str = "") -> Op:
    """Any of several operators; `m.node(term).op_type` says which one it was."""
    return Op(*names, domain=domain)


def terms_of(pattern: Pattern) -> list[Term]:
    """The terms of a pattern, each once, outermost first."""
    found: dict[Term, None] = {}

    def visit(p: Arg) -> None:
        if isinstance(p, Out):
            p = p.term
        if isinstance(p, Either):
            for choice in p.choices:
                visit(choice)
        elif isinstance(p, Term) and p not in found:
            found[p] = None
            for arg in p.args:
                visit(arg)

    visit(pattern)
    return list(found)
