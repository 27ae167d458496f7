"""Scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim, floordiv
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Flag, Float, Input, Int, Output, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, same
from sardonyx.ops.typesets import BOOL, FLOATS_BF, NUMBERS_BF

__all__: list[str] = []


def by_heads(x: Array, heads: int | None) -> Array:
    """[batch, sequence, heads * features] as [batch, heads, sequence, features]; a tensor of rank 4 is so already."""
    if x.ndim == 4:
        return x
    assert heads is not None
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
        _, kv_heads, keys, key_features = _dims_by_heads(K, "K", kv_num_heads)
        _, _, _, value_features = _dims_by_heads(V, "V", kv_num_heads)
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
