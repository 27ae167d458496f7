"""Activations whose shape some numbers decide."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.errors import InputError, ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Float, Input, Ints, Output, infers, operator, reference, types
from sardonyx.ops.elementwise import sigmoid, wide
from sardonyx.ops.families import unary
from sardonyx.ops.known import Dims, Known, broadcast, unified
from sardonyx.ops.typesets import FLOATS, FLOATS_BF, NUMBERS, WIDE_INTS

_1_22 = {1: FLOATS, 22: FLOATS_BF}


def _shaped(
    name: str,
    since: tuple[int, ...],
    sets: Any,
    curve: Any,
    doc: str,
    formals: tuple[str, str] = ("X", "Y"),
    **numbers: Any,
) -> None:
    """A function of each element: `curve(x, *numbers)`, the attributes in their order."""

    def run(x: Array, **given: float) -> Array:
        return np.asarray(curve(wide(x), *(given[n] for n in numbers))).astype(x.dtype)

    unary(name, since, sets, run, doc, formals=formals, attributes=numbers)


# fmt: off
# expm1 keeps the digits that exp(x) - 1 loses near zero.
_shaped("Elu", (1, 6, 22), _1_22, lambda x, a: np.where(x < 0, a * np.expm1(x), x), "x where it is not negative, alpha * (exp(x) - 1) elsewhere.", alpha=Float(1.0))
_shaped("Celu", (12, 28), {12: frozenset({d.FLOAT32}), 28: FLOATS_BF}, lambda x, a: np.maximum(x, 0) + np.minimum(0, a * np.expm1(x / a)), "max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).", alpha=Float(1.0))
_shaped("Selu", (1, 6, 22), _1_22, lambda x, a, g: g * np.where(x <= 0, a * np.expm1(x), x), "gamma * x where it is positive, gamma * alpha * (exp(x) - 1) elsewhere.", alpha=Float(defaults={1: 1.673200011253357, 6: 1.6732631921768188}), gamma=Float(defaults={1: 1.0506999492645264, 6: 1.0507010221481323}))
_shaped("Mish", (18, 22), {18: FLOATS, 22: FLOATS_BF}, lambda x: x * np.tanh(np.logaddexp(x, 0)), "x * tanh(log(1 + exp(x))).")
_shaped("Swish", (24,), FLOATS_BF, lambda x, a: x * sigmoid(a * x), "x * sigmoid(alpha * x).", alpha=Float(1.0))
_shaped("ThresholdedRelu", (10, 22), {10: FLOATS, 22: FLOATS_BF}, lambda x, a: np.where(x <= a, 0, x), "x where it is above alpha, zero elsewhere.", alpha=Float(1.0))
_shaped("Shrink", (9,), NUMBERS, lambda x, b, t: np.where(x < -t, x + b, np.where(x > t, x - b, 0)), "x brought closer to zero by bias; zero where |x| is at most lambd.", ("input", "output"), bias=Float(0.0), lambd=Float(0.5))
# fmt: on


@operator("PRelu", since=(1, 6, 7, 9, 16), elementwise=True)
class PRelu:
    """Y = x where it is not negative, slope * x elsewhere; the slope broadcasts into x."""

    T = types({1: FLOATS, 9: FLOATS | WIDE_INTS, 16: FLOATS_BF | WIDE_INTS})
    X, slope = Input(T), Input(T)
    Y = Output(T)
    consumed_inputs = Ints(until=6)

    @infers
    def infer(X: Known, slope: Known, *, opset: int) -> Dims:
        if slope.has_shape and opset >= 7:  # before, the slope stood for the channels
            broadcast(X.shape, slope.shape)
        return X.shape

    @reference
    def run(X: Array, slope: Array) -> Array:
        x = wide(X)
        return np.where(x < 0, wide(slope) * x, x).astype(X.dtype)


@operator("SwiGLU", since=(28,), elementwise=True)
class SwiGLU:
    """Y = A * sigmoid(alpha * A) * B, for A and B of one shape."""

    T = types(FLOATS_BF)
    A, B = Input(T), Input(T)
    Y = Output(T)
    alpha = Float(1.0)

    @infers
    def infer(A: Known, B: Known) -> Dims:
        return unified(A.shape, B.shape, "A and B")

    @reference
    def run(A: Array, B: Array, *, alpha: float) -> Array:
        if A.shape != B.shape:
            shown = f"{show_shape(A.shape)} and {show_shape(B.shape)}"
            raise ShapeError("A and B of SwiGLU have identical shapes", why=f"the shapes are {shown}")
        if A.dtype != B.dtype:
            raise InputError("A and B of SwiGLU have identical dtypes", why=f"they are {A.dtype} and {B.dtype}")
        a = wide(A)
        return (a * sigmoid(alpha * a) * wide(B)).astype(A.dtype)


__all__: list[str] = []
