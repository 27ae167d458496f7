"""The small pieces that elementary functions share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from sardonyx.tile.builder import Builder
from sardonyx.tile.expr import Bin, Const, Expr, Fma, Un, as_expr
from sardonyx.tile.types import Type, f32, f64, i32, i64

__all__ = [
    "by_f64",
    "clamp",
    "copysign",
    "fma",
    "integer_value",
    "magnitude",
    "poly",
    "power_of_two",
    "round_even",
    "scale",
    "sqrt",
]

Meaning = Callable[..., Expr]
# Added to a float64 below 2**51 in size, it leaves the nearest integer in the low bits.
_MAGIC = 1.5 * 2.0**52
_MAGIC_BITS = 0x4338000000000000


def fma(a: Expr | float, b: Expr, c: Expr | float) -> Expr:
    return Fma(as_expr(a, b.type), b, as_expr(c, b.type))


def poly(k: Builder, x: Expr, coefficients: Sequence[float]) -> Expr:
    """The polynomial with these coefficients, highest power first, by Horner's rule."""
    value: Expr = Const(coefficients[0], x.type)
    for c in coefficients[1:]:
        value = fma(value, x, c)
    return k.let("poly", value)


def magnitude(k: Builder, x: Expr) -> Expr:
    return k.let("size", abs(x))


def copysign(x: Expr, sign: Expr) -> Expr:
    """A value that is not negative, or has the sign of `sign` already, with the sign of another."""
    bits = i32 if x.type.kind == "f32" else i64
    least = -(1 << (bits.bits - 1))
    return (x.bits(bits) | (sign.bits(bits) & least)).bits(x.type.scalar)


def clamp(x: Expr, low: float, high: float) -> Expr:
    """x held between two numbers; NaN passes."""
    t = x.type
    return Bin("maxb", Const(low, t), Bin("minb", Const(high, t), x))


def round_even(x: Expr) -> Expr:
    return Un("round_even", x)


def sqrt(x: Expr) -> Expr:
    return Un("sqrt", x)


def power_of_two(n: Expr) -> Expr:
    """2**n for an integer-valued float that gives a normal number."""
    if n.type.kind == "f32":
        return ((n.to(i32) + 127) << 23).bits(f32)
    return (((n + _MAGIC).bits(i64) + 1023) << 52).bits(f64)


def integer_value(n: Expr, kind: Type) -> Expr:
    """A small i32 or i64 as a float; for i64 without an instruction that only AVX-512 has."""
    if kind == f32:
        return n.to(f32)
    return (n + _MAGIC_BITS).bits(f64) - _MAGIC


def scale(k: Builder, x: Expr, n: Expr) -> Expr:
    """x * 2**n in two steps, so that results at the ends of the range round once."""
    if n.type.kind == "f32":
        whole = k.let("whole", n.to(i32))
        first = k.let("first", whole >> 1)
        return x * ((first + 127) << 23).bits(f32) * ((whole - first + 127) << 23).bits(f32)
    half = k.let("half", Un("floor", n * 0.5))
    return x * power_of_two(half) * power_of_two(n - half)


def by_f64(meaning: Meaning) -> Meaning:
    """For float32, compute in float64 and round."""

    @functools.wraps(meaning)
    def widened(k: Builder, *args: Expr) -> Expr:
        if args[0].type.kind == "f64":
            return meaning(k, *args)
        return meaning(k, *(k.let("wide", a.to(f64)) for a in args)).to(f32)

    return widened
