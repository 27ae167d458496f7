"""Sequences without padding: the same as in a padded batch, whose operators stand beside onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.contrib.peer import evaluated, floats

B, S, H, D = 3, 4, 2, 8
W = H * D
COUNTS = np.array([1, 4, 2], np.int32)
REAL = np.arange(S) < COUNTS[:, None]


def removed(x: Any) -> list[Any]:
    return evaluated("RemovePadding", [x, COUNTS], 4)


def test_padding_goes_and_comes_back() -> None:
    x = floats(B, S, 5)
    tokens, offsets, ends, longest = removed(x)
    np.testing.assert_array_equal(tokens, x[REAL])
    np.testing.assert_array_equal(offsets, [[0, 4, 5, 6], [7, 8, 9, 1], [2, 3, 10, 11]])
    np.testing.assert_array_equal(ends, [0, 1, 5, 7])
    np.testing.assert_array_equal(longest, [4])
    [back] = evaluated("RestorePadding", [tokens, offsets])
    np.testing.assert_array_equal(back, np.where(REAL[..., None], x, 0))


@pytest.mark.parametrize("facts", [{}, {"scale": 0.2}], ids=["as usual", "scaled"])
@pytest.mark.parametrize("extra", [None, floats(1, H, S, S, seed=9), floats(B, 1, S, S, seed=9)], ids=["", "1", "B"])
def test_attention(extra: Any, facts: dict[str, Any]) -> None:
    x, w, b = floats(B, S, 12), floats(12, 3 * W, seed=1), floats(3 * W, seed=2)
    tokens, offsets, ends, _ = removed(x)
    [y] = evaluated("PackedAttention", [tokens, w, b, offsets, ends, extra], num_heads=H, **facts)
    [want] = evaluated("Attention", [x, w, b, COUNTS, None, extra], num_heads=H, **facts)
    np.testing.assert_allclose(y, want[REAL], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("biased", [False, True])
def test_multi_head_attention(biased: bool) -> None:
    q, k, v = floats(B, S, W), floats(B, S, W, seed=1), floats(B, S, W, seed=2)
    bias = floats(3 * W, seed=3) if biased else None
    [want] = evaluated("MultiHeadAttention", [q, k, v, bias, COUNTS], num_heads=H)
    _, offsets, ends, _ = removed(q)
    [y] = evaluated("PackedMultiHeadAttention", [q[REAL], k[REAL], v[REAL], bias, offsets, ends], num_heads=H)
    np.testing.assert_allclose(y, want[REAL], rtol=1e-4, atol=1e-5)
    together = np.stack([x[REAL].reshape(-1, H, D) for x in (q, k, v)], 2)
    [y] = evaluated("PackedMultiHeadAttention", [together, None, None, bias, offsets, ends], num_heads=H)
    np.testing.assert_allclose(y, want[REAL], rtol=1e-4, atol=1e-5)
