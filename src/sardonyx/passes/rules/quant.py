"""Quantized models brought to sums of products of bytes.

Quantizers wrap each float operator into DequantizeLinear and QuantizeLinear. Between numbers (x - zx) * sx and (w - zw) * sw, a
product or convolution is sx * sw times one of integers, which is exact: MatMulInteger, ConvInteger. Bias, activation and the
next QuantizeLinear stay elementwise steps, which the engine joins to the product.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.ir import Array
from sardonyx.passes.rules import nn
from sardonyx.rewrite import Expr, Match, Rule, Term, Var, constants, rewrite, values
from sardonyx.rewrite.example import Spec, f32, i32, u8
from sardonyx.rewrite.op import (
    Add,
    Cast,
    Conv,
    ConvInteger,
    DequantizeLinear,
    Flatten,
    Gemm,
    MatMul,
    MatMulInteger,
    MaxPool,
    Mul,
    Pad,
    QuantizeLinear,
    Relu,
    Reshape,
    Squeeze,
    Transpose,
    Unsqueeze,
)

__all__ = ["QUANT"]

x, w, shape, bias = nn.x, *values("w shape bias?")
pads, pad_value, pad_axes = nn.pads, nn.pad_value, nn.pad_axes
sx, sw, sy, c = constants("sx sw sy c")
zx, zw, zy = (Var(name, constant=True) for name in ("zx?", "zw?", "zy?"))
BYTES = (d.UINT8, d.INT8)
EXACT = 2**15  # products of bytes whose sum surely fits into 32 bits
i8 = Spec(d.INT8)
TOLERANCE = 1e-5  # of sums that were rounded at every step, and are now exact


def _points(m: Match, zero: Var, of: Var) -> Array:
    """The zero points, as many as are given."""
    operand = m.get(zero)
    dtype = m[of].dtype
    assert dtype is not None
    return np.zeros((), dtype.numpy) if operand is None or operand.array is None else operand.array


def _one(array: Array) -> bool:
    return array.size == 1


# -- what cancels, and what can be done to bytes as well ------------------------------------------------------------------

_RESTORED = DequantizeLinear.any(x, sx, zx)
_AGAIN = QuantizeLinear.any(_RESTORED, sy, zy)


@rewrite(_AGAIN, shared=True)
def drop_restored(m: Match) -> Expr:
    """QuantizeLinear(DequantizeLinear(x, s, z), s, z) -> x"""
    scales, others = m.array(sx), m.array(sy)
    m.require(_one(scales) and _one(others) and bool((scales == others).all()), "the scales differ")
    m.require(float(scales.reshape(())) >= 1e-30, "the scale is too small to be divided by")
    m.require(m.operand(m.root.output).dtype is m[x].dtype, "the types differ")
    before, behind = _points(m, zx, x), _points(m, zy, x)
    m.require(_one(before) and _one(behind) and int(before.max()) == int(behind.max()), "the zero points differ")
    m.require(m[x].dtype in BYTES, "these are no bytes")
    return x


_S, _Z = np.float32(0.3), np.uint8(3)
drop_restored.fires(
    Transpose(QuantizeLinear(DequantizeLinear(x, sx, zx), sy, zy)), x=u8["n", 3], sx=_S, zx=_Z, sy=_S, zy=_Z
)
drop_restored.refuses(
    QuantizeLinear(DequantizeLinear(x, sx, zx), sy, zy), x=u8["n", 3], sx=_S, zx=_Z, sy=np.float32(0.4), zy=_Z,
    because="scales differ",
)  # fmt: skip
drop_restored.refuses(
    QuantizeLinear(DequantizeLinear(x, sx, zx), sy, zy), x=u8["n", 3], sx=_S, zx=_Z, sy=_S, zy=np.uint8(4),
    because="zero points differ",
)  # fmt: skip

_POOLED = MaxPool.any(_RESTORED)
_MOVED = [
    _POOLED,
    Transpose.any(_RESTORED),
    Reshape.any(_RESTORED, shape),
    Flatten.any(_RESTORED),
    Squeeze.any(_RESTORED, shape),
    Unsqueeze.any(_RESTORED, shape),
]


@rewrite(forms=_MOVED)
def restore_later(m: Match) -> Expr:
    """F(DequantizeLinear(x)) -> DequantizeLinear(F(x)) where F moves elements or takes the largest: bytes are four times smaller."""
    scales = m.array(sx)
    m.require(_one(scales) and _one(_points(m, zx, x)), "the scale differs along an axis")
    m.require(m[x].dtype in BYTES, "these are no bytes")
    m.require(m.operand(m.root.output).dtype is d.FLOAT32, "the result is not float32")
    m.require(float(scales.reshape(())) > 0, "the scale is not positive")
    node = m.root
    if node.op_type == "MaxPool":
        m.require(len([v for v in node.outputs if v.uses]) < 2, "the places of the largest are read")
        moved: Expr = MaxPool(x, **node.attrs)
    else:
        again = {
            "Transpose": Transpose,
            "Reshape": Reshape,
            "Flatten": Flatten,
            "Squeeze": Squeeze,
            "Unsqueeze": Unsqueeze,
        }
        moved = again[node.op_type](x, *([shape] if shape in m else []), **node.attrs)
    return DequantizeLinear(moved, sx, zx)


restore_later.fires(MaxPool(_RESTORED, kernel_shape=[2, 2]), x=u8["n", 3, 4, 4], sx=_S, zx=_Z)
restore_later.fires(Reshape(DequantizeLinear(x, sx), shape), x=i8[2, "n", 4], sx=_S, shape=[2, -1])
restore_later.fires(Transpose(DequantizeLinear(x, sx)), x=i8[2, "n", 4], sx=_S)
restore_later.refuses(
    Transpose(DequantizeLinear(x, sx)), x=i8[2, 3], sx=np.array([1, 2, 3], np.float32), because="differs along an axis"
)


_PADDED = Pad(_RESTORED, pads, pad_value, pad_axes, mode="constant")


@rewrite(_PADDED)
def restore_padded(m: Match) -> Expr:
    """Pad(DequantizeLinear(x, s, z), 0) -> DequantizeLinear(Pad(x, z), s, z)"""
    scales, points = m.array(sx), _points(m, zx, x)
    m.require(
        _one(scales) and _one(points) and m[x].dtype in BYTES, "these are no bytes, or the scale differs along an axis"
    )
    m.require(m.operand(m.root.output).dtype is d.FLOAT32, "the result is not float32")
    given = m.get(pad_value)
    m.require(
        given is None or (given.array is not None and not given.array.any()), "it pads with something other than 0"
    )
    return DequantizeLinear(
        Pad(x, pads, points.reshape(()), pad_axes if pad_axes in m else None, mode="constant"), sx, zx
    )


restore_padded.fires(
    Pad(DequantizeLinear(x, sx, zx), pads, mode="constant"), x=u8["n", 3], pads=[0, 1, 0, 2], sx=_S, zx=_Z
)
restore_padded.refuses(
    Pad(DequantizeLinear(x, sx, zx), pads, pad_value, mode="constant"), x=u8["n", 3], pads=[0, 1, 0, 2], sx=_S, zx=_Z,
    pad_value=np.array(1, np.float32), because="other than 0",
)  # fmt: skip


@rewrite(DequantizeLinear.any(c, sx, zx), shared=True)
def restore_bias(m: Match) -> Expr:
    """DequantizeLinear(c, s) -> the constant c * s, where c are 32-bit integers: those of a bias, which nothing multiplies."""
    m.require(m[c].dtype is d.INT32, "they may be weights")
    scales, points = m.array(sx), _points(m, zx, c)
    m.require(not points.any(), "there is a zero point")
    m.require(m.array(c).ndim <= 1 and (_one(scales) or scales.shape == m.array(c).shape), "it is no vector")
    return m.array(c).astype(np.float32) * scales.reshape(scales.shape or ())


restore_bias.fires(
    Add(x, DequantizeLinear(c, sx)),
    x=f32["n", 3],
    c=np.array([5, -3, 70000], np.int32),
    sx=np.array([0.5, 1, 0.1], np.float32),
)
restore_bias.refuses(
    Add(x, DequantizeLinear(c, sx)), x=f32["n", 3], c=np.array([5, -3, 7], np.int8), sx=_S, because="weights"
)

# -- products -------------------------------------------------------------------------------------------------------------

_LEFT, _RIGHT = DequantizeLinear.any(x, sx, zx), DequantizeLinear.any(w, sw, zw)


def _integers(m: Match, depth: Any) -> None:
    """What all products need: bytes, one scale for x, float32, and sums that fit."""
    m.require(m[x].dtype in BYTES and m[w].dtype in BYTES, "these are no bytes")
    m.require(_one(m.array(sx)) and _one(_points(m, zx, x)), "the scale of x differs along an axis")
    m.require(m[sx].dtype is d.FLOAT32 and m.operand(m.root.output).dtype is d.FLOAT32, "the scales are not float32")
    m.require(isinstance(depth, int) and depth <= EXACT, "sums may not fit into 32 bits")


def _factor(m: Match, term: Term, axis: int, rank: int) -> Array:
    """The scales of x times those of w, as a vector over one axis of w, which must be `axis`; one number if it is not known.

    A vector even where one number would do: kernels read it, so that all layers share one.
    """
    scales, points = m.array(sw), _points(m, zw, w)
    along = _one(scales) or scales.ndim == 1
    m.require(along and points.ndim <= 1, "w is quantized by blocks")
    if not (_one(scales) and _one(points)):
        m.require(int(m.attr(term, "axis")) % rank == axis, "the scales of w differ along what is summed")
    product, extent = m.array(sx).reshape(()) * scales.reshape(-1), m[w].dim(axis)
    if not isinstance(extent, int):
        return product.reshape(()) if _one(product) else product
    return np.ascontiguousarray(np.broadcast_to(product, (extent,)))


def _scalar_point(m: Match, zero: Var) -> Expr:
    """A zero point as a scalar, or as a vector if there are several; None if none is given."""
    operand = m.get(zero)
    if operand is None or operand.array is None:
        return None
    return operand.array.reshape(()) if _one(operand.array) else operand.array


_CONV = Conv.any(_LEFT, _RIGHT, bias)


@rewrite(_CONV, shared=True)
def conv_of_bytes(m: Match) -> Expr:
    """Conv(restored x, restored w, b) -> ConvInteger(x, w) * (sx * sw) + b"""
    filters = m[w].shape
    m.require(
        filters is not None and all(isinstance(e, int) for e in filters), "the extents of the filters are unknown"
    )
    assert filters is not None
    _integers(m, math.prod(int(e) for e in filters[1:]))  # pyright: ignore[reportArgumentType] ints, see above
    factor = _factor(m, _RIGHT, 0, len(filters))
    ones = [1] * (len(filters) - 2)
    total = Cast(ConvInteger(x, w, _scalar_point(m, zx), _scalar_point(m, zw), **m.attrs(_CONV)), to=d.FLOAT32.code)
    scaled = Mul(total, factor if factor.ndim == 0 else factor.reshape(-1, *ones))
    if bias not in m:
        return scaled
    known = m[bias].array
    return Add(scaled, Reshape(bias, np.array([-1, *ones])) if known is None else known.reshape(-1, *ones))


_BYTES: dict[str, Any] = {"sx": _S, "zx": _Z, "sw": np.array([0.5, 0.25], np.float32), "tolerance": TOLERANCE}
conv_of_bytes.fires(
    Conv(DequantizeLinear(x, sx, zx), DequantizeLinear(w, sw, zw, axis=0), bias, pads=[1, 1, 1, 1]),
    x=u8["n", 3, 4, 4], w=np.arange(54, dtype=np.int8).reshape(2, 3, 3, 3), zw=np.array([0, 0], np.int8),
    bias=f32[2], **_BYTES,
)  # fmt: skip
conv_of_bytes.fires(
    Conv(DequantizeLinear(x, sx), DequantizeLinear(w, sw), group=2),
    x=i8[2, 4, 5], w=i8[2, 2, 3], sx=_S, sw=_S, tolerance=TOLERANCE,
)  # fmt: skip
conv_of_bytes.refuses(
    Conv(DequantizeLinear(x, sx, zx), DequantizeLinear(w, sw, axis=1)), x=u8[1, 2, 4], w=i8[2, 2, 3],
    because="differ along what is summed", **{k: v for k, v in _BYTES.items() if k != "tolerance"},
)  # fmt: skip

_MATMUL = MatMul(_LEFT, _RIGHT)


@rewrite(_MATMUL, shared=True)
def matmul_of_bytes(m: Match) -> Expr:
    """restored x @ restored w -> MatMulInteger(x, w) * (sx * sw)"""
    rank = m[w].rank
    m.require(rank is not None and rank > 0, "the rank is unknown")
    assert rank is not None
    _integers(m, m[w].dim(max(rank - 2, 0)))
    m.require(rank == 2 or (_one(m.array(sw)) and _one(_points(m, zw, w))), "the scales of w differ along an axis")
    factor = _factor(m, _RIGHT, rank - 1, rank)
    return Mul(Cast(MatMulInteger(x, w, _scalar_point(m, zx), _scalar_point(m, zw)), to=d.FLOAT32.code), factor)


matmul_of_bytes.fires(
    MatMul(DequantizeLinear(x, sx, zx), DequantizeLinear(w, sw, zw)),
    x=u8["n", 3, 4],
    w=i8[4, 2],
    zw=np.array([1, 0], np.int8),
    **_BYTES,
)
matmul_of_bytes.fires(
    MatMul(DequantizeLinear(x, sx), DequantizeLinear(w, sw)),
    x=i8[2, 3, 4],
    w=u8[2, 4, 5],
    sx=_S,
    sw=_S,
    tolerance=TOLERANCE,
)
matmul_of_bytes.refuses(
    MatMul(DequantizeLinear(x, sx), DequantizeLinear(w, sw, axis=0)), x=u8["n", 2], w=i8[2, 3], sx=_S, sw=np.array([1, 2], np.float32),
    because="differ along what is summed",
)  # fmt: skip

_GEMM = Gemm.any(_LEFT, _RIGHT, bias)


@rewrite(_GEMM, shared=True)
def gemm_of_bytes(m: Match) -> Expr:
    """Gemm(restored x, restored w, b) -> MatMulInteger(x', w') * (alpha * sx * sw) + beta * b"""
    turned = bool(m.attr(_GEMM, "transB"))
    _integers(m, m[w].dim(1 if turned else 0))
    factor = _factor(m, _RIGHT, 0 if turned else 1, 2) * np.float32(m.attr(_GEMM, "alpha"))
    left = Transpose(x, perm=[1, 0]) if m.attr(_GEMM, "transA") else x
    right = Transpose(w, perm=[1, 0]) if turned else w
    total = Cast(MatMulInteger(left, right, _scalar_point(m, zx), _scalar_point(m, zw)), to=d.FLOAT32.code)
    scaled = Mul(total, np.asarray(factor, np.float32))
    if bias not in m:
        return scaled
    scale = np.float32(m.attr(_GEMM, "beta"))
    return Add(scaled, bias if scale == 1 else Mul(bias, scale))


gemm_of_bytes.fires(
    Gemm(DequantizeLinear(x, sx, zx), DequantizeLinear(w, sw, zw, axis=0), bias, transB=1, alpha=0.5, beta=2.0),
    x=u8["n", 4], w=i8[2, 4], zw=np.array([1, 0], np.int8), bias=f32[2], **_BYTES,
)  # fmt: skip
gemm_of_bytes.fires(
    Gemm(DequantizeLinear(x, sx), DequantizeLinear(w, sw), transA=1),
    x=i8[4, 3],
    w=i8[4, 2],
    sx=_S,
    sw=_S,
    tolerance=TOLERANCE,
)
gemm_of_bytes.refuses(
    Gemm(DequantizeLinear(x, sx), DequantizeLinear(w, sw)), x=i32[3, 4], w=i8[4, 2], sx=_S, sw=_S, because="no bytes"
)


_PADDED_BYTES = ConvInteger.any(nn.PADDED, w, zx, zw)


@rewrite(_PADDED_BYTES)
def pad_into_conv_of_bytes(m: Match) -> Expr:
    """ConvInteger(Pad(x, p, zx), w, zx) -> ConvInteger(x, w, zx, pads + p)"""
    front, behind = nn.padding(m, float(_points(m, zx, x).reshape(())))
    attrs = nn.merged(m, m.node(_PADDED_BYTES), front, behind)
    return ConvInteger(x, w, zx if zx in m else None, zw if zw in m else None, **attrs)


_PADS: dict[str, Any] = {"x": u8["n", 3, 4], "w": i8[4, 3, 3], "pads": [0, 0, 1, 0, 0, 2], "mode": "constant", "zx": _Z}
pad_into_conv_of_bytes.fires(ConvInteger(nn.PADDED, w, zx, pads=[1, 0]), pad_value=_Z, **_PADS)
pad_into_conv_of_bytes.refuses(ConvInteger(nn.PADDED, w, zx), pad_value=np.uint8(4), **_PADS, because="other than 3")

total = values("total")[0]
f, b = constants("f b")
_SCALED = Mul(Cast(total, to=d.FLOAT32.code), f)
_SHIFTED = Add(_SCALED, b)


@rewrite(forms=[QuantizeLinear.any(v, sy, zy) for v in (_SCALED, _SHIFTED, Relu(_SCALED), Relu(_SHIFTED))])
def quantize_scaled(m: Match) -> Expr:
    """QuantizeLinear(total * f + b, s) -> QuantizeLinear(total * (f / s) + b / s, 1), with or without Relu between."""
    node = m[total].node
    m.require(
        node is not None and node.op_type in ("ConvInteger", "MatMulInteger"), "it is no sum of products of bytes"
    )
    m.require(_one(m.array(sy)) and _one(_points(m, zy, total)), "the scale differs along an axis")
    scale = float(m.array(sy).reshape(()))
    m.require(scale > 0 and scale != 1 and m[sy].dtype is d.FLOAT32, "the scale is 1 already, or not positive")
    factor = (m.array(f) / scale).astype(np.float32)
    m.require(bool(np.isfinite(factor).all()), "the factor is too large")
    found: Expr = Mul(Cast(total, to=d.FLOAT32.code), factor)
    if b in m:
        found = Add(found, (m.array(b) / scale).astype(np.float32))
    if m.root.inputs[0] is not None and (last := m.root.inputs[0].producer) is not None and last.op_type == "Relu":
        found = Relu(found)
    return QuantizeLinear(found, np.ones((), np.float32), zy, **m.root.attrs)


_TOTAL = MatMulInteger(x, w)
_CASE: dict[str, Any] = {"x": u8["n", 4], "w": i8[4, 3], "f": np.array([0.5, 0.2, 0.3], np.float32), "sy": _S, "zy": _Z}
quantize_scaled.fires(QuantizeLinear(Mul(Cast(_TOTAL, to=1), f), sy, zy), **_CASE)
quantize_scaled.fires(
    QuantizeLinear(Relu(Add(Mul(Cast(_TOTAL, to=1), f), b)), sy, zy), b=np.array([-1.2, 0.7, 0], np.float32), **_CASE
)
quantize_scaled.refuses(
    QuantizeLinear(Mul(Cast(x, to=1), f), sy, zy), **{**_CASE, "x": i32[2, 3]}, because="no sum of products"
)

QUANT: list[Rule] = [
    drop_restored,
    restore_later,
    restore_padded,
    restore_bias,
    conv_of_bytes,
    matmul_of_bytes,
    gemm_of_bytes,
    pad_into_conv_of_bytes,
    quantize_scaled,
]
