"""Mixtures of experts, beside onnxruntime."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from sardonyx.core.errors import UnsupportedError
from tests.ops.contrib.peer import compare, evaluated, floats, whole

TOKENS, WIDE, INNER, EXPERTS = 5, 32, 64, 4
X, ROUTER = floats(TOKENS, WIDE), floats(TOKENS, EXPERTS, seed=1)
SWIGLU: dict[str, Any] = {"activation_type": "swiglu", "swiglu_fusion": 1}


def layers(inner: int) -> list[Any]:
    first = [floats(EXPERTS, inner, WIDE, seed=2, scale=0.2), floats(EXPERTS, inner, seed=3)]
    return [*first, floats(EXPERTS, WIDE, INNER, seed=4, scale=0.2), floats(EXPERTS, WIDE, seed=5)]


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "identity"])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_experts(activation: str, k: int) -> None:
    compare("MoE", [X, ROUTER, *layers(INNER)], k=k, activation_type=activation, atol=1e-4)


def test_shares_that_add_up_to_one() -> None:
    w1, b1, w2, b2 = layers(INNER)
    compare("MoE", [X, ROUTER, w1, None, w2, b2], k=2, normalize_routing_weights=1, atol=1e-4)
    compare("MoE", [X.reshape(1, TOKENS, WIDE), ROUTER, w1, b1, w2], k=3, normalize_routing_weights=1, atol=1e-4)


@pytest.mark.parametrize("facts", [{}, {"activation_alpha": 1.7, "activation_beta": 1.0, "swiglu_limit": 0.6}], ids=str)
def test_gates(facts: dict[str, Any]) -> None:
    compare("MoE", [X, ROUTER, *layers(2 * INNER)], k=2, atol=1e-4, **SWIGLU, **facts)


def test_where_the_gate_lies_makes_no_difference() -> None:
    w1, b1, w2, b2 = layers(2 * INNER)
    facts: dict[str, Any] = {"k": 2, "activation_type": "swiglu", "swiglu_limit": 1.0}
    [want] = evaluated("MoE", [X, ROUTER, w1, b1, w2, b2], swiglu_fusion=1, **facts)
    gate, up = (w1[:, ::2].copy(), b1[:, ::2].copy()), (w1[:, 1::2].copy(), b1[:, 1::2].copy())
    behind = [np.concatenate(pair, 1) for pair in zip(gate, up, strict=True)]
    np.testing.assert_allclose(
        evaluated("MoE", [X, ROUTER, *behind, w2, b2], swiglu_fusion=2, **facts)[0], want, rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(
        evaluated("MoE", [X, ROUTER, *gate, w2, b2, *up], swiglu_fusion=0, **facts)[0], want, rtol=1e-5, atol=1e-5
    )
    late = evaluated("MoE", [X, ROUTER, w1, b1, w2, b2], swiglu_fusion=1, swiglu_limit_after_activation=1, **facts)
    assert np.abs(late[0] - want).max() > 1e-2


def packed(bits: int, inner: int) -> list[Any]:
    """The weights and scales by row of two layers."""
    first = [whole("uint8", EXPERTS, inner, WIDE * bits // 8), floats(EXPERTS, inner, seed=1) * 0.01]
    return [*first, whole("uint8", EXPERTS, WIDE, INNER * bits // 8, seed=2), floats(EXPERTS, WIDE, seed=3) * 0.01]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_quantized_experts(bits: int) -> None:
    w1, s1, w2, s2 = packed(bits, INNER)
    facts: dict[str, Any] = {"k": 2, "expert_weight_bits": bits, "weights_prepacked": 0}
    compare("QMoE", [X, ROUTER, w1, s1, None, w2, s2], atol=1e-4, **facts)
    biases = floats(EXPERTS, INNER, seed=7), floats(EXPERTS, WIDE, seed=8)
    given = [X, ROUTER, w1, s1, biases[0], w2, s2, biases[1]]
    compare("QMoE", given, atol=1e-4, activation_type="silu", normalize_routing_weights=1, **facts)


@pytest.mark.parametrize("bits", [4, 8])
def test_quantized_experts_with_zero_points(bits: int) -> None:
    w1, s1, w2, s2 = packed(bits, INNER)
    zeros = [whole("uint8", EXPERTS, n * bits // 8, seed=4) for n in (INNER, WIDE)]
    facts: dict[str, Any] = {"k": 2, "expert_weight_bits": bits, "weights_prepacked": 0}
    compare("QMoE", [X, ROUTER, w1, s1, None, w2, s2, None, None, None, None, *zeros], atol=1e-4, **facts)


@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
def test_quantized_experts_by_block(bits: int, points: bool) -> None:
    w1, _, w2, _ = packed(bits, 2 * INNER)
    s1, s2 = floats(EXPERTS, 2 * INNER, WIDE // 16, seed=1) * 0.01, floats(EXPERTS, WIDE, INNER // 16, seed=2) * 0.01
    zeros = [whole("uint8", *s.shape[:2], s.shape[2] * bits // 8, seed=4) for s in (s1, s2)] if points else []
    given = [X, ROUTER, w1, s1, None, w2, s2, *([None] * 4 + zeros if zeros else [])]
    facts: dict[str, Any] = {"k": 2, "expert_weight_bits": bits, "block_size": 16, "weights_prepacked": 0}
    compare("QMoE", given, atol=1e-4, **SWIGLU, **facts)


def test_weights_of_their_own() -> None:
    """Which experts see a token follows from one input, how much each counts from another."""
    w1, s1, w2, s2 = packed(4, INNER)
    given = [X, ROUTER, w1, s1, None, w2, s2, *[None] * 7, np.abs(floats(TOKENS, EXPERTS, seed=9))]
    compare("QMoE", given, atol=1e-4, k=2, weights_prepacked=0)
    compare("QMoE", given, atol=1e-4, k=2, weights_prepacked=0, normalize_routing_weights=1)


def test_experts_of_eight_bit_floats() -> None:
    """onnxruntime has them on GPUs only: against experts restored before, whose squares at the edges are parts of ones."""
    w1, w2 = (floats(EXPERTS, *s, seed=i, scale=0.2).astype(ml_dtypes.float8_e4m3fn) for i, s in enumerate([(INNER, WIDE), (WIDE, INNER)]))  # fmt: skip
    s1, s2 = (np.abs(floats(EXPERTS, -(-w.shape[1] // 48), -(-w.shape[2] // 48), seed=3)) for w in (w1, w2))
    plain: list[Any] = []
    for w, s in ((w1, s1), (w2, s2)):
        spread = np.repeat(np.repeat(s, 48, 1), 48, 2)[:, : w.shape[1], : w.shape[2]]
        plain.append(w.astype(np.float32) * spread)
    [want] = evaluated("MoE", [X, ROUTER, plain[0], None, plain[1]], k=2, normalize_routing_weights=1)
    facts: dict[str, Any] = {"k": 2, "quant_type": "fp8", "block_size": 48}
    [got] = evaluated("QMoE", [X, ROUTER, w1, s1, None, w2, s2], **facts)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    with pytest.raises(UnsupportedError, match="without scales"):
        evaluated("QMoE", [X, ROUTER, w1, None, None, w2, None], **facts)
    with pytest.raises(UnsupportedError, match="'fp4'"):
        evaluated("QMoE", [X, ROUTER, w1, s1, None, w2, s2], k=2, quant_type="fp4")


def test_what_has_no_reference_says_so() -> None:
    with pytest.raises(UnsupportedError, match="sparse mixer"):
        evaluated("MoE", [X, ROUTER, *layers(INNER)], use_sparse_mixer=1)
    with pytest.raises(UnsupportedError, match="'tanh'"):
        evaluated("MoE", [X, ROUTER, *layers(INNER)], activation_type="tanh")
