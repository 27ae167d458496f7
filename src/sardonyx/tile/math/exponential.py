"""exp, exp2, expm1: x = n ln 2 + r with |r| <= ln 2 / 2, then 2**n times a polynomial in r."""

from __future__ import annotations

from dataclasses import dataclass

from sardonyx.tile.builder import Builder, select
from sardonyx.tile.expr import Bin, Const, Expr
from sardonyx.tile.math.parts import clamp, copysign, fma, poly, power_of_two, round_even, scale
from sardonyx.tile.types import f32, i32

__all__ = ["down_minus_one", "exp", "exp2", "exp_down", "exp_normal", "expm1"]


@dataclass(frozen=True)
class Format:
    """What one float type needs: ln 2 in two parts (the high one has so few bits that its product with n is exact, for CPUs
    without a fused multiply-add), the arguments beyond which the result is 0 or inf, and the minimax
    polynomial of (e**r - 1 - r) / r**2."""

    ln2_high: float
    ln2_low: float
    least: float
    most: float
    least2: float
    most2: float
    least_m1: float
    quotient: tuple[float, ...]


FORMATS: dict[str, Format] = {
    "f32": Format(
        0.693359375, -0.00021219444005469057, -104.0, 89.0, -151.0, 128.0, -18.0,
        (0.0013926183587713494, 0.008363179052722578, 0.041666554617204574, 0.16666576989698775, 0.5),
    ),
    "f64": Format(
        0.6931471805599453, 2.3190468138462996e-17, -746.0, 710.0, -1076.0, 1024.0, -38.0,
        (2.0914686968086876e-09, 2.5105217004720745e-08, 2.75572736431103e-07, 2.7557255400206422e-06,
         2.4801587325547743e-05, 0.00019841269874820627, 0.0013888888888883748, 0.008333333333326136,
         0.04166666666666667, 0.1666666666666667, 0.5),
    ),
}  # fmt: skip
_LOG2_E = 1.4426950408889634
_LEAST_NORMAL = -87.33654
_MAGIC32 = 1.5 * 2.0**23  # added to a float32 below 2**22 in size, it leaves the nearest integer in the low bits


def _reduce(k: Builder, x: Expr) -> tuple[Expr, Expr]:
    """n and r of the file's first line."""
    form = FORMATS[x.type.kind]
    n = k.let("n", round_even(x * _LOG2_E))
    return n, k.let("r", fma(-form.ln2_low, n, fma(-form.ln2_high, n, x)))


def _minus_one(k: Builder, r: Expr) -> Expr:
    """e**r - 1 for a reduced r."""
    return k.let("p", fma(poly(k, r, FORMATS[r.type.kind].quotient), k.let("rr", r * r), r))


def exp(k: Builder, x: Expr) -> Expr:
    form = FORMATS[x.type.kind]
    held = k.let("x", clamp(x, form.least, form.most))
    if x.type.kind == "f64":
        n, r = _reduce(k, held)
        return scale(k, _minus_one(k, r) + 1.0, n)
    p, bits = _bits_of_exponent(k, held)
    half = k.let("half", bits >> 1)  # 2**n in two steps, so that results at the ends of the range round once
    return p * _power(half) * _power(bits - half)


def _bits_of_exponent(k: Builder, x: Expr) -> tuple[Expr, Expr]:
    """e**r, and n in the low nine bits of an integer: the addition that rounds x log2(e) leaves it there."""
    form = FORMATS["f32"]
    shifted = k.let("shifted", fma(x, Const(_LOG2_E, x.type), _MAGIC32))
    n = k.let("n", shifted - _MAGIC32)
    r = k.let("r", fma(-form.ln2_low, n, fma(-form.ln2_high, n, x)))
    return k.let("p", poly(k, r, (*form.quotient, 1.0, 1.0))), k.let("low", shifted.bits(i32))


def _power(bits: Expr) -> Expr:
    """2**n for the n in the low nine bits of an i32."""
    return ((bits << 23) + (127 << 23)).bits(f32)


def exp_normal(k: Builder, x: Expr) -> Expr:
    """e**x where the result is known to be a normal number: one scaling less."""
    if x.type.kind == "f64":
        n, r = _reduce(k, x)
        return (_minus_one(k, r) + 1.0) * power_of_two(n)
    p, bits = _bits_of_exponent(k, x)
    return p * _power(bits)


def exp_down(k: Builder, x: Expr) -> Expr:
    """e**x for x <= 0, such as a softmax takes it; in float32, 0 where the result would not be a normal number."""
    if x.type.kind != "f32":
        return exp(k, x)
    held = k.let("held", Bin("maxb", Const(_LEAST_NORMAL, x.type), x))  # NaN passes
    p, bits = _bits_of_exponent(k, held)
    return select(x < _LEAST_NORMAL, 0.0, p * _power(bits))


def down_minus_one(k: Builder, x: Expr) -> Expr:
    """e**x - 1 for -87 <= x <= 0, of float32: no digit is lost near 0."""
    form = FORMATS["f32"]
    shifted = k.let("shifted", fma(x, Const(_LOG2_E, x.type), _MAGIC32))
    n = k.let("n", shifted - _MAGIC32)
    r = k.let("r", fma(-form.ln2_low, n, fma(-form.ln2_high, n, x)))
    s = k.let("s", _power(shifted.bits(i32)))
    return fma(s, _minus_one(k, r), s - 1.0)


def exp2(k: Builder, x: Expr) -> Expr:
    form = FORMATS[x.type.kind]
    x = k.let("x", clamp(x, form.least2, form.most2))
    n = k.let("n", round_even(x))
    r = k.let("r", (x - n) * 0.6931471805599453)
    return scale(k, _minus_one(k, r) + 1.0, n)


def expm1(k: Builder, x: Expr) -> Expr:
    """2**n (p + 1) - 1 with half the scale, so that n = 128 does not overflow too early."""
    form = FORMATS[x.type.kind]
    n, r = _reduce(k, k.let("clamped", clamp(x, form.least_m1, form.most)))
    s = k.let("s", power_of_two(n - 1.0))
    return copysign(fma(s, _minus_one(k, r), s - 0.5) * 2.0, x)
