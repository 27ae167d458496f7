"""Attention."""

from __future__ import annotations

import math

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.registry import aten
from sardonyx.frontends.torch.shape import reshape, shape_of
from sardonyx.ir import Value
from sardonyx.ops.builder import Builder

__all__: list[str] = []

_ATTENTION = 23  # the opset that brought the operator


@aten(
    "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor"
)
def attention(
    g: Builder, query: Value, key: Value, value: Value, attn_mask: Value | None, dropout_p: float, is_causal: bool,
    *, scale: float | None, enable_gqa: bool,
) -> Value:  # fmt: skip
    if dropout_p:
        raise UnsupportedError("attention with dropout", fix="call module.eval() before exporting")
    if g.opset >= _ATTENTION and query.rank == 4:
        return g.Attention(query, key, value, attn_mask, scale=scale, is_causal=is_causal)
    by = _scale(g, query) if scale is None else scale
    if enable_gqa:
        key, value = (_repeated(g, x, query) for x in (key, value))
    rank = query.rank or 0
    scores = g.MatMul(g.Mul(query, by), g.Transpose(key, perm=[*range(rank - 2), rank - 1, rank - 2]))
    if is_causal:
        attn_mask = _causal(g, shape_of(query)[-2], shape_of(key)[-2])
    if attn_mask is None:
        return g.MatMul(g.Softmax(scores, axis=-1), value)
    if attn_mask.dtype is not d.BOOL:
        return g.MatMul(g.Softmax(g.Add(scores, attn_mask), axis=-1), value)
    assert query.dtype is not None
    bias = g.Where(attn_mask, np.zeros((), query.dtype.numpy), np.asarray(-np.inf, query.dtype.numpy))
    result = g.MatMul(g.Softmax(g.Add(scores, bias), axis=-1), value)
    if is_causal:
        return result
    # A row that may look at nothing gives zeros; softmax would give NaN.
    return g.Where(_some(g, attn_mask), result, np.zeros((), query.dtype.numpy))


def _scale(g: Builder, query: Value) -> Value | float:
    """One over the root of the number of features."""
    features = shape_of(query)[-1]
    if isinstance(features, int):
        return 1 / math.sqrt(features)
    return g.Reciprocal(g.Sqrt(g.Cast(g.extents.scalar(features), to=query.dtype)))


def _some(g: Builder, mask: Value) -> Value:
    """Whether each row of the mask has any true element."""
    if g.opset >= 20:
        return g.ReduceMax(mask, [-1])
    return g.Cast(g.ReduceMax(g.Cast(mask, to=d.INT32), [-1]), to=d.BOOL)


def _causal(g: Builder, rows: Dim, columns: Dim) -> Value:
    """True where the column is not behind the row."""
    if isinstance(rows, int) and isinstance(columns, int):
        return g.value(np.tril(np.ones((rows, columns), np.bool_)), hint="causal_mask")
    zero, one = np.int64(0), np.int64(1)
    down = g.Unsqueeze(g.Range(zero, g.extents.scalar(rows), one), [1])
    return g.GreaterOrEqual(down, g.Range(zero, g.extents.scalar(columns), one))


def _repeated(g: Builder, x: Value, query: Value) -> Value:
    """Each head of keys or values as often as query heads share it."""
    batch, heads, length, features = shape_of(x)
    wanted = shape_of(query)[1]
    if not isinstance(heads, int) or not isinstance(wanted, int):
        raise UnsupportedError("a dynamic number of attention heads", fix="export with that size fixed")
    times = wanted // heads
    if times == 1:
        return x
    wide = g.Expand(g.Unsqueeze(x, [2]), [1, 1, times, 1, 1])
    return reshape(g, wide, (batch, wanted, length, features))
