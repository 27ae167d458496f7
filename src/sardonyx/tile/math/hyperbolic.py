"""sinh, cosh, tanh and their inverses, from expm1 and log1p."""

from __future__ import annotations

import math

from sardonyx.tile.builder import Builder, select
from sardonyx.tile.expr import Bin, Const, Expr
from sardonyx.tile.math.exponential import exp, exp_normal, expm1
from sardonyx.tile.math.logarithm import log, log1p
from sardonyx.tile.math.parts import by_f64, clamp, copysign, fma, magnitude, poly, sqrt

__all__ = ["acosh", "asinh", "atanh", "cosh", "sinh", "tanh"]

_LN2 = math.log(2.0)
# (tanh(x) / x - 1) / x**2 in x**2 on |x| <= 0.625, float32
_TANH = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)


def tanh(k: Builder, x: Expr) -> Expr:
    """t / (t + 2) with t = e**(2 |x|) - 1; in float32 1 - 2 e / (e + 1) with e = e**(-2 |x|), and near 0 a polynomial, which
    keeps the last bit."""
    size = magnitude(k, x)
    if x.type.kind == "f64":
        t = k.let("t", expm1(k, k.let("twice", clamp(size * 2.0, 0.0, 40.0))))
        return copysign(t / (t + 2.0), x)
    e = k.let("e", exp_normal(k, k.let("twice", Bin("maxb", Const(-40.0, x.type), size * -2.0))))
    far = fma(-2.0, e / (e + 1.0), 1.0)
    z = k.let("z", x * x)
    near = fma(poly(k, z, _TANH), z * size, size)
    return copysign(select(size < 0.625, near, far), x)


@by_f64
def sinh(k: Builder, x: Expr) -> Expr:
    size = magnitude(k, x)
    t = k.let("t", expm1(k, size))
    half = k.let("root", exp(k, k.let("h", size * 0.5)))
    return copysign(select(size < 700.0, (t + t / (t + 1.0)) * 0.5, half * 0.5 * half), x)


@by_f64
def cosh(k: Builder, x: Expr) -> Expr:
    size = magnitude(k, x)
    root = k.let("root", exp(k, k.let("h", size * 0.5)))
    e = k.let("e", exp(k, size))
    return select(size < 700.0, e * 0.5 + 0.5 / e, root * 0.5 * root)


@by_f64
def asinh(k: Builder, x: Expr) -> Expr:
    size = magnitude(k, x)
    square = k.let("square", size * size)
    near = log1p(k, k.let("arg", size + square / (sqrt(square + 1.0) + 1.0)))
    return copysign(select(size < 2.0**28, near, log(k, size) + _LN2), x)


@by_f64
def acosh(k: Builder, x: Expr) -> Expr:
    t = k.let("t", x - 1.0)
    near = log1p(k, k.let("arg", t + sqrt(t * 2.0 + t * t)))
    value = select(x < 2.0**28, near, log(k, x) + _LN2)
    return select(x >= 1.0, value, math.nan)


@by_f64
def atanh(k: Builder, x: Expr) -> Expr:
    size = magnitude(k, x)
    return copysign(log1p(k, k.let("arg", size * 2.0 / (1.0 - size))) * 0.5, x)
