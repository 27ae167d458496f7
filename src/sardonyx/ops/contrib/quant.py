"""Operators on quantized tensors: each restores numbers, computes, and quantizes again."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.ir import Array
from sardonyx.ops.contrib.shared import BYTES, FLOAT, contrib, requantized, restored, shape_of, value_of
from sardonyx.ops.declare import Float, Input, Int, Ints, Output, String, infers, reference, types
from sardonyx.ops.known import Dims, Known, axes_of, axis_of, broadcast, known
from sardonyx.ops.norm import softmax
from sardonyx.ops.typesets import BOOL, FLOATS, INT4

_SCALE = "tensor(float)"


def _binary(name: str, function: Any, doc: str) -> None:
    def infer(A: Known, A_scale: Known, A_zero: Known | None, B: Known, *_: Known | None) -> Dims:
        return broadcast(A.shape, B.shape)

    def run(
        A: Array, A_scale: Array, A_zero: Array | None, B: Array, B_scale: Array, B_zero: Array | None, C_scale: Array,
        C_zero: Array | None,
    ) -> Array:  # fmt: skip
        y = function(restored(A, A_scale, A_zero), restored(B, B_scale, B_zero))
        return requantized(y, C_scale, C_zero, A.dtype)

    T = types(BYTES)
    block: dict[str, Any] = {"__doc__": doc, "T": T}
    for letter in "ABC":
        make = Output if letter == "C" else Input
        parts = (f"{letter}_scale", Input(_SCALE)), (f"{letter}_zero_point", Input(T, optional=True))
        block |= dict(((letter, make(T)), *parts))
    contrib(name)(type(name, (), block | {"infer": infers(infer), "run": reference(run)}))


_binary("QLinearAdd", np.add, "A + B of quantized tensors, quantized.")
_binary("QLinearMul", np.multiply, "A * B of quantized tensors, quantized.")


def _unary(name: str, function: Any, doc: str, **attributes: Any) -> None:
    def infer(X: Known, *_: Known | None) -> Dims:
        return X.shape

    def run(
        X: Array, x_scale: Array, x_zero: Array | None, y_scale: Array, y_zero: Array | None, **given: Any
    ) -> Array:
        return requantized(function(restored(X, x_scale, x_zero), **given), y_scale, y_zero, X.dtype)

    T = types(BYTES)
    block: dict[str, Any] = {"__doc__": doc, "T": T, "X": Input(T), "X_scale": Input(_SCALE)}
    block |= {
        "X_zero_point": Input(T, optional=True),
        "Y_scale": Input(_SCALE),
        "Y_zero_point": Input(T, optional=True),
    }
    block |= {"Y": Output(T), **attributes, "infer": infers(infer), "run": reference(run)}
    contrib(name)(type(name, (), block))


def _leaky(x: Array, *, alpha: float, **_: Any) -> Array:
    return np.where(x < 0, x * np.float32(alpha), x)


_unary("QLinearSigmoid", lambda x, **_: 1 / (1 + np.exp(-x)), "1 / (1 + e**-X) of a quantized tensor, quantized.")
_unary("QLinearLeakyRelu", _leaky, "X, or alpha * X below 0, of a quantized tensor, quantized.", alpha=Float(0.01))


@contrib("QLinearSoftmax")
class QLinearSoftmax:
    """Softmax of a quantized tensor, quantized: along `axis`, or, as it was before opset 13, along it and all behind it."""

    T = types(BYTES)
    X, X_scale, x_zero_point = Input(T), Input(_SCALE), Input(T, optional=True)
    y_scale, y_zero_point = Input(_SCALE), Input(T)
    Y = Output(T)
    axis, opset = Int(-1), Int(required=True)

    @infers
    def infer(X: Known, *_: Known | None) -> Dims:
        return X.shape

    @reference
    def run(
        X: Array, X_scale: Array, x_zero: Array | None, y_scale: Array, y_zero: Array, *, axis: int, **rest: Any
    ) -> Array:
        x = restored(X, X_scale, x_zero)
        y = softmax(x, axis) if rest["opset"] >= 13 else _flattened_softmax(x, axis)
        return requantized(y, y_scale, y_zero, X.dtype)


def _flattened_softmax(x: Array, axis: int) -> Array:
    rows = x.reshape(int(np.prod(x.shape[: axis % max(x.ndim, 1)])), -1)
    return softmax(rows, 1).reshape(x.shape)


@contrib("QLinearConcat")
class QLinearConcat:
    """Quantized tensors, each followed by its scale and zero point, put together along an axis and quantized alike."""

    TF, T8, TV = types(FLOAT), types(BYTES), types(BYTES | FLOAT)
    Y_scale, Y_zero_point, inputs = Input(TF), Input(T8), Input(TV, variadic=True, homogeneous=False)
    Y = Output(T8)
    axis = Int(required=True)

    @infers
    def infer(Y_scale: Known, Y_zero_point: Known, *inputs: Known, axis: int) -> Dims:
        tensors = inputs[::3]
        at = axis_of(axis, tensors[0].rank)
        total: Dim = 0
        for x in tensors:
            total = total + x.shape[at]
        return (*tensors[0].shape[:at], total, *tensors[0].shape[at + 1 :])

    @reference
    def run(Y_scale: Array, Y_zero_point: Array, *inputs: Array, axis: int) -> Array:
        parts = [restored(x, s, z) for x, s, z in zip(inputs[::3], inputs[1::3], inputs[2::3], strict=True)]
        return requantized(np.concatenate(parts, axis), Y_scale, Y_zero_point, Y_zero_point.dtype)


@contrib("QLinearWhere")
class QLinearWhere:
    """X where the condition holds, else Y, of quantized tensors, quantized."""

    B, TF, T = types(BOOL), types(FLOAT), types(BYTES)
    condition = Input(B)
    X, x_scale, x_zero_point = Input(T), Input(TF), Input(T)
    Y, y_scale, y_zero_point = Input(T), Input(TF), Input(T)
    z_scale, z_zero_point = Input(TF), Input(T)
    Z = Output(T)

    @infers
    def infer(condition: Known, X: Known, x_scale: Known, x_zero: Known, Y: Known, *_: Known) -> Dims:
        return broadcast(condition.shape, X.shape, Y.shape)

    @reference
    def run(
        condition: Array, X: Array, x_scale: Array, x_zero: Array, Y: Array, y_scale: Array, y_zero: Array, z_scale: Array,
        z_zero: Array,
    ) -> Array:  # fmt: skip
        z = np.where(condition, restored(X, x_scale, x_zero), restored(Y, y_scale, y_zero))
        return requantized(z, z_scale, z_zero, X.dtype)


@contrib("QLinearReduceMean")
class QLinearReduceMean:
    """The mean of a quantized tensor over some axes, quantized."""

    T = types(BYTES)
    data, data_scale, data_zero_point = Input(T), Input(_SCALE), Input(T, optional=True)
    reduced_scale, reduced_zero_point = Input(_SCALE), Input(T, optional=True)
    reduced = Output(T)
    axes, keepdims = Ints(required=True), Int(required=True)

    @infers
    def infer(data: Known, *_: Known | None, axes: Any, keepdims: int) -> Dims:
        over = axes_of(axes, data.rank)
        return tuple(1 if i in over else e for i, e in enumerate(data.shape) if i not in over or keepdims)

    @reference
    def run(
        data: Array,
        scale: Array,
        zero: Array | None,
        to_scale: Array,
        to_zero: Array | None,
        *,
        axes: Any,
        keepdims: int,
    ) -> Array:
        mean = restored(data, scale, zero).mean(tuple(axes), keepdims=bool(keepdims))
        return requantized(mean, to_scale, to_zero, data.dtype)


def _first(x: Array, channels_last: int) -> Array:
    """The channels brought to axis 1."""
    return np.moveaxis(x, -1, 1) if channels_last else x


@contrib("QLinearGlobalAveragePool")
class QLinearGlobalAveragePool:
    """The mean of each channel of a quantized image, quantized."""

    T = types(BYTES)
    X, x_scale, x_zero_point = Input(T), Input(_SCALE), Input(T)
    y_scale, y_zero_point = Input(_SCALE), Input(T)
    Y = Output(T)
    channels_last = Int(0)

    @infers
    def infer(X: Known, *_: Known, channels_last: int) -> Dims:
        ones: tuple[Dim, ...] = (1,) * (X.rank - 2)
        return (X.shape[0], *ones, X.shape[-1]) if channels_last else (*X.shape[:2], *ones)

    @reference
    def run(X: Array, x_scale: Array, x_zero: Array, y_scale: Array, y_zero: Array, *, channels_last: int) -> Array:
        axes = tuple(range(1, X.ndim - 1)) if channels_last else tuple(range(2, X.ndim))
        return requantized(restored(X, x_scale, x_zero).mean(axes, keepdims=True), y_scale, y_zero, X.dtype)


@contrib("QLinearAveragePool")
class QLinearAveragePool:
    """AveragePool of a quantized image, quantized; padding counts as 0 where it counts."""

    T = types(BYTES)
    X, x_scale, x_zero_point = Input(T), Input(_SCALE), Input(T, optional=True)
    y_scale, y_zero_point = Input(_SCALE), Input(T, optional=True)
    Y = Output(T)
    auto_pad, ceil_mode, channels_last, count_include_pad = String("NOTSET"), Int(0), Int(0), Int(0)
    kernel_shape, pads, strides = Ints(required=True), Ints(), Ints()

    @infers
    def infer(X: Known, *_: Known | None, channels_last: int, **window: Any) -> Dims:
        shape = (X.shape[0], X.shape[-1], *X.shape[1:-1]) if channels_last else X.shape
        found = shape_of("AveragePool", known(d.FLOAT32, shape), **window)
        return (found[0], *found[2:], found[1]) if channels_last else found

    @reference
    def run(
        X: Array, x_scale: Array, x_zero: Array | None, y_scale: Array, y_zero: Array | None, *, channels_last: int,
        **window: Any,
    ) -> Array:  # fmt: skip
        y = value_of("AveragePool", _first(restored(X, x_scale, x_zero), channels_last), **window)
        return requantized(np.moveaxis(y, 1, -1) if channels_last else y, y_scale, y_zero, X.dtype)


_WHOLE = BYTES | INT4 | {d.INT16, d.UINT16}


@contrib("QuantizeLinear")
class QuantizeLinear:
    """y = saturate(round(x / y_scale) + y_zero_point), for integers of 4 to 16 bits, with one scale or one along `axis`."""

    T1, T2 = types(FLOATS - {d.FLOAT64}), types(_WHOLE)
    x, y_scale, y_zero_point = Input(T1), Input(T1), Input(T2, optional=True)
    y = Output(T2)
    axis = Int()

    @infers
    def infer(x: Known, y_scale: Known, y_zero_point: Known | None) -> Known:
        return known(d.UINT8 if y_zero_point is None else y_zero_point.dtype, x.shape)

    @reference
    def run(x: Array, y_scale: Array, y_zero_point: Array | None, *, axis: int | None) -> Array:
        to = np.uint8 if y_zero_point is None else y_zero_point.dtype
        return requantized(x, y_scale, y_zero_point, to, 1 if axis is None else axis)


@contrib("DequantizeLinear")
class DequantizeLinear:
    """y = (x - x_zero_point) * x_scale, for integers of 4 to 32 bits, with one scale or one along `axis`."""

    T1, T2 = types(_WHOLE | {d.INT32}), types(FLOATS - {d.FLOAT64})
    x, x_scale, x_zero_point = Input(T1), Input(T2), Input(T1, optional=True)
    y = Output(T2)
    axis = Int()

    @infers
    def infer(x: Known, x_scale: Known, x_zero_point: Known | None) -> Known:
        return known(x_scale.dtype, x.shape)

    @reference
    def run(x: Array, x_scale: Array, x_zero_point: Array | None, *, axis: int | None) -> Array:
        return restored(x, x_scale, x_zero_point, 1 if axis is None else axis).astype(x_scale.dtype)


@contrib("ReduceSumInteger")
class ReduceSumInteger:
    """The sum of bytes over some axes, in 32 bits."""

    T1, T2 = types(BYTES), types(frozenset({d.INT32, d.UINT32}))
    data = Input(T1)
    reduced = Output(T2)
    axes, keepdims = Ints(required=True), Int(required=True)

    @infers
    def infer(data: Known, *, axes: Any, keepdims: int) -> Known:
        over = axes_of(axes, data.rank)
        shape = tuple(1 if i in over else e for i, e in enumerate(data.shape) if i not in over or keepdims)
        return known(d.UINT32 if data.dtype is d.UINT8 else d.INT32, shape)

    @reference
    def run(data: Array, *, axes: Any, keepdims: int) -> Array:
        to = np.uint32 if data.dtype == np.uint8 else np.int32
        return data.sum(tuple(axes), keepdims=bool(keepdims), dtype=to)


@contrib("MulInteger")
class MulInteger:
    """(A - A_zero_point) * (B - B_zero_point) in int32."""

    T, T1 = types(BYTES), types(frozenset({d.INT32}))
    A, A_zero_point, B, B_zero_point = Input(T), Input(T, optional=True), Input(T), Input(T, optional=True)
    C = Output(T1)

    @infers
    def infer(A: Known, A_zero: Known | None, B: Known, B_zero: Known | None) -> Known:
        return known(d.INT32, broadcast(A.shape, B.shape))

    @reference
    def run(A: Array, A_zero: Array | None, B: Array, B_zero: Array | None) -> Array:
        a, b = (x.astype(np.int32) - (0 if z is None else z.astype(np.int32)) for x, z in ((A, A_zero), (B, B_zero)))
        return a * b


__all__: list[str] = []
