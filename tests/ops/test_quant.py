from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest

from sardonyx.core.dtypes import FLOAT8E4M3FN, FLOAT16, INT4, UINT8, dtype
from sardonyx.core.errors import ExecutionError, ShapeError
from tests.ops.apply import apply

RNG = np.random.default_rng(7)


def peer(op: str, feeds: list[Any], opset: int = 21, **attrs: Any) -> Any:
    """What onnxruntime gives for one node."""
    names = [f"x{i}" for i in range(len(feeds))]
    node = onnx.helper.make_node(op, names, ["y"], **attrs)
    inputs = [
        onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for n, x in zip(names, feeds, strict=True)
    ]
    graph = onnx.helper.make_graph([node], "g", inputs, [onnx.ValueInfoProto(name="y")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(names, feeds, strict=True)))[0]


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_quantizing_by_axis(kind: Any, axis: int) -> None:
    x = (RNG.standard_normal((3, 4, 5)) * 100).astype(np.float32)
    count = x.shape[axis]
    scale = RNG.uniform(0.1, 2, count).astype(np.float32)
    zero = RNG.integers(0, 100, count).astype(kind)
    y = apply("QuantizeLinear", x, scale, zero, axis=axis)
    np.testing.assert_array_equal(y, peer("QuantizeLinear", [x, scale, zero], axis=axis))
    back = apply("DequantizeLinear", y, scale, zero, axis=axis)
    np.testing.assert_array_equal(back, peer("DequantizeLinear", [y, scale, zero], axis=axis))


def test_rounding_goes_to_the_even_and_ends_at_the_range() -> None:
    x = np.array([0.5, 1.5, 2.5, -0.5, 300, -300, np.inf, -np.inf, np.nan], np.float32)
    y = apply("QuantizeLinear", x, np.float32(1), np.uint8(10))
    assert y.tolist() == [10, 12, 12, 10, 255, 0, 255, 0, 0]


def test_the_last_block_may_be_short() -> None:
    x = np.arange(10, dtype=np.float32).reshape(2, 5)
    scale = np.array([[1, 2, 4], [1, 2, 4]], np.float32)
    y = apply("QuantizeLinear", x, scale, None, axis=1, block_size=2, output_dtype=INT4.code)
    assert y.astype(np.int8).tolist() == [[0, 1, 1, 2, 1], [5, 6, 4, 4, 2]]
    back = apply("DequantizeLinear", y, scale, None, axis=1, block_size=2)
    assert back.tolist() == [[0, 1, 2, 4, 4], [5, 6, 8, 8, 8]]


def test_a_zero_point_or_an_attribute_gives_the_type() -> None:
    x, scale = np.ones(2, np.float32), np.float32(1)
    assert dtype(apply("QuantizeLinear", x, scale).dtype) is UINT8
    assert dtype(apply("QuantizeLinear", x, scale, output_dtype=FLOAT8E4M3FN.code).dtype) is FLOAT8E4M3FN
    assert dtype(apply("DequantizeLinear", np.ones(2, np.int8), scale, output_dtype=FLOAT16.code).dtype) is FLOAT16


@pytest.mark.parametrize(("saturate", "largest"), [(1, 448.0), (0, np.nan)])
def test_float8_saturates_when_told(saturate: int, largest: float) -> None:
    y = apply(
        "QuantizeLinear",
        np.array([1e4, 1], np.float32),
        np.float32(1),
        output_dtype=FLOAT8E4M3FN.code,
        saturate=saturate,
    )
    np.testing.assert_array_equal(y.astype(np.float32), [largest, 1])


def test_powers_of_two_scale() -> None:
    scale = np.array(4, ml_dtypes.float8_e8m0fnu)
    y = apply("QuantizeLinear", np.array([4, 10, 100], np.float32), scale, output_dtype=UINT8.code)
    assert y.tolist() == [1, 2, 25]
    back = apply("DequantizeLinear", y, scale, output_dtype=FLOAT16.code)
    assert back.tolist() == [4, 8, 100]


def test_scales_that_fit_nothing_are_refused() -> None:
    with pytest.raises(ShapeError, match="has rank 2"):
        apply("QuantizeLinear", np.ones((2, 3, 4), np.float32), np.ones((2, 3), np.float32))
    with pytest.raises((ExecutionError, ShapeError)):
        apply("DequantizeLinear", np.ones((2, 3), np.int8), np.ones(4, np.float32))


@pytest.mark.parametrize("x", [np.array([-1, 0, 2], np.float32), np.array([3, 4], np.float32), np.zeros(3, np.float32)])
def test_a_range_always_holds_zero(x: Any) -> None:
    y, scale, zero = apply("DynamicQuantizeLinear", x, outputs=3)
    assert scale > 0
    np.testing.assert_allclose((y.astype(np.float32) - zero) * scale, x, atol=float(scale))


@pytest.mark.parametrize(("left", "right"), [(np.uint8, np.int8), (np.int8, np.int8), (np.uint8, np.uint8)])
def test_products_of_bytes(left: Any, right: Any) -> None:
    a, b = RNG.integers(0, 100, (2, 3, 4)).astype(left), RNG.integers(-90, 90, (4, 5)).astype(right)
    za, zb = left(3), RNG.integers(0, 9, 5).astype(right)
    truth = np.matmul(a.astype(np.int64) - int(za), b.astype(np.int64) - zb.astype(np.int64))
    np.testing.assert_array_equal(apply("MatMulInteger", a, b, za, zb), truth)
    scale = [np.float32(0.02), np.float32(0.3), np.float32(1.7)]
    y = apply("QLinearMatMul", a, scale[0], za, b, scale[1], right(2), scale[2], left(7))
    exact = np.matmul(a.astype(np.int64) - int(za), b.astype(np.int64) - 2) * (scale[0] * scale[1] / scale[2]) + 7
    limits = np.iinfo(left)
    assert np.abs(y.astype(np.float64) - np.clip(exact, limits.min, limits.max)).max() <= 0.5 + 1e-4


def test_zero_points_may_differ_by_row() -> None:
    a = np.array([[1, 2], [3, 4]], np.uint8)
    result = apply("MatMulInteger", a, np.eye(2, dtype=np.int8), np.array([1, 2], np.uint8))
    assert result.tolist() == [[0, 1], [1, 2]]


@pytest.mark.parametrize("group", [1, 2])
def test_convolutions_of_bytes(group: int) -> None:
    x, w = (
        RNG.integers(0, 255, (2, 4, 6, 5)).astype(np.uint8),
        RNG.integers(-127, 127, (6, 4 // group, 3, 3)).astype(np.int8),
    )
    window: dict[str, Any] = {"pads": [1, 0, 1, 2], "strides": [2, 1], "group": group}
    zx = np.uint8(7)
    y = apply("ConvInteger", x, w, zx, **window)
    np.testing.assert_array_equal(y, apply("Conv", x.astype(np.float64) - 7, w.astype(np.float64), **window))
    scales = [np.float32(0.01), RNG.uniform(0.01, 0.02, 6).astype(np.float32), np.float32(0.05)]
    bias = RNG.integers(-1000, 1000, 6).astype(np.int32)
    given = [x, scales[0], zx, w, scales[1], np.zeros(6, np.int8), scales[2], np.uint8(100), bias]
    ours, theirs = apply("QLinearConv", *given, **window), peer("QLinearConv", [np.asarray(v) for v in given], **window)
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1
