"""Normalizations, beside onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.contrib.peer import compare, evaluated, floats, whole

F = np.float32


@pytest.mark.parametrize("bias", [True, False])
def test_with_skip(bias: bool) -> None:
    x, skip, gamma = floats(2, 3, 8), floats(2, 3, 8, seed=1), floats(8, seed=2)
    added = floats(8, seed=3) if bias else None
    outputs = (True, False, False, True)
    compare("SkipLayerNormalization", [x, skip, gamma, floats(8, seed=4), added], outputs, epsilon=1e-5)
    compare("SkipSimplifiedLayerNormalization", [x, skip, gamma, added], outputs, epsilon=1e-5)
    compare("SkipLayerNormalization", [x, floats(3, 8, seed=1), gamma], epsilon=1e-5)


@pytest.mark.parametrize("axis", [-1, 1])
def test_simplified(axis: int) -> None:
    """Written in the domain of the standard, which does not declare it."""
    x = floats(2, 3, 8)
    compare("SimplifiedLayerNormalization", [x, floats(*x.shape[axis:], seed=1)], domain="", axis=axis, epsilon=1e-6)


@pytest.mark.parametrize("positions", [True, False])
def test_embeddings(positions: bool) -> None:
    ids, kinds = np.array([[1, 4, 2], [0, 3, 3]], np.int32), np.array([[0, 1, 1], [0, 0, 1]], np.int32)
    mask = np.array([[1, 1, 0], [1, 1, 1]], np.int32)
    tables = [floats(5, 8), floats(6, 8, seed=1), floats(2, 8, seed=2)]
    at = np.array([[5, 0, 1], [2, 2, 3]], np.int32) if positions else None
    factors = [floats(8, seed=3), floats(8, seed=4)]
    compare("EmbedLayerNormalization", [ids, kinds, *tables, *factors, mask, at], 3)
    compare("EmbedLayerNormalization", [ids, None, tables[0], tables[1], None, *factors], 2)


def test_quantized_embeddings() -> None:
    ids, kinds = np.array([[1, 4, 2], [0, 3, 3]], np.int32), np.array([[0, 1, 1], [0, 0, 1]], np.int32)
    tables = [whole("uint8", n, 8, seed=n) for n in (5, 6, 2)]
    factors = [whole("uint8", 8, seed=n) for n in (7, 9)]
    scales, points = [F(0.01 * i) for i in range(1, 6)], [np.uint8(i) for i in range(5)]
    mask = np.array([[1, 1, 0], [1, 1, 1]], np.int32)
    given: list[Any] = [ids, kinds, *tables, *factors, mask, *scales, *points]
    compare("QEmbedLayerNormalization", given, 2, atol=1e-4)


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("activation", [0, 1])
def test_groups(last: int, activation: int) -> None:
    """onnxruntime has no kernel for it on CPUs: against the standard's GroupNormalization."""
    x, gamma, beta, skip = floats(2, 6, 4, 5), floats(6, seed=1), floats(6, seed=2), floats(2, 6, 4, 5, seed=3)
    [want] = evaluated("GroupNormalization", [x + skip, gamma, beta], domain="", num_groups=3, epsilon=1e-5)
    want = want / (1 + np.exp(-want)) if activation else want
    images = [np.ascontiguousarray(np.moveaxis(v, 1, -1)) if last else v for v in (x, skip)]
    facts = {"groups": 3, "activation": activation, "channels_last": last}
    y, total = evaluated("SkipGroupNorm", [images[0], gamma, beta, images[1]], 2, **facts)
    np.testing.assert_allclose(np.moveaxis(y, -1, 1) if last else y, want, rtol=1e-4, atol=1e-5)
    [plain] = evaluated("GroupNorm", [total, gamma, beta], **facts)
    np.testing.assert_array_equal(plain, y)


@pytest.mark.parametrize("activation", ["silu", "swish", "sigmoid"])
def test_gated_norm(activation: str) -> None:
    x, gate = floats(2, 3, 8), floats(2, 3, 8, seed=1)
    compare("GatedRMSNorm", [x, floats(4, seed=2), gate], activation=activation)
    compare("GatedRMSNorm", [x, floats(8, seed=2), gate], epsilon=0.1, activation=activation)


@pytest.mark.parametrize("scale", [None, floats(8), floats(2, 4), floats(4)], ids=["none", "line", "branch", "one"])
def test_norm_of_branches(scale: Any) -> None:
    compare("BranchwiseRMSNorm", [floats(3, 8), *([] if scale is None else [scale])], num_branches=2)
    compare("BranchwiseRMSNorm", [floats(3, 2, 4), *([] if scale is None else [scale])])
