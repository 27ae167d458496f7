"""Attention of one token, beside onnxruntime; what it has no kernel of is put together from what it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.core.errors import ExecutionError, InputError
from tests.ops.contrib.peer import compare, evaluated, floats

B, H, D, PAST, ROOM = 2, 2, 8, 3, 6
W = H * D
Q, K, V = (floats(B, 1, W, seed=s) for s in range(3))
LENGTH = np.array([PAST], np.int32)
OP = "DecoderMaskedMultiHeadAttention"
SHARED: dict[str, Any] = {"num_heads": H, "past_present_share_buffer": 1}


def cache(seed: int) -> Any:
    """Past tokens, and room for more."""
    full = np.zeros((B, H, ROOM, D), np.float32)
    full[:, :, :PAST] = floats(B, H, PAST, D, seed=seed)
    return full


PASTS = [cache(3), cache(4)]


@pytest.mark.parametrize("mask", [None, np.array([[1, 0, 1, 1], [0, 1, 1, 1]], np.int32)], ids=["all", "some"])
@pytest.mark.parametrize("facts", [{}, {"scale": 0.5, "mask_filter_value": -5.0}], ids=["as usual", "scaled"])
def test_a_token_and_those_before_it(mask: Any, facts: dict[str, Any]) -> None:
    compare(OP, [Q, K, V, mask, None, *PASTS, LENGTH], 3, **SHARED, **facts)
    extra = floats(1, H, 1, PAST + 1, seed=8)
    compare(OP, [Q, K, V, mask, extra, *PASTS, LENGTH], 3, **SHARED, **facts)


def test_with_biases_of_the_projections() -> None:
    compare(OP, [Q, K, V, None, None, *PASTS, LENGTH, None, None, floats(3 * W, seed=9)], 3, **SHARED)


@pytest.mark.parametrize(
    "indirection", [np.zeros((1, 2, ROOM), np.int32), np.array([[[0, 1, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0]]], np.int32)],
    ids=["one", "mixed"],
)  # fmt: skip
def test_beams(indirection: Any) -> None:
    compare(OP, [Q, K, V, None, None, *PASTS, LENGTH, np.array([2], np.int32), indirection], 3, **SHARED)


@pytest.mark.parametrize("mask", [None, np.array([[1, 1, 0, 1, 1], [1, 1, 1, 0, 0]], np.int32)], ids=["all", "some"])
def test_to_an_encoder(mask: Any) -> None:
    heads = [floats(B, H, 5, D, seed=s) for s in (5, 6)]
    compare(OP, [Q, *heads, mask], num_heads=H)
    *_, scores = evaluated(OP, [Q, *heads, mask], [True, False, False, True], num_heads=H)
    assert scores.shape == (B, H, 1, 5)


def test_a_cache_that_grows_and_inputs_side_by_side() -> None:
    want = evaluated(OP, [Q, K, V, None, None, *PASTS, LENGTH], 3, **SHARED)
    together = evaluated(OP, [np.concatenate([Q, K, V], -1), None, None, None, None, *PASTS, LENGTH], 3, **SHARED)
    grown = evaluated(OP, [Q, K, V, None, None, *(p[:, :, :PAST] for p in PASTS)], 3, num_heads=H)
    for i in range(3):
        np.testing.assert_allclose(together[i], want[i], rtol=1e-6)
        np.testing.assert_allclose(grown[i], want[i][:, :, : PAST + 1] if i else want[i], rtol=1e-6)


def test_a_full_cache_is_refused() -> None:
    with pytest.raises((InputError, ExecutionError), match="full with 6"):
        evaluated(OP, [Q, K, V, None, None, *PASTS, np.array([ROOM], np.int32)], 3, **SHARED)
    with pytest.raises((InputError, ExecutionError), match="past_sequence_length"):
        evaluated(OP, [Q, K, V, None, None, *PASTS], 3, **SHARED)


def test_self_attention_projects_first() -> None:
    x, w, b = floats(B, 1, 12), floats(12, 3 * W, seed=1), floats(3 * W, seed=2)
    mask = np.array([[1, 0, 1, 1], [1, 1, 1, 1]], np.int32)
    q, k, v = np.split(x @ w + b, 3, -1)
    want = evaluated(OP, [q, k, v, mask, None, *PASTS, LENGTH], 3, **SHARED)
    y, present = evaluated("DecoderMaskedSelfAttention", [x, w, b, mask, np.stack(PASTS), None, LENGTH], 2, **SHARED)
    np.testing.assert_allclose(y, want[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(present, np.stack(want[1:]), rtol=1e-5, atol=1e-6)


LONG = 4


def decoder(static: bool, past: bool, padding: Any = None, caches: Any = None) -> list[Any]:
    x, e = floats(LONG, B, W), floats(5, B, W, seed=1)
    weights = [floats(W, W, seed=2, scale=0.3), floats(W, 2 * W, seed=3, scale=0.3), floats(3 * W, seed=4)]
    flags = [np.array(f) for f in (static, past, True, padding is not None)]
    given = [x, e, *weights, padding, *(caches or (None, None)), *flags]
    return evaluated("DecoderAttention", given, 3, num_heads=H)


@pytest.mark.parametrize("static", [False, True])
def test_decoder_attention_projects_and_attends(static: bool) -> None:
    x, e = floats(LONG, B, W).swapaxes(0, 1), floats(5, B, W, seed=1).swapaxes(0, 1)
    wq, wkv, b = floats(W, W, seed=2, scale=0.3), floats(W, 2 * W, seed=3, scale=0.3), floats(3 * W, seed=4)
    source = e if static else x
    k, v = np.split(source @ wkv + b[W:], 2, -1)
    padding = np.zeros((B, k.shape[1]), bool)
    padding[0, -1] = True
    for given in (None, padding):
        mask = None if given is None else (~given).astype(np.int32)
        want = evaluated("MultiHeadAttention", [x @ wq + b[:W], k, v, None, mask], 3, num_heads=H)
        y, *kept = decoder(static, False, given)
        np.testing.assert_allclose(y.swapaxes(0, 1), want[0], rtol=1e-4, atol=1e-5)
        for ours, theirs in zip(kept, want[1:], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_decoder_attention_keeps_what_it_saw() -> None:
    """An encoder's keys come from the cache; one's own are put behind it."""
    _, k, v = decoder(True, False)
    again = decoder(True, True, caches=(k, v))
    np.testing.assert_array_equal(again[1], k)
    np.testing.assert_array_equal(again[0], decoder(True, False)[0])
    _, k, v = decoder(False, False)
    y, longer, _ = decoder(False, True, caches=(k, v))
    np.testing.assert_array_equal(longer, np.concatenate([k, k], 2))
    np.testing.assert_allclose(y, decoder(False, False)[0], rtol=1e-5, atol=1e-6)  # each key counts twice
    with pytest.raises((InputError, ExecutionError), match="caches"):
        decoder(False, True)
