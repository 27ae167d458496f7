"""Layers that carry a state from token to token: linear attention, and convolutions that look back.

A state may come as a window: the states behind the last few tokens, of which the last one is read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, floordiv
from sardonyx.core.errors import InputError, UnsupportedError
from sardonyx.ir import Array
from sardonyx.ops.contrib.shared import FLOAT, HALVES, contrib, single
from sardonyx.ops.declare import Float, Input, Int, Output, String, infers, reference, types
from sardonyx.ops.known import Known, known

__all__: list[str] = []


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _window(states: Sequence[Array], window: int) -> Array:
    """The last states, as many as there is room for; zeros before the first one."""
    last = list(states[-window:])
    return np.stack([*[np.zeros_like(last[-1])] * (window - len(last)), *last])


# -- linear attention -----------------------------------------------------------------------------------------------------


@contrib("LinearAttention")
class LinearAttention:
    """A state of keys by values that each token decays, adds to and reads.

    By the rule: `linear` adds k v; `delta` adds beta k (v - what the state says of k); with `gated`, exp(decay) of the state is
    left before.
    """

    T, S = types(HALVES), types(HALVES)
    query, key, value = Input(T), Input(T), Input(T)
    past_state, decay, beta = Input(S, optional=True), Input(T, optional=True), Input(T, optional=True)
    output, present_state = Output(T), Output(S)
    q_num_heads, kv_num_heads, update_rule = Int(required=True), Int(required=True), String("gated_delta")
    scale, chunk_size, state_window = Float(0.0), Int(64), Int(0)

    @infers
    def infer(
        query: Known, key: Known, value: Known, past: Known | None, *_: Known | None, q_num_heads: int,
        kv_num_heads: int, state_window: int,
    ) -> list[Any]:  # fmt: skip
        depth, width = floordiv(key.shape[2], kv_num_heads), floordiv(value.shape[2], kv_num_heads)
        state: tuple[Dim | None, ...] = (query.shape[0], kv_num_heads, depth, width)
        state = (state_window, *state) if state_window else state
        heads = max(q_num_heads, kv_num_heads)
        return [(*query.shape[:2], heads * width), known(query.dtype if past is None else past.dtype, state)]

    @reference
    def run(
        query: Array, key: Array, value: Array, past: Array | None, decay: Array | None, beta: Array | None, *,
        q_num_heads: int, kv_num_heads: int, update_rule: str, scale: float, state_window: int,
    ) -> list[Array]:  # fmt: skip
        gated, delta = update_rule in ("gated", "gated_delta"), update_rule in ("delta", "gated_delta")
        if not (gated or delta or update_rule == "linear"):
            raise UnsupportedError(f"linear attention by the rule '{update_rule}'")
        if (gated and decay is None) or (delta and beta is None):
            raise InputError(f"the rule '{update_rule}' needs {'decay' if decay is None and gated else 'beta'}")
        batch, length, _ = query.shape
        q = single(query).reshape(batch, length, q_num_heads, -1)
        k, v = (single(x).reshape(batch, length, kv_num_heads, -1) for x in (key, value))
        heads = max(q_num_heads, kv_num_heads)
        factor = np.float32(scale or 1 / math.sqrt(q.shape[-1]))
        if past is None:
            state = np.zeros((batch, kv_num_heads, k.shape[-1], v.shape[-1]), np.float32)
        else:
            state = np.array(past[-1] if state_window else past, np.float32)  # ours, to change
        kept = 1.0 if not gated or decay is None else np.exp(single(decay)).reshape(batch, length, kv_num_heads, -1, 1)
        rate = 1.0 if beta is None else single(beta)[..., None]
        out = np.zeros((batch, length, heads, v.shape[-1]), np.float32)
        states: list[Array] = []
        for t in range(length):
            if isinstance(kept, np.ndarray):
                state *= kept[:, t]
            row = k[:, t, :, None]
            new = v[:, t, :, None]
            if delta and isinstance(rate, np.ndarray):
                new = rate[:, t, :, None] * (new - np.matmul(row, state))
            state += row.swapaxes(-1, -2) * new
            asked = np.repeat(q[:, t], heads // q_num_heads, 1)[:, :, None]
            each = state if heads == kv_num_heads else np.repeat(state, heads // kv_num_heads, 1)
            out[:, t] = factor * np.matmul(asked, each)[:, :, 0]
            if state_window:
                states.append(state.copy())
        left = _window(states or [state], state_window) if state_window else state
        kind = query.dtype if past is None else past.dtype
        return [out.reshape(batch, length, -1).astype(query.dtype), left.astype(kind)]


@contrib("LinearAttentionGate")
class LinearAttentionGate:
    """What LinearAttention takes as decay and beta: decay_scale * softplus(a + dt_bias), and sigmoid(b)."""

    T, TF = types(HALVES), types(FLOAT)
    a, dt_bias, decay_scale, b = Input(T), Input(TF), Input(TF), Input(T, optional=True)
    decay, beta = Output(T), Output(T, optional=True)

    @infers
    def infer(a: Known, dt_bias: Known, decay_scale: Known, b: Known | None, *, n_outputs: int) -> list[Any]:
        return [a.shape, a.shape][:n_outputs]

    @reference
    def run(a: Array, dt_bias: Array, decay_scale: Array, b: Array | None) -> list[Array | None]:
        decay = decay_scale * np.logaddexp(single(a) + dt_bias, np.float32(0))
        return [decay.astype(a.dtype), None if b is None else _sigmoid(single(b)).astype(b.dtype)]


# -- convolutions ---------------------------------------------------------------------------------------------------------


@contrib("CausalConvWithState")
class CausalConvWithState:
    """A filter along each channel that looks back only; the state is what of the past the next tokens still need."""

    T = types(HALVES)
    input, weight, bias, past_state = Input(T), Input(T), Input(T, optional=True), Input(T, optional=True)
    output, present_state, state_update = Output(T), Output(T), Output(T, optional=True)
    activation, ndim, dilation, channels_last = String("none"), Int(1), Int(1), Int(0)
    state_window, state_length, state_channels_last, state_update_capacity = Int(0), Int(0), Int(-1), Int(0)
    input_channels, input_channel_offset = Int(0), Int(0)

    @infers
    def infer(
        input: Known, weight: Known, *_: Known | None, ndim: int, dilation: int, channels_last: int, state_window: int,
        state_update_capacity: int,
    ) -> list[Any]:  # fmt: skip
        if ndim != 1 or state_update_capacity:
            return [None] * 3
        back = (weight.shape[2] - 1) * dilation
        state = (input.shape[0], back, *input.shape[2:]) if channels_last else (*input.shape[:2], back)
        return [input.shape, (state_window, *state) if state_window else state, None]

    @reference
    def run(
        input: Array, weight: Array, bias: Array | None, past: Array | None, *, activation: str, ndim: int,
        dilation: int, channels_last: int, state_window: int, state_length: int, state_channels_last: int,
        state_update_capacity: int, input_channels: int, input_channel_offset: int,
    ) -> list[Array]:  # fmt: skip
        extended = state_length or state_update_capacity or input_channels or input_channel_offset
        if ndim != 1 or extended or state_channels_last not in (-1, channels_last):
            raise UnsupportedError("a causal convolution of images, or of a part of the channels, has no reference")
        if activation not in ("none", "silu", "swish"):
            raise UnsupportedError(f"a causal convolution with the activation '{activation}'")
        channels, _, taps = weight.shape
        back = (taps - 1) * dilation

        def in_front(x: Array) -> Array:
            """[batch, channel, token]"""
            return single(x).reshape(*x.shape[:2], channels).swapaxes(1, 2) if channels_last else single(x)

        def as_given(x: Array) -> Array:
            if channels_last:
                x = x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], *input.shape[2:])
            return x.astype(input.dtype)

        x = in_front(input)
        length = x.shape[2]
        before = np.zeros((x.shape[0], channels, back), np.float32)
        if past is not None:
            before = in_front(past[-1] if state_window else past)
        line = np.concatenate([before, x], 2)
        filters = single(weight)[:, 0]
        y = np.zeros_like(x) if bias is None else np.zeros_like(x) + single(bias)[:, None]
        for j in range(taps):
            y = y + line[:, :, j * dilation : j * dilation + length] * filters[:, j, None]
        y = y if activation == "none" else y * _sigmoid(y)
        states = [line[:, :, t : t + back] for t in range(1, length + 1)] if state_window else [line[:, :, length:]]
        given = [as_given(s) for s in states]
        return [as_given(y), _window(given, state_window) if state_window else given[-1]]
