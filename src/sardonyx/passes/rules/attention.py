"""Scaled dot-product attention, in the forms that exporters write, as one Attention.

softmax(q @ k' * scale + mask) @ v, where k' is k with its last two axes swapped. The scale may lie on q, on k, on both, or on
the scores. A row that may look at nothing is NaN in the pieces, unless they guard against it, and zero in Attention.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import BFLOAT16, BOOL, FLOAT16, FLOAT32
from sardonyx.ir import Value
from sardonyx.rewrite import Expr, Match, Operand, Rule, attribute, constants, rewrite, values
from sardonyx.rewrite.example import b8, f32
from sardonyx.rewrite.op import (
    Add,
    Attention,
    Cast,
    Div,
    Expand,
    GreaterOrEqual,
    IsNaN,
    LessOrEqual,
    MatMul,
    Mul,
    Range,
    ReduceMax,
    Reshape,
    Softmax,
    Squeeze,
    Transpose,
    Unsqueeze,
    Where,
)
from sardonyx.rewrite.operand import fits_into

__all__ = ["ATTENTION"]

q, k, v, turned, mask, keep, axes = values("q k v turned mask keep axes")
rows, columns, shape, flat, shape2, flat2 = values("rows columns shape flat shape2 flat2")
factor, divisor, key_factor, never, zero, triangle = constants("factor divisor key_factor never zero triangle")
perm, scale = attribute("perm"), attribute("scale")
TOLERANCE = 2e-5
HOPELESS = -1e30  # added to any score, this is what remains of it

# -- the bare form ------------------------------------------------------------------------------------------------------

_SWAPPED = Transpose(k, perm=perm)
_KEYS = Mul(_SWAPPED, key_factor) | _SWAPPED | turned
_SCORES = MatMul(q, _KEYS)
_MULTIPLIED, _DIVIDED = Mul(_SCORES, factor), Div(_SCORES, divisor)
_SCALED = _MULTIPLIED | _DIVIDED | _SCORES
_ADDED = Add(_SCALED, mask)
_KEPT = Where(keep, _SCALED, never)
_DROPPED = Where(keep, never, _SCALED)
_BIASED = _ADDED | _KEPT | _DROPPED | _SCALED
_WEIGHTS = Softmax.any(_BIASED)
_GUARDED = Where(IsNaN(_WEIGHTS), zero, _WEIGHTS)
_CORE = MatMul(_GUARDED | _WEIGHTS, v)


@rewrite(_CORE)
def to_attention(m: Match) -> Expr:
    """softmax(q @ k' * scale + mask) @ v -> Attention(q, k, v, mask, scale)"""
    rank = m[q].rank
    m.require(rank in (3, 4) and m[v].rank == rank, "q, k and v are not [batch, heads, sequence, features]")
    m.require(m[q].is_float, "q is of no floating-point type")
    scores = m[_SCORES].shape
    m.require(scores is not None and len(scores) == rank, "the rank of the scores is unknown")
    assert rank is not None and scores is not None
    m.require(m.attr(_WEIGHTS, "axis") in (-1, rank - 1), "the softmax is not over the keys")
    m.require(zero not in m or bool((m.array(zero) == 0).all()), "what stands for NaN is not zero")
    keys, kept = _keys(m, rank)
    _fits(m, m[q].shape, kept, m[v].shape)
    bias, attrs = _bias(m, scores), {"scale": _scale(m)}
    if m[q].dtype in (FLOAT16, BFLOAT16):
        attrs["softmax_precision"] = FLOAT32.code  # never worse than the pieces, each of which rounds
    if rank == 4:
        return Attention(q, keys, v, bias, **attrs)
    # Without heads, what is called the batch takes their place.
    if bias is not None and 3 in (m[mask].rank if mask in m else 0, m[keep].rank if keep in m else 0):
        bias = Unsqueeze(bias, [0])
    wide = Attention(Unsqueeze(q, [0]), Unsqueeze(keys, [0]), Unsqueeze(v, [0]), bias, **attrs)
    return Squeeze(wide, [0])


def _keys(m: Match, rank: int) -> tuple[Any, Any]:
    """The keys as [..., sequence, features], and their shape."""
    last = [*range(rank - 2), rank - 1, rank - 2]
    if turned in m:
        m.require(m[turned].rank == rank, "the rank of k is another")
        return Transpose(turned, perm=last), _permuted(m[turned].shape, last)
    order = [m[perm][p] % rank for p in last] if m[perm] and len(m[perm]) == rank else None
    m.require(order is not None and m[k].rank == rank, "k is not permuted over all its axes")
    assert order is not None
    return (k if order == list(range(rank)) else Transpose(k, perm=order)), _permuted(m[k].shape, order)


def _scale(m: Match) -> float:
    by = 1.0
    for var, inverse in ((factor, False), (divisor, True), (key_factor, False)):
        if var in m:
            m.require(m.array(var).size == 1, "the scale is no number")
            number = float(m.array(var).reshape(()))
            m.require(number > 0 and math.isfinite(number), "the scale is not positive")
            by = by / number if inverse else by * number
    return by


def _permuted(shape: Any, order: Any) -> Any:
    return None if shape is None else tuple(shape[p] for p in order)


def _fits(m: Match, query: Any, keys: Any, values: Any) -> None:
    """Refuse unless batch and heads agree: a product would broadcast where Attention shares heads."""
    m.require(query is not None and keys is not None and values is not None, "the shapes are unknown")
    assert query is not None and keys is not None and values is not None
    m.require(query[0] == keys[0] == values[0], "the batches of q, k and v differ")
    m.require(len(query) == 3 or query[1] == keys[1] == values[1], "the heads of q, k and v differ")


def _bias(m: Match, rows: tuple[Dim | None, ...]) -> Any:
    """The mask as Attention takes it."""
    if mask in m:
        return _spread(m, m[mask], rows)
    if keep not in m:
        return None
    m.require(m.array(never).size == 1, "what is masked is no number")
    worst = float(m.array(never).reshape(()))
    m.require(worst < 0, "what is masked does not vanish")
    kept = _KEPT in m
    spread = _spread(m, m[keep], rows)
    array = m[keep].array
    if array is not None:  # the rows can be looked at
        allowed = array if kept else ~array
        if bool(allowed.any(-1).all()) and worst <= -1e4:
            return allowed
    m.require(worst <= HOPELESS, "a row that is masked as a whole would not be what it was")
    dtype = m[q].dtype
    assert dtype is not None
    nothing, hopeless = np.zeros((), dtype.numpy), np.asarray(worst, dtype.numpy)
    if math.isinf(worst) and kept:
        return spread
    return Where(keep, nothing, hopeless) if kept else Where(keep, hopeless, nothing)


def _spread(m: Match, found: Operand, rows: tuple[Dim | None, ...]) -> Operand:
    m.require(fits_into(found.shape, rows), "the mask widens the scores")
    shape = found.shape
    # A mask shorter than the keys means, in Attention, that the others are masked.
    m.require(shape is not None and len(shape) >= 2 and shape[-1] == rows[-1], "the mask is not one number per key")
    return found


_QKV: dict[str, Any] = {"q": f32["n", 2, 5, 4], "k": f32["n", 2, 7, 4], "v": f32["n", 2, 7, 3], "perm": [0, 1, 3, 2]}
_STORED: dict[str, Any] = {**_QKV, "k": f32["n", 7, 2, 4], "perm": [0, 2, 3, 1]}
_LOWER = np.tril(np.ones((5, 7), bool))
_INF, _MIN = np.float32(-np.inf), np.finfo(np.float32).min
to_attention.fires(MatMul(Softmax(_SCORES), v), tolerance=TOLERANCE, **_QKV)
to_attention.fires(MatMul(Softmax(Mul(_SCORES, factor)), v), factor=np.float32(0.5), tolerance=TOLERANCE, **_STORED)
to_attention.fires(
    MatMul(Softmax(Add(Div(_SCORES, divisor), mask)), v),
    divisor=np.float32(2), mask=f32["n", 1, 1, 7], tolerance=TOLERANCE, **_QKV,
)  # fmt: skip
to_attention.fires(
    MatMul(Softmax(Where(keep, Div(_SCORES, divisor), never)), v),
    divisor=np.float32(2), keep=_LOWER, never=np.float32(-1e4), tolerance=TOLERANCE, **_QKV,
)  # fmt: skip
to_attention.fires(
    MatMul(Softmax(Where(keep, never, _SCORES)), v), keep=b8["n", 1, 5, 7], never=_MIN, tolerance=TOLERANCE, **_QKV
)
_SOFT = Softmax(Add(_SCORES, mask))
to_attention.fires(
    MatMul(Where(IsNaN(_SOFT), zero, _SOFT), v), mask=f32[5, 7], zero=np.float32(0), tolerance=TOLERANCE, **_QKV
)
to_attention.refuses(
    MatMul(Softmax(Where(keep, _SCORES, never)), v), keep=b8["n", 1, 5, 7], never=np.float32(-1e4),
    because="masked as a whole", **_QKV,
)  # fmt: skip
to_attention.refuses(
    MatMul(Softmax(_SCORES), v), because="heads of q, k and v differ", **{**_QKV, "k": f32["n", 1, 7, 4]}
)
to_attention.refuses(
    MatMul(Softmax(Add(_SCORES, mask)), v), mask=f32["n", 1, 5, 1], because="one number per key", **_QKV
)

to_attention.fires(
    MatMul(Softmax(Add(MatMul(q, turned), mask)), v),
    q=f32[6, 5, 4], turned=f32[6, 4, 7], v=f32[6, 7, 3], mask=f32[6, 1, 7], tolerance=TOLERANCE,
)  # fmt: skip
to_attention.fires(
    MatMul(Softmax(MatMul(q, Mul(_SWAPPED, key_factor))), v), key_factor=np.float32(0.7), tolerance=TOLERANCE, **_QKV
)

# -- what is around it ----------------------------------------------------------------------------------------------------

_SCALED_Q = Mul(q, factor) | Div(q, divisor)
_SCALED_K = Mul(k, factor) | Div(k, divisor)
_ON_Q = [Attention.any(_SCALED_Q, k, v, mask, scale=scale), Attention.any(_SCALED_Q, k, v, scale=scale)]
_ON_K = [Attention.any(q, _SCALED_K, v, mask, scale=scale), Attention.any(q, _SCALED_K, v, scale=scale)]


@rewrite(forms=[*_ON_Q, *_ON_K])
def scale_into_attention(m: Match) -> Expr:
    """Attention(q * c, k, v, scale) -> Attention(q, k, v, scale * c), and for k"""
    by = m[scale]
    if by is None:
        features = m[q].dim(-1)
        m.require(isinstance(features, int) and m[q].rank == 4, "the number of features is unknown")
        assert isinstance(features, int)
        by = 1 / math.sqrt(features)
    attrs = {**m.root.attrs, "scale": by * _scale(m)}
    return Attention(q, k, v, mask if mask in m else None, **attrs)


_PLAIN: dict[str, Any] = {"q": f32["n", 2, 5, 4], "k": f32["n", 2, 7, 4], "v": f32["n", 2, 7, 3]}
scale_into_attention.fires(
    Attention(Mul(q, factor), k, v, scale=scale), factor=np.float32(0.6), scale=0.5, tolerance=TOLERANCE, **_PLAIN
)
scale_into_attention.fires(
    Attention(q, Div(k, divisor), v, mask), divisor=np.float32(1.5), mask=f32[5, 7], tolerance=TOLERANCE, **_PLAIN
)
scale_into_attention.refuses(
    Attention(Mul(q, factor), k, v, scale=scale), factor=f32[4], scale=0.5, because="no number", **_PLAIN
)

_SOFT_MASK = Where(keep, zero, never)


@rewrite(Attention.any(q, k, v, _SOFT_MASK), shared=True)
def to_boolean_mask(m: Match) -> Expr:
    """Attention(q, k, v, Where(keep, 0, -inf)) -> Attention(q, k, v, keep)"""
    m.require(bool((m.array(zero) == 0).all()) and bool(np.isneginf(m.array(never)).all()), "it is not 0 or -inf")
    m.require(m[keep].shape is not None and m[keep].shape == m[_SOFT_MASK].shape, "the shape of the mask would change")
    return Attention(q, k, v, keep, **m.root.attrs)


to_boolean_mask.fires(
    Attention(q, k, v, Where(keep, zero, never)),
    keep=b8["n", 1, 5, 7], zero=np.float32(0), never=_INF, tolerance=TOLERANCE, **_PLAIN,
)  # fmt: skip
to_boolean_mask.refuses(
    Attention(q, k, v, Where(keep, zero, never)),
    keep=b8["n", 1, 5, 7], zero=np.float32(0), never=_MIN, because="not 0 or -inf", **_PLAIN,
)  # fmt: skip

_MASKED = Attention.any(q, k, v, keep)
_SOME = ReduceMax(keep, axes) | Cast.any(ReduceMax(Cast.any(keep), axes))


@rewrite(Where(_SOME, _MASKED, zero), shared=True)
def drop_guard(m: Match) -> Expr:
    """Where(any(keep), Attention(q, k, v, keep), 0) -> Attention(q, k, v, keep), which guards itself"""
    m.require(len(m[_MASKED].value.uses) == 1, "the attention is read elsewhere too")
    m.require(m[keep].dtype is BOOL, "the mask is not boolean")
    m.require(m[axes].numbers is not None and m[keep].rank is not None, "the axes are unknown")
    m.require(
        [a % (m[keep].rank or 1) for a in m[axes].numbers or ()] == [(m[keep].rank or 1) - 1], "it is not any of a row"
    )
    m.require(bool((m.array(zero) == 0).all()), "what stands for such a row is not zero")
    m.require(m.operand(m.root.output).shape == m[_MASKED].shape, "it widens the result")
    return Attention(q, k, v, keep, **m.attrs(_MASKED))


_GUARD: dict[str, Any] = {"keep": b8["n", 1, 5, 7], "axes": [-1], **_PLAIN}
drop_guard.fires(Where(ReduceMax(keep, axes), _MASKED, zero), zero=np.float32(0), **_GUARD)
drop_guard.fires(Where(Cast(ReduceMax(Cast(keep, to=6), axes), to=9), _MASKED, zero), zero=np.float32(0), **_GUARD)
drop_guard.refuses(Where(ReduceMax(keep, axes), _MASKED, zero), zero=np.float32(1), because="not zero", **_GUARD)

_DOWN, _ACROSS = Range(0, rows, 1), Range(0, columns, 1)
_LOWER_TRIANGLES = [
    GreaterOrEqual(Unsqueeze(_DOWN, [1]), _ACROSS),
    GreaterOrEqual(Unsqueeze(_DOWN, [1]), _DOWN),
    LessOrEqual(_ACROSS, Unsqueeze(_DOWN, [1])),
    LessOrEqual(_DOWN, Unsqueeze(_DOWN, [1])),
]
_DYNAMIC = [Attention.any(q, k, v, lower, is_causal=0) for lower in _LOWER_TRIANGLES]
_STATIC = Attention.any(q, k, v, triangle, is_causal=0)


@rewrite(forms=[*_DYNAMIC, _STATIC], shared=True)
def to_causal(m: Match) -> Expr:
    """Attention(q, k, v, lower triangle) -> Attention(q, k, v, causal)"""
    if triangle in m:
        array = m.array(triangle)
        m.require(array.ndim >= 2 and all(d == 1 for d in array.shape[:-2]), "it differs between heads or batches")
        lower = np.tril(np.ones(array.shape[-2:], bool))
        allowed = array if array.dtype == bool else (array == 0)
        rest_is_hopeless = array.dtype == bool or bool((array[~allowed] <= HOPELESS).all())
        m.require(bool((allowed == lower).all()) and rest_is_hopeless, "it is no lower triangle")
        wanted = (m[q].dim(2), m[k].dim(2))
        m.require(array.shape[-2:] == wanted, "it is broadcast")
    attrs = {name: a for name, a in m.root.attrs.items() if name != "is_causal"}
    return Attention(q, k, v, is_causal=1, **attrs)


to_causal.fires(_STATIC, triangle=_LOWER, tolerance=TOLERANCE, **_PLAIN)
to_causal.fires(_STATIC, triangle=np.where(_LOWER, np.float32(0), _MIN)[None, None], tolerance=TOLERANCE, **_PLAIN)
to_causal.fires(_DYNAMIC[0], rows=np.int64(5), columns=np.int64(7), tolerance=TOLERANCE, **_PLAIN)
to_causal.refuses(_STATIC, triangle=~_LOWER, because="no lower triangle", **_PLAIN)


_OPEN = Attention.any(q, k, v, triangle)


@rewrite(_OPEN, shared=True)
def drop_open_mask(m: Match) -> Expr:
    """Attention(q, k, v, mask) -> Attention(q, k, v) where the mask lets everything through"""
    array = m.array(triangle)
    m.require(bool(array.all()) if array.dtype == bool else not array.any(), "it masks something")
    m.require(array.shape[-1:] == (m[k].dim(2),), "it is shorter than the keys")
    return Attention(q, k, v, **m.root.attrs)


drop_open_mask.fires(triangle=np.ones((5, 7), bool), tolerance=TOLERANCE, **_PLAIN)
drop_open_mask.refuses(triangle=_LOWER, because="masks something", **_PLAIN)

_SHARED = [
    Attention.any(
        q, Reshape(Expand(Unsqueeze(k, [2]), shape), flat), Reshape(Expand(Unsqueeze(v, [2]), shape2), flat2), mask
    ),
    Attention.any(
        q, Reshape(Expand(Unsqueeze(k, [2]), shape), flat), Reshape(Expand(Unsqueeze(v, [2]), shape2), flat2)
    ),
]


@rewrite(forms=_SHARED, shared=True)
def share_heads(m: Match) -> Expr:
    """Attention of keys and values repeated for several heads -> Attention that shares them"""
    for base, repeated in ((k, m.root.inputs[1]), (v, m.root.inputs[2])):
        assert repeated is not None
        small, large = m[base].shape, m.operand(repeated).shape
        m.require(small is not None and large is not None and len(small) == len(large) == 4, "the shapes are unknown")
        assert small is not None and large is not None
        m.require((small[0], *small[2:]) == (large[0], *large[2:]), "more than the heads is repeated")
        heads, times = small[1], m.operand(_producer_input(repeated)).dim(2)
        m.require(
            isinstance(heads, int) and isinstance(times, int) and large[1] == heads * times,
            "the heads are not repeated",
        )
    m.require(m[k].dim(1) == m[v].dim(1), "k and v have other numbers of heads")
    return Attention(q, k, v, mask if mask in m else None, **m.root.attrs)


def _producer_input(value: Value) -> Value:
    found = value.producer.inputs[0] if value.producer else None
    assert found is not None
    return found


_GQA: dict[str, Any] = {
    "q": f32["n", 6, 5, 4], "k": f32["n", 2, 7, 4], "v": f32["n", 2, 7, 3], "shape": [1, 1, 3, 1, 1], "flat": [0, 6, 7, 4],
    "shape2": [1, 1, 3, 1, 1], "flat2": [0, 6, 7, 3],
}  # fmt: skip
share_heads.fires(_SHARED[1], tolerance=TOLERANCE, **_GQA)
share_heads.refuses(
    _SHARED[1], because="more than the heads", **{**_GQA, "k": f32[2, 2, 7, 4], "q": f32[1, 12, 5, 4], "v": f32[2, 2, 7, 3],
    "flat": [1, 12, 7, 4], "flat2": [1, 12, 7, 3]},
)  # fmt: skip

ATTENTION: list[Rule] = [
    to_attention,
    scale_into_attention,
    to_boolean_mask,
    drop_guard,
    to_causal,
    drop_open_mask,
    share_heads,
]
