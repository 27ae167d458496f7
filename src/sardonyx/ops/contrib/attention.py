"""Attention in the forms of com.microsoft, and rotary embeddings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim, dmax, floordiv
from sardonyx.core.errors import UnsupportedError
from sardonyx.ir import Array
from sardonyx.ops.contrib.heads import FILTER, attend, by_head, side_by_side
from sardonyx.ops.contrib.shared import BYTES, FLOAT, HALVES, contrib, restored, single
from sardonyx.ops.declare import Float, Input, Int, Ints, Output, String, infers, reference, types
from sardonyx.ops.known import Known, known
from sardonyx.ops.typesets import TypeSet

_32: TypeSet = frozenset({d.INT32})
_NARROW: TypeSet = frozenset({d.FLOAT32, d.FLOAT16})
NEVER = float(np.finfo(np.float32).min)


def _mask(mask: Array | None, batch: int, queries: int, keys: int, value: float) -> Array | float:
    """What a mask adds to the scores [batch, 1, queries, keys].

    A mask has ones where a query may look: [batch, keys], [batch, queries, keys], [batch, 1, longest, longest]; or says how many
    keys there are, [batch], and, behind these, where they begin, [2 * batch].
    """
    if mask is None:
        return 0.0
    if mask.ndim == 1:
        at = np.arange(keys)
        seen = at < mask[:batch, None]
        if mask.size == 2 * batch:
            seen = seen & (at >= mask[batch:, None])
        elif mask.size != batch:
            raise UnsupportedError("a mask of packed sequences has no reference", fix="give a mask by key")
        seen = seen[:, None, None, :]
    elif mask.ndim == 2:
        seen = mask[:, None, None, :] > 0
    elif mask.ndim == 3:
        seen = mask[:, None] > 0
    else:
        seen = mask[:, :, keys - queries : keys, :keys] > 0
    return np.where(seen, np.float32(0), np.float32(value))


def _causal(queries: int, keys: int) -> Array:
    """Nothing behind the query is looked at; the last query stands at the last key."""
    allowed = np.arange(keys) <= np.arange(queries)[:, None] + (keys - queries)
    return np.where(allowed, np.float32(0), np.float32(NEVER))


def _self_attention(
    projected: tuple[Array, Array, Array], heads: int, mask: Array | None, past: Array | None, bias: Array | None,
    facts: dict[str, Any], kind: Any,
) -> list[Array]:  # fmt: skip
    """Attention of a layer whose queries, keys and values are projected already."""
    if facts.get("do_rotary") or facts.get("past_present_share_buffer"):
        raise UnsupportedError("attention with rotary embeddings or a shared past has no reference")
    q, k, v = (by_head(x, heads) for x in projected)
    if past is not None:
        k, v = (np.concatenate([single(p), x], 2) for p, x in zip(past, (k, v), strict=True))
    value = FILTER if facts.get("mask_filter_value") is None else facts["mask_filter_value"]
    added = _mask(mask, q.shape[0], q.shape[2], k.shape[2], value)
    if facts.get("unidirectional"):
        added = added + _causal(q.shape[2], k.shape[2])
    if bias is not None:
        added = added + single(bias)
    y, _ = attend(q, k, v, added, facts.get("scale"))
    present = np.stack([k, v]) if k.shape == v.shape else np.zeros(0, np.float32)
    return [side_by_side(y).astype(kind), present.astype(kind)]


def _projected(x: Array, weights: Array, bias: Array | None, sizes: Any) -> tuple[Array, Array, Array]:
    y = np.matmul(single(x), single(weights))
    y = y if bias is None else y + single(bias)
    widths = sizes or [weights.shape[1] // 3] * 3
    q, k, v = np.split(y, [widths[0], widths[0] + widths[1]], -1)
    return q, k, v


def _attention_shapes(x: Known, weights: Known, past: Known | None, sizes: Any, heads: int) -> list[Any]:
    width: Dim = sizes[2] if sizes else floordiv(weights.shape[1], 3)
    features = floordiv(width, heads)
    length = x.shape[1] + (0 if past is None else past.shape[3])
    return [(*x.shape[:2], width), (2, x.shape[0], heads, length, features)]


@contrib("Attention")
class Attention:
    """Self-attention with the projections of queries, keys and values: one matrix of weights for the three."""

    T, M = types(HALVES), types(_32)
    input, weights, bias = Input(T), Input(T), Input(T, optional=True)
    mask_index, past = Input(M, optional=True), Input(T, optional=True)
    attention_bias, past_sequence_length = Input(T, optional=True), Input(M, optional=True)
    output, present = Output(T), Output(T, optional=True)
    num_heads, qkv_hidden_sizes, unidirectional = Int(required=True), Ints(), Int(0)
    mask_filter_value, scale, do_rotary, rotary_embedding_dim = Float(), Float(), Int(), Int()
    past_present_share_buffer = Int()

    @infers
    def infer(
        input: Known, weights: Known, bias: Known | None, mask: Known | None, past: Known | None, *_: Known | None,
        num_heads: int, qkv_hidden_sizes: Any,
    ) -> list[Any]:  # fmt: skip
        return _attention_shapes(input, weights, past, qkv_hidden_sizes, num_heads)

    @reference
    def run(
        input: Array, weights: Array, bias: Array | None, mask: Array | None, past: Array | None, extra: Array | None,
        length: Array | None, *, num_heads: int, qkv_hidden_sizes: Any, unidirectional: int,
        mask_filter_value: float | None, scale: float | None, do_rotary: int | None, past_present_share_buffer: int | None,
    ) -> list[Array]:  # fmt: skip
        facts = {"unidirectional": unidirectional, "mask_filter_value": mask_filter_value, "scale": scale}
        facts |= {"do_rotary": do_rotary, "past_present_share_buffer": past_present_share_buffer}
        projected = _projected(input, weights, bias, qkv_hidden_sizes)
        return _self_attention(projected, num_heads, mask, past, extra, facts, input.dtype)


@contrib("QAttention")
class QAttention:
    """Attention whose input and weights are quantized."""

    T1, T2, T3, T4 = types(BYTES), types(BYTES), types(_NARROW), types(_32)
    input, weight, bias, input_scale, weight_scale = Input(T1), Input(T2), Input(T3), Input(T3), Input(T3)
    mask_index, input_zero_point = Input(T4, optional=True), Input(T1, optional=True)
    weight_zero_point, past = Input(T2, optional=True), Input(T3, optional=True)
    output, present = Output(T3), Output(T3, optional=True)
    num_heads, unidirectional, do_rotary = Int(required=True), Int(0), Int()
    mask_filter_value, scale, past_present_share_buffer = Float(), Float(), Int()

    @infers
    def infer(
        input: Known, weight: Known, bias: Known, input_scale: Known, weight_scale: Known, mask: Known | None,
        input_zero: Known | None, weight_zero: Known | None, past: Known | None, *, num_heads: int,
    ) -> list[Any]:  # fmt: skip
        return _attention_shapes(input, weight, past, None, num_heads)

    @reference
    def run(
        input: Array, weight: Array, bias: Array, input_scale: Array, weight_scale: Array, mask: Array | None,
        input_zero: Array | None, weight_zero: Array | None, past: Array | None, *, num_heads: int, unidirectional: int,
        mask_filter_value: float | None, scale: float | None, do_rotary: int | None, past_present_share_buffer: int | None,
    ) -> list[Array]:  # fmt: skip
        facts = {"unidirectional": unidirectional, "mask_filter_value": mask_filter_value, "scale": scale}
        facts |= {"do_rotary": do_rotary, "past_present_share_buffer": past_present_share_buffer}
        x, w = restored(input, input_scale, input_zero), restored(weight, weight_scale, weight_zero)
        return _self_attention(_projected(x, w, bias, None), num_heads, mask, past, None, facts, bias.dtype)


def _with_bias(x: Array, bias: Array | None, start: int) -> Array:
    return x if bias is None else x + single(bias)[start : start + x.shape[-1]]


@contrib("MultiHeadAttention")
class MultiHeadAttention:
    """Attention of projected queries to projected keys and values, which may come as heads: [batch, heads, length, features]."""

    T, QK, M = types(HALVES), types(HALVES), types(_32)
    query, key, value, bias = Input(T), Input(T, optional=True), Input(T, optional=True), Input(T, optional=True)
    key_padding_mask, attention_bias = Input(M, optional=True), Input(T, optional=True)
    past_key, past_value = Input(T, optional=True), Input(T, optional=True)
    past_sequence_length, cache_indirection = Input(M, optional=True), Input(M, optional=True)
    output = Output(T)
    present_key, present_value, qk = Output(T, optional=True), Output(T, optional=True), Output(QK, optional=True)
    num_heads, mask_filter_value, scale, unidirectional = Int(required=True), Float(), Float(), Int(0)

    @infers
    def infer(
        query: Known, key: Known | None, value: Known | None, bias: Known | None, mask: Known | None,
        extra: Known | None, past_key: Known | None, past_value: Known | None, *_: Known | None, num_heads: int,
    ) -> list[Any]:  # fmt: skip
        if key is None or value is None:
            return [None] * 4
        heads: Dim = num_heads
        if value.rank == 4:
            width, length = value.shape[1] * value.shape[3], value.shape[2]
        else:
            width, length = value.shape[2], value.shape[1]
        total = length + (0 if past_key is None else past_key.shape[2])
        features = floordiv(query.shape[2], heads)
        return [
            (*query.shape[:2], width),
            (query.shape[0], heads, total, features),
            (query.shape[0], heads, total, floordiv(width, heads)),
            (query.shape[0], heads, query.shape[1], total),
        ]

    @reference
    def run(
        query: Array, key: Array | None, value: Array | None, bias: Array | None, mask: Array | None,
        extra: Array | None, past_key: Array | None, past_value: Array | None, length: Array | None,
        indirection: Array | None, *, num_heads: int, mask_filter_value: float | None, scale: float | None,
        unidirectional: int,
    ) -> list[Array]:  # fmt: skip
        if key is None or value is None or indirection is not None or query.ndim != 3:
            raise UnsupportedError("packed queries, keys and values have no reference", fix="give all three apart")
        width = query.shape[-1]
        q = by_head(_with_bias(single(query), bias, 0), num_heads)
        if key.ndim == 4:
            k, v = single(key), single(value)
        else:
            k = by_head(_with_bias(single(key), bias, width), num_heads)
            v = by_head(_with_bias(single(value), bias, 2 * width), num_heads)
        if past_key is not None and past_value is not None:
            k, v = np.concatenate([single(past_key), k], 2), np.concatenate([single(past_value), v], 2)
        hidden = FILTER if mask_filter_value is None else mask_filter_value
        added = _mask(mask, q.shape[0], q.shape[2], k.shape[2], hidden)
        if unidirectional:
            added = added + _causal(q.shape[2], k.shape[2])
        if extra is not None:
            added = added + single(extra)
        y, scores = attend(q, k, v, added, scale)
        return [
            side_by_side(y).astype(query.dtype),
            k.astype(query.dtype),
            v.astype(query.dtype),
            scores.astype(query.dtype),
        ]


# -- rotary embeddings ----------------------------------------------------------------------------------------------------


def rotated(x: Array, cos: Array, sin: Array, *, interleaved: bool) -> Array:
    """[batch, heads, length, features] with the first 2 * (extent of cos) features turned; cos and sin [batch, length, half]."""
    half = cos.shape[-1]
    turned, kept = x[..., : 2 * half], x[..., 2 * half :]
    a, b = (turned[..., ::2], turned[..., 1::2]) if interleaved else (turned[..., :half], turned[..., half:])
    c, s = cos[:, None], sin[:, None]
    real, imaginary = a * c - b * s, b * c + a * s
    pairs = np.stack([real, imaginary], -1) if interleaved else np.concatenate([real, imaginary], -1)
    return np.concatenate([pairs.reshape(turned.shape), kept], -1)


@contrib("RotaryEmbedding")
class RotaryEmbedding:
    """The features of each head turned by angles of their place: pairs lie half the features apart, or side by side."""

    T, M = types(HALVES), types(frozenset({d.INT64}))
    input, position_ids, cos_cache, sin_cache = Input(T), Input(M), Input(T), Input(T)
    output = Output(T)
    interleaved, is_packed_batching, num_heads, rotary_embedding_dim, scale = Int(), Int(), Int(), Int(), Float()

    @infers
    def infer(input: Known, *_: Known) -> Any:
        return input.shape

    @reference
    def run(
        input: Array, position_ids: Array, cos: Array, sin: Array, *, interleaved: int | None, num_heads: int | None
    ) -> Array:
        flat = input.ndim == 3
        batch, length = (input.shape[0], input.shape[1]) if flat else (input.shape[0], input.shape[2])
        places = np.broadcast_to(position_ids.reshape(-1)[0] + np.arange(length), (batch, length))
        if position_ids.ndim == 2:
            places = position_ids
        heads = num_heads or (input.shape[2] // (2 * cos.shape[1]) if flat else 0)
        x = by_head(single(input), heads) if flat else single(input)
        y = rotated(x, single(cos)[places], single(sin)[places], interleaved=bool(interleaved))
        return (side_by_side(y) if flat else y).astype(input.dtype)


@contrib("MRotaryEmbedding")
class MRotaryEmbedding:
    """RotaryEmbedding by three places of each token, in time, height and width: sections of the angles go by one each.

    The sections lie one behind the other, or, as layout 1 has it, in turn for as far as those of height and width reach.
    """

    T, M = types(HALVES), types(frozenset({d.INT64}))
    input, position_ids, cos_cache, sin_cache = Input(T), Input(M), Input(T), Input(T)
    output = Output(T)
    mrope_section, mrope_layout, interleaved = Ints(required=True), Int(), Int()
    num_heads, rotary_embedding_dim, is_packed_batching, scale = Int(), Int(), Int(), Float()

    @infers
    def infer(input: Known, *_: Known) -> Any:
        return input.shape

    @reference
    def run(
        input: Array, position_ids: Array, cos: Array, sin: Array, *, mrope_section: tuple[int, ...],
        mrope_layout: int | None, interleaved: int | None, num_heads: int | None,
    ) -> Array:  # fmt: skip
        half = cos.shape[1]
        if mrope_layout:
            goes_by = np.zeros(half, np.int64)
            for stream in (1, 2):
                goes_by[stream : 3 * mrope_section[stream] : 3] = stream
        else:
            goes_by = np.repeat(np.arange(3), mrope_section)
        places = position_ids[goes_by].transpose(1, 2, 0)  # [batch, length, half]
        c, s = (single(x)[places, np.arange(half)] for x in (cos, sin))
        flat = input.ndim == 3
        heads = num_heads or (input.shape[2] // (2 * half) if flat else 0)
        x = by_head(single(input), heads) if flat else single(input)
        y = rotated(x, c, s, interleaved=bool(interleaved))
        return (side_by_side(y) if flat else y).astype(input.dtype)


# -- attention with groups of queries -------------------------------------------------------------------------------------


@contrib("GroupQueryAttention")
class GroupQueryAttention:
    """Causal attention in which groups of query heads share a head of keys and values, over a past of known length.

    seqlens_k says, for each row of the batch, how many keys there are less one, and so where the new ones go. The queries are the
    last ones, or all if there are as many as total_sequence_length. Queries, keys and values may come side by side as `query`.
    """

    T, M = types(HALVES), types(_32)
    T_CACHE = types(HALVES | {d.INT8, d.UINT8, d.FLOAT8E4M3FN})
    T_KV_SCALE = types(FLOAT)
    query, key, value = Input(T), Input(T, optional=True), Input(T, optional=True)
    past_key, past_value = Input(T_CACHE, optional=True), Input(T_CACHE, optional=True)
    seqlens_k, total_sequence_length = Input(M), Input(M)
    cos_cache, sin_cache = Input(T, optional=True), Input(T, optional=True)
    position_ids, attention_bias = Input("tensor(int64)", optional=True), Input(T, optional=True)
    head_sink = Input(T, optional=True)
    k_scale, v_scale = Input(T_KV_SCALE, optional=True), Input(T_KV_SCALE, optional=True)
    q_norm_weight, k_norm_weight = Input(T, optional=True), Input(T, optional=True)
    query_seqlens = Input(M, optional=True)
    output = Output(T)
    present_key, present_value = Output(T_CACHE, optional=True), Output(T_CACHE, optional=True)
    output_qk = Output(T, optional=True)
    num_heads, kv_num_heads, causal = Int(required=True), Int(required=True), Int(1)
    do_rotary, rotary_interleaved, scale, softcap, local_window_size = Int(), Int(), Float(), Float(), Int(-1)
    smooth_softmax, qk_output, sliding_window_cache, kv_cache_bit_width = Int(-1), Int(0), Int(0), Int()
    k_quant_type, v_quant_type = String("NONE"), String("NONE")
    q_norm_epsilon, k_norm_epsilon, qk_norm_epsilon = Float(), Float(), Float(1e-6)

    @infers
    def infer(
        query: Known, key: Known | None, value: Known | None, past_key: Known | None, past_value: Known | None,
        seqlens: Known, total: Known, *_: Known | None, num_heads: int, kv_num_heads: int,
    ) -> list[Any]:  # fmt: skip
        batch, length, width = query.shape
        features = floordiv(width, num_heads if key is not None else num_heads + 2 * kv_num_heads)
        extent = total.scalar()
        if past_key is not None and extent is not None:
            extent = dmax(extent, past_key.shape[2])
        present = known(query.dtype, (batch, kv_num_heads, extent, features))
        return [(batch, length, features * num_heads), present, present, None]

    @reference
    def run(
        query: Array, key: Array | None, value: Array | None, past_key: Array | None, past_value: Array | None,
        seqlens: Array, total: Array, cos: Array | None, sin: Array | None, positions: Array | None,
        bias: Array | None, sink: Array | None, *unused: Array | None, num_heads: int, kv_num_heads: int,
        do_rotary: int | None, rotary_interleaved: int | None, scale: float | None, softcap: float | None,
        local_window_size: int, smooth_softmax: int,
    ) -> list[Array]:  # fmt: skip
        if any(x is not None for x in unused) or sink is not None or smooth_softmax > 0:
            raise UnsupportedError("GroupQueryAttention with quantized caches, norms or sinks has no reference")
        q, k, v = _apart(single(query), key, value, num_heads, kv_num_heads)
        batch, _, length, features = q.shape
        lengths = seqlens.reshape(-1).astype(np.int64) + 1
        whole = int(total.reshape(-1)[0])
        before = np.zeros(batch, np.int64) if length == whole else lengths - length
        if do_rotary and cos is not None and sin is not None:
            places = before[:, None] + np.arange(length) if positions is None else positions.reshape(batch, length)
            turn = {"interleaved": bool(rotary_interleaved)}
            q, k = (rotated(x, single(cos)[places], single(sin)[places], **turn) for x in (q, k))
        extent = max(whole, 0 if past_key is None else past_key.shape[2])
        caches: list[Array] = []
        for past, new in ((past_key, k), (past_value, v)):
            cache = np.zeros((batch, kv_num_heads, extent, features), np.float32)
            for i in range(batch):
                if past is not None:
                    cache[i, :, : before[i]] = past[i, :, : before[i]]
                cache[i, :, before[i] : before[i] + length] = new[i]
            caches.append(cache)
        at, own = np.arange(extent), before[:, None, None] + np.arange(length)[:, None]
        seen = at <= own
        if local_window_size >= 0:
            seen = seen & (at > own - local_window_size)
        keys, values = (np.repeat(c, num_heads // kv_num_heads, 1) for c in caches)
        factor = np.float32(scale or 1 / math.sqrt(features))
        scores = np.matmul(q, keys.swapaxes(-1, -2)) * factor
        if softcap:
            scores = np.tanh(scores / np.float32(softcap)) * np.float32(softcap)
        if bias is not None:
            scores[..., : bias.shape[-1]] += single(bias)
        scores = np.where(seen[:, None], scores, np.float32(-np.inf))
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        y = np.matmul(powers / powers.sum(-1, keepdims=True), values)
        kind = query.dtype
        return [side_by_side(y).astype(kind), *(c.astype(kind) for c in caches), scores.astype(kind)]


def _apart(query: Array, key: Array | None, value: Array | None, heads: int, few: int) -> tuple[Array, Array, Array]:
    """Queries, keys and values by head."""
    if key is None or value is None:
        features = query.shape[-1] // (heads + 2 * few)
        q, k, v = np.split(query, [heads * features, (heads + few) * features], -1)
    else:
        q, k, v = query, single(key), single(value)
    return by_head(q, heads), by_head(k, few), by_head(v, few)


# -- biases of distance ---------------------------------------------------------------------------------------------------


@contrib("RelativePositionBias")
class RelativePositionBias:
    """A bias for each head by how far a key is from a query: near ones each have their own, far ones share one by logarithm."""

    T, U = types(_NARROW), types(frozenset({d.INT64}))
    bias_table, query_length, key_length = Input(T), Input(U), Input(U)
    output = Output(T)
    is_bidirectional, max_distance = Int(0), Int(required=True)

    @infers
    def infer(table: Known, queries: Known, keys: Known) -> Any:
        return (1, table.shape[1], queries.scalar(), keys.scalar())

    @reference
    def run(table: Array, queries: Array, keys: Array, *, is_bidirectional: int, max_distance: int) -> Array:
        buckets = table.shape[0]
        distance = np.arange(int(queries.reshape(-1)[0]))[:, None] - np.arange(int(keys.reshape(-1)[0]))
        found = np.zeros_like(distance)
        if is_bidirectional:
            buckets //= 2
            found = np.where(distance < 0, buckets, 0)
            distance = np.abs(distance)
        else:
            distance = np.maximum(distance, 0)
        near = buckets // 2
        ratio = np.log(np.maximum(distance, 1).astype(np.float32) / near) / np.float32(math.log(max_distance / near))
        far = np.minimum(near + (ratio * (buckets - near)).astype(np.int64), buckets - 1)
        found = found + np.where(distance < near, distance, far)
        return table[found].transpose(2, 0, 1)[None]


__all__ = ["rotated"]
