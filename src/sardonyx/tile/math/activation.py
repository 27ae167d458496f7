"""The activations of neural networks, from the functions they are defined by."""

from __future__ import annotations

import math

from sardonyx.tile.builder import Builder, select
from sardonyx.tile.expr import Bin, Const, Expr
from sardonyx.tile.math.error import erf
from sardonyx.tile.math.exponential import exp, exp_down
from sardonyx.tile.math.logarithm import log1p
from sardonyx.tile.math.parts import fma, magnitude

__all__ = ["gelu", "gelu_tanh", "mish", "sigmoid", "silu", "softplus"]


def sigmoid(k: Builder, x: Expr) -> Expr:
    """1 / (1 + e**-x), by way of e**-|x|, which cannot overflow; in float32, 0 below the least normal number."""
    e = k.let("e", exp_down(k, k.let("minus", -magnitude(k, x))))
    return select(x < 0.0, e, 1.0) / (e + 1.0)


def silu(k: Builder, x: Expr) -> Expr:
    """x sigmoid(x)."""
    return x * sigmoid(k, x)


def softplus(k: Builder, x: Expr) -> Expr:
    """log(1 + e**x)."""
    e = k.let("e", exp(k, k.let("minus", -magnitude(k, x))))
    return Bin("maxb", Const(0.0, x.type), x) + log1p(k, e)


def mish(k: Builder, x: Expr) -> Expr:
    """x tanh(log(1 + w)) with w = e**x, which is x n / (n + 2) with n = w (w + 2); where w is large, x itself."""
    w = k.let("w", exp(k, k.let("held", Bin("minb", Const(40.0, x.type), x))))
    n = k.let("n", w * (w + 2.0))
    return x * (n / (n + 2.0))


def gelu(k: Builder, x: Expr) -> Expr:
    """x (1 + erf(x / sqrt 2)) / 2."""
    return x * 0.5 * (erf(k, k.let("scaled", x * math.sqrt(0.5))) + 1.0)


def gelu_tanh(k: Builder, x: Expr) -> Expr:
    """x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x**3), which is x / (1 + e**(-2 u))."""
    scale = -2 * math.sqrt(2 / math.pi)
    square = k.let("square", x * x)
    inner = k.let("inner", x * fma(square, Const(0.044715 * scale, x.type), scale))
    return x / (exp(k, inner) + 1.0)
