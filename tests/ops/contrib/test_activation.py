"""Activations, beside onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.contrib.peer import compare, evaluated, floats


@pytest.mark.parametrize("op", ["Gelu", "QuickGelu", "FastGelu"])
def test_alone(op: str) -> None:
    compare(op, [floats(3, 40, scale=3)], atol=1e-5)


def test_with_bias() -> None:
    x, bias = floats(2, 3, 8, scale=2), floats(8, seed=1)
    compare("FastGelu", [x, bias])
    compare("BiasGelu", [x, bias])


def test_halves() -> None:
    x, bias = floats(2, 3, 8), floats(8, seed=1)
    left, right = np.split(x + bias, 2, -1)
    [y], [gelu] = evaluated("BiasSplitGelu", [x, bias]), evaluated("Gelu", [right])
    np.testing.assert_allclose(y, left * gelu, rtol=1e-6)


def test_sums() -> None:
    x, bias, residual = floats(2, 3, 8), floats(8, seed=1), floats(2, 3, 8, seed=2)
    for op in ("BiasDropout", "BiasAdd"):
        np.testing.assert_allclose(evaluated(op, [x, bias, residual])[0], x + bias + residual, rtol=1e-6)


def test_softmax() -> None:
    x, bias = floats(2, 3, 4), floats(1, 3, 4, seed=1)
    [y] = evaluated("BiasSoftmax", [x, bias], axis=2, is_inner_broadcast=0)
    powers = np.exp(x + bias)
    np.testing.assert_allclose(y, powers / powers.sum(-1, keepdims=True), rtol=1e-5)


def test_scales_and_gates() -> None:
    x, y, gate = floats(2, 3, 8), floats(2, 3, 8, seed=1), floats(2, 3, 1, seed=2)
    compare("ScaledSiLU", [x], alpha=1.5)
    compare("ScaledSiLU", [x, np.float32(0.7)])
    compare("ScaledSiLU", [x.astype(np.float16)], alpha=1.5, atol=2e-3)
    compare("GatedAdd", [x, y, gate])
    weight = floats(5, 1, seed=3)
    [got] = evaluated("GatedAdd", [x, y, floats(2, 3, 5), weight])
    np.testing.assert_allclose(got, x + y / (1 + np.exp(-floats(2, 3, 5) @ weight)), rtol=1e-5)
