"""Operators that carry a state along a sequence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim, floordiv
from sardonyx.core.errors import ShapeError, UnsupportedError
from sardonyx.ir import Array, TensorType, show_shape
from sardonyx.ops.attention import by_heads
from sardonyx.ops.declare import (
    Flag,
    Float,
    Floats,
    Input,
    Int,
    Output,
    String,
    Strings,
    infers,
    operator,
    reference,
    types,
)
from sardonyx.ops.elementwise import sigmoid, wide
from sardonyx.ops.known import Dims, Known, same
from sardonyx.ops.typesets import FLOATS, FLOATS_BF

Activation = Callable[[Array], Array]

# name: (default alpha, default beta, function of x, alpha and beta)
ACTIVATIONS: dict[str, tuple[float, float, Callable[[Array, float, float], Array]]] = {
    "relu": (0, 0, lambda x, a, b: np.maximum(x, 0)),
    "tanh": (0, 0, lambda x, a, b: np.tanh(x)),
    "sigmoid": (0, 0, lambda x, a, b: sigmoid(x)),
    "affine": (1, 0, lambda x, a, b: a * x + b),
    "leakyrelu": (0.01, 0, lambda x, a, b: np.where(x < 0, a * x, x)),
    "thresholdedrelu": (1, 0, lambda x, a, b: np.where(x > a, x, 0)),
    "scaledtanh": (1, 1, lambda x, a, b: a * np.tanh(b * x)),
    "hardsigmoid": (0.2, 0.5, lambda x, a, b: np.clip(a * x + b, 0, 1)),
    "elu": (1, 0, lambda x, a, b: np.where(x < 0, a * np.expm1(x), x)),
    "softsign": (0, 0, lambda x, a, b: x / (1 + np.abs(x))),
    "softplus": (0, 0, lambda x, a, b: np.logaddexp(x, 0)),
}
USES_ALPHA = {"affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu"}
USES_BETA = {"affine", "scaledtanh", "hardsigmoid"}


def chosen(
    names: Sequence[str], alphas: Sequence[float] | None, betas: Sequence[float] | None
) -> list[tuple[str, float, float]]:
    """The keys of those names in `ACTIVATIONS`, each with its alpha and beta: dealt out in order to those that have one."""
    alpha, beta = iter(alphas or ()), iter(betas or ())
    return [_chosen(name.lower(), alpha, beta) for name in names]


def _chosen(name: str, alphas: Iterator[float], betas: Iterator[float]) -> tuple[str, float, float]:
    if name not in ACTIVATIONS:
        raise UnsupportedError(
            f"'{name}' is no activation of a recurrent operator", fix=f"use one of {sorted(ACTIVATIONS)}"
        )
    alpha, beta, _ = ACTIVATIONS[name]
    a = next(alphas, alpha) if name in USES_ALPHA else alpha
    b = next(betas, beta) if name in USES_BETA else beta
    return name, a, b


def _activation(name: str, a: float, b: float) -> Activation:
    function = ACTIVATIONS[name][2]
    return lambda x: np.asarray(function(x, a, b), x.dtype)


Step = Callable[
    [Array, tuple[Array, ...]], tuple[Array, ...]
]  # (one input, states) -> new states; the first is the output


def scan(x: Array, states: tuple[Array, ...], lengths: Array | None, step: Step, *, backwards: bool) -> list[Array]:
    """Run `step` over x [time, batch, features]: the outputs at each time, then the last states.

    A sequence shorter than x gives zeros after its end, and its last state is the one at its end. Backwards starts there.
    """
    time = np.arange(x.shape[0])
    outputs = np.zeros((x.shape[0], *states[0].shape), x.dtype)
    for t in time[::-1] if backwards else time:
        fresh = step(x[t], states)
        if lengths is None:
            states = fresh
            outputs[t] = fresh[0]
        else:
            alive = (t < lengths)[:, None]
            states = tuple(np.where(alive, new, old) for new, old in zip(fresh, states, strict=True))
            outputs[t] = np.where(alive, fresh[0], 0)
    return [outputs, *states]


def run_recurrent(
    X: Array,
    initial: Sequence[Array | None],
    lengths: Array | None,
    cell: Callable[[int, list[Activation]], Step],
    *,
    directions: int,
    hidden: int,
    names: Sequence[str],
    facts: Any,
) -> list[Array]:
    """Y and the last states, by running `cell(direction, activations)` over each direction."""
    x = wide(X)
    x = x.swapaxes(0, 1) if facts["layout"] else x
    functions = [_activation(*one) for one in chosen(names, facts["activation_alpha"], facts["activation_beta"])]
    per = len(functions) // directions
    found: list[list[Array]] = []
    for i in range(directions):
        zeros = np.zeros((x.shape[1], hidden), x.dtype)
        start = tuple(zeros if s is None else wide(s[:, i] if facts["layout"] else s[i]) for s in initial)
        step = cell(i, functions[i * per : (i + 1) * per])
        found.append(scan(x, start, lengths, step, backwards=i == 1 or facts["direction"] == "reverse"))
    y, *last = (np.stack(each, 1 if n == 0 else 0) for n, each in enumerate(zip(*found, strict=True)))
    if facts["layout"]:
        y, last = y.transpose(2, 0, 1, 3), [s.swapaxes(0, 1) for s in last]
    return [each.astype(X.dtype) for each in (y, *last)]


def shapes(
    x: Known, w: Known, r: Known, gates: int, states: int, *, direction: str, hidden_size: int | None, layout: int
) -> list[Dims]:
    """The shapes of Y and of the last states."""
    if any(k.has_shape and k.rank != 3 for k in (x, w, r)):
        shown = ", ".join(show_shape(k.dims) for k in (x, w, r))
        raise ShapeError("X, W and R of a recurrent operator have rank 3", why=f"the shapes are {shown}")
    (a, b, features), (_, rows, columns), (_, _, inner) = (k.dims or _UNKNOWN for k in (x, w, r))
    time, batch = (b, a) if layout else (a, b)
    hidden: Dim | None = hidden_size if hidden_size is not None else inner
    directions: Dim = 2 if direction == "bidirectional" else 1
    _agree(features, columns, "features of X and of W")
    _agree(hidden, inner, "hidden size and columns of R")
    if isinstance(hidden, int):
        _agree(rows, gates * hidden, f"rows of W and {gates} times the hidden size")
    last: Dims = (batch, directions, hidden) if layout else (directions, batch, hidden)
    return [(batch, time, directions, hidden) if layout else (time, directions, batch, hidden), *[last] * states]


_UNKNOWN: Dims = (None,) * 3
_UPDATE_RULES = ("linear", "gated", "delta", "gated_delta")


def _agree(a: Dim | None, b: Dim | None, what: str) -> Dim | None:
    return same(a, b, what) if a is not None and b is not None else a if b is None else b


def _fits(x: Known | None, wanted: Dims, what: str) -> tuple[Dim | None, ...]:
    """What is known of each extent, from the shape of an input, if it has one, and from what is wanted of it."""
    given = None if x is None or not x.has_shape else x.dims
    if given is None:
        return tuple(wanted)
    if len(given) != len(wanted):
        raise ShapeError(f"{what} has rank {len(wanted)}", why=f"its shape is {show_shape(given)}")
    return tuple(_agree(w, g, f"extents of {what}") for w, g in zip(wanted, given, strict=True))


def halves(B: Array | None, i: int, width: int, kind: Any) -> tuple[Array, Array]:
    """The biases of the input and of the recurrence in direction i."""
    if B is None:
        return np.zeros(width, kind), np.zeros(width, kind)
    return wide(B)[i, :width], wide(B)[i, width:]


def clipped(clip: float | None) -> Activation:
    """What bounds the input of each activation."""
    return (lambda x: np.clip(x, -clip, clip)) if clip else (lambda x: x)


@operator("RNN", since=(1, 7, 14, 22))
class RNN:
    """H_t = f(X_t @ W.T + H_(t-1) @ R.T + Wb + Rb), over time, forwards, backwards or both."""

    T = types({1: FLOATS, 22: FLOATS_BF})
    T1 = types(frozenset({d.INT32}))
    X, W, R = Input(T), Input(T), Input(T)
    B, sequence_lens, initial_h = Input(T, optional=True), Input(T1, optional=True), Input(T, optional=True)
    Y, Y_h = Output(T, optional=True), Output(T, optional=True)
    activations, activation_alpha, activation_beta = Strings(("Tanh", "Tanh")), Floats(), Floats()
    clip, direction, hidden_size = Float(), String("forward"), Int()
    layout, output_sequence = Int(0, since=14), Flag(0, until=7)

    @infers
    def infer(
        X: Known, W: Known, R: Known, *rest: Known | None, direction: str, hidden_size: int | None, layout: int
    ) -> list[Dims]:
        return shapes(X, W, R, 1, 1, direction=direction, hidden_size=hidden_size, layout=layout)

    @reference
    def run(
        X: Array, W: Array, R: Array, B: Array | None, lengths: Array | None, initial_h: Array | None, **facts: Any
    ) -> list[Array]:
        hidden, bound = R.shape[2], clipped(facts["clip"])

        def cell(i: int, f: list[Activation]) -> Step:
            w, r, (wb, rb) = wide(W)[i].T, wide(R)[i].T, halves(B, i, hidden, wide(X).dtype)
            return lambda x, s: (f[0](bound(x @ w + s[0] @ r + wb + rb)),)

        directions = W.shape[0]
        names = facts["activations"][:directions]
        found = run_recurrent(
            X, [initial_h], lengths, cell, directions=directions, hidden=hidden, names=names, facts=facts
        )
        return found[: facts["n_outputs"]]


@operator("GRU", since=(1, 3, 7, 14, 22))
class GRU:
    """H_t = (1 - z) * h + z * H_(t-1), with the gates z and r = f(..) and h = g(X_t @ Wh.T + (r * H_(t-1)) @ Rh.T + ..).

    With `linear_before_reset`, r scales the product with Rh instead of the state that enters it.
    """

    T = types({1: FLOATS, 22: FLOATS_BF})
    T1 = types(frozenset({d.INT32}))
    X, W, R = Input(T), Input(T), Input(T)
    B, sequence_lens, initial_h = Input(T, optional=True), Input(T1, optional=True), Input(T, optional=True)
    Y, Y_h = Output(T, optional=True), Output(T, optional_since=3)
    activations, activation_alpha, activation_beta = Strings(), Floats(), Floats()
    clip, direction, hidden_size = (
        Float(),
        String(defaults={1: "foward", 3: "forward"}),
        Int(),
    )  # "foward": as published
    linear_before_reset = Flag(0, since=3)
    layout, output_sequence = Int(0, since=14), Flag(0, until=7)

    @infers
    def infer(
        X: Known, W: Known, R: Known, *rest: Known | None, direction: str, hidden_size: int | None, layout: int
    ) -> list[Dims]:
        return shapes(X, W, R, 3, 1, direction=direction, hidden_size=hidden_size, layout=layout)

    @reference
    def run(
        X: Array, W: Array, R: Array, B: Array | None, lengths: Array | None, initial_h: Array | None, **facts: Any
    ) -> list[Array]:
        hidden, bound, linear = R.shape[2], clipped(facts["clip"]), facts["linear_before_reset"]

        def cell(i: int, f: list[Activation]) -> Step:
            w, r = wide(W)[i].T, wide(R)[i].T
            wb, rb = halves(B, i, 3 * hidden, w.dtype)
            gates, new = slice(0, 2 * hidden), slice(2 * hidden, None)

            def step(x: Array, s: tuple[Array, ...]) -> tuple[Array, ...]:
                (h,) = s
                given = x @ w + wb
                zr = f[0](bound(given[:, gates] + h @ r[:, gates] + rb[gates]))
                z, reset = zr[:, :hidden], zr[:, hidden:]
                back = reset * (h @ r[:, new] + rb[new]) if linear else (reset * h) @ r[:, new] + rb[new]
                fresh = f[1](bound(given[:, new] + back))
                return ((1 - z) * fresh + z * h,)

            return step

        directions = W.shape[0]
        names = facts["activations"] or ("Sigmoid", "Tanh") * directions
        found = run_recurrent(
            X, [initial_h], lengths, cell, directions=directions, hidden=hidden, names=names, facts=facts
        )
        return found[: facts["n_outputs"]]


@operator("LSTM", since=(1, 7, 14, 22))
class LSTM:
    """C_t = f * C_(t-1) + i * g(..) and H_t = o * h(C_t), with gates i, o, f that may look at the cell through peepholes P.

    With `input_forget`, the forget gate is 1 - i.
    """

    T = types({1: FLOATS, 22: FLOATS_BF})
    T1 = types(frozenset({d.INT32}))
    X, W, R = Input(T), Input(T), Input(T)
    B, sequence_lens = Input(T, optional=True), Input(T1, optional=True)
    initial_h, initial_c, P = Input(T, optional=True), Input(T, optional=True), Input(T, optional=True)
    Y, Y_h, Y_c = Output(T, optional=True), Output(T, optional=True), Output(T, optional=True)
    activations, activation_alpha, activation_beta = Strings(), Floats(), Floats()
    clip, direction, hidden_size, input_forget = Float(), String("forward"), Int(), Flag(0)
    layout, output_sequence = Int(0, since=14), Flag(0, until=7)

    @infers
    def infer(
        X: Known, W: Known, R: Known, *rest: Known | None, direction: str, hidden_size: int | None, layout: int
    ) -> list[Dims]:
        return shapes(X, W, R, 4, 2, direction=direction, hidden_size=hidden_size, layout=layout)

    @reference
    def run(
        X: Array, W: Array, R: Array, B: Array | None, lengths: Array | None, initial_h: Array | None,
        initial_c: Array | None, P: Array | None, **facts: Any,
    ) -> list[Array]:  # fmt: skip
        hidden, bound, coupled = R.shape[2], clipped(facts["clip"]), facts["input_forget"]

        def cell(i: int, f: list[Activation]) -> Step:
            w, r = wide(W)[i].T, wide(R)[i].T
            wb, rb = halves(B, i, 4 * hidden, w.dtype)
            peep = np.zeros(3 * hidden, w.dtype) if P is None else wide(P)[i]
            pi, po, pf = np.split(peep, 3)

            def step(x: Array, s: tuple[Array, ...]) -> tuple[Array, ...]:
                h, c = s
                to_i, to_o, to_f, to_c = np.split(x @ w + h @ r + wb + rb, 4, 1)
                into = f[0](bound(to_i + pi * c))
                keep = 1 - into if coupled else f[0](bound(to_f + pf * c))
                cell_state = keep * c + into * f[1](bound(to_c))
                out = f[0](bound(to_o + po * cell_state))
                return out * f[2](cell_state), cell_state

            return step

        directions = W.shape[0]
        names = facts["activations"] or ("Sigmoid", "Tanh", "Tanh") * directions
        initial = [initial_h, initial_c]
        found = run_recurrent(X, initial, lengths, cell, directions=directions, hidden=hidden, names=names, facts=facts)
        return found[: facts["n_outputs"]]


@operator("LinearAttention", since=(27,))
class LinearAttention:
    """o_t = scale * q_t @ S_t, where the state S_t keeps k_t (x) v_t: attention without softmax, one step at a time.

    "gated" first fades the state by exp(decay); "delta" writes beta * (v - k @ S), what the state does not yet give.
    """

    T, S = types(FLOATS_BF - {d.FLOAT64}), types(FLOATS_BF - {d.FLOAT64})
    query, key, value = Input(T), Input(T), Input(T)
    past_state, decay, beta = Input(S, optional=True), Input(T, optional=True), Input(T, optional=True)
    output, present_state = Output(T), Output(S)
    q_num_heads, kv_num_heads, chunk_size = Int(required=True), Int(required=True), Int(64)
    scale, update_rule = Float(0.0), String("gated_delta")

    @infers
    def infer(
        query: Known, key: Known, value: Known, past: Known | None, decay: Known | None, beta: Known | None, *,
        q_num_heads: int, kv_num_heads: int, update_rule: str,
    ) -> list[Any]:  # fmt: skip
        if any(x.has_shape and x.rank != 3 for x in (query, key, value)):
            shown = ", ".join(show_shape(k.dims) for k in (query, key, value))
            raise ShapeError("query, key and value have rank 3", why=f"the shapes are {shown}")
        if update_rule not in _UPDATE_RULES:
            raise ShapeError(f"update_rule is one of {', '.join(_UPDATE_RULES)}", why=f"it is '{update_rule}'")
        if q_num_heads <= 0 or kv_num_heads <= 0 or q_num_heads % kv_num_heads:
            raise ShapeError(
                "the heads of the queries are a positive multiple of those of keys and values",
                why=f"q_num_heads is {q_num_heads} and kv_num_heads is {kv_num_heads}",
            )
        for name, wanted, given in (("decay", "gated", decay), ("beta", "delta", beta)):
            if (wanted in update_rule) != (given is not None):
                raise ShapeError(
                    f"{name} must be {'given' if wanted in update_rule else 'absent'}",
                    why=f"update_rule is '{update_rule}'",
                )
        (a, m, width), (b, n, inner), (c, o, outer) = (x.dims or _UNKNOWN for x in (query, key, value))
        batch = _agree(_agree(a, b, "batches of query and key"), c, "batches of query and value")
        time = _agree(_agree(m, n, "lengths of query and key"), o, "lengths of query and value")
        parts = ((width, q_num_heads), (inner, kv_num_heads), (outer, kv_num_heads))
        mine, theirs, values = (None if x is None else floordiv(x, heads) for x, heads in parts)
        features = _agree(mine, theirs, "features of query and key")
        keys = kv_num_heads * features if isinstance(features, int) else None
        for name, given, widths in (("decay", decay, (kv_num_heads, keys)), ("beta", beta, (1, kv_num_heads))):
            _, _, own = _fits(given, (batch, time, None), name)
            if isinstance(own, int) and None not in widths and own not in widths:
                raise ShapeError(f"{name} has {widths[0]} or {widths[1]} features", why=f"it has {own}")
        state = _fits(past, (batch, kv_num_heads, features, values), "past_state")
        kind = query.dtype if past is None else past.dtype
        outputs = None if state[3] is None else state[3] * q_num_heads
        return [(state[0], time, outputs), Known(TensorType(kind, state))]

    @reference
    def run(
        query: Array, key: Array, value: Array, past: Array | None, decay: Array | None, beta: Array | None, *,
        q_num_heads: int, kv_num_heads: int, scale: float, update_rule: str,
    ) -> list[Array]:  # fmt: skip
        q = by_heads(query.astype(np.float32), q_num_heads)
        k, v = (by_heads(x.astype(np.float32), kv_num_heads) for x in (key, value))
        shape = (q.shape[0], kv_num_heads, q.shape[-1], v.shape[-1])
        state = np.zeros(shape, np.float32) if past is None else past.astype(np.float32)
        fade = None if decay is None else np.exp(by_heads(decay.astype(np.float32), kv_num_heads))
        rate = None if beta is None else by_heads(beta.astype(np.float32), beta.shape[-1])
        out: list[Array] = []
        for t in range(q.shape[2]):
            new = v[:, :, t]
            if fade is not None:
                state = state * fade[:, :, t, :, None]
            if rate is not None:
                new = rate[:, :, t] * (new - np.einsum("bhkv,bhk->bhv", state, k[:, :, t]))
            state = state + k[:, :, t, :, None] * new[:, :, None]
            shared = np.repeat(state, q_num_heads // kv_num_heads, 1)
            out.append(np.einsum("bhk,bhkv->bhv", q[:, :, t], shared))
        y = np.stack(out, 1) * (scale or 1 / math.sqrt(q.shape[-1])) if out else np.zeros((q.shape[0], 0, 0))
        kind = query.dtype if past is None else past.dtype
        return [y.reshape(*query.shape[:2], q_num_heads * v.shape[-1]).astype(query.dtype), state.astype(kind)]


@operator("CausalConvWithState", since=(27,))
class CausalConvWithState:
    """A convolution of each channel that looks back only; the last k - 1 inputs are the state that the next call starts from."""

    T = types(FLOATS_BF - {d.FLOAT64})
    input, weight = Input(T), Input(T)
    bias, past_state = Input(T, optional=True), Input(T, optional=True)
    output, present_state = Output(T), Output(T)
    activation = String("none")

    @infers
    def infer(
        input: Known, weight: Known, bias: Known | None, past: Known | None, *, activation: str
    ) -> list[Dims | None]:
        if activation not in ("none", "silu", "swish"):
            raise ShapeError("activation is one of none, silu, swish", why=f"it is '{activation}'")
        if any(x.has_shape and x.rank != 3 for x in (input, weight)):
            shown = f"{show_shape(input.dims)} and {show_shape(weight.dims)}"
            raise ShapeError("input and weight have rank 3", why=f"the shapes are {shown}")
        batch, channels, _ = input.dims or _UNKNOWN
        many, _, kernel = _fits(weight, (None, 1, None), "weight")
        if isinstance(kernel, int) and kernel < 1:
            raise ShapeError(
                "a kernel has at least one element", why=f"the shape of weight is {show_shape(weight.dims)}"
            )
        channels = _agree(channels, many, "channels of input and weight")
        _fits(bias, (channels,), "bias")
        _fits(past, (batch, channels, None if kernel is None else kernel - 1), "past_state")
        return [input.dims, (batch, channels, None if kernel is None else kernel - 1)]

    @reference
    def run(input: Array, weight: Array, bias: Array | None, past: Array | None, *, activation: str) -> list[Array]:
        k = weight.shape[2]
        before = np.zeros((*input.shape[:2], k - 1), input.dtype) if past is None else past
        x = np.concatenate([before, input], 2)
        y = np.einsum("bctk,ck->bct", np.lib.stride_tricks.sliding_window_view(wide(x), k, 2), wide(weight)[:, 0])
        if bias is not None:
            y = y + wide(bias)[:, None]
        y = y.astype(input.dtype)
        if activation in ("silu", "swish"):
            y = (wide(y) * sigmoid(wide(y))).astype(input.dtype)
        return [y, x[:, :, x.shape[2] - (k - 1) :]]


__all__: list[str] = []
