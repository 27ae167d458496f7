"""Normalizations and softmax put together again from the pieces that exporters write."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.rewrite import Expr, Match, Rule, attribute, constants, rewrite, values
from sardonyx.rewrite.example import f16, f32
from sardonyx.rewrite.op import (
    Add,
    Cast,
    Div,
    Exp,
    GroupNormalization,
    InstanceNormalization,
    LayerNormalization,
    Log,
    LogSoftmax,
    Mul,
    Pow,
    Reciprocal,
    ReduceMax,
    ReduceMean,
    ReduceSum,
    Reshape,
    RMSNormalization,
    Softmax,
    Sqrt,
    Sub,
)

__all__ = ["NORMS"]

x, scale, axes, axes2, shape, shape2 = values("x scale axes axes2 shape shape2")
bias = values("bias?")[0]
eps, by_group, behind, each = constants("eps by_group behind each")
axis, epsilon, stash_type = attribute("axis"), attribute("epsilon"), attribute("stash_type")
TOLERANCE = 2e-5


def _from_axis(m: Match, *vars: Any) -> int:
    """The first axis that is reduced, counted from the end, if all that follow are reduced too."""
    rank = m[x].rank
    m.require(rank is not None, "the rank is unknown")
    assert rank is not None
    found: set[tuple[int, ...]] = set()
    for var in vars:
        numbers = m[var].numbers
        m.require(numbers is not None, "the axes are unknown")
        found.add(tuple(sorted(a % rank for a in numbers or ())))
    (one, *more) = found
    m.require(not more, "mean and variance are taken over different axes")
    m.require(bool(one) and one == tuple(range(one[0], rank)), "the axes are not the last ones")
    return one[0] - rank


def _ones(m: Match, first: int) -> Any:
    extents = (m[x].shape or ())[first:]
    m.require(all(isinstance(d, int) for d in extents), "an extent that is normalized is unknown")
    dtype = m[x].dtype
    assert dtype is not None
    return np.ones([d for d in extents if isinstance(d, int)], dtype.numpy)


def _epsilon(m: Match) -> float:
    m.require(m.array(eps).size == 1, "epsilon is no number")
    return float(m.array(eps).reshape(()))


# -- layer normalization ----------------------------------------------------------------------------------------------

_MEAN = ReduceMean(x, axes)
_CENTRED = Sub(x, _MEAN)
_SQUARES = Mul(_CENTRED, _CENTRED) | Pow(_CENTRED, 2)
_DEVIATION = Sqrt(Add(ReduceMean(_SQUARES, axes2), eps))
_INVERSE = Reciprocal(_DEVIATION) | Div(1, _DEVIATION) | Pow(Add(ReduceMean(_SQUARES, axes2), eps), -0.5)


@rewrite(forms=[Div(_CENTRED, _DEVIATION), Mul(_CENTRED, _INVERSE)])
def to_layer_norm(m: Match) -> Expr:
    """(x - mean) / sqrt(mean((x - mean)^2) + eps) -> LayerNormalization(x, 1)"""
    first = _from_axis(m, axes, axes2)
    return LayerNormalization(x, _ones(m, first), axis=first, epsilon=_epsilon(m))


_LN: dict[str, Any] = {"axes": [-1], "axes2": [-1], "eps": np.float32(1e-5), "tolerance": TOLERANCE}
to_layer_norm.fires(Div(_CENTRED, Sqrt(Add(ReduceMean(Mul(_CENTRED, _CENTRED), axes2), eps))), x=f32["n", 3, 8], **_LN)
to_layer_norm.fires(Div(_CENTRED, Sqrt(Add(ReduceMean(Pow(_CENTRED, 2.0), axes2), eps))), x=f32["n", 3, 8], **_LN)
to_layer_norm.fires(
    Mul(_CENTRED, Reciprocal(Sqrt(Add(ReduceMean(Pow(_CENTRED, 2.0), axes2), eps)))), x=f32[2, 4, 8],
    axes=[1, 2], axes2=[-2, -1], eps=np.float32(1e-5), tolerance=TOLERANCE,
)  # fmt: skip
to_layer_norm.refuses(
    Div(_CENTRED, Sqrt(Add(ReduceMean(Pow(_CENTRED, 2.0), axes2), eps))), x=f32[2, 4, 8], axes=[1], axes2=[1],
    eps=np.float32(1e-5), because="not the last ones",
)  # fmt: skip

# -- RMS normalization ------------------------------------------------------------------------------------------------

_ROOT = Sqrt(Add(ReduceMean(Mul(x, x) | Pow(x, 2), axes), eps))
_INVERSE_ROOT = Reciprocal(_ROOT) | Div(1, _ROOT) | Pow(Add(ReduceMean(Mul(x, x) | Pow(x, 2), axes), eps), -0.5)


@rewrite(forms=[Div(x, _ROOT), Mul(x, _INVERSE_ROOT)])
def to_rms_norm(m: Match) -> Expr:
    """x / sqrt(mean(x^2) + eps) -> RMSNormalization(x, 1)"""
    first = _from_axis(m, axes)
    return RMSNormalization(x, _ones(m, first), axis=first, epsilon=_epsilon(m))


_RMS: dict[str, Any] = {"axes": [-1], "eps": np.float32(1e-6), "tolerance": TOLERANCE}
to_rms_norm.fires(Mul(x, Reciprocal(Sqrt(Add(ReduceMean(Pow(x, 2.0), axes), eps)))), x=f32["n", 3, 8], **_RMS)
to_rms_norm.fires(Div(x, Sqrt(Add(ReduceMean(Mul(x, x), axes), eps))), x=f32["n", 3, 8], **_RMS)
to_rms_norm.fires(Mul(x, Div(1.0, Sqrt(Add(ReduceMean(Mul(x, x), axes), eps)))), x=f32["n", 3, 8], **_RMS)
to_rms_norm.refuses(
    Div(x, Sqrt(Add(ReduceMean(Mul(x, x), axes), eps))),
    x=f32[2, "n"],
    axes=[-1],
    eps=np.float32(1e-6),
    because="is unknown",
)

# -- scale and shift ----------------------------------------------------------------------------------------------------


def _fits_normalized(m: Match, operand: Any, first: int) -> Any:
    """`operand` as a tensor over the normalized axes; refuses what has another shape."""
    extents: tuple[Dim | None, ...] = (m[x].shape or ())[first % (m[x].rank or 1) :]
    shape, array = operand.shape, operand.array
    if shape is not None and tuple(shape) == tuple(extents) and None not in extents:
        return operand
    m.require(
        array is not None and all(isinstance(d, int) for d in extents), "it has another shape than the normalized axes"
    )
    assert array is not None
    squeezed = (
        array.reshape(array.shape[max(array.ndim - len(extents), 0) :])
        if _leads_with_ones(array, len(extents))
        else None
    )
    m.require(
        squeezed is not None and operand.broadcasts_to(*(m[x].shape or ())),
        "it has another shape than the normalized axes",
    )
    return np.ascontiguousarray(np.broadcast_to(squeezed, extents))  # pyright: ignore[reportArgumentType, reportCallIssue]


def _leads_with_ones(array: Any, count: int) -> bool:
    return all(d == 1 for d in array.shape[: max(array.ndim - count, 0)])


def _is_one(m: Match, operand: Any) -> bool:
    return operand.array is not None and math.prod(operand.array.shape) > 0 and bool((operand.array == 1).all())


ones, factor, shift = constants("ones")[0], *values("factor shift")
_LAYER = LayerNormalization(x, ones, axis=axis, epsilon=epsilon, stash_type=stash_type)


@rewrite(Mul(_LAYER, factor))
def scale_layer_norm(m: Match) -> Expr:
    """LayerNormalization(x, 1) * scale -> LayerNormalization(x, scale)"""
    m.require(_is_one(m, m[ones]), "it is scaled already")
    return LayerNormalization(
        x, _fits_normalized(m, m[factor], m[axis]), axis=axis, epsilon=epsilon, stash_type=stash_type
    )


_ONES: dict[str, Any] = {"ones": np.ones(8, np.float32), "axis": -1, "epsilon": 1e-5, "stash_type": 1}
scale_layer_norm.fires(x=f32["n", 3, 8], factor=f32[8], tolerance=TOLERANCE, **_ONES)
scale_layer_norm.fires(x=f32["n", 3, 8], factor=np.full((1, 1, 1), 2, np.float32), tolerance=TOLERANCE, **_ONES)
scale_layer_norm.refuses(x=f32[2, 3, 8], factor=f32[3, 8], because="another shape", **_ONES)

_SCALED = LayerNormalization(x, scale, axis=axis, epsilon=epsilon, stash_type=stash_type)


@rewrite(Add(_SCALED, shift))
def shift_layer_norm(m: Match) -> Expr:
    """LayerNormalization(x, scale) + bias -> LayerNormalization(x, scale, bias)"""
    added = _fits_normalized(m, m[shift], m[axis])
    return LayerNormalization(x, scale, added, axis=axis, epsilon=epsilon, stash_type=stash_type)


_SHIFT: dict[str, Any] = {"scale": f32[8], "axis": -1, "epsilon": 1e-5, "stash_type": 1}
shift_layer_norm.fires(x=f32["n", 3, 8], shift=f32[8], tolerance=TOLERANCE, **_SHIFT)
shift_layer_norm.refuses(x=f32[2, 3, 8], shift=f32[2, 3, 8], because="another shape", **_SHIFT)

_RMS_ONES = RMSNormalization(x, ones, axis=axis, epsilon=epsilon, stash_type=stash_type)


@rewrite(Mul(_RMS_ONES, factor))
def scale_rms_norm(m: Match) -> Expr:
    """RMSNormalization(x, 1) * scale -> RMSNormalization(x, scale)"""
    m.require(_is_one(m, m[ones]), "it is scaled already")
    return RMSNormalization(
        x, _fits_normalized(m, m[factor], m[axis]), axis=axis, epsilon=epsilon, stash_type=stash_type
    )


scale_rms_norm.fires(x=f32["n", 3, 8], factor=f32[8], tolerance=TOLERANCE, **_ONES)
scale_rms_norm.refuses(x=f32[2, 3, 8], factor=f32[3, 8], because="another shape", **_ONES)

# -- computed in float32 for narrow types ----------------------------------------------------------------------------

narrow, widened = attribute("narrow"), Cast.any(x, to=1)
_WIDE_LAYER = LayerNormalization(widened, ones, axis=axis, epsilon=epsilon, stash_type=stash_type)
_WIDE_RMS = RMSNormalization(widened, ones, axis=axis, epsilon=epsilon, stash_type=stash_type)


@rewrite(forms=[Cast.any(_WIDE_LAYER, to=narrow), Cast.any(_WIDE_RMS, to=narrow)])
def narrow_norm(m: Match) -> Expr:
    """Cast(Normalization(Cast(x, float32), 1), back) -> Normalization(x, 1): taking statistics in float32 is its own business"""
    dtype = m[x].dtype
    m.require(
        dtype is not None and dtype.code == m[narrow] and dtype.is_float and dtype.bits < 32, "it is not the type of x"
    )
    assert dtype is not None
    m.require(
        _is_one(m, m[ones]) and m[stash_type] == 1, "it is scaled in float32, or its statistics are of another type"
    )
    normalize = LayerNormalization if _WIDE_LAYER in m else RMSNormalization
    return normalize(x, m.array(ones).astype(dtype.numpy), axis=axis, epsilon=epsilon, stash_type=1)


narrow_norm.fires(Cast(_WIDE_RMS, to=narrow), x=f16["n", 3, 8], narrow=10, tolerance=1e-3, **_ONES)
narrow_norm.fires(Cast(_WIDE_LAYER, to=narrow), x=f16[2, 8], narrow=10, tolerance=1e-3, **_ONES)
narrow_norm.refuses(Cast(_WIDE_RMS, to=narrow), x=f32[2, 8], narrow=10, because="not the type of x", **_ONES)

# -- softmax --------------------------------------------------------------------------------------------------------------

_EXP = Exp(Sub(x, ReduceMax(x, axes2)) | x)


@rewrite(Div(_EXP, ReduceSum(_EXP, axes)))
def to_softmax(m: Match) -> Expr:
    """exp(x) / sum(exp(x)), with or without the maximum taken off first -> Softmax(x)"""
    rank, numbers = m[x].rank, m[axes].numbers
    m.require(rank is not None and numbers is not None and len(numbers) == 1, "it is not taken over one known axis")
    assert rank is not None and numbers is not None
    off = m.get(axes2)
    m.require(
        off is None or (off.numbers is not None and [a % rank for a in off.numbers] == [numbers[0] % rank]),
        "the maximum is of other axes",
    )
    return Softmax(x, axis=numbers[0])


_SUM = Exp(Sub(x, ReduceMax(x, axes2)))
_PLAIN = Exp(x)
to_softmax.fires(Div(_SUM, ReduceSum(_SUM, axes)), x=f32["n", 5], axes=[-1], axes2=[1], tolerance=1e-6)
to_softmax.fires(Div(_PLAIN, ReduceSum(_PLAIN, axes)), x=f32[2, "n", 5], axes=[1], tolerance=1e-6)
to_softmax.refuses(Div(_PLAIN, ReduceSum(_PLAIN, axes)), x=f32[2, 3, 5], axes=[1, 2], because="one known axis")


@rewrite(Log(Softmax(x, axis=axis)))
def to_log_softmax(m: Match) -> Expr:
    """log(Softmax(x)) -> LogSoftmax(x), which does not lose what Softmax rounds to zero"""
    m.require(m[x].dtype is not None, "the type is unknown")
    return LogSoftmax(x, axis=axis)


to_log_softmax.fires(x=f32["n", 5], axis=-1, tolerance=1e-6)
_SOFT = Softmax(x, axis=axis)
to_log_softmax.refuses(Log(_SOFT), Exp(_SOFT), x=f32[2, 5], axis=-1, because="read elsewhere")

# -- normalization of groups of channels ---------------------------------------------------------------------------------

_INSTANCE = InstanceNormalization.any(Reshape.any(x, shape), by_group, behind)
_GROUPS = GroupNormalization.any(x, by_group, behind)


@rewrite(Reshape.any(_INSTANCE, shape2))
def to_group_norm(m: Match) -> Expr:
    """reshape(InstanceNormalization(reshape(x, [n, groups, rest]), s, b), x's shape) -> GroupNormalization(x, s', b')"""
    grouped = m.operand(m[_INSTANCE].value)
    m.require(m[x].shape is not None and (m[x].rank or 0) >= 3 and grouped.rank == 3, "the shapes are unknown")
    channels, groups, same = m[x].dim(1), grouped.dim(1), m[x].dim(0) == grouped.dim(0)
    m.require(isinstance(channels, int) and isinstance(groups, int) and same, "the groups are unknown")
    assert isinstance(channels, int) and isinstance(groups, int)
    m.require(groups > 0 and channels % groups == 0, "the groups are not of whole channels")
    m.require(m.operand(m.root.output).shape == m[x].shape, "the result has another shape")
    by_channel = [np.repeat(m.array(v), channels // groups) for v in (by_group, behind)]
    return GroupNormalization(x, *by_channel, num_groups=groups, epsilon=m.attr(_INSTANCE, "epsilon"))


_OWN: dict[str, Any] = {"by_group": f32[2], "behind": f32[2], "shape": [0, 2, -1], "tolerance": TOLERANCE}
to_group_norm.fires(x=f32[2, 6, 5], shape2=[2, 6, 5], **_OWN)
to_group_norm.fires(x=f32["n", 4, 3, 2], shape2=[0, 4, 3, 2], **_OWN)
to_group_norm.refuses(x=f32[2, 6, 5], shape2=[2, 5, 6], because="another shape", **{**_OWN, "tolerance": None})


def _by_channel(m: Match, var: Any) -> Any:
    """The numbers of a constant that has one for each channel."""
    rank, channels, array = m[x].rank, m[x].dim(1), m.array(var)
    m.require(rank is not None and isinstance(channels, int), "the channels are unknown")
    assert rank is not None and isinstance(channels, int)
    spread = array.reshape((1,) * (rank - array.ndim) + array.shape) if array.ndim <= rank else array
    m.require(spread.shape == (1, channels, *(1,) * (rank - 2)), "it has not one number for each channel")
    return spread.reshape(-1)


@rewrite(Mul(_GROUPS, each))
def scale_group_norm(m: Match) -> Expr:
    """GroupNormalization(x, s, b) * c -> GroupNormalization(x, s * c, b * c), c by channel"""
    by = _by_channel(m, each)
    return GroupNormalization(x, m.array(by_group) * by, m.array(behind) * by, **m.attrs(_GROUPS))


@rewrite(Add(_GROUPS, each))
def shift_group_norm(m: Match) -> Expr:
    """GroupNormalization(x, s, b) + c -> GroupNormalization(x, s, b + c), c by channel"""
    return GroupNormalization(x, by_group, m.array(behind) + _by_channel(m, each), **m.attrs(_GROUPS))


_GIVEN: dict[str, Any] = {"x": f32["n", 6, 3, 4], "by_group": f32[6], "behind": f32[6]}
for _rule, _operator in ((scale_group_norm, Mul), (shift_group_norm, Add)):
    _made = _operator(GroupNormalization(x, by_group, behind, num_groups=3), each)
    _rule.fires(_made, each=f32[6, 1, 1], tolerance=TOLERANCE, **_GIVEN)
    _rule.refuses(_made, each=f32[6, 1, 4], because="one number for each channel", **_GIVEN)

NORMS: list[Rule] = [
    to_layer_norm,
    to_rms_norm,
    scale_layer_norm,
    shift_layer_norm,
    scale_rms_norm,
    narrow_norm,
    to_softmax,
    to_log_softmax,
    to_group_norm,
    scale_group_norm,
    shift_group_norm,
]
