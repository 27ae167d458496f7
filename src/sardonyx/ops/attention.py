"""Scaled dot-product attention, and what serves it: positions turned into angles, caches written in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim, floordiv
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Flag, Float, GraphAttr, Input, Int, Output, String, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, axis_of, known, same
from sardonyx.ops.linalg import accumulate
from sardonyx.ops.typesets import BOOL, FLOATS_BF, I64, IR12, NUMBERS_BF

__all__: list[str] = []


def by_heads(x: Array, heads: int | None) -> Array:
    """[batch, sequence, heads * features] as [batch, heads, sequence, features]; a tensor of rank 4 is so already."""
    if x.ndim == 4:
        return x
    if not heads:
        raise ShapeError(
            f"{show_shape(x.shape)} has rank 3, so the number of heads must be given",
            fix="set num_heads, or q_num_heads and kv_num_heads",
        )
    return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


def _dims_by_heads(x: Known, name: str, heads: int | None) -> tuple[Dim, Dim, Dim, Dim]:
    if x.rank == 4:
        batch, count, length, features = x.shape
        return batch, count, length, features
    if x.rank != 3:
        raise ShapeError(f"{name} must have rank 3 or 4, not {x.rank}", why=f"its shape is {show_shape(x.shape)}")
    if heads is None:
        raise ShapeError(
            f"{name} has rank 3, so the number of heads must be given", fix="set q_num_heads and kv_num_heads"
        )
    return x.shape[0], heads, x.shape[1], floordiv(x.shape[2], heads)


def bias_of(
    shape: tuple[int, int], mask: Array | None, *, causal: bool, left: int, right: int, past: int, valid: Array | None
) -> Array:
    """What is added to the scores of `shape` (queries, keys): 0 where a query may look, -inf where not, or the mask's numbers."""
    queries, keys = shape
    kind = np.float64 if mask is not None and mask.dtype == np.float64 else np.float32
    bias: Array = np.zeros(shape, kind)
    if mask is not None:
        short = [(0, 0)] * (mask.ndim - 1) + [(0, keys - mask.shape[-1])]
        if mask.dtype == bool:
            bias = np.where(np.pad(mask, short), kind(0), kind(-np.inf))
        else:
            bias = np.pad(mask.astype(kind), short, constant_values=-np.inf)
    offset: Any = past if valid is None else valid.reshape(-1, 1, 1, 1) - queries
    distance = np.arange(keys) - (np.arange(queries)[:, None] + offset)  # of a key behind its query
    allowed = np.ones_like(distance, bool)
    if causal:
        allowed &= distance <= 0
    if left >= 0:
        allowed &= -distance <= left
    if right >= 0:
        allowed &= distance <= right
    if valid is not None:
        allowed = allowed & (np.arange(keys) < valid.reshape(-1, 1, 1, 1))
    return bias + np.where(allowed, kind(0), kind(-np.inf))


@operator("Attention", since=(23, 24, 25))
class Attention:
    """Y = softmax(Q @ K.T * scale + mask) @ V for each head; a query that may look at no key gives zeros.

    The scale is 1 / sqrt(features) unless given, and its root is taken to Q and to K. Query heads share key heads in order
    where there are fewer of these.
    """

    T1, T2 = types(FLOATS_BF), types(FLOATS_BF)
    U = types(NUMBERS_BF | BOOL)
    Q, K, V = Input(T1), Input(T1), Input(T2)
    attn_mask = Input(U, optional=True)
    past_key, past_value = Input(T1, optional=True), Input(T2, optional=True)
    nonpad_kv_seqlen = Input("tensor(int64)", optional=True, since=24)
    Y = Output(T1)
    present_key, present_value = Output(T1, optional=True), Output(T2, optional=True)
    qk_matmul_output = Output(T1, optional=True)
    is_causal, scale, softcap = Flag(0), Float(), Float(0.0)
    q_num_heads, kv_num_heads, softmax_precision = Int(), Int(), Int()
    qk_matmul_output_mode = Int(0)
    left_window_size, right_window_size = Int(-1, since=25), Int(-1, since=25)

    @infers
    def infer(
        Q: Known,
        K: Known,
        V: Known,
        mask: Known | None,
        past_key: Known | None,
        past_value: Known | None,
        valid: Known | None,
        *,
        q_num_heads: int | None,
        kv_num_heads: int | None,
    ) -> list[Dims]:
        batch, heads, queries, features = _dims_by_heads(Q, "Q", q_num_heads)
        _, _, _, value_features = _dims_by_heads(V, "V", kv_num_heads)
        if not K.has_shape:
            return [
                (batch, queries, heads * value_features) if Q.rank == 3 else (batch, heads, queries, value_features)
            ]
        _, kv_heads, keys, key_features = _dims_by_heads(K, "K", kv_num_heads)
        same(features, key_features, "features of Q and K")
        total = keys if past_key is None else past_key.shape[2] + keys
        result: Dims = (batch, heads, queries, value_features)
        if Q.rank == 3:
            result = (batch, queries, heads * value_features)
        return [
            result,
            (batch, kv_heads, total, key_features),
            (batch, kv_heads, total, value_features),
            (batch, heads, queries, total),
        ]

    @reference
    def run(
        Q: Array,
        K: Array,
        V: Array,
        mask: Array | None,
        past_key: Array | None,
        past_value: Array | None,
        valid: Array | None,
        *,
        is_causal: bool,
        scale: float | None,
        softcap: float,
        q_num_heads: int | None,
        kv_num_heads: int | None,
        softmax_precision: int | None,
        qk_matmul_output_mode: int,
        left_window_size: int,
        right_window_size: int,
        n_outputs: int,
    ) -> list[Array]:
        q, k, v = by_heads(Q, q_num_heads), by_heads(K, kv_num_heads), by_heads(V, kv_num_heads)
        if past_key is not None and past_value is not None:
            k, v = np.concatenate([past_key, k], 2), np.concatenate([past_value, v], 2)
        present_key, present_value = k, v
        times = q.shape[1] // k.shape[1]
        if times > 1:
            k, v = np.repeat(k, times, 1), np.repeat(v, times, 1)
        root = Q.dtype.type(math.sqrt(1 / math.sqrt(q.shape[-1]) if scale is None else scale))
        raw: Array = np.matmul(wide(q * root), wide(np.swapaxes(k * root, -1, -2))).astype(Q.dtype)
        capped = raw if not softcap else (np.tanh(wide(raw) / softcap) * softcap).astype(Q.dtype)
        past = 0 if past_key is None else past_key.shape[2]
        bias = bias_of(
            (q.shape[2], k.shape[2]), mask, causal=is_causal, left=left_window_size, right=right_window_size, past=past,
            valid=valid,
        )  # fmt: skip
        scores = capped + bias.astype(capped.dtype)
        weights = _softmax(scores if softmax_precision is None else scores.astype(d.dtype(softmax_precision).numpy))
        weights = np.where(np.isneginf(bias.max(-1, keepdims=True)), weights.dtype.type(0), weights).astype(Q.dtype)
        y: Array = np.matmul(wide(weights), wide(v)).astype(Q.dtype)
        if Q.ndim == 3:
            y = y.transpose(0, 2, 1, 3).reshape(*Q.shape[:2], -1)
        shown = (raw, capped, scores, weights)[qk_matmul_output_mode].astype(Q.dtype)
        return [y, present_key, present_value, shown][:n_outputs]


def _softmax(x: Array) -> Array:
    """Softmax over the last axis, each step rounded to the type of x as the standard has it; zeros where all is -inf."""
    most = x.max(-1, keepdims=True)
    e: Array = np.exp(x - np.where(np.isneginf(most), x.dtype.type(0), most))
    total = e.sum(-1, keepdims=True)
    return e / np.where(total == 0, x.dtype.type(1), total)


@operator("RotaryEmbedding", since=(23,))
class RotaryEmbedding:
    """Pairs of features turned by an angle that depends on the position: the first `rotary_embedding_dim` of each head, or all.

    A pair is one feature of the first half and one of the second, or two neighbours when `interleaved`.
    """

    T = types(FLOATS_BF - {d.FLOAT64})
    M = types(I64)
    X, cos_cache, sin_cache = Input(T), Input(T), Input(T)
    position_ids = Input(M, optional=True)
    Y = Output(T)
    interleaved, num_heads, rotary_embedding_dim = Flag(0), Int(), Int(0)

    @infers
    def infer(
        X: Known, cos: Known, sin: Known, positions: Known | None, *, num_heads: int | None, rotary_embedding_dim: int
    ) -> Dims:
        _, _, _, features = _dims_by_heads(X, "X", num_heads or None)
        for name, cache in (("cos_cache", cos), ("sin_cache", sin)):
            if not cache.has_shape:
                continue
            if cache.rank != (3 if positions is None else 2):
                raise ShapeError(
                    f"{name}{show_shape(cache.shape)} must have rank {3 if positions is None else 2}",
                    why="position_ids is absent" if positions is None else "position_ids picks rows of it",
                )
            same(
                cache.shape[-1], floordiv(rotary_embedding_dim or features, 2), f"columns of {name} and half the pairs"
            )
        return X.shape

    @reference
    def run(
        X: Array, cos: Array, sin: Array, positions: Array | None, *, interleaved: bool, num_heads: int | None,
        rotary_embedding_dim: int,
    ) -> Array:  # fmt: skip
        x = by_heads(X, num_heads)
        if positions is not None:
            cos, sin = cos[positions], sin[positions]
        cos, sin = wide(cos[:, None]), wide(sin[:, None])  # one turn for all heads
        count = rotary_embedding_dim or x.shape[-1]
        for name, cache in (("cos", cos), ("sin", sin)):
            if cache.shape[-1] != count // 2:
                raise ShapeError(
                    f"Last dimension of {name} cache ({cache.shape[-1]}) does not match half of the {count} features turned"
                )
        turned, rest = np.split(x, [count], -1)
        pairs = turned.reshape(*turned.shape[:-1], *((-1, 2) if interleaved else (2, -1)))
        axis = -1 if interleaved else -2
        a, b = wide(np.take(pairs, 0, axis)), wide(np.take(pairs, 1, axis))
        turned = np.stack([cos * a - sin * b, sin * a + cos * b], axis).astype(X.dtype).reshape(turned.shape)
        y = np.concatenate([turned, rest], -1)
        return y if X.ndim == 4 else y.transpose(0, 2, 1, 3).reshape(X.shape)


@operator("TensorScatter", since=(24,))
class TensorScatter:
    """A cache with `update` written along `axis`, for each sample from its write index on; "circular" wraps around."""

    T = types(IR12)
    past_cache, update = Input(T), Input(T)
    write_indices = Input("tensor(int64)", optional=True)
    present_cache = Output(T)
    axis, mode = Int(-2), String("linear")

    @infers
    def infer(past: Known, update: Known, write: Known | None, *, axis: int) -> Dims:
        at = axis_of(axis, past.rank)
        if at == 0:
            raise ShapeError("axis 0 is the batch", fix="name the axis of the sequence")
        if not update.has_shape:
            return past.shape
        if past.rank != update.rank:
            raise ShapeError(f"the ranks of {show_shape(past.shape)} and {show_shape(update.shape)} differ")
        for i, (a, b) in enumerate(zip(past.shape, update.shape, strict=True)):
            if i != at:
                same(a, b, f"extents of axis {i} of the cache and of its update")
        return past.shape

    @reference
    def run(past: Array, update: Array, write: Array | None, *, axis: int, mode: str) -> Array:
        at = axis % past.ndim
        first = np.zeros(past.shape[0], np.int64) if write is None else write
        places = first[:, None] + np.arange(update.shape[at])
        if mode == "circular":
            places %= past.shape[at]
        present = past.copy()
        np.moveaxis(present, at, 1)[np.arange(past.shape[0])[:, None], places] = np.moveaxis(update, at, 1)
        return present


@operator("FlexAttention", since=(1,), domain="ai.onnx.preview")
class FlexAttention:
    """Y = prob_mod(softmax(score_mod(Q @ K.T * scale))) @ V, where both modifiers are graphs that may be absent."""

    T1 = types(FLOATS_BF)
    Q, K, V = Input(T1), Input(T1), Input(T1)
    Y = Output(T1)
    scale, softmax_precision = Float(), Int()
    score_mod, prob_mod = GraphAttr(), GraphAttr()

    @infers
    def infer(Q: Known, K: Known, V: Known, *, score_mod: Any, prob_mod: Any, softmax_precision: int | None) -> Dims:
        if not Q.rank == K.rank == V.rank == 4:
            shown = " and ".join(show_shape(x.shape) for x in (Q, K, V))
            raise ShapeError("FlexAttention takes tensors of rank 4", why=f"the shapes are {shown}")
        same(Q.shape[3], K.shape[3], "features of Q and K")
        same(K.shape[2], V.shape[2], "lengths of K and V")
        mine, theirs = Q.shape[1], same(K.shape[1], V.shape[1], "heads of K and V")
        if isinstance(mine, int) and isinstance(theirs, int) and (theirs < 1 or mine % theirs):
            raise ShapeError("the heads of Q are a multiple of those of K and V", why=f"they are {mine} and {theirs}")
        if len({x.dtype for x in (Q, K, V) if x.dtype is not None}) > 1:
            raise ShapeError(
                "Q, K and V are of one type", why=f"they are {', '.join(x.dtype.name for x in (Q, K, V) if x.dtype)}"
            )
        kind = d.dtype(softmax_precision) if softmax_precision else d.FLOAT64 if Q.dtype is d.FLOAT64 else d.FLOAT32
        scores = known(kind, (*Q.shape[:3], K.shape[2]))
        for modify in (score_mod, prob_mod):
            if modify is not None:
                modify(scores)
        return *Q.shape[:3], V.shape[3]

    @reference
    def run(
        Q: Array,
        K: Array,
        V: Array,
        *,
        scale: float | None,
        softmax_precision: int | None,
        score_mod: Any,
        prob_mod: Any,
    ) -> Array:
        times = Q.shape[1] // K.shape[1]
        k, v = np.repeat(K, times, 1), np.repeat(V, times, 1)
        root = np.float32(math.sqrt(1 / math.sqrt(Q.shape[-1]) if scale is None else scale)).astype(Q.dtype)
        kind = d.dtype(softmax_precision).numpy if softmax_precision else np.result_type(wide(Q).dtype, np.float32)
        scores: Array = accumulate(Q * root, np.swapaxes(k * root, -1, -2)).astype(Q.dtype).astype(kind)
        if score_mod is not None:
            scores = np.asarray(score_mod(scores)[0], kind)
        weights = _softmax(scores)
        if prob_mod is not None:
            weights = np.asarray(prob_mod(weights)[0], kind)
        return accumulate(weights, v.astype(kind)).astype(Q.dtype)
