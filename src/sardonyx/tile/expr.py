"""The expressions of the tile IR: frozen values that know their type and are checked when they are made.

Expressions are trees over immutable `Var`s and mutable `Reg`s. A tree is evaluated by the statement that holds it; what
must happen at one place (a load, the current value of a register) is named with `Builder.let`.

Python operators build trees: ``+ - * / // % << >> & | ^ ~``, ``< <= > >=`` and `.eq`, `.ne` (``==`` compares the trees
themselves). A Python number takes the type of its partner, and a scalar that meets a vector is broadcast; nothing else is
converted silently.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Union

from sardonyx.core.errors import CompileError
from sardonyx.tile.types import Type, i1, i32, i64, ptr

__all__ = [
    "ARITHMETIC",
    "COMPARISONS",
    "UNARY",
    "Address",
    "Bin",
    "Bitcast",
    "Broadcast",
    "Call",
    "Cast",
    "Const",
    "Expr",
    "Fma",
    "Lane",
    "Load",
    "Ramp",
    "Reduce",
    "Reg",
    "Scalar",
    "Select",
    "Shuffle",
    "Un",
    "Var",
    "as_expr",
    "binary",
    "check_access",
    "unify",
]

Scalar = Union[int, float, bool]

# operator -> (the classes of operand it takes, its sign in text; "" prints as a call)
ARITHMETIC: dict[str, tuple[str, str]] = {
    "add": ("int float", "+"),
    "sub": ("int float", "-"),
    "mul": ("int float", "*"),
    "div": ("float", "/"),
    "floordiv": ("int", "//"),  # rounds down, as Python does
    "floormod": ("int", "%"),  # has the sign of the divisor, as Python's
    "truncdiv": ("int", ""),  # rounds toward zero, as C does
    "truncmod": ("int float", ""),  # has the sign of the dividend: C's % and fmod
    "min": ("int float", ""),  # NaN if either is NaN; -0 < +0 (numpy.minimum)
    "max": ("int float", ""),
    "minb": ("float", ""),  # a < b ? a : b, so b when either is NaN: one instruction on x86
    "maxb": ("float", ""),  # a > b ? a : b; relu that keeps NaN is maxb(0, x)
    "and": ("int bool", "&"),
    "or": ("int bool", "|"),
    "xor": ("int bool", "^"),
    "shl": ("int", "<<"),  # by less than the width
    "shr": ("int", ">>"),  # arithmetic for signed kinds, logical for unsigned ones
}
# Ordered comparisons, false for NaN; only ne is true for NaN.
COMPARISONS: dict[str, str] = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
UNARY: dict[str, str] = {
    "neg": "int float",
    "abs": "int float",
    "sqrt": "float",
    "floor": "float",
    "ceil": "float",
    "trunc": "float",
    "round_even": "float",
    "not": "int bool",
    "popcount": "int",
    "clz": "int",
}
_REDUCIBLE = ("add", "mul", "min", "max", "minb", "maxb", "and", "or", "xor")


def _class(t: Type) -> str:
    if t.is_storage:
        return "storage"
    return "float" if t.is_float else "int" if t.is_int else "bool" if t.is_bool else "ptr"


def _require(ok: bool, what: str, why: str | None = None) -> None:
    if not ok:
        raise CompileError(what, why=why)


class Expr:
    """A value; `type` says of what type. The operators build new expressions."""

    type: Type

    def __add__(self, other: Expr | Scalar) -> Expr:
        return binary("add", self, other)

    def __radd__(self, other: Scalar) -> Expr:
        return binary("add", other, self)

    def __sub__(self, other: Expr | Scalar) -> Expr:
        return binary("sub", self, other)

    def __rsub__(self, other: Scalar) -> Expr:
        return binary("sub", other, self)

    def __mul__(self, other: Expr | Scalar) -> Expr:
        return binary("mul", self, other)

    def __rmul__(self, other: Scalar) -> Expr:
        return binary("mul", other, self)

    def __truediv__(self, other: Expr | Scalar) -> Expr:
        return binary("div", self, other)

    def __rtruediv__(self, other: Scalar) -> Expr:
        return binary("div", other, self)

    def __floordiv__(self, other: Expr | Scalar) -> Expr:
        return binary("floordiv", self, other)

    def __rfloordiv__(self, other: Scalar) -> Expr:
        return binary("floordiv", other, self)

    def __mod__(self, other: Expr | Scalar) -> Expr:
        return binary("floormod", self, other)

    def __rmod__(self, other: Scalar) -> Expr:
        return binary("floormod", other, self)

    def __and__(self, other: Expr | Scalar) -> Expr:
        return binary("and", self, other)

    def __or__(self, other: Expr | Scalar) -> Expr:
        return binary("or", self, other)

    def __xor__(self, other: Expr | Scalar) -> Expr:
        return binary("xor", self, other)

    def __lshift__(self, other: Expr | Scalar) -> Expr:
        return binary("shl", self, other)

    def __rshift__(self, other: Expr | Scalar) -> Expr:
        return binary("shr", self, other)

    def __lt__(self, other: Expr | Scalar) -> Expr:
        return binary("lt", self, other)

    def __le__(self, other: Expr | Scalar) -> Expr:
        return binary("le", self, other)

    def __gt__(self, other: Expr | Scalar) -> Expr:
        return binary("gt", self, other)

    def __ge__(self, other: Expr | Scalar) -> Expr:
        return binary("ge", self, other)

    def eq(self, other: Expr | Scalar) -> Expr:
        return binary("eq", self, other)

    def ne(self, other: Expr | Scalar) -> Expr:
        return binary("ne", self, other)

    def __neg__(self) -> Expr:
        return Un("neg", self)

    def __abs__(self) -> Expr:
        return Un("abs", self)

    def __invert__(self) -> Expr:
        return Un("not", self)

    def __bool__(self) -> bool:
        raise CompileError(
            "a tile expression has no truth value while the kernel is being written",
            fix="use Builder.when for a branch at run time, Select for a choice, & | ~ for logic",
        )

    def to(self, kind: Type) -> Expr:
        """This value converted to another kind, lane by lane."""
        to = self.type.like(kind)
        return self if to == self.type else Cast(to, self)

    def bits(self, kind: Type) -> Expr:
        """The same bits read as lanes of another kind of the same width."""
        to = self.type.like(kind)
        return self if to == self.type else Bitcast(to, self)

    def splat(self, lanes: int) -> Expr:
        """This scalar in every lane of a vector; for one lane, itself."""
        return self if lanes == self.type.lanes else Broadcast(self, lanes)

    def lane(self, index: int) -> Expr:
        """One lane as a scalar."""
        return self if self.type.lanes == 1 else Lane(self, index)

    def reduce(self, op: str) -> Expr:
        """All lanes folded into a scalar in the fixed order of `Reduce`."""
        return self if self.type.lanes == 1 else Reduce(op, self)


@dataclass(frozen=True, eq=True)
class Const(Expr):
    """One number, the same in every lane. Integers are kept in range; floats are kept at the precision of the type."""

    value: Scalar
    type: Type

    def __post_init__(self) -> None:
        t = self.type
        _require(not t.is_ptr, "a pointer cannot be a constant")
        if t.is_bool:
            object.__setattr__(self, "value", bool(self.value))
        elif t.is_float:
            object.__setattr__(self, "value", float(t.numpy.type(self.value)))  # pyright: ignore[reportCallIssue] scalar types take a number
        else:
            _require(int(self.value) == self.value, f"{self.value} is no {t}")
            low, high = (-(1 << (t.bits - 1)), (1 << (t.bits - 1)) - 1) if t.is_signed else (0, (1 << t.bits) - 1)
            _require(low <= self.value <= high, f"{self.value} is outside {t}")
            object.__setattr__(self, "value", int(self.value))


@dataclass(frozen=True)
class Var(Expr):
    """An immutable name: a parameter, a loop index, or what a `Let` binds."""

    name: str
    type: Type


@dataclass(frozen=True)
class Reg(Expr):
    """The current value of a mutable local. It lives in a machine register: a scalar or vector, never an array."""

    name: str
    type: Type


@dataclass(frozen=True)
class Bin(Expr):
    """a op b, lane by lane; comparisons give i1 lanes. Integers wrap. Operators: `ARITHMETIC` and `COMPARISONS`."""

    op: str
    a: Expr
    b: Expr
    type: Type = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        t = self.a.type
        _require(t == self.b.type, f"{self.op} needs operands of one type", f"it got {t} and {self.b.type}")
        if self.op in COMPARISONS:
            _require(not t.is_storage and not t.is_ptr, f"{self.op} cannot compare {t}; cast first")
            object.__setattr__(self, "type", t.like(i1))
        else:
            _require(self.op in ARITHMETIC, f"the tile IR has no operator {self.op!r}")
            _require(_class(t) in ARITHMETIC[self.op][0], f"{self.op} does not work on {t}; cast first")
            object.__setattr__(self, "type", t)


@dataclass(frozen=True)
class Un(Expr):
    """op a, lane by lane. Operators: `UNARY`."""

    op: str
    a: Expr
    type: Type = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _require(self.op in UNARY, f"the tile IR has no operator {self.op!r}")
        _require(_class(self.a.type) in UNARY[self.op], f"{self.op} does not work on {self.a.type}; cast first")
        object.__setattr__(self, "type", self.a.type)


@dataclass(frozen=True)
class Fma(Expr):
    """a * b + c with one rounding."""

    a: Expr
    b: Expr
    c: Expr
    type: Type = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        t = self.c.type
        _require(_class(t) == "float", f"fma does not work on {t}; cast first")
        _require(self.a.type == self.b.type == t, f"fma needs one type, got {self.a.type}, {self.b.type}, {t}")
        object.__setattr__(self, "type", t)


@dataclass(frozen=True)
class Cast(Expr):
    """The value of `a` as another kind: to a float rounds to nearest even; a float to an integer truncates (out of range:
    an unspecified integer); to a narrower integer wraps; to i1 means "is not zero"."""

    type: Type
    a: Expr

    def __post_init__(self) -> None:
        _require(self.type.lanes == self.a.type.lanes, f"a cast keeps the lanes: {self.a.type} to {self.type}")
        _require(not (self.type.is_ptr or self.a.type.is_ptr), "pointers cannot be cast")


@dataclass(frozen=True)
class Bitcast(Expr):
    """The same bits read as another type of the same total width."""

    type: Type
    a: Expr

    def __post_init__(self) -> None:
        width, other = self.type.bits * self.type.lanes, self.a.type.bits * self.a.type.lanes
        _require(width == other, f"a bitcast keeps the width: {self.a.type} to {self.type}")


@dataclass(frozen=True)
class Select(Expr):
    """a where cond, b elsewhere; cond is one i1, or one per lane. Both sides are evaluated."""

    cond: Expr
    a: Expr
    b: Expr
    type: Type = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        t = self.a.type
        _require(t == self.b.type, f"select needs one type, got {t} and {self.b.type}")
        _require(self.cond.type in (i1, t.like(i1)), f"the condition of a select of {t} cannot be {self.cond.type}")
        object.__setattr__(self, "type", t)


@dataclass(frozen=True)
class Load(Expr):
    """The element(s) at base[index], counted in elements of the type's kind.

    A scalar index with a vector type reads consecutive elements; a vector index gathers. Lanes whose mask is false are not
    touched and read as 0.
    """

    type: Type
    base: Expr
    index: Expr
    mask: Expr | None = None

    def __post_init__(self) -> None:
        check_access(self.type, self.base, self.index, self.mask, "load")


@dataclass(frozen=True)
class Address(Expr):
    """The pointer to base[index], counted in elements of `kind`: for pointer registers that walk along memory."""

    base: Expr
    index: Expr
    kind: Type
    type: Type = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _require(self.base.type == ptr, f"an address needs a pointer, not {self.base.type}")
        _require(self.index.type == i64, f"an index is an i64, not {self.index.type}")
        object.__setattr__(self, "type", ptr)


@dataclass(frozen=True)
class Broadcast(Expr):
    """A scalar in every lane."""

    a: Expr
    lanes: int
    type: Type = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _require(self.a.type.lanes == 1 and self.lanes > 1, f"cannot broadcast {self.a.type} to {self.lanes} lanes")
        object.__setattr__(self, "type", self.a.type.x(self.lanes))


@dataclass(frozen=True)
class Ramp(Expr):
    """The lane numbers 0, 1, 2, ... as an integer vector."""

    type: Type

    def __post_init__(self) -> None:
        _require(self.type.is_int, f"lane numbers are integers, not {self.type}")


@dataclass(frozen=True)
class Lane(Expr):
    """One lane of a vector as a scalar."""

    a: Expr
    index: int
    type: Type = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _require(0 <= self.index < self.a.type.lanes, f"{self.a.type} has no lane {self.index}")
        object.__setattr__(self, "type", self.a.type.scalar)


@dataclass(frozen=True)
class Reduce(Expr):
    """All lanes folded by op in one fixed order: the upper half onto the lower half, until one lane is left."""

    op: str
    a: Expr
    type: Type = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        t = self.a.type
        _require(self.op in _REDUCIBLE, f"{self.op!r} cannot reduce")
        _require(_class(t) in ARITHMETIC[self.op][0], f"{self.op} does not reduce {t}")
        _require(t.lanes & (t.lanes - 1) == 0, f"only a power of two of lanes is reduced, not {t}")
        object.__setattr__(self, "type", t.scalar)


@dataclass(frozen=True)
class Shuffle(Expr):
    """Lanes of a followed by b, picked by constant indices; one index gives a vector of one lane's kind, a scalar."""

    a: Expr
    b: Expr
    indices: tuple[int, ...]
    type: Type = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        t = self.a.type
        _require(t == self.b.type and t.lanes > 1, f"a shuffle needs two vectors of one type: {t}, {self.b.type}")
        _require(len(self.indices) > 1, "a shuffle gives a vector; take one lane with Lane")
        _require(all(0 <= i < 2 * t.lanes for i in self.indices), f"a shuffle of {t} picks lanes below {2 * t.lanes}")
        object.__setattr__(self, "type", t.x(len(self.indices)))


@dataclass(frozen=True)
class Call(Expr):
    """A pure function by name: one of `tile.math` or a machine instruction of `tile.instr`. It has the type of its first
    argument."""

    fn: str
    args: tuple[Expr, ...]
    type: Type = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _require(len(self.args) > 0, f"{self.fn} needs an argument")
        object.__setattr__(self, "type", self.args[0].type)


def check_access(t: Type, base: Expr, index: Expr, mask: Expr | None, what: str) -> None:
    _require(base.type == ptr, f"a {what} needs a pointer, not {base.type}")
    _require(t.kind != "ptr", f"a {what} cannot move pointers")
    _require(not t.is_bool, f"a {what} cannot move i1: use u8")
    vector = index.type.lanes > 1
    ok = index.type == i64 or (vector and index.type.scalar in (i32, i64) and index.type.lanes == t.lanes)
    _require(ok, f"a {what} of {t} cannot be indexed by {index.type}")
    _require(mask is None or mask.type == t.like(i1), f"the mask of a {what} of {t} must be {t.like(i1)}")


def as_expr(value: Expr | Scalar, like: Type) -> Expr:
    """A number as a constant of type `like`; a scalar expression broadcast to its lanes."""
    if isinstance(value, Expr):
        return Broadcast(value, like.lanes) if value.type.lanes == 1 < like.lanes else value
    return Const(value, like)


def unify(a: Expr | Scalar, b: Expr | Scalar) -> tuple[Expr, Expr]:
    """Both operands with the lanes of the wider one; a number takes the type of its partner."""
    if isinstance(a, Expr):
        b = as_expr(b, a.type)
        return as_expr(a, b.type), b
    if isinstance(b, Expr):
        return as_expr(a, b.type), b
    raise CompileError(f"{a!r} and {b!r} are two Python numbers: one operand must be an expression")


def binary(op: str, a: Expr | Scalar, b: Expr | Scalar) -> Expr:
    """a op b after `unify`, with x + 0, x * 1 and constant integers folded."""
    a, b = unify(a, b)
    if isinstance(b, Const) and a.type.is_int:
        if (b.value == 0 and op in ("add", "sub", "or", "shl", "shr")) or (b.value == 1 and op in ("mul", "floordiv")):
            return a
        if isinstance(a, Const) and a.type == b.type == i64 and op in ("add", "sub", "mul"):
            x, y = int(a.value), int(b.value)
            return Const({"add": x + y, "sub": x - y, "mul": x * y}[op], i64)
    if isinstance(a, Const) and a.type.is_int and ((a.value == 0 and op == "add") or (a.value == 1 and op == "mul")):
        return b
    return Bin(op, a, b)
