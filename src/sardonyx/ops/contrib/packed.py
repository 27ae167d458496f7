"""Sequences of different lengths without padding: their tokens one behind the other, and where each belongs.

`token_offset` [batch, length] names the places of all tokens in a padded batch: those that are, in order, then the padding.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import floordiv
from sardonyx.ir import Array
from sardonyx.ops.contrib.heads import attend, by_head, side_by_side
from sardonyx.ops.contrib.shared import contrib, single
from sardonyx.ops.declare import Float, Input, Int, Ints, Output, infers, reference, types
from sardonyx.ops.known import Known, known
from sardonyx.ops.typesets import TypeSet

__all__: list[str] = []

_32: TypeSet = frozenset({d.INT32})
_NARROW: TypeSet = frozenset({d.FLOAT32, d.FLOAT16})


def _by_sequence(
    q: Array, k: Array, v: Array, ends: Array, bias: Array | None, heads: int, scale: float | None
) -> Array:
    """Attention of tokens [tokens, features] within each sequence."""
    found: list[Array] = []
    for i, (start, end) in enumerate(itertools.pairwise(ends)):
        added: Any = 0.0
        if bias is not None:  # of the padded batch
            added = single(bias)[i % len(bias)][None, :, : end - start, : end - start]
        own, keys, values = (by_head(x[None, start:end], heads) for x in (q, k, v))
        found.append(side_by_side(attend(own, keys, values, added, scale)[0])[0])
    return np.concatenate(found) if found else v[:0]


@contrib("PackedAttention")
class PackedAttention:
    """Attention, with its projections, of sequences without padding."""

    T, M = types(_NARROW), types(_32)
    input, weights, bias = Input(T), Input(T), Input(T)
    token_offset, cumulative_sequence_length = Input(M), Input(M)
    attention_bias = Input(T, optional=True)
    output = Output(T)
    num_heads, qkv_hidden_sizes, scale = Int(required=True), Ints(), Float()

    @infers
    def infer(input: Known, weights: Known, *_: Known | None, qkv_hidden_sizes: Any) -> Any:
        return (input.shape[0], qkv_hidden_sizes[2] if qkv_hidden_sizes else floordiv(weights.shape[1], 3))

    @reference
    def run(
        input: Array, weights: Array, bias: Array, offsets: Array, ends: Array, extra: Array | None, *, num_heads: int,
        qkv_hidden_sizes: Any, scale: float | None,
    ) -> Array:  # fmt: skip
        y = np.matmul(single(input), single(weights)) + single(bias)
        widths = qkv_hidden_sizes or [weights.shape[1] // 3] * 3
        q, k, v = np.split(y, [widths[0], widths[0] + widths[1]], -1)
        return _by_sequence(q, k, v, ends, extra, num_heads, scale).astype(input.dtype)


@contrib("PackedMultiHeadAttention")
class PackedMultiHeadAttention:
    """MultiHeadAttention of sequences without padding; queries, keys and values may come together, head by head."""

    T, M = types(_NARROW), types(_32)
    query, key, value, bias = Input(T), Input(T, optional=True), Input(T, optional=True), Input(T, optional=True)
    token_offset, cumulative_sequence_length = Input(M), Input(M)
    attention_bias = Input(T, optional=True)
    output = Output(T)
    num_heads, mask_filter_value, scale = Int(required=True), Float(), Float()

    @infers
    def infer(query: Known, key: Known | None, value: Known | None, *_: Known | None) -> Any:
        if query.rank == 4:
            return (query.shape[0], query.shape[1] * query.shape[3])
        return None if value is None else (query.shape[0], value.shape[1])

    @reference
    def run(
        query: Array, key: Array | None, value: Array | None, bias: Array | None, offsets: Array, ends: Array,
        extra: Array | None, *, num_heads: int, scale: float | None,
    ) -> Array:  # fmt: skip
        if key is None or value is None:  # [tokens, heads, 3, features]
            q, k, v = (single(query)[:, :, i].reshape(len(query), -1) for i in range(3))
        else:
            q, k, v = single(query), single(key), single(value)
        if bias is not None:
            own = np.split(single(bias), [q.shape[-1], q.shape[-1] + k.shape[-1]])
            q, k, v = (x + b for x, b in zip((q, k, v), own, strict=True))
        return _by_sequence(q, k, v, ends, extra, num_heads, scale).astype(query.dtype)


@contrib("RemovePadding")
class RemovePadding:
    """The tokens of a padded batch one behind the other, where each lay, where sequences end, and how long the longest is."""

    T, M = types(_NARROW), types(_32)
    input, sequence_token_count = Input(T), Input(M)
    output, token_offset, cumulated_seq_len, max_seq_len = Output(T), Output(M), Output(M), Output(M)

    @infers
    def infer(input: Known, counts: Known) -> list[Any]:
        batch, length, width = input.shape
        shapes: list[Any] = [(None, width), (batch, length), (batch + 1,), (1,)]
        return [known(kind, shape) for kind, shape in zip((input.dtype, *[d.INT32] * 3), shapes, strict=True)]

    @reference
    def run(input: Array, counts: Array) -> list[Array]:
        batch, length, width = input.shape
        real = (np.arange(length) < counts[:, None]).reshape(-1)
        offsets = np.concatenate([np.flatnonzero(real), np.flatnonzero(~real)]).astype(np.int32)
        ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        longest = np.array([counts.max(initial=0)], np.int32)
        return [input.reshape(-1, width)[real], offsets.reshape(batch, length), ends, longest]


@contrib("RestorePadding")
class RestorePadding:
    """Tokens in their places of a padded batch; the padding is zero."""

    T, M = types(_NARROW), types(_32)
    input, token_offset = Input(T), Input(M)
    output = Output(T)

    @infers
    def infer(input: Known, offsets: Known) -> Any:
        return (*offsets.shape, input.shape[1])

    @reference
    def run(input: Array, offsets: Array) -> Array:
        out = np.zeros((offsets.size, input.shape[1]), input.dtype)
        out[offsets.reshape(-1)[: len(input)]] = input
        return out.reshape(*offsets.shape, input.shape[1])
