"""Attention of decoders, one token at a time, over keys and values that were kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim, floordiv
from sardonyx.core.errors import InputError
from sardonyx.ir import Array
from sardonyx.ops.contrib.heads import FILTER, attend, by_head, side_by_side
from sardonyx.ops.contrib.shared import contrib, single
from sardonyx.ops.declare import Float, Input, Int, Output, infers, reference, types
from sardonyx.ops.known import Known
from sardonyx.ops.typesets import TypeSet

__all__: list[str] = []

_32: TypeSet = frozenset({d.INT32})
_NARROW: TypeSet = frozenset({d.FLOAT32, d.FLOAT16})
_BOOL: TypeSet = frozenset({d.BOOL})


def _hidden(mask: Array | None, value: float | None) -> Array | float:
    """What a mask [batch, keys], with ones where a query may look, adds to the scores."""
    if mask is None:
        return 0.0
    return np.where(mask[:, None, None, :] > 0, np.float32(0), np.float32(FILTER if value is None else value))


def _kept(cache: Array, new: Array, length: Array | None, shared: int | None) -> tuple[Array, int]:
    """The cache [batch, heads, length, features] with the new token in it, and how many of its places count.

    A shared cache has room for more than there is; any other grows.
    """
    if not shared:
        grown = np.concatenate([single(cache), new], 2)
        return grown, grown.shape[2]
    if length is None:
        raise InputError("a cache that is shared needs the length of what is in it", fix="give past_sequence_length")
    at = int(length.reshape(-1)[0])
    if at >= cache.shape[2]:
        raise InputError(f"a cache for {cache.shape[2]} tokens is full with {at}")
    full = single(cache).copy()
    full[:, :, at] = new[:, :, 0]
    return full, at + 1


def _beamed(cache: Array, beams: Array | None, indirection: Array | None, past: int) -> Array:
    """The cache as each beam sees it: each past token as the beam kept it that it came from."""
    if indirection is None or beams is None or int(beams.reshape(-1)[0]) == 1:
        return cache
    width = int(beams.reshape(-1)[0])
    by_group = cache.reshape(-1, width, *cache.shape[1:])  # [group, beam, heads, length, features]
    found = by_group.copy()
    groups = np.arange(len(by_group))[:, None]
    for token in range(past):
        found[:, :, :, token] = by_group[groups, indirection[:, :, token], :, token]
    return found.reshape(cache.shape)


@contrib("DecoderMaskedMultiHeadAttention")
class DecoderMaskedMultiHeadAttention:
    """MultiHeadAttention of one token: to itself and those kept before it, or to the keys of an encoder."""

    T, QK, M = types(_NARROW), types(_NARROW), types(_32)
    query, key, value = Input(T), Input(T, optional=True), Input(T, optional=True)
    mask_index, attention_bias = Input(M, optional=True), Input(T, optional=True)
    past_key, past_value = Input(T, optional=True), Input(T, optional=True)
    past_sequence_length, beam_width = Input(M, optional=True), Input(M, optional=True)
    cache_indirection, bias = Input(M, optional=True), Input(T, optional=True)
    output = Output(T)
    present_key, present_value, qk = Output(T, optional=True), Output(T, optional=True), Output(QK, optional=True)
    num_heads, mask_filter_value, scale = Int(required=True), Float(), Float()
    past_present_share_buffer, output_qk = Int(), Int()

    @infers
    def infer(
        query: Known, key: Known | None, value: Known | None, mask: Known | None, extra: Known | None,
        past_key: Known | None, past_value: Known | None, *_: Known | None, num_heads: int,
        past_present_share_buffer: int | None,
    ) -> list[Any]:  # fmt: skip
        if key is None or value is None:
            return [None] * 4
        batch, one = query.shape[:2]
        if value.rank == 4:
            return [(batch, one, value.shape[1] * value.shape[3]), None, None, (batch, num_heads, one, value.shape[2])]
        caches: list[Any] = [None, None]
        total: Dim | None = None
        if past_key is not None and past_value is not None:
            more = 0 if past_present_share_buffer else 1
            caches = [(*p.shape[:2], p.shape[2] + more, p.shape[3]) for p in (past_key, past_value)]
            total = None if past_present_share_buffer else past_key.shape[2] + 1
        return [(batch, one, value.shape[2]), *caches, (batch, num_heads, one, total)]

    @reference
    def run(
        query: Array, key: Array | None, value: Array | None, mask: Array | None, extra: Array | None,
        past_key: Array | None, past_value: Array | None, length: Array | None, beams: Array | None,
        indirection: Array | None, bias: Array | None, *, num_heads: int, mask_filter_value: float | None,
        scale: float | None, past_present_share_buffer: int | None,
    ) -> list[Array | None]:  # fmt: skip
        kind = query.dtype
        if key is None or value is None:  # all three side by side; past_value tells how wide each is
            own = num_heads * past_value.shape[3] if past_value is not None else query.shape[-1] // 3
            rest = (query.shape[-1] - own) // 2
            query, key, value = np.split(query, [rest, 2 * rest], -1)
        q, width = single(query), query.shape[-1]
        if bias is not None:
            q = q + single(bias)[:width]
        added = _hidden(mask, mask_filter_value)
        added = added if extra is None else added + single(extra)
        if key.ndim == 4:
            y, scores = attend(by_head(q, num_heads), single(key), single(value), added, scale)
            return [side_by_side(y).astype(kind), None, None, scores.astype(kind)]
        new = [single(key), single(value)]
        if bias is not None:
            new = [new[0] + single(bias)[width : 2 * width], new[1] + single(bias)[2 * width :]]
        k, v = (by_head(x, num_heads) for x in new)
        total = k.shape[2]
        if past_key is not None and past_value is not None:
            k, total = _kept(past_key, k, length, past_present_share_buffer)
            v, _ = _kept(past_value, v, length, past_present_share_buffer)
        keys, values = (_beamed(x, beams, indirection, total - 1)[:, :, :total] for x in (k, v))
        y, scores = attend(by_head(q, num_heads), keys, values, added, scale)
        return [side_by_side(y).astype(kind), k.astype(kind), v.astype(kind), scores.astype(kind)]


@contrib("DecoderMaskedSelfAttention")
class DecoderMaskedSelfAttention:
    """DecoderMaskedMultiHeadAttention to oneself, with the projections of queries, keys and values."""

    T, M = types(_NARROW), types(_32)
    input, weights, bias, mask_index = Input(T), Input(T), Input(T), Input(M, optional=True)
    past, attention_bias, past_sequence_length = Input(T), Input(T, optional=True), Input(M)
    beam_width, cache_indirection = Input(M, optional=True), Input(M, optional=True)
    output, present = Output(T), Output(T)
    num_heads, mask_filter_value, scale, do_rotary = Int(required=True), Float(), Float(), Int()
    past_present_share_buffer = Int()

    @infers
    def infer(
        input: Known, weights: Known, bias: Known, mask: Known | None, past: Known, *_: Known | None,
        past_present_share_buffer: int | None,
    ) -> list[Any]:  # fmt: skip
        more = 0 if past_present_share_buffer else 1
        grown = (*past.shape[:3], past.shape[3] + more, past.shape[4])
        return [(*input.shape[:2], floordiv(weights.shape[1], 3)), grown]

    @reference
    def run(
        input: Array, weights: Array, bias: Array, mask: Array | None, past: Array, extra: Array | None, length: Array,
        beams: Array | None, indirection: Array | None, *, num_heads: int, mask_filter_value: float | None,
        scale: float | None, do_rotary: int | None, past_present_share_buffer: int | None,
    ) -> list[Array]:  # fmt: skip
        if do_rotary:
            raise InputError("attention that turns its features has no reference", fix="put RotaryEmbedding before it")
        projected = np.matmul(single(input), single(weights)) + single(bias)
        q, k, v = (by_head(x, num_heads) for x in np.split(projected, 3, -1))
        k, total = _kept(past[0], k, length, past_present_share_buffer)
        v, _ = _kept(past[1], v, length, past_present_share_buffer)
        keys, values = (_beamed(x, beams, indirection, total - 1)[:, :, :total] for x in (k, v))
        added = _hidden(mask, mask_filter_value)
        y, _ = attend(q, keys, values, added if extra is None else added + single(extra), scale)
        return [side_by_side(y).astype(input.dtype), np.stack([k, v]).astype(input.dtype)]


@contrib("DecoderAttention")
class DecoderAttention:
    """Attention to oneself or to an encoder, with projections; inputs say while it runs which, and whether caches count.

    Everything but the caches has the batch behind the length.
    """

    T, B = types(_NARROW), types(_BOOL)
    query, key, q_weight, kv_weight, bias = Input(T), Input(T), Input(T), Input(T), Input(T)
    key_padding_mask, key_cache, value_cache = Input(B, optional=True), Input(T, optional=True), Input(T, optional=True)
    static_kv, use_past, has_layer_state, has_key_padding_mask = Input(B), Input(B), Input(B), Input(B)
    output, new_key_cache, new_value_cache = Output(T), Output(T, optional=True), Output(T, optional=True)
    num_heads, mask_filter_value = Int(required=True), Float()

    @infers
    def infer(query: Known, *_: Known | None, num_heads: int) -> list[Any]:
        cache = (query.shape[1], num_heads, None, floordiv(query.shape[2], num_heads))
        return [query.shape, cache, cache]

    @reference
    def run(
        query: Array, key: Array, q_weight: Array, kv_weight: Array, bias: Array, padding: Array | None,
        key_cache: Array | None, value_cache: Array | None, static_kv: Array, use_past: Array, has_state: Array,
        has_padding: Array, *, num_heads: int, mask_filter_value: float | None,
    ) -> list[Array]:  # fmt: skip
        others, kept = bool(static_kv.item()), bool(use_past.item()) and bool(has_state.item())
        x, own, width = single(query).swapaxes(0, 1), single(bias), query.shape[-1]
        q = by_head(np.matmul(x, single(q_weight)) + own[:width], num_heads)
        caches = [single(c) for c in (key_cache, value_cache) if c is not None] if kept else []
        if kept and len(caches) != 2:
            raise InputError("the caches that the node shall use are missing")
        if kept and others:
            k, v = caches
        else:
            source = single(key).swapaxes(0, 1) if others else x
            pair = np.matmul(source, single(kv_weight)) + own[width:]
            k, v = (by_head(part, num_heads) for part in np.split(pair, 2, -1))
            if kept:
                k, v = (np.concatenate([cache, new], 2) for cache, new in zip(caches, (k, v), strict=True))
        counts = ~padding if padding is not None and bool(has_padding.item()) else None
        y, _ = attend(q, k, v, _hidden(counts, mask_filter_value), None)
        return [side_by_side(y).swapaxes(0, 1).astype(query.dtype), k.astype(query.dtype), v.astype(query.dtype)]
