"""Convolutions and pools of com.microsoft, beside onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.contrib.peer import compare, evaluated, floats, whole

F = np.float32


@pytest.mark.parametrize(
    "activation", [{"activation": "Relu"}, {"activation": "LeakyRelu", "activation_params": [0.1]}], ids=str
)
def test_fused_conv(activation: dict[str, Any]) -> None:
    x, w, b = floats(1, 3, 6, 5), floats(4, 3, 3, 3, seed=1), floats(4, seed=2)
    compare("FusedConv", [x, w, b], pads=[1, 1, 1, 1], atol=1e-4, **activation)
    compare("FusedConv", [x, w, b, floats(1, 4, 6, 5, seed=3)], pads=[1, 1, 1, 1], atol=1e-4, **activation)


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_pool_with_channels_last(kind: str) -> None:
    compare("NhwcMaxPool", [whole(kind, 2, 6, 5, 3)], kernel_shape=[3, 2], pads=[1, 0, 1, 1], strides=[2, 1])


@pytest.mark.parametrize("last", [0, 1])
def test_quantized_conv(last: int) -> None:
    x, w = whole("uint8", 1, 3, 6, 5), whole("int8", 4, 3, 3, 3, seed=1)
    facts = [F(0.02), np.uint8(5), w, F(0.03), np.int8(0), F(0.2), np.uint8(100), np.arange(4, dtype=np.int32) * 99]
    x = np.ascontiguousarray(np.moveaxis(x, 1, -1)) if last else x
    compare("QLinearConv", [x, *facts], steps=1, channels_last=last, pads=[1, 1, 1, 1])


def test_conv_with_channels_last() -> None:
    """onnxruntime has no kernels for these on CPUs: against those with channels in front."""
    x, w, b, z = floats(2, 4, 6, 5), floats(6, 2, 3, 3, seed=1), floats(6, seed=2), floats(2, 6, 3, 5, seed=3)
    back = [np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (x, z)]
    window: dict[str, Any] = {"pads": [1, 1, 1, 1], "strides": [2, 1], "group": 2}
    [want] = evaluated("Conv", [x, w, b], domain="", **window)
    [got] = evaluated("NhwcConv", [back[0], w, b], **window)
    np.testing.assert_array_equal(got, np.moveaxis(want, 1, -1))
    facts: dict[str, Any] = {"activation": "LeakyRelu", "activation_params": [0.1], **window}
    [want] = evaluated("FusedConv", [x, w, b, z], **facts)
    [got] = evaluated("NhwcFusedConv", [back[0], w, b, back[1]], **facts)
    np.testing.assert_array_equal(got, np.moveaxis(want, 1, -1))


def test_transposed_conv_with_padding_from_an_input() -> None:
    x, w, b = floats(1, 2, 4, 4), floats(2, 3, 3, 3, seed=1), floats(3, seed=2)
    for pads in ([0, 0, 0, 0], [1, 0, 1, 1]):
        compare("ConvTransposeWithDynamicPads", [x, w, np.array(pads), b], strides=[2, 2], atol=1e-4)
    compare(
        "ConvTransposeWithDynamicPads", [x, w, np.array([1, 1, 1, 1])], output_padding=[1, 0], strides=[2, 2], atol=1e-4
    )
