"""Numbers in few bits: quantizing, restoring, and products of what is quantized."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import DTypeError, ShapeError
from sardonyx.ir import Array
from sardonyx.ops.cast import convert
from sardonyx.ops.declare import Flag, Input, Int, Ints, Output, String, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, axis_of, known
from sardonyx.ops.linalg import matmul_shape
from sardonyx.ops.nn import convolution_shape, convolved, window_facts
from sardonyx.ops.typesets import FLOAT6, FLOAT8, INT2, INT4, TypeSet

_BYTES: TypeSet = frozenset({d.INT8, d.UINT8})
_SCALES: TypeSet = frozenset({d.FLOAT32, d.FLOAT16, d.BFLOAT16})
_FLOAT32: TypeSet = frozenset({d.FLOAT32})
_INT32: TypeSet = frozenset({d.INT32})
_E8M0: TypeSet = frozenset({d.FLOAT8E8M0})
_19 = _BYTES | FLOAT8
_21 = _19 | INT4 | {d.INT16, d.UINT16}
_23 = _21 | {d.FLOAT4E2M1}
_QUANTIZED: dict[int, TypeSet] = {10: _BYTES, 19: _19, 21: _21, 23: _23, 25: _23 | INT2, 28: _23 | INT2 | FLOAT6}


def spread(factors: Array, shape: tuple[int, ...], axis: int, block_size: int) -> Array:
    """Scales or zero points as they meet a tensor of that shape: one for all, one for each index of `axis`, or for each block."""
    if factors.size == 1:
        return factors.reshape(())
    if block_size and factors.ndim == len(shape):
        repeated = np.repeat(factors, block_size, axis)
        return repeated[tuple(slice(extent) for extent in shape)]
    if factors.ndim == 1:
        at = axis_of(axis, len(shape)) if len(shape) > 1 else 0
        return factors.reshape(-1, *(1,) * (len(shape) - at - 1))
    raise ShapeError(
        f"scales of shape {list(factors.shape)} do not fit a tensor of shape {list(shape)}",
        why="one scale serves all elements, one axis, or, with block_size, blocks along an axis",
    )


def _fits(x: Known, factors: Known | None, what: str) -> None:
    if factors is not None and factors.has_shape and x.has_shape and factors.rank not in (0, 1, x.rank):
        raise ShapeError(
            f"the {what} of a tensor of rank {x.rank} has rank {factors.rank}", why="it may be 0, 1 or equal"
        )


def saturated(y: Array, to: DType) -> Array:
    """Whole numbers as integers of that type: what exceeds its range becomes its end; NaN becomes 0."""
    limits: Any = ml_dtypes.iinfo(to.numpy)
    return np.clip(np.nan_to_num(y, nan=0), limits.min, limits.max).astype(np.int64).astype(to.numpy)


def quantized(
    x: Array, scale: Array, zero_point: Array | None, to: DType, *, saturate: bool, precision: DType
) -> Array:
    """saturate(x / scale + zero_point), the quotient computed in `precision` and, for integers, rounded to the nearest even."""
    kind = precision.numpy
    quotient = np.divide(x.astype(kind), scale.astype(kind)).astype(np.float64)
    if to.is_integer:
        quotient = np.rint(quotient)
    if zero_point is not None:
        quotient = quotient + zero_point.astype(np.float64)
    return saturated(quotient, to) if to.is_integer else convert(quotient, to, saturate=saturate)


@operator("QuantizeLinear", since=(10, 13, 19, 21, 23, 24, 25, 28))
class QuantizeLinear:
    """y = saturate(round(x / y_scale) + y_zero_point), with one scale for all, for each index of an axis, or for each block."""

    T1 = types({10: _FLOAT32 | _INT32, 19: _SCALES | _INT32})
    T2 = types(
        {10: _FLOAT32, 19: _SCALES | _INT32, 24: _SCALES | _INT32 | _E8M0},
        names={10: "tensor(float)", 19: "T1", 23: "T2"},
    )
    T3 = types(_QUANTIZED, names={10: "T2", 23: "T3"})
    x, y_scale, y_zero_point = Input(T1), Input(T2), Input(T3, optional=True)
    y = Output(T3)
    axis, block_size = Int(1, since=13), Int(0, since=21)
    saturate, output_dtype, precision = Flag(1, since=19), Int(0, since=21), Int(0, since=23)

    @infers
    def infer(x: Known, y_scale: Known, y_zero_point: Known | None, *, output_dtype: int) -> Known:
        _fits(x, y_scale, "scale")
        _fits(x, y_zero_point, "zero point")
        given = None if y_zero_point is None else y_zero_point.dtype
        if given is not None and output_dtype and given is not d.dtype(output_dtype):
            raise DTypeError(f"output_dtype is {d.dtype(output_dtype)}, the zero point {given}", fix="leave one out")
        return known(given or (d.dtype(output_dtype) if output_dtype else d.UINT8), x.dims)

    @reference
    def run(
        x: Array,
        y_scale: Array,
        y_zero_point: Array | None,
        *,
        axis: int,
        block_size: int,
        saturate: bool,
        output_dtype: int,
        precision: int,
    ) -> Array:
        to = d.dtype(output_dtype or d.UINT8.code) if y_zero_point is None else d.dtype(y_zero_point.dtype)
        divides = d.dtype(precision) if precision else d.dtype(y_scale.dtype)
        if divides not in _SCALES:  # powers of two and integers only scale: the division is that of x
            divides = d.dtype(x.dtype) if d.dtype(x.dtype) in _SCALES else d.FLOAT32
        scale = spread(y_scale, x.shape, axis, block_size)
        zero_point = None if y_zero_point is None else spread(y_zero_point, x.shape, axis, block_size)
        return quantized(x, scale, zero_point, to, saturate=saturate, precision=divides)


@operator("DequantizeLinear", since=(10, 13, 19, 21, 23, 24, 25, 28))
class DequantizeLinear:
    """y = (x - x_zero_point) * x_scale, with one scale for all, for each index of an axis, or for each block."""

    T1 = types({v: held | _INT32 for v, held in _QUANTIZED.items()}, names={10: "T", 19: "T1"})
    T2 = types({10: _FLOAT32, 19: _SCALES, 24: _SCALES | _E8M0}, names={10: "tensor(float)", 19: "T2"})
    T3 = types({10: _FLOAT32, 19: _SCALES}, names={10: "tensor(float)", 19: "T2", 23: "T3"})
    x, x_scale, x_zero_point = Input(T1), Input(T2), Input(T1, optional=True)
    y = Output(T3)
    axis, block_size, output_dtype = Int(1, since=13), Int(0, since=21), Int(0, since=23)

    @infers
    def infer(x: Known, x_scale: Known, x_zero_point: Known | None, *, output_dtype: int, opset: int) -> Known:
        _fits(x, x_scale, "scale")
        _fits(x, x_zero_point, "zero point")
        if opset < 19:  # floats had one type
            return known(d.FLOAT32, x.dims)
        return known(d.dtype(output_dtype) if output_dtype else x_scale.dtype, x.dims)

    @reference
    def run(
        x: Array, x_scale: Array, x_zero_point: Array | None, *, axis: int, block_size: int, output_dtype: int
    ) -> Array:
        y = _plain(x)
        if x_zero_point is not None:
            y = y - _plain(spread(x_zero_point, x.shape, axis, block_size))
        scale = wide(spread(x_scale, x.shape, axis, block_size))
        return (y.astype(np.float32) * scale).astype(d.dtype(output_dtype).numpy if output_dtype else x_scale.dtype)


def _plain(x: Array) -> Array:
    """Integers as int64, floats as float32: wide enough for differences."""
    return x.astype(np.int64 if d.dtype(x.dtype).is_integer else np.float32)


@operator("DynamicQuantizeLinear", since=(11,))
class DynamicQuantizeLinear:
    """x as uint8, with the scale and zero point that make its range, 0 included, fit."""

    T1 = types(_FLOAT32)
    T2 = types(frozenset({d.UINT8}))
    x = Input(T1)
    y, y_scale, y_zero_point = Output(T2), Output("tensor(float)"), Output(T2)

    @infers
    def infer(x: Known) -> list[Known]:
        return [known(d.UINT8, x.dims), known(d.FLOAT32, ()), known(d.UINT8, ())]

    @reference
    def run(x: Array) -> tuple[Array, Array, Array]:
        low, high = np.min(x, initial=np.float32(0)), np.max(x, initial=np.float32(0))
        scale = np.asarray((high - low) / np.float32(255), np.float32)
        if scale == 0:  # all is 0: any scale serves
            scale = np.ones((), np.float32)
        zero_point = saturated(np.rint(-low / scale), d.UINT8)
        y = quantized(x, scale, zero_point, d.UINT8, saturate=True, precision=d.FLOAT32)
        return y, scale, np.asarray(zero_point)


def _by_row(factors: Array, matrix: Array) -> Array:
    """Scales or zero points of a left matrix: a vector has one for each row."""
    return factors[:, None] if factors.ndim == 1 and factors.size > 1 and matrix.ndim > 1 else factors


def _centered(x: Array, zero_point: Array | None) -> Array:
    """x - zero_point in float64, where sums of products of bytes are exact."""
    return x.astype(np.float64) - (0 if zero_point is None else zero_point.astype(np.float64))


def _wrapped(total: Array) -> Array:
    """Whole numbers as int32, wrapped around as sums in 32 bits are."""
    return total.astype(np.int64).astype(np.int32)


@operator("MatMulInteger", since=(10,))
class MatMulInteger:
    """(A - a_zero_point) @ (B - b_zero_point) in int32; zero points may differ by row of A and by column of B."""

    T1, T2, T3 = types(_BYTES), types(_BYTES), types(_INT32)
    A, B = Input(T1), Input(T2)
    a_zero_point, b_zero_point = Input(T1, optional=True), Input(T2, optional=True)
    Y = Output(T3)

    @infers
    def infer(A: Known, B: Known, a_zero_point: Known | None, b_zero_point: Known | None) -> Dims:
        return matmul_shape(A.shape, B.shape)

    @reference
    def run(A: Array, B: Array, a_zero_point: Array | None, b_zero_point: Array | None) -> Array:
        a = _centered(A, None if a_zero_point is None else _by_row(a_zero_point, A))
        return _wrapped(np.matmul(a, _centered(B, b_zero_point)))


@operator("QLinearMatMul", since=(10, 21))
class QLinearMatMul:
    """The product of two quantized matrices, quantized: scales may differ by row of a and by column of b."""

    TS = types({10: _FLOAT32, 21: _SCALES}, names={10: "tensor(float)", 21: "TS"})
    T1, T2, T3 = types({10: _BYTES, 21: _19}), types({10: _BYTES, 21: _19}), types({10: _BYTES, 21: _19})
    a, a_scale, a_zero_point = Input(T1), Input(TS), Input(T1)
    b, b_scale, b_zero_point = Input(T2), Input(TS), Input(T2)
    y_scale, y_zero_point = Input(TS), Input(T3)
    y = Output(T3)

    @infers
    def infer(a: Known, a_scale: Known, a_zero_point: Known, b: Known, *others: Known) -> Known:
        return known(others[-1].dtype, matmul_shape(a.shape, b.shape))

    @reference
    def run(
        a: Array,
        a_scale: Array,
        a_zero_point: Array,
        b: Array,
        b_scale: Array,
        b_zero_point: Array,
        y_scale: Array,
        y_zero_point: Array,
    ) -> Array:
        total = np.matmul(_centered(a, _by_row(a_zero_point, a)), _centered(b, b_zero_point))
        factor = wide(_by_row(a_scale, a)) * wide(b_scale) / wide(y_scale)
        return _requantized(total * factor, y_zero_point)


def _requantized(y: Array, zero_point: Array) -> Array:
    to = d.dtype(zero_point.dtype)
    if not to.is_integer:
        return convert(y + zero_point.astype(np.float64), to, saturate=True)
    return saturated(np.rint(y) + zero_point.astype(np.float64), to)


def _by_channel(factors: Array, rank: int) -> Array:
    """Scales or zero points of a filter: a vector has one for each output channel, its first axis."""
    return factors.reshape(-1, *(1,) * (rank - 1)) if factors.size > 1 else factors.reshape(())


@operator("ConvInteger", since=(10,))
class ConvInteger:
    """The convolution of x - x_zero_point by w - w_zero_point, in int32; padding holds the zero point."""

    T1, T2, T3 = types(_BYTES), types(_BYTES), types(_INT32)
    x, w = Input(T1), Input(T2)
    x_zero_point, w_zero_point = Input(T1, optional=True), Input(T2, optional=True)
    y = Output(T3)
    kernel_shape, strides, dilations, pads = Ints(), Ints(), Ints(), Ints()
    auto_pad, group = String("NOTSET"), Int(1)

    @infers
    def infer(x: Known, w: Known, *zero_points: Known | None, kernel_shape: Any, **facts: Any) -> Dims:
        return convolution_shape(x, w, kernel_shape=kernel_shape, **window_facts(facts))

    @reference
    def run(x: Array, w: Array, x_zero_point: Array | None, w_zero_point: Array | None, **facts: Any) -> Array:
        by_channel = None if w_zero_point is None else _by_channel(w_zero_point, w.ndim)
        left, right = _centered(x, x_zero_point), _centered(w, by_channel)
        return _wrapped(convolved(left, right, **window_facts(facts)))


@operator("QLinearConv", since=(10,))
class QLinearConv:
    """A convolution of quantized tensors, quantized; w may have a scale for each output channel, B counts in x_scale * w_scale."""

    T1, T2, T3, T4 = types(_BYTES), types(_BYTES), types(_BYTES), types(_INT32)
    x, x_scale, x_zero_point = Input(T1), Input("tensor(float)"), Input(T1)
    w, w_scale, w_zero_point = Input(T2), Input("tensor(float)"), Input(T2)
    y_scale, y_zero_point, B = Input("tensor(float)"), Input(T3), Input(T4, optional=True)
    y = Output(T3)
    kernel_shape, strides, dilations, pads = Ints(), Ints(), Ints(), Ints()
    auto_pad, group = String("NOTSET"), Int(1)

    @infers
    def infer(
        x: Known, x_scale: Known, x_zero_point: Known, w: Known, *others: Known | None, kernel_shape: Any, **facts: Any
    ) -> Dims:
        return convolution_shape(x, w, kernel_shape=kernel_shape, **window_facts(facts))

    @reference
    def run(
        x: Array, x_scale: Array, x_zero_point: Array, w: Array, w_scale: Array, w_zero_point: Array, y_scale: Array,
        y_zero_point: Array, B: Array | None, **facts: Any,
    ) -> Array:  # fmt: skip
        left, right = _centered(x, x_zero_point), _centered(w, _by_channel(w_zero_point, w.ndim))
        total = _wrapped(convolved(left, right, **window_facts(facts)))
        if B is not None:
            total = total + B.reshape(-1, *(1,) * (x.ndim - 2))
        factor = x_scale.reshape(()) * _by_channel(w_scale, x.ndim - 1) / y_scale.reshape(())
        return _requantized(total * factor.astype(np.float64), y_zero_point.reshape(()))


__all__: list[str] = []
