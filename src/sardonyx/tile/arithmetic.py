"""The operators of the tile IR on NumPy values: the reference that generated code must match to the bit."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from sardonyx.tile.types import Type

__all__ = ["binary", "cast", "fma", "unary"]

Value = Any


def _guarded(a: Value, b: Value, t: Type) -> tuple[Value, Value, Value]:
    """Operands whose division cannot overflow, and where the divisor is 0: there the result is 0."""
    zero = np.equal(b, 0)
    unsafe = zero
    if t.is_signed:
        least = -(1 << (t.bits - 1))
        unsafe = zero | ((a == least) & (b == -1))
    return a, np.where(unsafe, t.numpy.type(1), b).astype(t.numpy), zero  # pyright: ignore[reportCallIssue] a number


def _toward_zero(a: Value, b: Value, t: Type) -> tuple[Value, Value]:
    """Quotient and rest as C has them, from NumPy's floor division."""
    quotient, rest = np.floor_divide(a, b), np.remainder(a, b)
    if t.is_signed:
        fix = (rest != 0) & ((a < 0) != (b < 0))
        quotient, rest = np.where(fix, quotient + 1, quotient), np.where(fix, rest - b, rest)
    return quotient, rest


def _divide(op: str, a: Value, b: Value, t: Type) -> Value:
    a, b, zero = _guarded(a, b, t)
    quotient, rest = _toward_zero(a, b, t) if op.startswith("trunc") else (np.floor_divide(a, b), np.remainder(a, b))
    return np.where(zero, 0, quotient if op.endswith("div") else rest)


def _extreme(op: str, a: Value, b: Value, t: Type) -> Value:
    """min and max with -0 < +0 and NaN from either side."""
    chosen = np.minimum(a, b) if op == "min" else np.maximum(a, b)
    if not t.is_float:
        return chosen
    ties = np.equal(a, b) & (np.signbit(a) != np.signbit(b))
    return np.where(ties, -0.0 if op == "min" else 0.0, chosen)


_BINARY: dict[str, Callable[[Value, Value, Type], Value]] = {
    "add": lambda a, b, t: np.add(a, b),
    "sub": lambda a, b, t: np.subtract(a, b),
    "mul": lambda a, b, t: np.multiply(a, b),
    "div": lambda a, b, t: np.divide(a, b),
    "min": lambda a, b, t: _extreme("min", a, b, t),
    "max": lambda a, b, t: _extreme("max", a, b, t),
    "minb": lambda a, b, t: np.where(a < b, a, b),
    "maxb": lambda a, b, t: np.where(a > b, a, b),
    "and": lambda a, b, t: np.bitwise_and(a, b),
    "or": lambda a, b, t: np.bitwise_or(a, b),
    "xor": lambda a, b, t: np.bitwise_xor(a, b),
    "shl": lambda a, b, t: np.left_shift(a, np.bitwise_and(b, t.bits - 1).astype(t.numpy)),
    "shr": lambda a, b, t: np.right_shift(a, np.bitwise_and(b, t.bits - 1).astype(t.numpy)),
    "truncmod": lambda a, b, t: np.fmod(a, b) if t.is_float else _divide("truncmod", a, b, t),
    "truncdiv": lambda a, b, t: _divide("truncdiv", a, b, t),
    "floordiv": lambda a, b, t: _divide("floordiv", a, b, t),
    "floormod": lambda a, b, t: _divide("floormod", a, b, t),
}
_COMPARE: dict[str, Callable[[Value, Value], Value]] = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
_UNARY: dict[str, Callable[[Value], Value]] = {
    "neg": np.negative, "abs": np.abs, "sqrt": np.sqrt, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
    "round_even": np.rint, "popcount": np.bitwise_count,
}  # fmt: skip


def _typed(value: Value, t: Type) -> Value:
    """The result as a scalar or a vector of type t."""
    array = np.asarray(value).astype(t.numpy)
    return array if t.lanes > 1 else array.reshape(())[()]


def binary(op: str, a: Value, b: Value, t: Type) -> Value:
    """a op b on operands of type t."""
    if op in _COMPARE:
        out = _COMPARE[op](a, b)
        return np.asarray(out, np.bool_) if t.lanes > 1 else np.bool_(out)
    with np.errstate(all="ignore"):
        return _typed(_BINARY[op](a, b, t), t)


def unary(op: str, a: Value, t: Type) -> Value:
    """op a on an operand of type t."""
    if op == "not":
        return _typed(np.logical_not(a) if t.is_bool else np.invert(a), t)
    if op == "clz":
        return _typed([t.bits - int(v).bit_length() if v >= 0 else 0 for v in np.atleast_1d(a)], t)
    with np.errstate(all="ignore"):
        return _typed(_UNARY[op](a), t)


def cast(a: Value, source: Type, to: Type) -> Value:
    """a converted to another kind; to and from bf16 and f16 by way of f32."""
    with np.errstate(all="ignore"):
        value = np.asarray(a)
        if to.is_bool:
            return _typed(value != 0, to)
        if source.is_storage or to.is_storage:
            value = value.astype(np.float32)
        return _typed(value, to)


def fma(a: Value, b: Value, c: Value, t: Type) -> Value:
    """a * b + c with one rounding."""
    with np.errstate(all="ignore"):
        if t.kind == "f32":
            return _typed(_fma32(*(np.asarray(v, np.float64) for v in (a, b, c))), t)
        triples = zip(*(np.atleast_1d(v) for v in (a, b, c)), strict=True)
        return _typed([_fma64(float(x), float(y), float(z)) for x, y, z in triples], t)


def _fma32(a: Value, b: Value, c: Value) -> Value:
    """The sum in float64 rounded to odd, so that the second rounding, to float32, is the only one that counts."""
    product = a * b  # exact
    total = product + c
    back = total - product
    lost = (product - (total - back)) + (c - back)
    bits = total.view(np.int64)
    even = (bits & 1) == 0
    away = (lost > 0) == (total > 0)
    nudge = np.where(np.isfinite(total) & (lost != 0) & even, np.where(away, 1, -1), 0)
    return (bits + nudge).view(np.float64)


def _fma64(a: float, b: float, c: float) -> float:
    plain = np.float64(a) * np.float64(b) + np.float64(c)
    if not np.isfinite(a) or not np.isfinite(b) or not np.isfinite(c):
        return float(plain)
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        return float(plain)  # the sign of a zero
    try:
        return float(exact) or float(np.copysign(0.0, 1.0 if exact > 0 else -1.0))
    except OverflowError:
        return float(np.copysign(np.inf, 1.0 if exact > 0 else -1.0))
