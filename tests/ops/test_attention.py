"""Attention and what serves it."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from torch.nn import functional as fn

from sardonyx.core.errors import ShapeError
from tests.ops.apply import apply

R = np.random.default_rng(0)
Q, K, V = (R.standard_normal((2, heads, length, 8), np.float32) for heads, length in ((4, 3), (2, 5), (2, 5)))


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_torchs(causal: bool) -> None:
    k, v = K[:, :, : 3 if causal else 5], V[:, :, : 3 if causal else 5]
    wanted = fn.scaled_dot_product_attention(
        torch.tensor(Q), torch.tensor(k), torch.tensor(v), is_causal=causal, enable_gqa=True
    )
    np.testing.assert_allclose(apply("Attention", Q, k, v, is_causal=int(causal)), wanted, rtol=1e-4, atol=1e-5)


def test_steps_with_a_cache_give_what_one_step_gives() -> None:
    whole = apply("Attention", np.repeat(Q, 2, 2)[:, :, :5], K, V, is_causal=1)
    past: tuple[Any, Any] = (K[:, :, :0], V[:, :, :0])
    for i in range(5):
        now = np.repeat(Q, 2, 2)[:, :, i : i + 1], K[:, :, i : i + 1], V[:, :, i : i + 1]
        y, *past = apply("Attention", *now, None, *past, outputs=3, is_causal=1)  # pyright: ignore[reportAssignmentType]
        np.testing.assert_allclose(y, whole[:, :, i : i + 1], rtol=1e-4, atol=1e-5)


def test_a_query_that_sees_nothing_gives_zeros() -> None:
    mask = np.ones((3, 5), bool)
    mask[1] = False
    y = apply("Attention", Q, K, V, mask)
    assert not y[:, :, 1].any() and y[:, :, 0].any() and not np.isnan(y).any()


def test_rotations_keep_lengths_and_take_positions() -> None:
    angles = R.random((10, 4), np.float32)
    cos, sin = np.cos(angles), np.sin(angles)
    for interleaved in (0, 1):
        at = np.array([[4, 5, 6], [0, 0, 9]])
        y = apply("RotaryEmbedding", Q, cos, sin, at, interleaved=interleaved)
        np.testing.assert_allclose(np.linalg.norm(y, axis=-1), np.linalg.norm(Q, axis=-1), rtol=1e-5)
        flat = apply(
            "RotaryEmbedding", Q.swapaxes(1, 2).reshape(2, 3, 32), cos, sin, at, interleaved=interleaved, num_heads=4
        )
        np.testing.assert_array_equal(flat.reshape(2, 3, 4, 8).swapaxes(1, 2), y)
    part = apply("RotaryEmbedding", Q, cos[:, :2], sin[:, :2], np.zeros((2, 3), np.int64), rotary_embedding_dim=4)
    np.testing.assert_array_equal(part[..., 4:], Q[..., 4:])
    with pytest.raises(ShapeError, match="columns of cos_cache and half the pairs differ: 3 and 4"):
        apply("RotaryEmbedding", Q, cos[:, :3], sin[:, :3], np.zeros((2, 3), np.int64))


def test_a_circular_cache_wraps_around() -> None:
    cache = np.zeros((2, 4, 1), ml_dtypes.float8_e4m3fn)
    update = np.ones((2, 2, 1), cache.dtype)
    found = apply("TensorScatter", cache, update, np.array([3, 1]), axis=1, mode="circular")
    assert found.astype(int)[..., 0].tolist() == [[1, 0, 0, 1], [0, 1, 1, 0]]
    with pytest.raises(ShapeError, match="axis 0 is the batch"):
        apply("TensorScatter", cache, update, axis=0)
