"""Operators on quantized tensors, beside onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.contrib.peer import compare, evaluated, floats, whole

F = np.float32
KINDS = ["uint8", "int8"]


def point(kind: str, value: int) -> Any:
    return np.array(value, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize("shapes", [((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (4,)), ((1,), (2, 5))], ids=str)
def test_binary(op: str, kind: str, shapes: Any) -> None:
    a, b = whole(kind, *shapes[0]), whole(kind, *shapes[1], seed=1)
    step = F(0.05) if op == "QLinearAdd" else F(0.1)
    z = [point(kind, 5), point(kind, 9), point(kind, 100)]
    compare(op, [a, F(0.03), z[0], b, F(0.02), z[1], step, z[2]], steps=1)


@pytest.mark.parametrize("kind", KINDS)
def test_unary(kind: str) -> None:
    x = whole(kind, 3, 50)
    compare("QLinearSigmoid", [x, F(0.05), point(kind, 3), F(1 / 256), point(kind, 0)], steps=1)
    compare("QLinearLeakyRelu", [x, F(0.05), point(kind, 3), F(0.04), point(kind, 7)], steps=1, alpha=0.1)
    zero = point(kind, 0 if kind == "uint8" else -128)
    compare("QLinearSoftmax", [x, F(0.05), point(kind, 3), F(1 / 256), zero], steps=1, opset=13, axis=-1)
    compare(
        "QLinearSoftmax", [whole(kind, 2, 3, 4), F(0.05), point(kind, 3), F(1 / 256), zero], steps=1, opset=11, axis=1
    )


@pytest.mark.parametrize("kind", KINDS)
def test_concat(kind: str) -> None:
    parts = [whole(kind, 2, 3), F(0.05), point(kind, 3), whole(kind, 2, 4, seed=1), F(0.1), point(kind, 1)]
    compare("QLinearConcat", [F(0.07), point(kind, 9), *parts], steps=1, axis=1)


@pytest.mark.parametrize("kind", KINDS)
def test_where(kind: str) -> None:
    condition = np.random.default_rng(0).random((3, 1)) < 0.5
    x, y = whole(kind, 3, 4), whole(kind, 4, seed=1)
    facts = [x, F(0.05), point(kind, 3), y, F(0.1), point(kind, 1), F(0.07), point(kind, 9)]
    compare("QLinearWhere", [condition, *facts], steps=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("last", [0, 1])
def test_pools(kind: str, last: int) -> None:
    x = whole(kind, 2, 7, 6, 5)
    facts = [F(0.05), point(kind, 3), F(0.03), point(kind, 9)]
    compare("QLinearGlobalAveragePool", [x, *facts], steps=1, channels_last=last)
    for counted in (0, 1):
        window = {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "strides": [2, 1], "count_include_pad": counted}
        compare("QLinearAveragePool", [x, *facts], steps=1, channels_last=last, **window)


@pytest.mark.parametrize("kind", KINDS)
def test_reductions(kind: str) -> None:
    x = whole(kind, 2, 7, 6)
    facts = [F(0.05), point(kind, 3), F(0.03), point(kind, 9)]
    [y] = evaluated("QLinearReduceMean", [x, *facts], axes=[1], keepdims=1)
    mean = (x.astype(float) - 3).mean(1, keepdims=True) * 0.05
    limits = np.iinfo(kind)
    np.testing.assert_array_equal(y, np.clip(np.rint(mean / 0.03) + 9, limits.min, limits.max).astype(kind))
    [total] = evaluated("ReduceSumInteger", [x], axes=[0, 2], keepdims=0)
    np.testing.assert_array_equal(total, x.astype(int).sum((0, 2)))
    assert total.dtype == ("uint32" if kind == "uint8" else "int32")


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16"])
def test_quantize(kind: str) -> None:
    x, scales = floats(2, 3, 5, scale=4), np.array([0.1, 0.5, 0.02], F)
    compare("QuantizeLinear", [x, F(0.1), point(kind, 7)])
    compare("QuantizeLinear", [x, scales, np.array([1, 2, 3], kind)], axis=1)
    q = whole(kind, 2, 3, 5)
    compare("DequantizeLinear", [q, F(0.1), point(kind, 7)])
    compare("DequantizeLinear", [q, scales, np.array([1, 2, 3], kind)], axis=1)


@pytest.mark.parametrize("kind", KINDS)
def test_products_of_integers(kind: str) -> None:
    a, b = whole(kind, 4, 5), whole(kind, 5, seed=1)
    [y] = evaluated("MulInteger", [a, point(kind, 3), b, point(kind, 4)])
    np.testing.assert_array_equal(y, (a.astype(int) - 3) * (b.astype(int) - 4))
