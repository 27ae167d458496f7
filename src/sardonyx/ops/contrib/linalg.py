"""Products that carry what stands around them, and products of what is quantized."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.ir import Array
from sardonyx.ops.contrib.activation import activated, fast_gelu
from sardonyx.ops.contrib.shared import BYTES, FLOAT, HALVES, contrib, requantized, single, value_of, values_of
from sardonyx.ops.declare import Flag, Float, Input, Int, Output, String, infers, reference, types
from sardonyx.ops.known import Dims, Known, known, same
from sardonyx.ops.linalg import matmul_shape
from sardonyx.ops.typesets import FLOAT8, FLOATS, FLOATS_BF, INDICES, INT4, WIDE_INTS

_SCALE = "tensor(float)"
_32: Any = frozenset({d.INT32})


def _turned(x: Any, last: bool, batch: bool) -> list[int]:
    """The order of axes of a factor: its matrix transposed, or its first axis moved before the last one."""
    order = list(range(x.ndim if isinstance(x, np.ndarray) else x.rank))
    if batch and len(order) > 2:
        order = [*order[1:-1], 0, order[-1]]
    return [*order[:-2], order[-1], order[-2]] if last and len(order) > 1 else order


def _factor(x: Array, last: bool, batch: bool) -> Array:
    return x.transpose(_turned(x, last, batch))


def _factor_shape(x: Known, last: bool, batch: bool) -> Dims:
    return tuple(x.shape[i] for i in _turned(x, last, batch))


def _product_shape(A: Known, B: Known, transA: bool, transB: bool, batchA: bool, batchB: bool) -> Dims:
    left, right = _factor_shape(A, transA, batchA), _factor_shape(B, transB, batchB)
    return matmul_shape(left, right)  # pyright: ignore[reportArgumentType] known ranks


def _product(A: Array, B: Array, alpha: float, turns: tuple[bool, bool, bool, bool]) -> Array:
    transA, transB, batchA, batchB = turns
    y = np.matmul(_factor(single(A), transA, batchA), _factor(single(B), transB, batchB))
    return (y * y.dtype.type(alpha)).astype(A.dtype)


@contrib("FusedMatMul")
class FusedMatMul:
    """alpha * A' @ B', where each factor may have its matrix transposed, or its first axis moved before the last one."""

    T = types(FLOATS_BF)
    A, B = Input(T), Input(T)
    Y = Output(T)
    alpha = Float(1.0)
    transA, transB, transBatchA, transBatchB = Flag(0), Flag(0), Flag(0), Flag(0)

    @infers
    def infer(A: Known, B: Known, *, transA: bool, transB: bool, transBatchA: bool, transBatchB: bool) -> Dims:
        return _product_shape(A, B, transA, transB, transBatchA, transBatchB)

    @reference
    def run(
        A: Array, B: Array, *, alpha: float, transA: bool, transB: bool, transBatchA: bool, transBatchB: bool
    ) -> Array:
        return _product(A, B, alpha, (transA, transB, transBatchA, transBatchB))


@contrib("FusedMatMulActivation")
class FusedMatMulActivation:
    """FusedMatMul with an activation behind it."""

    T = types(FLOATS_BF)
    A, B = Input(T), Input(T)
    Y = Output(T)
    alpha = Float(1.0)
    transA, transB, transBatchA, transBatchB = Flag(0), Flag(0), Flag(0), Flag(0)
    activation = String(required=True)
    activation_alpha, activation_beta, activation_gamma, activation_axis = Float(), Float(), Float(), Int()

    @infers
    def infer(A: Known, B: Known, *, transA: bool, transB: bool, transBatchA: bool, transBatchB: bool) -> Dims:
        return _product_shape(A, B, transA, transB, transBatchA, transBatchB)

    @reference
    def run(
        A: Array, B: Array, *, alpha: float, transA: bool, transB: bool, transBatchA: bool, transBatchB: bool,
        activation: str, activation_alpha: float | None, activation_beta: float | None, activation_gamma: float | None,
        activation_axis: int | None,
    ) -> Array:  # fmt: skip
        y = _product(A, B, alpha, (transA, transB, transBatchA, transBatchB))
        facts = {"alpha": activation_alpha, "beta": activation_beta, "gamma": activation_gamma, "axis": activation_axis}
        return activated(y, activation, facts)


@contrib("TransposeMatMul")
class TransposeMatMul:
    """alpha * A' @ B', where each factor may have its matrix transposed."""

    T = types(FLOATS_BF)
    A, B = Input(T), Input(T)
    Y = Output(T)
    alpha, transA, transB = Float(1.0), Flag(0), Flag(0)

    @infers
    def infer(A: Known, B: Known, *, transA: bool, transB: bool) -> Dims:
        return _product_shape(A, B, transA, transB, False, False)

    @reference
    def run(A: Array, B: Array, *, alpha: float, transA: bool, transB: bool) -> Array:
        return _product(A, B, alpha, (transA, transB, False, False))


@contrib("FusedGemm")
class FusedGemm:
    """Gemm with an activation behind it."""

    T = types(FLOATS | WIDE_INTS)
    A, B, C = Input(T), Input(T), Input(T, optional=True)
    Y = Output(T)
    alpha, beta, transA, transB = Float(1.0), Float(1.0), Flag(0), Flag(0)
    activation, activation_alpha, activation_beta, activation_gamma = String(), Float(), Float(), Float()

    @infers
    def infer(A: Known, B: Known, C: Known | None, *, transA: bool, transB: bool) -> Dims:
        return _product_shape(A, B, transA, transB, False, False)

    @reference
    def run(
        A: Array, B: Array, C: Array | None, *, alpha: float, beta: float, transA: bool, transB: bool,
        activation: str | None, activation_alpha: float | None, activation_beta: float | None,
        activation_gamma: float | None,
    ) -> Array:  # fmt: skip
        y = value_of("Gemm", A, B, C, alpha=alpha, beta=beta, transA=transA, transB=transB)
        return activated(y, activation, {"alpha": activation_alpha, "beta": activation_beta, "gamma": activation_gamma})


@contrib("GemmFastGelu")
class GemmFastGelu:
    """FastGelu(X @ W + bias)"""

    T = types(HALVES)
    X, W, bias = Input(T), Input(T), Input(T, optional=True)
    Y = Output(T)

    @infers
    def infer(X: Known, W: Known, bias: Known | None) -> Dims:
        return matmul_shape(X.shape, W.shape)

    @reference
    def run(X: Array, W: Array, bias: Array | None) -> Array:
        y = np.matmul(single(X), single(W))
        return fast_gelu(y if bias is None else y + single(bias)).astype(X.dtype)


# -- of bytes -------------------------------------------------------------------------------------------------------------


def _total(A: Array, B: Array, a_zero: Array | None, b_zero: Array | None) -> Array:
    return value_of("MatMulInteger", A, B, a_zero, b_zero)


@contrib("MatMulIntegerToFloat")
class MatMulIntegerToFloat:
    """(A - a_zero_point) @ (B - b_zero_point) * a_scale * b_scale + bias; the factors of B may differ by column."""

    T1, T2, T3 = types(BYTES), types(BYTES), types(frozenset({d.FLOAT32, d.FLOAT16}))
    A, B, a_scale, b_scale = Input(T1), Input(T2), Input(T3), Input(T3)
    a_zero_point, b_zero_point, bias = Input(T1, optional=True), Input(T2, optional=True), Input(T3, optional=True)
    Y = Output(T3)

    @infers
    def infer(A: Known, B: Known, *_: Known | None) -> Dims:
        return matmul_shape(A.shape, B.shape)

    @reference
    def run(
        A: Array,
        B: Array,
        a_scale: Array,
        b_scale: Array,
        a_zero: Array | None,
        b_zero: Array | None,
        bias: Array | None,
    ) -> Array:
        y = _total(A, B, a_zero, b_zero).astype(np.float32) * (single(a_scale) * single(b_scale))
        return (y if bias is None else y + single(bias)).astype(a_scale.dtype)


@contrib("DynamicQuantizeMatMul")
class DynamicQuantizeMatMul:
    """A, quantized as DynamicQuantizeLinear does, @ (B - b_zero_point) * b_scale + bias."""

    T1, T2 = types(FLOAT), types(BYTES)
    A, B, b_scale = Input(T1), Input(T2), Input(T1)
    b_zero_point, bias = Input(T2, optional=True), Input(T1, optional=True)
    Y = Output(T1)

    @infers
    def infer(A: Known, B: Known, *_: Known | None) -> Dims:
        return matmul_shape(A.shape, B.shape)

    @reference
    def run(A: Array, B: Array, b_scale: Array, b_zero: Array | None, bias: Array | None) -> Array:
        a, scale, zero = values_of("DynamicQuantizeLinear", A, outputs=3)
        y = _total(a, B, zero, b_zero).astype(np.float32) * (scale * b_scale)
        return y if bias is None else y + bias


@contrib("QGemm")
class QGemm:
    """alpha * (A' @ B' + C) of quantized matrices, C counting in a_scale * b_scale; float32, or quantized if y_scale is given."""

    T, TA, TB, TC = types(FLOAT), types(BYTES), types(BYTES), types(_32)
    TYZ, TY = types(BYTES), types(BYTES | FLOAT)
    A, a_scale, a_zero_point = Input(TA), Input(T), Input(TA)
    B, b_scale, b_zero_point = Input(TB), Input(T), Input(TB)
    C, y_scale, y_zero_point = Input(TC, optional=True), Input(T, optional=True), Input(TYZ, optional=True)
    Y = Output(TY)
    alpha, transA, transB = Float(1.0), Flag(0), Flag(0)

    @infers
    def infer(
        A: Known, a_scale: Known, a_zero: Known, B: Known, b_scale: Known, b_zero: Known, C: Known | None,
        y_scale: Known | None, y_zero: Known | None, *, transA: bool, transB: bool,
    ) -> Known:  # fmt: skip
        shape = _product_shape(A, B, transA, transB, False, False)
        return known(d.FLOAT32 if y_zero is None else y_zero.dtype, shape)

    @reference
    def run(
        A: Array, a_scale: Array, a_zero: Array, B: Array, b_scale: Array, b_zero: Array, C: Array | None,
        y_scale: Array | None, y_zero: Array | None, *, alpha: float, transA: bool, transB: bool,
    ) -> Array:  # fmt: skip
        total = _total(A.T if transA else A, B.T if transB else B, a_zero.reshape(()), b_zero)
        if C is not None:
            total = total + C
        y = total.astype(np.float32) * (np.float32(alpha) * a_scale.reshape(()) * b_scale)
        return y if y_scale is None or y_zero is None else requantized(y, y_scale, y_zero, y_zero.dtype)


@contrib("MatMulInteger16")
class MatMulInteger16:
    """A @ B of 16-bit integers, in 32 bits."""

    _16: Any = frozenset({d.INT16, d.UINT16})
    T1, T2, T3 = types(_16), types(_16), types(frozenset({d.INT32, d.UINT32}))
    A, B = Input(T1), Input(T2)
    Y = Output(T3)

    @infers
    def infer(A: Known, B: Known) -> Known:
        signed = A.dtype is d.INT16 or B.dtype is d.INT16
        return known(d.INT32 if signed else d.UINT32, matmul_shape(A.shape, B.shape))

    @reference
    def run(A: Array, B: Array) -> Array:
        to = np.uint32 if A.dtype == B.dtype == np.uint16 else np.int32
        return np.matmul(A.astype(np.int64), B.astype(np.int64)).astype(to)


# -- of few bits ----------------------------------------------------------------------------------------------------------


def unpacked(packed: Array, bits: int) -> Array:
    """[..., bytes] -> [..., numbers], the lowest bits first."""
    parts = [(packed >> np.uint8(shift)) & np.uint8((1 << bits) - 1) for shift in range(0, 8, bits)]
    return np.stack(parts, -1).reshape(*packed.shape[:-1], -1)


def few_bits(
    B: Array, scales: Array, zero_points: Array | None, g_idx: Array | None, N: int, K: int, bits: int, block_size: int
) -> Array:
    """The matrix [N, K] that MatMulNBits multiplies by, transposed."""
    blocks = -(-K // block_size)
    numbers = unpacked(B.reshape(N, -1), bits).reshape(N, -1)[:, : blocks * block_size].astype(np.float32)
    factors = single(scales).reshape(N, blocks)
    points: Array = np.full((N, blocks), float(1 << (bits - 1)), np.float32)
    if zero_points is not None:
        given = zero_points
        if given.dtype == np.uint8:
            given = unpacked(given.reshape(N, -1), bits)[:, :blocks]
        points = given.astype(np.float32).reshape(N, blocks)
    block = np.arange(K) // block_size if g_idx is None else g_idx[:K].astype(np.int64)
    return (numbers[:, :K] - points[:, block]) * factors[:, block]


@contrib("MatMulNBits")
class MatMulNBits:
    """A @ B.T + bias, where B [N, K] is held in few bits: a scale and a zero point for every block of `block_size` along K.

    The zero point is half the range unless given. Rows of B, and of the zero points, begin at whole bytes.
    """

    T1, T2, T3, T4 = types(HALVES), types(frozenset({d.UINT8})), types(HALVES | {d.UINT8}), types(_32)
    A, B, scales = Input(T1), Input(T2), Input(T1)
    zero_points, g_idx, bias = Input(T3, optional=True), Input(T4, optional=True), Input(T1, optional=True)
    Y = Output(T1)
    K, N, block_size = Int(required=True), Int(required=True), Int(required=True)
    bits, accuracy_level, weight_prepacked = Int(4), Int(0), Int(0)

    @infers
    def infer(A: Known, B: Known, *_: Known | None, K: int, N: int) -> Dims:
        same(A.shape[-1], K, "the columns of A and K")
        return (*A.shape[:-1], N)

    @reference
    def run(
        A: Array, B: Array, scales: Array, zero_points: Array | None, g_idx: Array | None, bias: Array | None, *,
        K: int, N: int, bits: int, block_size: int,
    ) -> Array:  # fmt: skip
        y = np.matmul(single(A), few_bits(B, scales, zero_points, g_idx, N, K, bits, block_size).T)
        return (y if bias is None else y + single(bias)).astype(A.dtype)


# The values of the 4-bit floats FP4 and NF4 of bitsandbytes, by code.
_FP4 = (0, 0.00520833, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25)
_NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
CODES = (np.array([*_FP4, *(-x for x in _FP4)], np.float32), np.array(_NF4, np.float32))


@contrib("MatMulBnb4")
class MatMulBnb4:
    """A @ B.T, where B [N, K] is held in 4-bit floats (0: FP4, 1: NF4), with the largest magnitude of every block."""

    T1, T2 = types(HALVES), types(frozenset({d.UINT8}))
    A, B, absmax = Input(T1), Input(T2), Input(T1)
    Y = Output(T1)
    K, N, block_size, quant_type = Int(required=True), Int(required=True), Int(required=True), Int(required=True)
    training_mode, transB = Int(0), Int(1)

    @infers
    def infer(A: Known, B: Known, absmax: Known, *, K: int, N: int, transB: int) -> Dims:
        return (*A.shape[:-1], N if transB else K)

    @reference
    def run(
        A: Array, B: Array, absmax: Array, *, K: int, N: int, block_size: int, quant_type: int, transB: int
    ) -> Array:
        packed = B.reshape(-1)
        codes = np.stack([packed >> 4, packed & 15], -1).reshape(-1)[: N * K]  # the high bits first
        values = CODES[quant_type][codes] * np.repeat(single(absmax).reshape(-1), block_size)[: N * K]
        matrix = values.reshape(N, K)
        return np.matmul(single(A), matrix.T if transB else matrix).astype(A.dtype)


@contrib("GatherBlockQuantized")
class GatherBlockQuantized:
    """Rows picked along `gather_axis` from a tensor that is quantized by blocks along `quantize_axis`, restored."""

    T1, T2, Tind = types(INT4 | FLOAT8 | {d.UINT8, d.FLOAT4E2M1}), types(HALVES), types(INDICES)
    data, indices, scales, zero_points = Input(T1), Input(Tind), Input(T2), Input(T1, optional=True)
    output = Output(T2)
    bits, block_size, gather_axis, quantize_axis = Int(4), Int(128), Int(0), Int(1)

    @infers
    def infer(
        data: Known, indices: Known, scales: Known, zero_points: Known | None, *, bits: int, gather_axis: int
    ) -> Dims:
        extents: list[Dim] = list(data.shape)
        at = gather_axis % len(extents)
        if data.dtype is d.UINT8:
            extents[-1] = extents[-1] * (8 // bits)
        return (*extents[:at], *indices.shape, *extents[at + 1 :])

    @reference
    def run(
        data: Array, indices: Array, scales: Array, zero_points: Array | None, *, bits: int, block_size: int,
        gather_axis: int, quantize_axis: int,
    ) -> Array:  # fmt: skip
        packed = data.dtype == np.uint8
        axis, at = quantize_axis % data.ndim, gather_axis % data.ndim
        if at < data.ndim - 1 and at != axis:  # what is not picked need not be restored
            data, scales = np.take(data, indices, at), np.take(scales, indices, at)
            zero_points = None if zero_points is None else np.take(zero_points, indices, at)
            axis += indices.ndim - 1 if at < axis else 0
            return _by_blocks(data, scales, zero_points, bits, block_size, axis, packed).astype(scales.dtype)
        values = _by_blocks(data, scales, zero_points, bits, block_size, axis, packed)
        return np.take(values, indices, at).astype(scales.dtype)


def _by_blocks(
    data: Array, scales: Array, zero_points: Array | None, bits: int, block: int, axis: int, packed: bool
) -> Array:
    """(number - zero point) * scale, in float32, with a scale for each block along an axis."""
    numbers = (unpacked(data, bits) if packed else data).astype(np.float32)
    extent = numbers.shape[axis]
    spread = np.repeat(single(scales), block, axis).take(range(extent), axis)
    points: Any = np.float32(1 << (bits - 1) if packed else 0)
    if zero_points is not None:
        given = unpacked(zero_points, bits).take(range(scales.shape[-1]), -1) if packed else zero_points
        points = np.repeat(given.astype(np.float32), block, axis).take(range(extent), axis)
    return (numbers - points) * spread


__all__ = ["CODES", "few_bits", "unpacked"]
