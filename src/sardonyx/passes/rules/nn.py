"""What stands before or behind a convolution and can be part of it: padding, scale, shift, normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.ir import Array
from sardonyx.rewrite import Expr, Match, Rule, attribute, constants, rewrite, values
from sardonyx.rewrite.example import f32
from sardonyx.rewrite.op import (
    Add,
    AveragePool,
    BatchNormalization,
    Conv,
    ConvTranspose,
    DepthToSpace,
    Gemm,
    MatMul,
    MaxPool,
    Mul,
    Pad,
    Sub,
)

__all__ = ["FOLDS", "PADDED", "merged", "padding"]

x, bias = values("x bias?")
pads, pad_value, pad_axes = values("pads pad_value? pad_axes?")
w, scale, shift, mean, var, c = constants("w scale shift mean var c")
epsilon, mode, group, kernel_shape, blocksize = (
    attribute("epsilon"),
    attribute("mode"),
    attribute("group"),
    attribute("kernel_shape"),
    attribute("blocksize"),
)
TOLERANCE = 3e-5  # of products whose factors were multiplied beforehand, in float64, and rounded once


def wide(array: Array) -> Array:
    return array.astype(np.float64)


def _floats(m: Match) -> None:
    m.require(m.array(w).dtype.kind == "f" or m.array(w).dtype.name == "bfloat16", "the weights are no floats")


def _bias(m: Match) -> Array | float:
    """The constant bias, 0 without one."""
    operand = m.get(bias)
    if operand is None:
        return 0.0
    m.require(operand.array is not None, "the bias is no constant")
    assert operand.array is not None
    return wide(operand.array)


# -- batch normalization ----------------------------------------------------------------------------------------------


def _factor_and_shift(m: Match) -> tuple[Array, Array]:
    """Batch normalization as y = x * factor + shift."""
    factor = wide(m.array(scale)) / np.sqrt(wide(m.array(var)) + m[epsilon])
    return factor, wide(m.array(shift)) - wide(m.array(mean)) * factor


_CONV = Conv.any(x, w, bias)


@rewrite(BatchNormalization.any(_CONV, scale, shift, mean, var, epsilon=epsilon, training_mode=0))
def batch_norm_into_conv(m: Match) -> Expr:
    """BatchNormalization(Conv(x, w, b)) -> Conv(x, w', b')"""
    _floats(m)
    weights, before = m.array(w), _bias(m)
    factor, after = _factor_and_shift(m)
    scaled = _times(weights, factor.reshape(-1, *[1] * (weights.ndim - 1)))
    return Conv(x, scaled, _as(before * factor + after, weights), **m.attrs(_CONV))


def _as(array: Array, like: Array) -> Array:
    return array.astype(like.dtype)


def _times(weights: Array, factor: Array) -> Array:
    """The product in float64, rounded once, without a float64 copy of all weights."""
    return np.multiply(weights, factor, out=np.empty_like(weights), dtype=np.float64, casting="unsafe")


_POSITIVE: Any = np.linspace(0.5, 2, 4, dtype=np.float32)
_NORM: dict[str, Any] = {"scale": f32[4], "shift": f32[4], "mean": f32[4], "var": _POSITIVE}
batch_norm_into_conv.fires(x=f32["n", 3, 5, 5], w=f32[4, 3, 3, 3], tolerance=TOLERANCE, **_NORM)
batch_norm_into_conv.fires(
    BatchNormalization(Conv(x, w, bias, group=2), scale, shift, mean, var),
    x=f32[2, 4, 6], w=f32[4, 2, 2], bias=np.arange(4, dtype=np.float32), tolerance=TOLERANCE, **_NORM,
)  # fmt: skip
batch_norm_into_conv.refuses(x=f32[2, 3, 5, 5], w=f32[4, 3, 3, 3], bias=f32[4], because="bias is no constant", **_NORM)

_TRANSPOSED = ConvTranspose.any(x, w, bias, group=group)


@rewrite(BatchNormalization.any(_TRANSPOSED, scale, shift, mean, var, epsilon=epsilon, training_mode=0))
def batch_norm_into_conv_transpose(m: Match) -> Expr:
    """BatchNormalization(ConvTranspose(x, w, b)) -> ConvTranspose(x, w', b'): channels of a group lie on axis 1 of w."""
    _floats(m)
    weights, before = m.array(w), _bias(m)
    factor, after = _factor_and_shift(m)
    groups = m[group]
    split = weights.reshape(groups, weights.shape[0] // groups, *weights.shape[1:])
    scaled = _times(split, factor.reshape(groups, 1, weights.shape[1], *[1] * (weights.ndim - 2)))
    return ConvTranspose(
        x, scaled.reshape(weights.shape), _as(before * factor + after, weights), **m.attrs(_TRANSPOSED)
    )


batch_norm_into_conv_transpose.fires(x=f32["n", 3, 4, 4], w=f32[3, 4, 2, 2], group=1, tolerance=TOLERANCE, **_NORM)
batch_norm_into_conv_transpose.fires(x=f32[2, 6, 4], w=f32[6, 2, 3], group=2, tolerance=TOLERANCE, **_NORM)
batch_norm_into_conv_transpose.refuses(
    x=f32[2, 3, 4, 4], w=f32[3, 4, 2, 2], bias=f32[4], group=1, because="bias is no constant", **_NORM
)

_GEMM = Gemm.any(x, w, bias)
_MATMUL = MatMul(x, w)


@rewrite(
    forms=[
        BatchNormalization.any(_GEMM, scale, shift, mean, var, epsilon=epsilon, training_mode=0),
        BatchNormalization.any(_MATMUL, scale, shift, mean, var, epsilon=epsilon, training_mode=0),
    ]
)
def batch_norm_into_gemm(m: Match) -> Expr:
    """BatchNormalization(Gemm(x, w, b)) -> Gemm(x, w', b'), and for a product of matrices."""
    _floats(m)
    m.require(m.operand(m.root.output).rank == 2, "the channels are not the last axis")
    gemm = _GEMM in m
    weights, before = m.array(w), _bias(m)
    factor, after = _factor_and_shift(m)
    transposed = gemm and bool(m.attr(_GEMM, "transB"))
    scaled = _times(weights, factor[:, None] if transposed else factor)
    beta = m.attr(_GEMM, "beta") if gemm else 1.0
    attrs = {k: v for k, v in m.attrs(_GEMM).items() if k != "beta"} if gemm else {}
    return Gemm(x, scaled, _as(before * beta * factor + after, weights), **attrs)


batch_norm_into_gemm.fires(
    BatchNormalization(Gemm(x, w, bias, transB=1, beta=0.5), scale, shift, mean, var),
    x=f32["n", 3], w=f32[4, 3], bias=np.arange(4, dtype=np.float32), tolerance=TOLERANCE, **_NORM,
)  # fmt: skip
batch_norm_into_gemm.fires(
    BatchNormalization(MatMul(x, w), scale, shift, mean, var), x=f32["n", 3], w=f32[3, 4], tolerance=TOLERANCE, **_NORM
)
batch_norm_into_gemm.refuses(
    BatchNormalization(MatMul(x, w), scale, shift, mean, var),
    x=f32["n", 4, 3],
    w=f32[3, 5],
    because="last axis",
    **_NORM,
)

# -- scale and shift per channel ----------------------------------------------------------------------------------------


def _per_channel(m: Match, channels: int) -> Array:
    """The constant c as a vector over the channels, which are axis 1 of the result."""
    rank, array = m.operand(m.root.output).rank, m.array(c)
    m.require(rank is not None and array.ndim <= rank, "the rank is unknown, or the constant widens it")
    assert rank is not None
    full = (1,) * (rank - array.ndim) + array.shape
    m.require(
        all(d == 1 for i, d in enumerate(full) if i != 1) and full[1] in (1, channels),
        "it is not one number per channel",
    )
    return np.broadcast_to(wide(array).reshape(-1), (channels,))


_PLUS, _MINUS = Add(_CONV, c), Sub(_CONV, c)


@rewrite(forms=[_PLUS, _MINUS])
def add_into_conv(m: Match) -> Expr:
    """Conv(x, w, b) + c, Conv(x, w, b) - c -> Conv(x, w, b') where c is one number per channel."""
    _floats(m)
    weights, before = m.array(w), _bias(m)
    added = _per_channel(m, weights.shape[0])
    total = before + added if _PLUS in m else before - added
    return Conv(x, w, _as(np.broadcast_to(total, added.shape), weights), **m.attrs(_CONV))


add_into_conv.fires(x=f32["n", 3, 5, 5], w=f32[4, 3, 3, 3], c=f32[4, 1, 1], tolerance=TOLERANCE)
add_into_conv.fires(Sub(Conv(x, w), c), x=f32[2, 3, 5], w=f32[4, 3, 3], c=f32[1, 4, 1], tolerance=TOLERANCE)
add_into_conv.refuses(x=f32[2, 3, 5, 5], w=f32[4, 3, 2, 2], c=f32[4, 4], because="one number per channel")


@rewrite(Mul(_CONV, c))
def mul_into_conv(m: Match) -> Expr:
    """Conv(x, w, b) * c -> Conv(x, w', b') where c is one number per channel."""
    _floats(m)
    weights, before = m.array(w), _bias(m)
    factor = _per_channel(m, weights.shape[0])
    scaled = _times(weights, factor.reshape(-1, *[1] * (weights.ndim - 1)))
    new_bias = _as(np.broadcast_to(before * factor, factor.shape), weights) if bias in m else None
    return Conv(x, scaled, new_bias, **m.attrs(_CONV))


mul_into_conv.fires(x=f32["n", 3, 5, 5], w=f32[4, 3, 3, 3], c=f32[4, 1, 1], tolerance=TOLERANCE)
mul_into_conv.fires(
    Mul(c, Conv(x, w, bias)),
    x=f32[2, 3, 5],
    w=f32[4, 3, 3],
    c=np.float32(3),
    bias=np.ones(4, np.float32),
    tolerance=TOLERANCE,
)
mul_into_conv.refuses(x=f32[2, 3, 5, 5], w=f32[4, 3, 2, 2], c=f32[4, 4], because="one number per channel")

_PRODUCT = Gemm.any(x, w)


@rewrite(forms=[Add(_PRODUCT, c), Add(MatMul(x, w), c)])
def add_into_gemm(m: Match) -> Expr:
    """x @ w + c -> Gemm(x, w, c) for matrices."""
    m.require(m[x].rank == 2 and m.array(w).ndim == 2, "Gemm multiplies matrices only")
    m.require(m[c].broadcasts_to(*(m.operand(_product(m)).shape or ())), "the constant widens the result")
    return Gemm(x, w, c, **(m.attrs(_PRODUCT) if _PRODUCT in m else {}))


def _product(m: Match) -> Any:
    return next(v for v in m.root.inputs if v is not None and v.producer is not None)


add_into_gemm.fires(Add(c, MatMul(x, w)), x=f32["n", 3], w=f32[3, 4], c=f32[4], tolerance=TOLERANCE)
add_into_gemm.fires(Add(Gemm(x, w, transB=1), c), x=f32["n", 3], w=f32[4, 3], c=f32[4], tolerance=TOLERANCE)
add_into_gemm.refuses(Add(MatMul(x, w), c), x=f32["n", 3], w=f32[3, 4], c=f32[2, 1, 4], because="widens the result")

# -- blocks -------------------------------------------------------------------------------------------------------------


@rewrite(DepthToSpace(_CONV, blocksize=blocksize, mode="CRD"))
def blocks_of_conv(m: Match) -> Expr:
    """DepthToSpace(Conv(x, w, b)) by column -> by row, with the filters in that order: where channels lie innermost, whole rows
    of a block move together.
    """
    before, array, size = m.attrs(_CONV), m.array(w), m[blocksize]
    m.require(m.attr(_CONV, "group") == 1, "filters do not leave their group")
    own = array.shape[0] // size**2

    def ordered(given: Array) -> Array:
        parts = given.reshape(own, size, size, *given.shape[1:])
        return np.ascontiguousarray(np.moveaxis(parts, 0, 2)).reshape(given.shape)

    given = m.get(bias)
    m.require(given is None or given.array is not None, "the bias is no constant")
    shift = None if given is None or given.array is None else ordered(given.array)
    return DepthToSpace(Conv(x, ordered(array), shift, **before), blocksize=size, mode="DCR")


blocks_of_conv.fires(x=f32["n", 3, 5, 4], w=f32[12, 3, 3, 3], blocksize=2)
blocks_of_conv.fires(
    DepthToSpace(Conv(x, w, bias, pads=[1, 1, 1, 1]), blocksize=3, mode="CRD"),
    x=f32[2, 3, 4, 4], w=f32[18, 3, 3, 3], bias=np.arange(18, dtype=np.float32), blocksize=3,
)  # fmt: skip
blocks_of_conv.refuses(
    DepthToSpace(Conv(x, w, group=2), blocksize=2, mode="CRD"),
    x=f32[2, 4, 4, 4], w=f32[8, 2, 3, 3], blocksize=2, because="group",
)  # fmt: skip

# -- padding ------------------------------------------------------------------------------------------------------------


def padding(m: Match, value: float) -> tuple[list[int], list[int]]:
    """How much Pad adds in front of and behind the spatial axes; refuses all else."""
    m.require(m[mode] == "constant", "the padding is no constant")
    given = m.get(pad_value)
    found = 0.0 if given is None else None if given.array is None else float(given.array.reshape(()))
    m.require(found == value, f"it pads with something other than {value:g}")
    rank, amounts, axes = m[x].rank, m[pads].numbers, m.get(pad_axes)
    m.require(
        rank is not None and amounts is not None and (axes is None or axes.numbers is not None),
        "the amounts are unknown",
    )
    assert rank is not None and amounts is not None
    where = list(range(rank)) if axes is None else [a % rank for a in axes.numbers or ()]
    front, behind = [0] * rank, [0] * rank
    for i, axis in enumerate(where):
        front[axis], behind[axis] = amounts[i], amounts[i + len(where)]
    m.require(min(*front, *behind) >= 0, "it cuts off")
    m.require(not any((*front[:2], *behind[:2])), "it pads batch or channels")
    return front[2:], behind[2:]


def merged(m: Match, node: Any, front: list[int], behind: list[int]) -> dict[str, Any]:
    """The attributes of `node`, with these amounts added to its own padding."""
    m.require(
        m.attr_of(node, "auto_pad") in ("NOTSET", "VALID", b"NOTSET", b"VALID"), "the padding follows from the extents"
    )
    own = m.attr_of(node, "pads") if m.attr_of(node, "auto_pad") in ("NOTSET", b"NOTSET") else None
    before = list(own) if own else [0] * (2 * len(front))
    attrs = {k: v for k, v in node.attrs.items() if k != "auto_pad"}
    return {**attrs, "pads": [a + b for a, b in zip(before, (*front, *behind), strict=True)]}


PADDED = Pad(x, pads, pad_value, pad_axes, mode=mode)
_PADDED_CONV = Conv.any(PADDED, w, bias)


@rewrite(_PADDED_CONV)
def pad_into_conv(m: Match) -> Expr:
    """Conv(Pad(x, p)) -> Conv(x, pads + p)"""
    front, behind = padding(m, 0.0)
    return Conv(x, w, bias, **merged(m, m.node(_PADDED_CONV), front, behind))


pad_into_conv.fires(x=f32["n", 3, 4, 4], w=f32[4, 3, 3, 3], pads=[0, 0, 1, 2, 0, 0, 3, 1], mode="constant")
pad_into_conv.fires(
    Conv(Pad(x, pads, None, pad_axes, mode=mode), w, pads=[1, 1]),
    x=f32[2, 3, 4], w=f32[4, 3, 3], pads=[1, 2], pad_axes=[2], mode="constant",
)  # fmt: skip
pad_into_conv.refuses(
    x=f32[1, 3, 4, 4], w=f32[4, 3, 3, 3], pads=[0, 0, 1, 1, 0, 0, 1, 1], mode="edge", because="no constant"
)

_PADDED_MEAN = AveragePool.any(PADDED, ceil_mode=0)


@rewrite(_PADDED_MEAN)
def pad_into_average_pool(m: Match) -> Expr:
    """AveragePool(Pad(x, p)) -> AveragePool(x, pads = p), where the padding counts."""
    front, behind = padding(m, 0.0)
    attrs = merged(m, m.node(_PADDED_MEAN), front, behind)
    own = m.attr(_PADDED_MEAN, "pads")
    m.require(
        bool(m.attr(_PADDED_MEAN, "count_include_pad")) or not own or not any(own), "its own padding does not count"
    )
    m.require(
        all(p < k for p, k in zip(attrs["pads"], [*attrs["kernel_shape"].value] * 2, strict=True)),
        "a window sees only padding",
    )
    return AveragePool(x, **{**attrs, "count_include_pad": 1})


pad_into_average_pool.fires(
    AveragePool(PADDED, kernel_shape=[3, 3]), x=f32["n", 3, 4, 4], pads=[0, 0, 1, 1, 0, 0, 1, 0], mode="constant",
    tolerance=1e-6,
)  # fmt: skip
pad_into_average_pool.refuses(
    AveragePool(PADDED, kernel_shape=[3], pads=[1, 1]), x=f32[1, 3, 4], pads=[0, 0, 1, 0, 0, 1], mode="constant",
    because="does not count",
)  # fmt: skip

_PADDED_MAX = MaxPool.any(PADDED, ceil_mode=0)


@rewrite(_PADDED_MAX)
def pad_into_max_pool(m: Match) -> Expr:
    """MaxPool(Pad(x, p, -inf)) -> MaxPool(x, pads + p)"""
    front, behind = padding(m, -np.inf)
    attrs = merged(m, m.node(_PADDED_MAX), front, behind)
    m.require(
        all(p < k for p, k in zip(attrs["pads"], [*attrs["kernel_shape"].value] * 2, strict=True)),
        "a window sees only padding",
    )
    return MaxPool(x, **attrs)


pad_into_max_pool.fires(
    MaxPool(PADDED, kernel_shape=[3]),
    x=f32["n", 3, 4],
    pads=[0, 0, 1, 0, 0, 1],
    pad_value=np.float32(-np.inf),
    mode="constant",
)
pad_into_max_pool.refuses(
    MaxPool(PADDED, kernel_shape=[3]),
    x=f32[1, 3, 4],
    pads=[0, 0, 1, 0, 0, 1],
    mode="constant",
    because="other than -inf",
)

FOLDS: list[Rule] = [
    batch_norm_into_conv,
    batch_norm_into_conv_transpose,
    batch_norm_into_gemm,
    add_into_conv,
    mul_into_conv,
    add_into_gemm,
    blocks_of_conv,
    pad_into_conv,
    pad_into_average_pool,
    pad_into_max_pool,
]
