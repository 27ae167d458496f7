"""Activations put together again from the pieces that exporters write."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.rewrite import Expr, Match, Rule, constants, rewrite, values
from sardonyx.rewrite.example import f32, i64
from sardonyx.rewrite.op import (
    Add,
    Clip,
    Div,
    Erf,
    Exp,
    Gelu,
    HardSigmoid,
    HardSwish,
    Log,
    Max,
    Min,
    Mish,
    Mul,
    Neg,
    Pow,
    Relu,
    Sigmoid,
    Softplus,
    Swish,
    Tanh,
)

__all__ = ["ACTIVATIONS"]

x = values("x")[0]
alpha = constants("alpha")[0]
TOLERANCE = 2e-6
ROOT_HALF, ROOT_TWO, ROOT_TWO_OVER_PI = 0.7071067811865476, 1.4142135623730951, 0.7978845608028654


def _floats(m: Match) -> None:
    m.require(m[x].is_float, "x is of no floating-point type")


# -- Gelu ---------------------------------------------------------------------------------------------------------------


def _halved(factor: Any) -> list[Any]:
    """The ways to write x * factor / 2."""
    return [
        Mul(Mul(x, factor), 0.5),
        Mul(Mul(x, 0.5), factor),
        Mul(x, Mul(factor, 0.5)),
        Div(Mul(x, factor), 2),
        Mul(Div(x, 2), factor),
    ]


_ERF = Add(Erf(Div(x, ROOT_TWO) | Mul(x, ROOT_HALF)), 1)


@rewrite(forms=_halved(_ERF))
def to_gelu(m: Match) -> Expr:
    """x * (1 + erf(x / sqrt 2)) / 2 -> Gelu(x)"""
    _floats(m)
    return Gelu(x)


_DIVIDED, _TIMES = Add(Erf(Div(x, ROOT_TWO)), 1.0), Add(1.0, Erf(Mul(x, ROOT_HALF)))
to_gelu.fires(Mul(Mul(x, _DIVIDED), 0.5), x=f32["n", 9], tolerance=TOLERANCE)
to_gelu.fires(Mul(0.5, Mul(x, _DIVIDED)), x=f32["n", 9], tolerance=TOLERANCE)
to_gelu.fires(Mul(Mul(x, 0.5), _TIMES), x=f32["n", 9], tolerance=TOLERANCE)
to_gelu.fires(Mul(x, Mul(0.5, _DIVIDED)), x=f32["n", 9], tolerance=TOLERANCE)
to_gelu.refuses(Mul(Mul(x, _DIVIDED), 0.5), _DIVIDED, x=f32[2, 9], because="is a result")

_CUBE = Pow(x, 3) | Mul(Mul(x, x), x)
_INNER = Mul(Add(x, Mul(_CUBE, 0.044715)), ROOT_TWO_OVER_PI)
_FACTORED = Mul(Mul(x, ROOT_TWO_OVER_PI), Add(Mul(Mul(x, 0.044715), x) | Mul(Mul(x, x), 0.044715), 1))
_SQUARED = Mul(x, Add(Mul(Mul(x, x) | Pow(x, 2), 0.044715 * ROOT_TWO_OVER_PI), ROOT_TWO_OVER_PI))


@rewrite(forms=_halved(Add(Tanh(_INNER | _FACTORED | _SQUARED), 1)))
def to_gelu_tanh(m: Match) -> Expr:
    """x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2 -> Gelu(x, tanh)"""
    _floats(m)
    return Gelu(x, approximate="tanh")


def _tanh(cube: Any) -> Any:
    return Add(Tanh(Mul(Add(x, Mul(cube, 0.044715)), ROOT_TWO_OVER_PI)), 1.0)


to_gelu_tanh.fires(Mul(Mul(x, 0.5), _tanh(Pow(x, 3.0))), x=f32["n", 9], tolerance=TOLERANCE)
to_gelu_tanh.fires(Mul(0.5, Mul(x, _tanh(Mul(x, Mul(x, x))))), x=f32["n", 9], tolerance=TOLERANCE)
to_gelu_tanh.fires(
    Mul(Mul(0.5, x), Add(1.0, Tanh(Mul(Mul(x, ROOT_TWO_OVER_PI), Add(1.0, Mul(Mul(x, 0.044715), x)))))),
    x=f32["n", 9], tolerance=TOLERANCE,
)  # fmt: skip
_READ_TWICE = _tanh(Pow(x, 3.0))
to_gelu_tanh.refuses(Mul(Mul(x, 0.5), _READ_TWICE), _READ_TWICE, x=f32[2, 9], because="is a result")

# -- Swish, HardSwish, Mish, Softplus ---------------------------------------------------------------------------------

_SLOPED = Sigmoid(Mul(x, alpha))


@rewrite(forms=[Mul(x, Sigmoid(x)), Mul(x, _SLOPED), Div(x, Add(Exp(Neg(x)), 1))])
def to_swish(m: Match) -> Expr:
    """x * sigmoid(alpha * x), x / (1 + exp(-x)) -> Swish(x)"""
    _floats(m)
    if alpha not in m:
        return Swish(x)
    m.require(m.array(alpha).size == 1, "alpha is no number")
    return Swish(x, alpha=float(m.array(alpha).reshape(())))


to_swish.fires(Mul(x, Sigmoid(x)), x=f32["n", 9], tolerance=TOLERANCE)
to_swish.fires(Mul(Sigmoid(Mul(x, alpha)), x), x=f32["n", 9], alpha=np.float32(1.702), tolerance=TOLERANCE)
to_swish.fires(Div(x, Add(Exp(Neg(x)), 1.0)), x=f32["n", 9], tolerance=TOLERANCE)
to_swish.refuses(Mul(Sigmoid(Mul(x, alpha)), x), x=f32[2, 3], alpha=f32[3], because="no number")

_SIX = Clip(Add(x, 3), 0, 6) | Min(Max(Add(x, 3), 0), 6) | Min(Relu(Add(x, 3)), 6)
_SIXTH = 0.16666666666666666


@rewrite(forms=[Div(_SIX, 6), Mul(_SIX, _SIXTH)])
def to_hard_sigmoid(m: Match) -> Expr:
    """clip(x + 3, 0, 6) / 6 -> HardSigmoid(x, 1/6, 1/2)"""
    _floats(m)
    return HardSigmoid(x, alpha=1 / 6, beta=0.5)


to_hard_sigmoid.fires(Div(Clip(Add(x, 3.0), 0.0, 6.0), 6.0), x=f32["n", 9], tolerance=TOLERANCE)
to_hard_sigmoid.fires(Mul(Min(Relu(Add(x, 3.0)), 6.0), _SIXTH), x=f32["n", 9], tolerance=TOLERANCE)
to_hard_sigmoid.refuses(
    Div(Clip(Add(x, np.int64(3)), np.int64(0), np.int64(6)), np.int64(6)), x=i64[5], because="floating-point"
)

_HARD_ANY = HardSigmoid.any(x)


@rewrite(forms=[Mul(x, _HARD_ANY), Div(Mul(x, _SIX), 6), Mul(Mul(x, _SIX), _SIXTH)])
def to_hard_swish(m: Match) -> Expr:
    """x * HardSigmoid(x, 1/6, 1/2), x * clip(x + 3, 0, 6) / 6 -> HardSwish(x)"""
    _floats(m)
    if _HARD_ANY in m:
        slope, offset = m.attr(_HARD_ANY, "alpha"), m.attr(_HARD_ANY, "beta")
        m.require(abs(slope - 1 / 6) < 1e-7 and offset == 0.5, "it has another slope")
    return HardSwish(x)


to_hard_swish.fires(Mul(x, HardSigmoid(x, alpha=1 / 6, beta=0.5)), x=f32["n", 9], tolerance=TOLERANCE)
to_hard_swish.fires(Div(Mul(x, Clip(Add(x, 3.0), 0.0, 6.0)), 6.0), x=f32["n", 9], tolerance=TOLERANCE)
to_hard_swish.refuses(Mul(x, HardSigmoid(x, alpha=0.2, beta=0.5)), x=f32[2, 9], because="another slope")


@rewrite(Mul(x, Tanh(Softplus(x))))
def to_mish(m: Match) -> Expr:
    """x * tanh(softplus(x)) -> Mish(x)"""
    _floats(m)
    return Mish(x)


to_mish.fires(x=f32["n", 9], tolerance=TOLERANCE)
_PLUS = Softplus(x)
to_mish.refuses(Mul(x, Tanh(_PLUS)), Exp(_PLUS), x=f32[2, 9], because="read elsewhere")


@rewrite(Log(Add(Exp(x), 1)))
def to_softplus(m: Match) -> Expr:
    """log(exp(x) + 1) -> Softplus(x), which does not overflow"""
    _floats(m)
    return Softplus(x)


to_softplus.fires(Log(Add(Exp(x), 1.0)), x=f32["n", 9], tolerance=TOLERANCE)
_GROWN = Exp(x)
to_softplus.refuses(Log(Add(_GROWN, 1.0)), Neg(_GROWN), x=f32[2, 9], because="read elsewhere")

ACTIVATIONS: list[Rule] = [to_gelu, to_gelu_tanh, to_swish, to_hard_sigmoid, to_hard_swish, to_mish, to_softplus]
