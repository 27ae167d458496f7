"""pow, cube root and the reciprocals."""

from __future__ import annotations

import math

from sardonyx.tile.builder import Builder, select
from sardonyx.tile.expr import Expr, Un
from sardonyx.tile.math.exponential import exp
from sardonyx.tile.math.logarithm import log
from sardonyx.tile.math.parts import by_f64, copysign, fma, magnitude, sqrt

__all__ = ["cbrt", "pow_", "reciprocal", "rsqrt"]


def reciprocal(_: Builder, x: Expr) -> Expr:
    return 1.0 / x


def rsqrt(_: Builder, x: Expr) -> Expr:
    return 1.0 / sqrt(x)


@by_f64
def pow_(k: Builder, x: Expr, y: Expr) -> Expr:
    """|x|**y = e**(y log |x|), with what the product rounds away put back, and C's rules for signs and special values.

    Exact to an ulp in float32. In float64 the error grows with |y log x|: about 2 ulp at 4, a few hundred at the ends.
    """
    size = magnitude(k, x)
    logged = k.let("logged", log(k, size))
    product = k.let("product", y * logged)
    lost = k.let("lost", fma(y, logged, -product))
    finite = k.let("finite", abs(product) < 700.0)
    value = exp(k, product)
    value = k.let("value", select(finite, fma(value, lost, value), value))
    value = select((y.eq(0.0)) | (size.eq(1.0)), 1.0, value)
    whole = k.let("whole", y.eq(Un("trunc", y)))
    half = k.let("half", y * 0.5)
    odd = whole & half.ne(Un("trunc", half)) & (abs(y) < math.inf)
    value = k.let("signed", select(odd, copysign(value, x), value))
    bad = (x < 0.0) & (size < math.inf) & ~whole
    value = select(bad, math.nan, value)
    one = (y.eq(0.0)) | (x.eq(1.0))
    value = select((x.ne(x)) | (y.ne(y)), x + y, value)
    return select(one, 1.0, value)


@by_f64
def cbrt(k: Builder, x: Expr) -> Expr:
    """e**(log |x| / 3), and one step of Newton's method."""
    size = magnitude(k, x)
    root = k.let("root", exp(k, k.let("third", log(k, size) * (1.0 / 3.0))))
    better = root - (root - size / (root * root)) * (1.0 / 3.0)
    return copysign(select((size > 0.0) & (size < math.inf), better, size), x)
