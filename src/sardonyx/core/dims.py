"""Symbolic dimensions: integers, symbols and the arithmetic that shapes need, kept in one canonical form.

A `Dim` is an int or an `Expr`. An `Expr` is a sum of products of atoms with integer coefficients; an atom is a symbol
(`batch`) or an operation that does not distribute (`floor`, `mod`, `min`, `max`). Two dims that are equal as polynomials
over their atoms are equal as Python objects, so `==` decides what the canonical form can decide and nothing more.
Symbols stand for non-negative integers.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, Union, cast

__all__ = [
    "Atom",
    "Dim",
    "Expr",
    "Operation",
    "Symbol",
    "below",
    "broadcast",
    "ceildiv",
    "dmax",
    "dmin",
    "evaluate",
    "floordiv",
    "free_symbols",
    "mod",
    "parse",
    "substitute",
    "symbol",
]

Dim: TypeAlias = Union[int, "Expr"]


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A named unknown, as in a model's ``dim_param``."""

    name: str

    def __str__(self) -> str:
        return self.name if self.name.isidentifier() else f'"{self.name}"'  # so that `parse` reads it back


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation on dims that no polynomial expresses."""

    name: str  # a key of _OPERATIONS
    operands: tuple[Dim, ...]

    def __str__(self) -> str:
        a = [str(x) for x in self.operands]
        if self.name == "floordiv":
            above = f"({a[0]})" if _is_sum(self.operands[0]) else a[0]
            below = a[1] if isinstance(self.operands[1], int) or self.operands[1].name else f"({a[1]})"
            return f"floor({above}/{below})"
        return f"{self.name}({', '.join(a)})"


Atom: TypeAlias = Symbol | Operation
Monomial: TypeAlias = tuple[Atom, ...]


def _is_sum(d: Dim) -> bool:
    return isinstance(d, Expr) and len(d.terms) > 1


def _order(atom: Atom) -> str:
    return str(atom)


class Expr:
    """A canonical polynomial: {product of atoms: coefficient}. Make one with `symbol` and arithmetic, never directly."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: dict[Monomial, int]) -> None:
        self.terms = terms
        self._hash = hash(frozenset(terms.items()))

    def __reduce__(self) -> tuple[type[Expr], tuple[dict[Monomial, int]]]:
        return Expr, (self.terms,)  # hashes of names differ from process to process

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self._hash == other._hash and self.terms == other.terms

    def __add__(self, other: Dim) -> Dim:
        terms = dict(self.terms)
        for monomial, coefficient in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _simplest(terms)

    def __mul__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            return _simplest({m: c * other for m, c in self.terms.items()})
        terms: dict[Monomial, int] = {}
        for m1, c1 in self.terms.items():
            for m2, c2 in _terms(other).items():
                product = tuple(sorted(m1 + m2, key=_order))
                terms[product] = terms.get(product, 0) + c1 * c2
        return _simplest(terms)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + other * -1

    def __rsub__(self, other: Dim) -> Dim:
        return self * -1 + other

    def __floordiv__(self, other: Dim) -> Dim:
        return floordiv(self, other)

    def __rfloordiv__(self, other: Dim) -> Dim:
        return floordiv(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return mod(self, other)

    def __rmod__(self, other: Dim) -> Dim:
        return mod(other, self)

    def __bool__(self) -> bool:
        raise TypeError(f"the truth of symbolic dim {self} is unknown")

    @property
    def name(self) -> str | None:
        """The name of the symbol that this is, if it is just that."""
        if len(self.terms) != 1:
            return None
        ((monomial, coefficient),) = self.terms.items()
        return monomial[0].name if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol) else None

    def __str__(self) -> str:
        if (name := self.name) is not None:
            return name
        # Highest degree first, constants last, as people write polynomials.
        ordered = sorted(self.terms.items(), key=lambda t: (-len(t[0]), [str(a) for a in t[0]]))
        text = ""
        for monomial, coefficient in ordered:
            factors = [str(a) for a in monomial]
            if abs(coefficient) != 1 or not factors:
                factors.insert(0, str(abs(coefficient)))
            sign = ("-" if coefficient < 0 else "") if not text else (" - " if coefficient < 0 else " + ")
            text += sign + "*".join(factors)
        return text

    __repr__ = __str__


def _terms(d: Dim) -> dict[Monomial, int]:
    if isinstance(d, Expr):
        return d.terms
    return {(): int(d)} if d else {}


def _simplest(terms: dict[Monomial, int]) -> Dim:
    terms = {m: c for m, c in terms.items() if c}
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    return Expr(terms)


def _atom(a: Atom) -> Expr:
    return Expr({(a,): 1})


@functools.cache
def symbol(name: str) -> Expr:
    """The dim called `name`."""
    return _atom(Symbol(name))


def floordiv(a: Dim, b: Dim) -> Dim:
    """floor(a / b), exact where the polynomial division is exact."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if b == 0:
        raise ZeroDivisionError(f"{a} divided by 0")
    if b == 1:
        return a
    if a == b:
        return 1
    whole, rest = _divide(a, b)
    if isinstance(rest, int) and isinstance(b, int):
        return whole + rest // b
    if rest == 0:
        return whole
    if isinstance(b, int) and b < 0:
        return floordiv(a * -1, -b)
    merged = _merged(rest, b)
    return whole + (_atom(Operation("floordiv", _reduced(rest, b))) if merged is None else merged)


def _merged(a: Dim, b: Dim) -> Dim | None:
    """floor((floor(n/c) + m)/b) as one floor((n + c*m)/(c*b)), for positive numbers b and c: stacked strides."""
    inner = [m[0] for m, k in _terms(a).items() if k == 1 and len(m) == 1 and _is_floor(m[0])]
    if not isinstance(b, int) or len(inner) != 1:
        return None
    n, c = cast(Operation, inner[0]).operands
    return floordiv(n + c * (a - _atom(inner[0])), c * b)


def _is_floor(atom: Atom) -> bool:
    """Whether the atom is floor(n/c) for a positive number c."""
    if not isinstance(atom, Operation) or atom.name != "floordiv":
        return False
    divisor = atom.operands[1]
    return isinstance(divisor, int) and divisor > 0


def _reduced(a: Dim, b: Dim) -> tuple[Dim, Dim]:
    """Cancel the common integer factor: floor(2N/4) is floor(N/2)."""
    g = math.gcd(*_terms(a).values(), *_terms(b).values())
    if g <= 1:
        return a, b
    return _simplest({m: c // g for m, c in _terms(a).items()}), _simplest({m: c // g for m, c in _terms(b).items()})


def _divide(a: Dim, b: Dim) -> tuple[Dim, Dim]:
    """a = whole * b + rest, moving to `whole` every term that a single-term b divides exactly."""
    bt = _terms(b)
    if a == b:
        return 1, 0
    if len(bt) != 1:
        quotient = _proportion(a, b)
        return (quotient, 0) if quotient is not None else (0, a)
    ((bm, bc),) = bt.items()
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, coefficient in _terms(a).items():
        remaining = list(monomial)
        divides = True
        for factor in bm:
            if factor in remaining:
                remaining.remove(factor)
            else:
                divides = False
                break
        quotient = coefficient // bc if divides else 0
        if divides and quotient:
            whole[tuple(remaining)] = whole.get(tuple(remaining), 0) + quotient
            coefficient -= quotient * bc
        if coefficient:
            rest[monomial] = coefficient
    return _simplest(whole), _simplest(rest)


def _proportion(a: Dim, b: Dim) -> Dim | None:
    """The single term q with a = q * b, for a many-termed b; None if there is none."""
    at, bt = _terms(a), _terms(b)
    if len(at) != len(bt):
        return None
    lead_a = max(at, key=lambda m: (len(m), [str(x) for x in m]))
    lead_b = max(bt, key=lambda m: (len(m), [str(x) for x in m]))
    q, rest = _divide(_simplest({lead_a: at[lead_a]}), _simplest({lead_b: bt[lead_b]}))
    return q if rest == 0 and q * b == a else None


def ceildiv(a: Dim, b: Dim) -> Dim:
    """ceil(a / b)."""
    if _non_negative(b):
        return floordiv(a + b - 1, b)
    return floordiv(a * -1, b) * -1


def mod(a: Dim, b: Dim) -> Dim:
    """a modulo b, with the sign of b."""
    if isinstance(a, int) and isinstance(b, int):
        return a % b
    if b == 0:
        raise ZeroDivisionError(f"{a} modulo 0")
    _, rest = _divide(a, b)
    if isinstance(rest, int) and isinstance(b, int):
        return rest % b
    return _atom(Operation("mod", (rest, b)))


def _operands(name: str, d: Dim) -> tuple[Dim, ...]:
    """The operands of `d` if it is just `name(...)`, else `d` alone: max(max(a, b), c) is max(a, b, c)."""
    if isinstance(d, Expr) and len(d.terms) == 1:
        ((monomial, coefficient),) = d.terms.items()
        if coefficient == 1 and len(monomial) == 1 and isinstance(atom := monomial[0], Operation) and atom.name == name:
            return atom.operands
    return (d,)


def _extreme(name: str, wins: Callable[[int], bool], dims: tuple[Dim, ...]) -> Dim:
    """`wins(difference)` says whether a dim that exceeds another by `difference` makes the other superfluous."""
    kept: list[Dim] = []
    for d in (x for dim in dims for x in _operands(name, dim)):
        if not any(_decides(wins, k, d) for k in kept):
            kept = [k for k in kept if not _decides(wins, d, k)] + [d]
    return kept[0] if len(kept) == 1 else _atom(Operation(name, tuple(sorted(kept, key=str))))


def _decides(wins: Callable[[int], bool], a: Dim, b: Dim) -> bool:
    """Whether `a` is at least as extreme as `b` for every value of the symbols."""
    difference = a - b
    if isinstance(difference, int):
        return wins(difference)
    constant = difference.terms.get((), 0)
    rest = difference - constant
    if _non_negative(rest):  # the difference is at least its constant
        return wins(constant) and wins(1)
    return _non_negative(rest * -1) and wins(constant) and wins(-1)  # at most its constant


def _non_negative(d: Dim) -> bool:
    """Whether `d` is at least 0 for every value of the symbols; False where that cannot be seen."""
    return all(c >= 0 and all(_is_non_negative(a) for a in m) for m, c in _terms(d).items())


def below(a: Dim, b: Dim) -> bool | None:
    """Whether a < b; None where that depends on the symbols."""
    return True if _non_negative(b - a - 1) else False if _non_negative(a - b) else None


def _is_non_negative(atom: Atom) -> bool:
    if isinstance(atom, Symbol):
        return True
    signs = [_non_negative(x) for x in atom.operands]
    return any(signs) if atom.name == "max" else signs[-1] if atom.name == "mod" else all(signs)


def dmin(*dims: Dim) -> Dim:
    """The smallest of some dims."""
    return _extreme("min", lambda difference: difference <= 0, dims)


def dmax(*dims: Dim) -> Dim:
    """The largest of some dims."""
    return _extreme("max", lambda difference: difference >= 0, dims)


def broadcast(a: Dim, b: Dim) -> Dim:
    """The extent that results from broadcasting two extents which agree or of which one is 1."""
    if a == b or b == 1:
        return a
    if a == 1 or (isinstance(b, int) and not isinstance(a, int)):
        return b
    if isinstance(a, int):
        return a
    if _follows(b, a) or _follows(a, b):
        return a if _follows(b, a) else b
    return _atom(Operation("broadcast", (a, b)))


def _follows(d: Dim, whole: Dim) -> bool:
    """Whether `d` and `whole` broadcast to `whole` wherever they do.

    min(number, whole) does so only where nothing was cut off (a number above 1); max(1, whole) is 1 or `whole`.
    """
    cut, raised = _operands("min", d), _operands("max", d)
    if len(cut) == 2 and whole in cut:
        return any(isinstance(x, int) and x > 1 for x in cut)
    return len(raised) == 2 and whole in raised and 1 in raised


_OPERATIONS: dict[str, Callable[..., Dim]] = {
    "floordiv": floordiv,
    "mod": mod,
    "min": dmin,
    "max": dmax,
    "broadcast": broadcast,
}


def substitute(d: Dim, bindings: Mapping[str, Dim]) -> Dim:
    """`d` with each symbol that `bindings` names replaced."""
    if isinstance(d, int):
        return d
    total: Dim = 0
    for monomial, coefficient in d.terms.items():
        product: Dim = coefficient
        for atom in monomial:
            if isinstance(atom, Symbol):
                value = bindings.get(atom.name)
                product = product * (_atom(atom) if value is None else value)
            else:
                product = product * _OPERATIONS[atom.name](*(substitute(x, bindings) for x in atom.operands))
        total = total + product
    return total


def evaluate(d: Dim, bindings: Mapping[str, int]) -> int:
    """The number that `d` is when every symbol has the given value.

    Raises:
        KeyError: a symbol of `d` has no value.
    """
    if isinstance(d, int):
        return d
    total = 0
    for monomial, coefficient in d.terms.items():
        for atom in monomial:
            if isinstance(atom, Symbol):
                coefficient *= bindings[atom.name]
            else:
                value = _OPERATIONS[atom.name](*(evaluate(x, bindings) for x in atom.operands))
                assert isinstance(value, int)
                coefficient *= value
        total += coefficient
    return total


def free_symbols(d: Dim) -> frozenset[str]:
    """The names of the symbols in `d`."""
    if isinstance(d, int):
        return frozenset()
    names: set[str] = set()
    for monomial in d.terms:
        for atom in monomial:
            names |= {atom.name} if isinstance(atom, Symbol) else set[str]().union(*map(free_symbols, atom.operands))
    return frozenset(names)


# -- text -----------------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r'\s*(?:(\d+)|([A-Za-z_][\w.]*)|"([^"]*)"|(//|\*\*|[-+*/%(),^]))')
_HYPHENATED = re.compile(r"[A-Za-z_]\w*(-[A-Za-z_]\w*)+")
_LONGEST, _DEEPEST, _WIDEST = 1000, 50, 256  # characters, nested brackets, terms: what a hostile file may ask for

# What exporters call the operations.
_SPELLINGS = {
    "floordiv": "floordiv", "FloorDiv": "floordiv", "PythonMod": "mod", "mod": "mod", "Mod": "mod", "min": "min", "Min": "min",
    "max": "max", "Max": "max", "broadcast": "broadcast",
}  # fmt: skip

Ratio: TypeAlias = tuple[Dim, Dim]  # numerator, denominator: only floor and ceil make a dim of it


def parse(text: str) -> Dim:
    """The dim that a model's ``dim_param`` means: ``2*N``, ``floor(N/2) + 1``; anything else is a symbol of that name.

    A hyphen between words, as in ``batch-size``, belongs to the name.
    """
    text = text.strip()
    if text.isidentifier() or len(text) > _LONGEST or _HYPHENATED.fullmatch(text):
        return symbol(text)
    try:
        found = _Parser(text).whole()
    except (_NotADim, ZeroDivisionError):
        return symbol(text)
    return symbol(text) if isinstance(found, int) and found < 0 else found


class _NotADim(Exception):
    """The text is no expression."""


class _Parser:
    """Recursive descent over sum, product, power and atom."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []  # (kind, text)
        self.at = self.depth = position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise _NotADim
            number, name, quoted, sign = match.groups()
            kind = "number" if number else "name" if name else "sign" if sign else "quoted"
            self.tokens.append((kind, number or name or sign or quoted))
            position = match.end()

    def whole(self) -> Dim:
        found = self.sum()
        if self.at != len(self.tokens):
            raise _NotADim
        return floordiv(*found)

    def take(self, *signs: str) -> str | None:
        """The next token, if it is one of these signs."""
        if self.at < len(self.tokens) and self.tokens[self.at] in [("sign", s) for s in signs]:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def sum(self) -> Ratio:
        left = self.product()
        while sign := self.take("+", "-"):
            (a, b), (c, d) = left, self.product()
            c = c * (1 if sign == "+" else -1)
            left = (a + c, b) if b == d else (_times(a, d) + _times(c, b), _times(b, d))
        return left

    def product(self) -> Ratio:
        left = self.factor()
        while sign := self.take("*", "/", "//", "%"):
            (a, b), (c, d) = left, self.factor()
            if sign == "*":
                left = _times(a, c), _times(b, d)
            elif sign == "/":
                left = _times(a, d), _times(b, c)
            else:
                left = (floordiv if sign == "//" else mod)(_times(a, d), _times(b, c)), 1
            if left[1] == 0:
                raise _NotADim
        return left

    def factor(self) -> Ratio:
        sign = 1
        while self.take("-"):
            sign = -sign
        base = self.atom()
        if self.take("**", "^"):
            exponent = self.atom()
            if not isinstance(exponent[0], int) or exponent[1] != 1 or not 0 <= exponent[0] <= 8:
                raise _NotADim
            power: Dim = 1
            for _ in range(exponent[0]):
                power = _times(power, floordiv(*base))
            base = power, 1
        return base[0] * sign, base[1]

    def atom(self) -> Ratio:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _NotADim
        if self.take("("):
            found = self.sum()
            if not self.take(")"):
                raise _NotADim
        elif self.at < len(self.tokens) and self.tokens[self.at][0] != "sign":
            kind, text = self.tokens[self.at]
            self.at += 1
            if kind == "number":
                if len(text) > 18:
                    raise _NotADim
                found: Ratio = int(text), 1
            elif kind == "name" and self.take("("):
                found = self.call(text), 1
            else:
                found = symbol(text), 1
        else:
            raise _NotADim
        self.depth -= 1
        return found

    def call(self, name: str) -> Dim:
        operands = [self.sum()]
        while self.take(","):
            operands.append(self.sum())
        if not self.take(")"):
            raise _NotADim
        if name in ("floor", "ceil", "ceiling", "CeilToInt", "FloorToInt") and len(operands) == 1:
            return (floordiv if name.lower().startswith("floor") else ceildiv)(*operands[0])
        operation = _SPELLINGS.get(name)
        plain = [floordiv(*o) for o in operands]
        if operation is None or (operation not in ("min", "max") and len(plain) != 2):
            raise _NotADim
        return _OPERATIONS[operation](*plain)


def _times(a: Dim, b: Dim) -> Dim:
    if len(_terms(a)) * len(_terms(b)) > _WIDEST:
        raise _NotADim
    return a * b
