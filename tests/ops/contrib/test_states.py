"""Layers that carry a state, beside onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.core.errors import SardonyxError
from tests.ops.contrib.peer import compare, evaluated, floats

B, T, HEADS, FEW, DEPTH, WIDTH = 2, 5, 4, 2, 6, 3
Q, K, V = floats(B, T, HEADS * DEPTH), floats(B, T, FEW * DEPTH, seed=1, scale=0.3), floats(B, T, FEW * WIDTH, seed=2)
PAST = floats(B, FEW, DEPTH, WIDTH, seed=6)
DECAYS = {"by head": -np.abs(floats(B, T, FEW, seed=3)), "by key": -np.abs(floats(B, T, FEW * DEPTH, seed=4))}
BETA = np.abs(floats(B, T, FEW, seed=5)) / 3
FACTS: dict[str, Any] = {"q_num_heads": HEADS, "kv_num_heads": FEW}


@pytest.mark.parametrize("past", [None, PAST], ids=["from nothing", "from a state"])
@pytest.mark.parametrize("decay", DECAYS.values(), ids=DECAYS)
@pytest.mark.parametrize("rule", ["linear", "gated", "delta", "gated_delta"])
def test_linear_attention(rule: str, decay: Any, past: Any) -> None:
    given = [Q, K, V, past, decay if "gated" in rule else None, BETA if "delta" in rule else None]
    compare("LinearAttention", given, 2, update_rule=rule, **FACTS)
    compare("LinearAttention", given, 2, update_rule=rule, scale=0.7, **FACTS)


def test_one_rate_for_all_heads_and_few_queries() -> None:
    given = [Q, K, V, PAST, DECAYS["by head"], BETA[..., :1].copy()]
    compare("LinearAttention", given, 2, **FACTS)
    given = [Q[..., :DEPTH].copy(), K, V, PAST, DECAYS["by head"], BETA]
    compare("LinearAttention", given, 2, q_num_heads=1, kv_num_heads=FEW)


def test_a_window_holds_the_state_behind_each_token() -> None:
    def after(count: int) -> Any:
        return evaluated("LinearAttention", [x[:, :count] for x in (Q, K, V)], 2, update_rule="linear", **FACTS)[1]

    wide = evaluated("LinearAttention", [Q, K, V], 2, update_rule="linear", state_window=2, **FACTS)[1]
    np.testing.assert_allclose(wide, np.stack([after(T - 1), after(T)]), rtol=1e-6)
    few = [x[:, :1] for x in (Q, K, V)]
    [_, wide] = evaluated("LinearAttention", [*few, np.stack([PAST * 9, PAST])], 2, update_rule="linear", state_window=2, **FACTS)  # fmt: skip
    [_, want] = evaluated("LinearAttention", [*few, PAST], 2, update_rule="linear", **FACTS)
    np.testing.assert_array_equal(wide, np.stack([np.zeros_like(want), want]))


def test_rules_need_what_they_name() -> None:
    with pytest.raises(SardonyxError, match="needs decay"):
        evaluated("LinearAttention", [Q, K, V, None, None, BETA], 2, **FACTS)
    with pytest.raises(SardonyxError, match="needs beta"):
        evaluated("LinearAttention", [Q, K, V], 2, update_rule="delta", **FACTS)
    with pytest.raises(SardonyxError, match="'softmax'"):
        evaluated("LinearAttention", [Q, K, V], 2, update_rule="softmax", **FACTS)


def test_gates_of_linear_attention() -> None:
    given = [floats(B, T, HEADS) * 9, floats(HEADS, seed=1), floats(HEADS, seed=2)]
    compare("LinearAttentionGate", [*given, floats(B, T, HEADS, seed=3)], 2)
    compare("LinearAttentionGate", given)


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("activation", ["none", "silu"])
def test_causal_convolution(activation: str, dilation: int, last: int) -> None:
    x, state = floats(2, 4, 6), floats(2, 4, 2 * dilation, seed=3)
    x, state = (np.ascontiguousarray(a.swapaxes(1, 2)) if last else a for a in (x, state))
    facts: dict[str, Any] = {"activation": activation, "dilation": dilation, "channels_last": last}
    for rest in ([], [floats(4, seed=2)], [floats(4, seed=2), state]):
        compare("CausalConvWithState", [x, floats(4, 1, 3, seed=1), *rest], 2, **facts)


def test_a_convolution_goes_on_where_it_ended() -> None:
    x, w = floats(2, 4, 6), floats(4, 1, 3, seed=1)
    [want, end] = evaluated("CausalConvWithState", [x, w], 2)
    [first, state] = evaluated("CausalConvWithState", [x[:, :, :1], w], 2)
    [second, last] = evaluated("CausalConvWithState", [x[:, :, 1:], w, None, state], 2)
    np.testing.assert_allclose(np.concatenate([first, second], 2), want, rtol=1e-6)
    np.testing.assert_array_equal(last, end)
    [_, window] = evaluated("CausalConvWithState", [x, w], 2, state_window=2)
    np.testing.assert_array_equal(window, np.stack([x[:, :, 3:5], x[:, :, 4:6]]))
