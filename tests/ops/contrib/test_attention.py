"""Attention and rotary embeddings, beside onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.contrib.peer import compare, evaluated, floats, whole

F = np.float32
B, S, H, D = 2, 4, 2, 16
W = H * D
MASKS: dict[str, Any] = {
    "none": None,
    "lengths": np.array([3, 4], np.int32),
    "ends and starts": np.array([4, 4, 1, 0], np.int32),
    "by key": np.array([[1, 1, 0, 1], [1, 1, 1, 0]], np.int32),
    "by query": np.tril(np.ones((B, S, S), np.int32)),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("one_way", [0, 1])
def test_attention(mask: Any, one_way: int) -> None:
    x, w, bias = floats(B, S, 12), floats(12, 3 * W, seed=1), floats(3 * W, seed=2)
    compare("Attention", [x, w, bias, mask], num_heads=H, unidirectional=one_way, atol=1e-4)


def test_attention_with_past() -> None:
    x, w, bias = floats(B, S, 12), floats(12, 3 * W, seed=1), floats(3 * W, seed=2)
    past = floats(2, B, H, 3, D, seed=3)
    compare("Attention", [x, w, bias, None, past], 2, num_heads=H, unidirectional=1, atol=1e-4)
    extra = floats(B, H, S, S, seed=4)
    compare("Attention", [x, w, bias, None, None, extra], num_heads=H, scale=0.3, atol=1e-4)


def test_quantized_attention() -> None:
    x, w, bias = whole("uint8", B, S, 12), whole("int8", 12, 3 * W, seed=1), floats(3 * W, seed=2)
    facts = [F(0.02), F(0.01), MASKS["by key"], np.uint8(100), np.int8(3)]
    compare("QAttention", [x, w, bias, *facts], num_heads=H, atol=1e-4)
    scales, points = np.linspace(0.01, 0.02, 3 * W, dtype=F), np.zeros(3 * W, np.int8)
    compare("QAttention", [x, w, bias, F(0.02), scales, None, np.uint8(100), points], num_heads=H, atol=1e-4)


@pytest.mark.parametrize(
    "mask", [MASKS["none"], np.array([[1, 1, 0, 1, 1], [1, 1, 1, 0, 0]], np.int32)], ids=["none", "by key"]
)
def test_multi_head(mask: Any) -> None:
    q, k, v = floats(B, S, W), floats(B, 5, W, seed=1), floats(B, 5, H * 6, seed=2)
    compare("MultiHeadAttention", [q, k, v, None, mask], num_heads=H, atol=1e-4)
    compare("MultiHeadAttention", [q, k, v, floats(2 * W + H * 6, seed=3), mask], num_heads=H, scale=0.2, atol=1e-4)


def test_multi_head_with_past() -> None:
    q, k, v = floats(B, S, W), floats(B, S, W, seed=1), floats(B, S, W, seed=2)
    past = [floats(B, H, 3, D, seed=s) for s in (3, 4)]
    given = [q, k, v, None, None, floats(1, H, S, S + 3, seed=5), *past]
    compare("MultiHeadAttention", given, 3, num_heads=H, atol=1e-4)
    compare("MultiHeadAttention", [q, k, v], num_heads=H, unidirectional=1, atol=1e-4)
    heads = [floats(B, H, 6, D, seed=s) for s in (6, 7)]
    compare("MultiHeadAttention", [q, *heads], num_heads=H, atol=1e-4)


@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary(interleaved: int) -> None:
    angles = np.arange(10)[:, None] * np.linspace(0.1, 1, D // 2)
    cos, sin = np.cos(angles).astype(F), np.sin(angles).astype(F)
    places = np.array([[0, 2, 4, 6], [1, 3, 5, 9]])
    compare("RotaryEmbedding", [floats(B, S, W), places, cos, sin], interleaved=interleaved)
    compare("RotaryEmbedding", [floats(B, H, S, D), np.array([3]), cos, sin], interleaved=interleaved)
    half = [cos[:, :2].copy(), sin[:, :2].copy()]
    compare(
        "RotaryEmbedding",
        [floats(B, S, W), places, *half],
        interleaved=interleaved,
        num_heads=H,
        rotary_embedding_dim=4,
    )


def _caches(extent: int) -> tuple[Any, Any]:
    angles = np.arange(extent)[:, None] * np.linspace(0.1, 1, D // 2)
    return np.cos(angles).astype(F), np.sin(angles).astype(F)


@pytest.mark.parametrize(
    "facts", [{}, {"do_rotary": 1}, {"do_rotary": 1, "rotary_interleaved": 1}, {"softcap": 2.0}], ids=str
)
@pytest.mark.parametrize("packed", [True, False])
def test_group_query_prompt(facts: dict[str, Any], packed: bool) -> None:
    heads, few = 4, 2
    q, k, v = floats(B, S, heads * D), floats(B, S, few * D, seed=1), floats(B, S, few * D, seed=2)
    given = [np.concatenate([q, k, v], -1), None, None] if packed else [q, k, v]
    empty = np.zeros((B, few, 0, D), F)
    lengths = np.array([S - 1, S - 1], np.int32)
    rest = [empty, empty, lengths, np.array(S, np.int32), *(_caches(16) if "do_rotary" in facts else ())]
    compare("GroupQueryAttention", [*given, *rest], 3, num_heads=heads, kv_num_heads=few, atol=1e-4, **facts)


@pytest.mark.parametrize("window", [-1, 3])
def test_group_query_decode(window: int) -> None:
    """One new token behind pasts of different lengths."""
    heads, few, past = 4, 2, 6
    q, k, v = floats(B, 1, heads * D), floats(B, 1, few * D, seed=1), floats(B, 1, few * D, seed=2)
    pasts = [floats(B, few, past, D, seed=s) for s in (3, 4)]
    lengths, total = np.array([past, past], np.int32), np.array(past + 1, np.int32)
    facts = {"num_heads": heads, "kv_num_heads": few, "do_rotary": 1, "local_window_size": window}
    compare("GroupQueryAttention", [q, k, v, *pasts, lengths, total, *_caches(16)], 3, atol=1e-4, **facts)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize(
    "sections", [{"mrope_section": [4, 2, 2]}, {"mrope_section": [2, 3, 3], "mrope_layout": 1}], ids=str
)
def test_rotary_by_time_height_and_width(sections: dict[str, Any], interleaved: int) -> None:
    places = np.random.default_rng(3).integers(0, 16, (3, B, S))
    compare(
        "MRotaryEmbedding", [floats(B, S, W), places, *_caches(16)], num_heads=H, interleaved=interleaved, **sections
    )
    compare("MRotaryEmbedding", [floats(B, H, S, D), places, *_caches(16)], interleaved=interleaved, **sections)


def test_relative_position_bias() -> None:
    """Of 8 biases 4 are for distances below 4, one each; the last one is for all from max_distance on."""
    table = floats(8, 3)
    [y] = evaluated("RelativePositionBias", [table, np.array([40]), np.array([40])], max_distance=16)
    for i, j in ((5, 5), (5, 4), (9, 6), (20, 25)):
        np.testing.assert_array_equal(y[0, :, i, j], table[max(i - j, 0)])
    np.testing.assert_array_equal(y[0, :, 39, 0], table[7])
    both = evaluated(
        "RelativePositionBias", [table, np.array([9]), np.array([9])], max_distance=16, is_bidirectional=1
    )[0]
    np.testing.assert_array_equal(both[0, :, 5, 4], table[1])
    np.testing.assert_array_equal(both[0, :, 4, 5], table[5])
