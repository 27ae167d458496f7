"""Recurrent operators against torch's, which orders the gates otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sardonyx.core.errors import ShapeError, UnsupportedError
from tests.ops.apply import apply

TIME, BATCH, FEATURES, HIDDEN = 5, 3, 4, 6
X = np.random.default_rng(0).standard_normal((TIME, BATCH, FEATURES), np.float32)
ORDERS = {"RNN": [0], "GRU": [1, 0, 2], "LSTM": [0, 3, 1, 2]}  # where torch has each of the standard's gates


def weights(module: Any, op: str, directions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    def gates(name: str, suffix: str) -> np.ndarray:
        tensor = getattr(module, f"{name}_l0{suffix}").detach().numpy()
        return np.concatenate([np.split(tensor, len(ORDERS[op]))[i] for i in ORDERS[op]])

    suffixes = ["", "_reverse"][:directions]
    w, r = (np.stack([gates(f"weight_{k}", s) for s in suffixes]) for k in ("ih", "hh"))
    return w, r, np.stack([np.concatenate([gates("bias_ih", s), gates("bias_hh", s)]) for s in suffixes])


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("op", ORDERS)
def test_the_outputs_are_torchs(op: str, directions: int) -> None:
    torch.manual_seed(0)
    module = getattr(torch.nn, op)(FEATURES, HIDDEN, bidirectional=directions == 2)
    w, r, b = weights(module, op, directions)
    direction = "bidirectional" if directions == 2 else "forward"
    attrs: dict[str, Any] = {"hidden_size": HIDDEN, "direction": direction}
    if op == "GRU":
        attrs["linear_before_reset"] = 1
    found = apply(op, X, w, r, b, outputs=3 if op == "LSTM" else 2, **attrs)
    y, last = module(torch.tensor(X))
    split = y.detach().numpy().reshape(TIME, BATCH, directions, HIDDEN).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(found[0], split, rtol=1e-4, atol=1e-5)
    for state, wanted in zip(found[1:], last if op == "LSTM" else [last], strict=True):
        np.testing.assert_allclose(state, wanted.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("op", ORDERS)
def test_a_shorter_sequence_is_run_alone(op: str) -> None:
    torch.manual_seed(0)
    module = getattr(torch.nn, op)(FEATURES, HIDDEN, bidirectional=True)
    w, r, b = weights(module, op, 2)
    attrs: dict[str, Any] = {"hidden_size": HIDDEN, "direction": "bidirectional"}
    y, last = apply(op, X, w, r, b, np.array([5, 2, 0], np.int32), outputs=2, **attrs)
    alone, end = apply(op, X[:2, 1:2], w, r, b, outputs=2, **attrs)
    np.testing.assert_allclose(y[:2, :, 1:2], alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(last[:, 1:2], end, rtol=1e-5, atol=1e-6)
    assert not y[2:, :, 1].any() and not y[:, :, 2].any() and not last[:, 2].any()


def test_layout_puts_the_batch_first() -> None:
    torch.manual_seed(0)
    w, r, b = weights(torch.nn.LSTM(FEATURES, HIDDEN), "LSTM", 1)
    y, h, c = apply("LSTM", X, w, r, b, outputs=3, hidden_size=HIDDEN)
    y1, h1, c1 = apply("LSTM", X.swapaxes(0, 1), w, r, b, outputs=3, hidden_size=HIDDEN, layout=1)
    np.testing.assert_allclose(y1, y.transpose(2, 0, 1, 3), rtol=1e-6)
    np.testing.assert_allclose(h1, h.swapaxes(0, 1), rtol=1e-6)
    np.testing.assert_allclose(c1, c.swapaxes(0, 1), rtol=1e-6)


def test_activations_take_their_alphas_in_order() -> None:
    w, r = np.ones((1, 1, 1), np.float32), np.zeros((1, 1, 1), np.float32)
    x = np.array([[[-2.0]], [[3.0]]], np.float32)
    attrs: dict[str, Any] = {"hidden_size": 1, "activations": ["LeakyRelu"], "activation_alpha": [0.5]}
    assert apply("RNN", x, w, r, outputs=2, **attrs)[0].reshape(-1).tolist() == [-1, 3]


def test_what_does_not_fit_is_refused() -> None:
    w, r = np.ones((1, 2, 3), np.float32), np.ones((1, 2, 2), np.float32)
    with pytest.raises(ShapeError, match="features of X and of W differ: 4 and 3"):
        apply("RNN", X, w, r, outputs=1, hidden_size=2)
    x = X[..., :3]
    with pytest.raises(UnsupportedError, match="'sine' is no activation"):
        apply("RNN", x, w, r, outputs=1, hidden_size=2, activations=["Sine"])


def test_linear_attention_continues_from_its_state() -> None:
    rng = np.random.default_rng(1)
    q, k, v = (rng.standard_normal((2, 6, 8), np.float32) for _ in range(3))
    decay, beta = -np.abs(rng.standard_normal((2, 6, 2), np.float32)), rng.random((2, 6, 2), np.float32)
    heads = {"q_num_heads": 2, "kv_num_heads": 2}
    whole, state = apply("LinearAttention", q, k / 4, v, None, decay, beta, outputs=2, **heads)
    _, half = apply(
        "LinearAttention", *(x[:, :3] for x in (q, k / 4, v)), None, decay[:, :3], beta[:, :3], outputs=2, **heads
    )
    rest, end = apply(
        "LinearAttention", *(x[:, 3:] for x in (q, k / 4, v)), half, decay[:, 3:], beta[:, 3:], outputs=2, **heads
    )
    np.testing.assert_allclose(rest, whole[:, 3:], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(end, state, rtol=1e-4, atol=1e-5)
    with pytest.raises(ShapeError, match="decay must be given"):
        apply("LinearAttention", q, k, v, outputs=2, **heads)
    with pytest.raises(ShapeError, match="decay has 2 or 8 features"):
        apply("LinearAttention", q, k, v, None, decay[..., :1], beta, outputs=2, **heads)
    with pytest.raises(ShapeError, match="update_rule is one of linear"):
        apply("LinearAttention", q, k, v, outputs=2, update_rule="other", **heads)


def test_a_causal_convolution_refuses_what_it_cannot_apply() -> None:
    x, w = np.zeros((1, 3, 7), np.float32), np.zeros((3, 1, 4), np.float32)
    with pytest.raises(ShapeError, match="activation is one of none"):
        apply("CausalConvWithState", x, w, outputs=2, activation="other")
    with pytest.raises(ShapeError, match="a kernel has at least one element"):
        apply("CausalConvWithState", x, w[..., :0], outputs=2)
    with pytest.raises(ShapeError, match="extents of past_state differ"):
        apply("CausalConvWithState", x, w, None, x, outputs=2)


def test_a_causal_convolution_continues_from_its_state() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((1, 3, 7), np.float32), rng.standard_normal((3, 1, 4), np.float32)
    whole, state = apply("CausalConvWithState", x, w, outputs=2, activation="silu")
    first, half = apply("CausalConvWithState", x[..., :2], w, outputs=2, activation="silu")
    rest, end = apply("CausalConvWithState", x[..., 2:], w, None, half, outputs=2, activation="silu")
    np.testing.assert_allclose(np.concatenate([first, rest], 2), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(end, state)
