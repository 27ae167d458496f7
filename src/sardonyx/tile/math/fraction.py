"""Sigmoid and tanh as fractions, for code that adds or multiplies several of them and divides once. Of float32."""

from __future__ import annotations

from sardonyx.tile.builder import Builder, select
from sardonyx.tile.expr import Bin, Const, Expr
from sardonyx.tile.math.exponential import down_minus_one, exp_normal
from sardonyx.tile.math.parts import copysign, magnitude

__all__ = ["sigmoid_fraction", "tanh_fraction"]

_LEAST = -87.0  # e**x is a normal number from here on


def sigmoid_fraction(k: Builder, x: Expr) -> tuple[Expr, Expr, Expr]:
    """a, b, c with sigmoid(x) = a / c, 1 - sigmoid(x) = b / c, all of them in 0..2; below e**-87, that."""
    e = k.let("e", exp_normal(k, k.let("minus", Bin("maxb", Const(_LEAST, x.type), -magnitude(k, x)))))
    low = k.let("low", x < 0.0)
    return (
        k.let("part", select(low, e, 1.0)),
        k.let("rest", select(low, Const(1.0, x.type), e)),
        k.let("whole", e + 1.0),
    )


def tanh_fraction(k: Builder, x: Expr) -> tuple[Expr, Expr]:
    """a, c with tanh(x) = a / c: t / (t + 2) with t = e**(-2 |x|) - 1, but for the sign; c is in 1..2."""
    t = k.let("t", down_minus_one(k, k.let("twice", Bin("maxb", Const(-40.0, x.type), magnitude(k, x) * -2.0))))
    return k.let("part", copysign(abs(t), x)), k.let("whole", t + 2.0)
