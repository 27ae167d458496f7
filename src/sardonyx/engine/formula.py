"""Elementwise mathematics as a value: what a fused kernel computes at each place.

A formula is a straight line of steps over its arguments. It is hashable, so that it can be part of a kernel's
specification: two groups of nodes that compute the same thing share one kernel. Kinds are those of the tile IR, and "i1"
is a truth value, which memory holds as a byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sardonyx.tile import Builder, Const, Expr, Fma, Pointer, Type, Un, call, f32, i32, select, u8
from sardonyx.tile.expr import Bin, binary

__all__ = ["OPS", "PLAIN", "Epilogue", "Formula", "Operand", "Step", "emit", "load", "pointer", "store"]


@dataclass(frozen=True)
class Step:
    """One operation: a row of `OPS`, the values it reads (arguments first, then earlier steps), and the kind it gives."""

    op: str
    inputs: tuple[int, ...]
    kind: str
    attrs: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Formula:
    """`steps` over arguments of the given kinds; the last value is the result (the last argument if there are no steps)."""

    args: tuple[str, ...]
    steps: tuple[Step, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of the result."""
        return self.steps[-1].kind if self.steps else self.args[-1]

    def __str__(self) -> str:
        names = [f"a{i}" for i in range(len(self.args))]
        for step in self.steps:
            shown = [names[i] for i in step.inputs] + [repr(a) for a in step.attrs]
            names.append(f"{step.op}({', '.join(shown)})")
        return names[-1]


@dataclass(frozen=True)
class Operand:
    """A further input of an epilogue, addressed by the row m and the column n of the result.

    Element (m, n) lies at m * row_stride + n, or, without `unit`, at m * row_stride for every n; the stride (0 for a row
    that serves all) is a run-time argument. One that is `still` is known to serve all rows: it is read once for a block.
    """

    kind: str
    unit: bool
    still: bool = False


@dataclass(frozen=True)
class Epilogue:
    """What happens to each element of a contraction before it is stored: argument 0 is the float32 sum, then `operands`."""

    formula: Formula
    operands: tuple[Operand, ...] = ()

    @property
    def out(self) -> str:
        """The kind that is stored."""
        return self.formula.kind


PLAIN = Epilogue(Formula(("f32",)))

Emitter = Callable[..., Expr]

_COMPARE = ("lt", "le", "gt", "ge", "eq", "ne")
_CALLS = (
    "exp", "log", "tanh", "erf", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus", "mish", "sin", "cos", "tan", "sinh", "cosh",
    "asin", "acos", "atan", "asinh", "acosh", "atanh", "rsqrt", "reciprocal",
)  # fmt: skip


def _call(fn: str) -> Emitter:
    return lambda x: call(fn, x)


def _bin(op: str) -> Emitter:
    return lambda a, b: binary(op, a, b)


def _un(op: str) -> Emitter:
    return lambda x: Un(op, x)


def _hard_sigmoid(x: Expr, alpha: float, beta: float) -> Expr:
    return _clip(x * alpha + beta, 0.0, 1.0)


def _clip(x: Expr, low: float | None, high: float | None) -> Expr:
    """x between two numbers. NaN passes: for floats that takes the operators whose second operand wins when one is NaN."""
    if not x.type.is_float:
        above = x if low is None else binary("max", x, low)
        return above if high is None else binary("min", above, high)
    above = x if low is None else Bin("maxb", Const(low, x.type), x)
    return above if high is None else Bin("minb", Const(high, x.type), above)


def _to_integer(x: Expr, low: float, high: float, odd: bool) -> Expr:
    """x between two whole numbers, rounded to the nearest even, in i32. odd: NaN becomes 0, else it becomes `low`."""
    inside = Bin("minb", Bin("maxb", x, Const(low, x.type)), Const(high, x.type))
    if odd and low != 0:
        inside = select(x.ne(x), 0.0, inside)
    return Un("round_even", inside).to(i32)


def _to_integer_from(x: Expr, zero: Expr, low: float, high: float, odd: bool) -> Expr:
    """x + zero between two whole numbers, in i32; x is rounded to the nearest even. NaN as in `_to_integer`."""
    least, most = ((Const(int(end), zero.type) - zero).to(f32) for end in (low, high))
    inside = Bin("minb", Bin("maxb", x, least), most)
    found = Un("round_even", inside).to(i32) + zero
    return select(x.ne(x), Const(0, found.type), found) if odd and low != 0 else found


def _quotient(x: Expr, y: Expr) -> Expr:
    """x / y in f32 by multiplications, for one y that divides many: to the last bit where the quotient lies between 2**-20 and 2**60.

    The product with the rounded 1 / y is mended twice by what it leaves of x, which a fused multiply-add gives exactly; the second
    time it is rounded right (Markstein). So that neither 1 / y nor what is left underflows or overflows, an odd y and x are scaled
    before by a power of two. Where that has no number (infinity, NaN, 0 / 0), the product is as good as the quotient.
    """
    size = abs(y)
    scale = select(size < 2.0**-100, 2.0**100, select(size > 2.0**100, 2.0**-100, Const(1.0, y.type)))
    x, y = x * scale, y * scale
    inverse = 1.0 / y
    first = found = x * inverse
    for _ in range(2):
        found = Fma(Fma(-found, y, x), inverse, found)
    return select(abs(found) < 2.0**60, found, first)


def _celu(x: Expr, alpha: float, gamma: float = 1.0) -> Expr:
    """gamma * x above 0, else gamma * alpha * (e**(x / alpha) - 1)."""
    below = call("expm1", x * (1 / alpha)) * alpha
    return select(x < 0.0, below, x) * gamma


def _elu(x: Expr, alpha: float, gamma: float = 1.0) -> Expr:
    return select(x < 0.0, call("expm1", x) * alpha, x) * gamma


def _sign(x: Expr) -> Expr:
    """1, -1, or x itself, which is 0 or NaN then."""
    return select(x > 0, 1, select(x < 0, Const(-1 if x.type.is_signed or x.type.is_float else 0, x.type), x))


def _shrink(x: Expr, bias: float, threshold: float) -> Expr:
    return select(x < -threshold, x + bias, select(x > threshold, x - bias, Const(0, x.type)))


def _shift(x: Expr, places: Expr, left: int) -> Expr:
    """By a negative number of places, or by all there are, what the sign fills in is left."""
    away = (places < 0) | (places >= x.type.bits)
    if not left and x.type.is_signed:
        return x >> select(away, Const(x.type.bits - 1, x.type), places)
    return select(away, Const(0, x.type), x << places if left else x >> places)


def _infinite(x: Expr, negative: int, positive: int) -> Expr:
    found = x.ne(x)
    for wanted, value in ((negative, -float("inf")), (positive, float("inf"))):
        found = found | x.eq(value) if wanted else found
    return found & x.eq(x)


# name -> (operands..., attributes...) -> expression. `const` and `cast` need the wanted type and are handled by `emit`.
OPS: dict[str, Emitter] = {
    **{
        op: _bin(op)
        for op in (
            "add",
            "sub",
            "mul",
            "div",
            "min",
            "max",
            "and",
            "or",
            "xor",
            "truncdiv",
            "floormod",
            "truncmod",
            *_COMPARE,
        )
    },
    **{fn: _call(fn) for fn in _CALLS},
    "pow": lambda a, b: call("pow", a, b),
    "neg": _un("neg"),
    "abs": _un("abs"),
    "sqrt": _un("sqrt"),
    "floor": _un("floor"),
    "ceil": _un("ceil"),
    "round_even": _un("round_even"),
    "not": _un("not"),
    "where": select,
    "fma": Fma,
    "quotient": _quotient,
    "relu": lambda x: _clip(x, 0, None),
    "leaky_relu": lambda x, alpha: select(x < 0.0, x * alpha, x),
    "clip": _clip,
    "to_integer": _to_integer,
    "to_integer_from": _to_integer_from,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": lambda x: x * _hard_sigmoid(x, 1 / 6, 0.5),
    "square": lambda x: x * x,
    "elu": _elu,
    "celu": _celu,
    "softsign": lambda x: x / (abs(x) + 1.0),
    "sign": _sign,
    "thresholded_relu": lambda x, alpha: select(x <= alpha, 0.0, x),
    "shrink": _shrink,
    "prelu": lambda x, slope: select(x < 0, x * slope, x),
    "is_infinite": _infinite,
    "shift": _shift,
}


def emit(k: Builder, formula: Formula, args: Sequence[Expr], lanes: int) -> Expr:
    """The value of `formula` for `lanes` elements at once; every step is named, so that nothing is computed twice."""
    values = list(args)
    for step in formula.steps:
        kind = Type(step.kind).x(lanes)
        if step.op == "const":
            value: Expr = Const(step.attrs[0], kind)
        elif step.op == "cast":
            value = _cast(values[step.inputs[0]], kind)
        else:
            value = OPS[step.op](*(values[i] for i in step.inputs), *step.attrs)
        values.append(k.let("v", value))
    return values[-1]


def _cast(x: Expr, kind: Type) -> Expr:
    if kind.kind == "i1":
        return binary("ne", x, 0)
    return x.to(kind)


def pointer(kind: str) -> Type:
    """How memory holds elements of a kind: truth values are bytes."""
    return u8 if kind == "i1" else Type(kind)


def load(p: Pointer, index: Expr | int, kind: str, lanes: int, mask: Expr | None = None) -> Expr:
    """`lanes` consecutive elements as the formula sees them."""
    value = p.load(index, lanes, mask)
    return binary("ne", value, 0) if kind == "i1" else value


def store(p: Pointer, index: Expr | int, value: Expr, kind: str, mask: Expr | None = None) -> None:
    """Store a result as memory holds it."""
    if kind == "i1":
        value = select(value, Const(1, u8.x(value.type.lanes)), Const(0, u8.x(value.type.lanes)))
    p.store(index, value, mask)
