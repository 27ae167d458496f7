"""Resize against torch's interpolation and onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional as fn

from sardonyx.core.dims import Dim, symbol
from sardonyx.core.dtypes import FLOAT32, INT64
from sardonyx.core.errors import ShapeError
from sardonyx.ir import TensorType
from sardonyx.ops import Known, infer_outputs, known, schema_of
from tests.ops.apply import apply

X = np.random.default_rng(0).standard_normal((1, 2, 7, 9), np.float32)
SIZES = [(14, 18), (4, 5), (10, 6), (1, 1)]


def resize(sizes: tuple[int, int], **attrs: Any) -> Any:
    return apply("Resize", X, None, None, np.array(sizes), axes=[2, 3], **attrs)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(("mode", "a"), [("bilinear", -0.75), ("bicubic", -0.75)])
def test_interpolation_is_torchs(mode: str, a: float, antialias: bool, sizes: tuple[int, int]) -> None:
    attrs: dict[str, Any] = {"mode": "linear" if mode == "bilinear" else "cubic"}
    if antialias:  # torch then has another kernel and leaves out what lies outside
        attrs |= {"antialias": 1, "exclude_outside": 1, "cubic_coeff_a": -0.5}
    wanted = fn.interpolate(torch.tensor(X), sizes, mode=mode, antialias=antialias, align_corners=False)
    np.testing.assert_allclose(resize(sizes, **attrs), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES[:3])
def test_corners_may_be_aligned(sizes: tuple[int, int]) -> None:
    wanted = fn.interpolate(torch.tensor(X), sizes, mode="bilinear", align_corners=True)
    found = resize(sizes, mode="linear", coordinate_transformation_mode="align_corners")
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def peer(x: Any, scales: list[float], **attrs: Any) -> Any:
    node = onnx.helper.make_node("Resize", ["x", "", "scales"], ["y"], **attrs)
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x.shape)
    made = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    factors = onnx.numpy_helper.from_array(np.array(scales, np.float32), "scales")
    graph = onnx.helper.make_graph([node], "g", [given], [made], [factors])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 19)], ir_version=10)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


@pytest.mark.parametrize("scales", [[1, 1, 2, 3], [1, 1, 0.5, 0.75], [1, 1, 1.3, 0.9]])
@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize("mapping", ["half_pixel", "asymmetric", "pytorch_half_pixel"])
def test_nearest_is_onnxruntimes(mapping: str, rounding: str, scales: list[float]) -> None:
    attrs: dict[str, Any] = {"coordinate_transformation_mode": mapping, "nearest_mode": rounding}
    found = apply("Resize", X, None, np.array(scales, np.float32), **attrs)
    np.testing.assert_array_equal(found, peer(X, scales, **attrs))


def test_a_crop_reaches_outside() -> None:
    x = np.arange(16, dtype=np.float32).reshape(4, 4)
    found = apply(
        "Resize", x, np.array([0, 0, 1, 2], np.float32), None, np.array([4, 3]),
        mode="linear", coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=-1.0,
    )  # fmt: skip
    assert found.tolist() == [[4 * i, 4 * i + 3, -1] for i in range(4)]


def test_one_scale_keeps_the_aspect_ratio() -> None:
    for policy, shape in (("not_larger", (1, 2, 8, 10)), ("not_smaller", (1, 2, 16, 21))):
        assert resize((16, 10), keep_aspect_ratio_policy=policy).shape == shape


def test_strings_and_integers_resize_by_the_nearest() -> None:
    found = apply("Resize", np.array(["a", "b"], object), None, np.array([2], np.float32))
    assert found.tolist() == ["a", "a", "b", "b"]
    assert apply("Resize", np.zeros((0, 3), np.int32), None, None, np.array([0, 6])).shape == (0, 6)


def shape(x: tuple[Dim, ...], sizes: list[Dim] | None, scales: list[float] | None, **attrs: Any) -> Any:
    schema = schema_of("", "Resize", 19)
    assert schema is not None
    facts = {name: attrs.get(name, spec.default) for name, spec in schema.attributes.items()}
    by_size = None if sizes is None else known(INT64, (len(sizes),), sizes)
    by_scale = None
    if scales is not None:
        by_scale = Known(TensorType(FLOAT32, (len(scales),)), None, np.array(scales))
    (found,) = infer_outputs(schema, [known(FLOAT32, x), None, by_scale, by_size], facts, 1)
    return found.shape


def test_symbols_are_scaled() -> None:
    h, w = symbol("h"), symbol("w")
    assert shape((1, 3, h, w), None, [1, 1, 2, 0.5]) == (1, 3, 2 * h, w // 2)
    assert shape((1, 3, h, w), [w, 5], None, axes=(2, 3)) == (1, 3, w, 5)
    with pytest.raises(ShapeError, match="3 sizes or scales are given for 4 axes"):
        shape((1, 3, h, w), None, [1, 1, 2])
