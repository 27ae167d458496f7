"""Recurrent networks. Torch stacks the gates of a layer in another order than the standard, and one layer per call of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch._decomp import decomposition_table

from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.registry import aten
from sardonyx.ir import Tensor, Value
from sardonyx.ops.builder import Builder

__all__ = ["of_any_length"]


@dataclass(frozen=True, slots=True)
class _Kind:
    """One operator: which of torch's gates the standard wants first, second, ..."""

    operator: str
    gates: tuple[int, ...]
    attributes: tuple[tuple[str, Any], ...] = ()


_LSTM = _Kind("LSTM", (0, 3, 1, 2))  # torch: input forget cell output
_GRU = _Kind("GRU", (1, 0, 2), (("linear_before_reset", 1),))  # torch: reset update new
_TANH = _Kind("RNN", (0,))
_RELU = _Kind("RNN", (0,), (("activations", "Relu"),))

_REST = (
    "Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first"
)


@aten(f"lstm.input(Tensor input, Tensor[] hx, {_REST}) -> (Tensor, Tensor, Tensor)")
def lstm(
    g: Builder, input: Value, hx: Sequence[Value], params: Sequence[Value], has_biases: bool, num_layers: int, dropout: float,
    train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[Value, ...]:  # fmt: skip
    return _network(g, _LSTM, input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)


def _simple(name: str, kind: _Kind) -> None:
    @aten(f"{name}.input(Tensor input, Tensor hx, {_REST}) -> (Tensor, Tensor)")
    def rule(
        g: Builder, input: Value, hx: Value, params: Sequence[Value], has_biases: bool, num_layers: int, dropout: float,
        train: bool, bidirectional: bool, batch_first: bool,
    ) -> tuple[Value, ...]:  # fmt: skip
        return _network(
            g, kind, input, [hx], params, has_biases, num_layers, dropout, train, bidirectional, batch_first
        )


_simple("gru", _GRU)
_simple("rnn_tanh", _TANH)
_simple("rnn_relu", _RELU)


def _network(
    g: Builder, kind: _Kind, x: Value, states: Sequence[Value], params: Sequence[Value], has_biases: bool, layers: int,
    dropout: float, train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[Value, ...]:  # fmt: skip
    """Layer upon layer; the sequence, then the last states of all layers."""
    if train and dropout:
        raise UnsupportedError("dropout in training", fix="call module.eval() before exporting")
    directions = 2 if bidirectional else 1
    per_direction = 4 if has_biases else 2
    if len(params) != layers * directions * per_direction:
        raise UnsupportedError("a recurrent network with a projection (proj_size)")
    if batch_first:
        x = g.Transpose(x, perm=[1, 0, 2])
    ends: list[list[Value]] = [[] for _ in states]
    for layer in range(layers):
        first = layer * directions
        groups = [params[(first + i) * per_direction : (first + i + 1) * per_direction] for i in range(directions)]
        initial = [s if layers == 1 else g.Slice(s, [first], [first + directions], [0]) for s in states]
        x, finals = _layer(g, kind, x, initial, groups, layer)
        for end, final in zip(ends, finals, strict=True):
            end.append(final)
    if batch_first:
        x = g.Transpose(x, perm=[1, 0, 2])
    return x, *(end[0] if layers == 1 else g.Concat(*end, axis=0) for end in ends)


def _layer(
    g: Builder, kind: _Kind, x: Value, initial: Sequence[Value], groups: Sequence[Sequence[Value]], layer: int
) -> tuple[Value, Sequence[Value]]:
    weights = [_stacked(g, kind, [group[i] for group in groups], f"{n}_l{layer}") for i, n in enumerate("WR")]
    bias = None
    if len(groups[0]) == 4:
        both = [_both(g, kind, group[2], group[3]) for group in groups]
        bias = _together(g, both, f"B_l{layer}")
    attributes = dict(kind.attributes)
    if len(groups) == 2:
        attributes["direction"] = "bidirectional"
    if "activations" in attributes:
        attributes["activations"] = [attributes["activations"]] * len(groups)
    assert weights[1].shape is not None
    y, *finals = g.op(
        kind.operator, x, *weights, bias, None, *initial,
        hidden_size=weights[1].shape[-1], outputs=1 + len(initial), **attributes,
    )  # fmt: skip
    if len(groups) == 1:
        return g.Squeeze(y, [1]), finals
    return g.Reshape(g.Transpose(y, perm=[0, 2, 1, 3]), [0, 0, -1]), finals


# -- gates in the standard's order. Weights that are constants are arranged here, so that nobody has to do it at run time. ----


def _both(g: Builder, kind: _Kind, of_input: Value, of_state: Value) -> Value | np.ndarray[Any, Any]:
    parts = [_arranged(g, kind, b) for b in (of_input, of_state)]
    if all(isinstance(p, np.ndarray) for p in parts):
        return np.concatenate(parts)  # pyright: ignore[reportArgumentType, reportCallIssue] all are arrays
    return g.Concat(*parts, axis=0)


def _stacked(g: Builder, kind: _Kind, weights: Sequence[Value], name: str) -> Value:
    return _together(g, [_arranged(g, kind, w) for w in weights], name)


def _together(g: Builder, parts: Sequence[Value | np.ndarray[Any, Any]], name: str) -> Value:
    """The directions along a new first axis."""
    arrays = [p for p in parts if isinstance(p, np.ndarray)]
    if len(arrays) == len(parts):
        path = f"{g.here.name}.{name}" if g.here.name else name
        return g.value(Tensor(np.stack(arrays), name=path))
    lifted = [g.Unsqueeze(p, [0]) for p in parts]
    return lifted[0] if len(lifted) == 1 else g.Concat(*lifted, axis=0)


def _arranged(g: Builder, kind: _Kind, weight: Value) -> Value | np.ndarray[Any, Any]:
    if isinstance(weight.const, Tensor):
        parts = np.split(weight.const.numpy(), len(kind.gates))
        return np.concatenate([parts[i] for i in kind.gates])
    if len(kind.gates) == 1:
        return weight
    assert weight.shape is not None and isinstance(weight.shape[0], int)
    rows = weight.shape[0] // len(kind.gates)
    order = np.concatenate([np.arange(i * rows, (i + 1) * rows) for i in kind.gates])
    return g.Gather(weight, order, axis=0)


# -- while torch looks at the module ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def of_any_length() -> Iterator[None]:
    """Let torch see only the shapes a recurrent network gives. It would unroll the network, for the example's length."""
    overloads: list[Any] = [getattr(torch.ops.aten, name).input for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")]
    with contextlib.ExitStack() as stack:
        known = {overload: _shapes for overload in overloads if overload in decomposition_table}
        stack.enter_context(mock.patch.dict(decomposition_table, known))
        for overload in overloads:
            kernels = getattr(overload, "py_kernels", None)
            if kernels:
                stack.enter_context(mock.patch.dict(kernels, dict.fromkeys(kernels, _shapes)))
                stack.callback(overload._dispatch_cache.clear)
                overload._dispatch_cache.clear()
        yield


def _shapes(
    input: torch.Tensor, hx: Any, params: Sequence[torch.Tensor], has_biases: bool, num_layers: int, dropout: float,
    train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[torch.Tensor, ...]:  # fmt: skip
    states = [hx] if isinstance(hx, torch.Tensor) else list(hx)
    width = states[0].shape[2] * (2 if bidirectional else 1)
    return input.new_empty((input.shape[0], input.shape[1], width)), *(h.new_empty(h.shape) for h in states)
