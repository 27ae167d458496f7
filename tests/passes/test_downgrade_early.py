"""Versions 12 and older: models go down and onnxruntime runs them as they are; what it cannot run is upgraded again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest

import sardonyx as sx
from sardonyx.core.dtypes import BFLOAT16, BOOL, INT8, INT32, INT64, UINT8, UINT64
from sardonyx.core.errors import VersionError
from sardonyx.evaluate import evaluate
from sardonyx.ir import Model, TensorType
from sardonyx.ir.text import parse_model
from sardonyx.passes import convert_version
from tests.passes.downgrades import c, f, same_in_onnxruntime
from tests.passes.models import feeds, model_of, same_results


def i(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def f32(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def u8(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint8)


X = f(2, 3, 4)
IMAGE = f(1, 2, 4, 4)
Build = Callable[..., Any]

# what is built, in the newest version; the inputs; the opsets it goes down to
CASES: dict[str, tuple[Build, dict[str, Any], tuple[int, ...]]] = {
    "Softmax of a middle axis": (lambda g, x: g.Softmax(x, axis=1), {"x": X}, (12, 10, 7)),
    "Softmax of the last axis": (lambda g, x: g.LogSoftmax(x), {"x": X}, (12, 7)),
    "Softmax before ones": (lambda g, x: g.Softmax(x, axis=1), {"x": f(2, 5, 1, 1)}, (7,)),
    "negative axes": (lambda g, x: g.Concat(g.ArgMax(x, axis=-1), g.ArgMin(x, axis=-1), axis=-2), {"x": X}, (10, 7)),
    "axes of a Squeeze": (lambda g, x: g.Unsqueeze(g.Squeeze(x, i(-1)), i(-1, 0)), {"x": f(2, 3, 1)}, (12, 10, 7)),
    "Split": (lambda g, x: g.op("Split", x, i(1, 3), axis=-1, outputs=2), {"x": X}, (12, 7)),
    "ReduceSum": (lambda g, x: g.ReduceSum(x, i(-1), keepdims=0), {"x": X}, (12, 10, 7)),
    "ReduceSum of nothing": (lambda g, x: g.ReduceSum(x, noop_with_empty_axes=1), {"x": X}, (12, 7)),
    "Clip": (lambda g, x: g.Clip(x, np.float32(-0.5), None), {"x": X}, (12, 10, 7)),
    "Clip by a computed bound": (lambda g, x: g.Clip(x, g.ReduceMean(x, keepdims=0), np.float32(1)), {"x": X}, (10, 8)),
    "Clip of integers": (lambda g, x: g.Clip(x, np.int32(-2), np.int32(2)), {"x": TensorType(INT32, (5,))}, (10,)),
    "Slice": (lambda g, x: g.Slice(x, i(1, -3), i(3, 100), i(1, -1)), {"x": X}, (9, 7)),
    "Pad": (lambda g, x: g.Pad(x, i(0, 1, 0, 0, 0, 2), np.float32(1.5)), {"x": X}, (12, 10, 7)),
    "TopK": (lambda g, x: g.op("TopK", x, i(2), axis=-2, outputs=2), {"x": X}, (10, 9, 7)),
    "TopK of the smallest": (lambda g, x: g.op("TopK", x, i(2), largest=0, outputs=2), {"x": X}, (10, 7)),
    "Dropout": (lambda g, x: g.op("Dropout", x, np.float32(0.3), outputs=2), {"x": X}, (12, 11, 10)),
    "BatchNormalization": (lambda g, x: g.BatchNormalization(x, c(2), c(2), c(2), np.abs(c(2))), {"x": IMAGE}, (12, 8, 7)),
    "MeanVarianceNormalization": (lambda g, x: g.MeanVarianceNormalization(x), {"x": IMAGE}, (12, 8)),
    "Gemm without C": (lambda g, a, b: g.Gemm(a, b, transB=1), {"a": f(3, 4), "b": f(5, 4)}, (10, 8, 7)),
    "MaxPool": (lambda g, x: g.MaxPool(x, kernel_shape=[2, 2], dilations=[1, 1]), {"x": IMAGE}, (11, 9, 7)),
    "Resize": (
        lambda g, x: g.Resize(x, None, f32(1, 1, 2, 3), mode="nearest"),
        {"x": IMAGE},
        (12, 11, 10, 9, 7),
    ),
    "Resize to sizes": (
        lambda g, x: g.Resize(x, None, None, i(1, 2, 8, 4), mode="linear", coordinate_transformation_mode="asymmetric"),
        {"x": IMAGE},
        (12, 11, 10),
    ),
    "Scatter": (lambda g, x: g.ScatterElements(x, np.array([[[0, 2, 1, 1]]]), c(1, 1, 4), axis=-2), {"x": X}, (11, 10, 9)),
    "Pow of integers": (lambda g, x: g.Pow(x, np.float32(2)), {"x": TensorType(INT32, (4,))}, (12, 11, 7)),
    "GreaterOrEqual": (lambda g, x: g.GreaterOrEqual(x, np.float32(0)), {"x": X}, (12, 11, 9)),
    "Equal": (lambda g, x: g.Equal(g.Relu(x), np.float32(0)), {"x": X}, (11, 10, 9)),
    "Celu": (lambda g, x: g.Celu(x, alpha=1.5), {"x": X}, (12, 11, 8)),
    "ThresholdedRelu": (lambda g, x: g.ThresholdedRelu(x, alpha=0.3), {"x": X}, (10, 9)),
    "Sign": (lambda g, x: g.Sign(x), {"x": X}, (9, 8, 7)),
    "Max that broadcasts": (lambda g, x: g.Max(x, c(4), c(3, 1)), {"x": X}, (12, 8, 7)),
    "Mean that broadcasts": (lambda g, x: g.Mean(x, c(4)), {"x": X}, (8, 7)),
    "ConstantOfShape": (lambda g, x: g.Add(x, g.ConstantOfShape(i(3, 4))), {"x": X}, (9, 8, 7)),
    "Expand": (lambda g, x: g.Expand(x, i(2, 2, 3, 4)), {"x": X}, (8, 7)),
    "Range": (lambda g, x: g.Add(x, g.Range(np.float32(0), np.float32(4), np.float32(1))), {"x": X}, (11, 10, 7)),
    "Constant of numbers": (lambda g, x: g.Add(x, g.op("Constant", value_floats=[1.0, 2, 3, 4])), {"x": X}, (12, 11, 7)),
    "Dequantize by axis": (
        lambda g, x: g.DequantizeLinear(x, f32(0.5, 2, 1), u8(1, 2, 3), axis=1),
        {"x": TensorType(UINT8, (2, 3, 4))},
        (13, 12, 7),
    ),
    "Quantize": (lambda g, x: g.QuantizeLinear(x, np.float32(0.5), np.uint8(3)), {"x": X}, (12, 10)),
    "integers through floats": (
        lambda g, x: g.Flatten(x, axis=1),
        {"x": TensorType(INT8, (2, 3, 4))},
        (9, 8, 7),
    ),
    "truth through integers": (lambda g, x: g.Not(g.Transpose(x, perm=[1, 0])), {"x": TensorType(BOOL, (2, 3))}, (7,)),
    "recurrence": (
        lambda g, x: g.op("GRU", x, c(1, 9, 4), c(1, 9, 3), hidden_size=3, outputs=2),
        {"x": f(5, 2, 4)},
        (13, 7),
    ),
}  # fmt: skip
RUNS = [(name, opset) for name, (_, _, opsets) in CASES.items() for opset in opsets]


@pytest.mark.parametrize(("name", "opset"), RUNS, ids=lambda v: str(v))
def test_onnxruntime_runs_old_versions(name: str, opset: int) -> None:
    build, inputs, _ = CASES[name]
    model = model_of(build, **inputs)
    old = convert_version(model, opset)
    assert old.opset == opset
    same_in_onnxruntime(model, old)


# (onnxruntime runs no model older than 7: what became of these is upgraded again)
OLDEST: dict[str, tuple[Build, dict[str, Any]]] = {
    "broadcast of the last axes": (lambda g, x: g.Sub(x, c(3, 4)), {"x": X}),
    "broadcast of a middle axis": (lambda g, x: g.Div(x, c(3, 1)), {"x": X}),
    "broadcast of one number": (lambda g, x: g.Mul(x, c(1, 1)), {"x": X}),
    "broadcast turned round": (lambda g, x: g.Less(c(1, 4), x), {"x": X}),
    "PRelu by channel": (lambda g, x: g.PRelu(x, c(3, 1)), {"x": X}),
    "Gemm": (lambda g, a, b: g.Gemm(a, b, c(5)), {"a": f(3, 4), "b": f(4, 5)}),
    "Cast": (lambda g, x: g.Cast(x, to=INT32.code), {"x": X}),
    "Tile": (lambda g, x: g.Tile(x, i(1, 2, 3)), {"x": X}),
    "Reshape": (lambda g, x: g.Reshape(x, i(6, 4)), {"x": X}),
    "Pad": (lambda g, x: g.Pad(x, i(0, 1, 0, 0, 0, 2)), {"x": X}),
    "Upsample": (lambda g, x: g.Resize(x, None, f32(1, 1, 2, 2), mode="nearest"), {"x": IMAGE}),
    "Dropout": (lambda g, x: g.Dropout(x), {"x": X}),
    "BatchNormalization": (lambda g, x: g.BatchNormalization(x, c(2), c(2), c(2), np.abs(c(2))), {"x": IMAGE}),
    "GlobalLpPool": (lambda g, x: g.GlobalLpPool(x, p=3), {"x": IMAGE}),
    "integers": (lambda g, x: g.Add(x, x), {"x": TensorType(INT64, (3,))}),
    "recurrence": (
        lambda g, x: g.op("LSTM", x, c(1, 12, 4), c(1, 12, 3), hidden_size=3, outputs=2),
        {"x": f(5, 2, 4)},
    ),
}


@pytest.mark.parametrize("name", OLDEST)
@pytest.mark.parametrize("opset", [6, 4, 1])
def test_down_and_up_again(name: str, opset: int) -> None:
    build, inputs = OLDEST[name]
    model = model_of(build, **inputs)
    old = convert_version(model, opset)
    assert old.opset == opset
    same_results(model, convert_version(old, model.opset), 2e-5)


SCAN = """
<ir_version: 8, opset_import: ["" : 11]>
g (float[2] initial, float[3, 2] x) => (float[2] last, float[3, 2] all)
{
  last, all = Scan <num_scan_inputs = 1, body = body (float[2] sum, float[2] next) => (float[2] total, float[2] shown) {
    total = Add (sum, next)
    shown = Neg (total)
  }> (initial, x)
}
"""


@pytest.mark.parametrize("opset", [9, 8])
def test_scan_over_one_sequence(opset: int) -> None:
    model = parse_model(SCAN)
    old = convert_version(model, opset)
    same_results(model, convert_version(old, 28), 1e-6)
    given = feeds(model)
    found: Any = onnxruntime.InferenceSession(sx.to_bytes(old)).run(None, given)
    for wanted, got in zip(evaluate(model, given), found, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_scan_over_a_batch_of_sequences() -> None:
    """Each sequence for itself: a Scan over the batch around the Scan over the sequence."""
    batched = SCAN.replace('"" : 11', '"" : 8').replace(
        "float[2] initial, float[3, 2] x", "float[4, 2] initial, float[4, 3, 2] x"
    )
    batched = batched.replace("(float[2] last, float[3, 2] all)", "(float[4, 2] last, float[4, 3, 2] all)")
    model = parse_model(batched.replace("(initial, x)", "(, initial, x)"))
    given = {"initial": c(4, 2), "x": c(4, 3, 2)}
    last, shown = evaluate(convert_version(model, 11), given)
    totals = given["initial"][:, None] + np.cumsum(given["x"], axis=1)
    np.testing.assert_allclose(last, totals[:, -1], rtol=1e-5)
    np.testing.assert_allclose(shown, -totals, rtol=1e-5)


def test_constants_that_became_attributes_are_gone() -> None:
    model = convert_version(model_of(lambda g, x: g.ReduceSum(g.Reshape(x, i(6, 4)), i(1)), x=X), 4)
    assert not model.graph.initializers
    assert [node.op_type for node in model.graph.nodes] == ["Reshape", "ReduceSum"]


def test_files_of_old_versions_may_hold_constants_that_are_no_inputs() -> None:
    assert convert_version(model_of(lambda g, x: g.Add(x, c(4)), x=X), 7).ir_version == 4
    assert convert_version(model_of(lambda g, x: g.Relu(x), x=X), 7).ir_version == 3


REFUSED: dict[str, tuple[Build, TensorType, int, str]] = {
    "bfloat16": (lambda g, x: g.Relu(x), TensorType(BFLOAT16, (2,)), 12, "takes no bfloat16"),
    "training": (lambda g, x: g.Dropout(x, np.float32(0.5), np.bool_(True)), X, 11, "training mode"),
    "indices of a MaxPool": (lambda g, x: g.op("MaxPool", x, kernel_shape=[2], outputs=2)[1], X, 7, "indices"),
    "steps": (lambda g, x: g.Slice(x, i(0), i(4), i(2), i(2)), X, 9, "steps over"),
    "half a pixel": (lambda g, x: g.Resize(x, None, f32(1, 1, 1.5), mode="linear"), X, 10, "half_pixel"),
    "an operator of its time": (lambda g, x: g.CumSum(x, np.int64(1)), X, 10, "came with opset 11"),
    "text": (lambda g, x: g.Cast(x, to=8), X, 8, "gave no string"),
    "both sides broadcast": (lambda g, x: g.Add(g.ReduceMax(x, i(0)), g.ReduceMax(x, i(1))), X, 6, "not broadcast"),
    "branches of two shapes": (
        lambda g, x: g.If(
            g.Greater(g.ReduceMax(x, keepdims=0), np.float32(0)),
            then_branch=g.body("then", [], lambda b: b.Neg(x)),
            else_branch=g.body("else", [], lambda b: b.ReduceMax(x)),
        ),
        X,
        10,
        "other shapes",
    ),
    "scales by axis": (lambda g, x: g.QuantizeLinear(x, f32(1, 2, 3), u8(0, 0, 0), axis=1), X, 12, "scale for each"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_old_versions_cannot_say_is_refused(name: str) -> None:
    build, x, opset, why = REFUSED[name]
    with pytest.raises(VersionError, match="cannot be expressed") as caught:
        convert_version(model_of(build, x=x), opset)
    assert why in str(caught.value.why)


def test_nodes_without_their_inputs_are_refused_on_the_way() -> None:
    for text, opset in (("Cast <to = 1> ()", 8), ("Softmax ()", 12), ("Softmax ()", 28)):
        model: Model = parse_model(f'<ir_version: 8, opset_import: ["" : 12]> g () => (float[1] y) {{ y = {text} }}')
        model.opsets[""] = 13 if opset < 13 else 12
        with pytest.raises(VersionError, match="cannot be expressed") as caught:
            convert_version(model, opset)
        assert "it has no 'input'" in str(caught.value.why)


def test_64_bit_integers_go_through_float64() -> None:
    old = convert_version(model_of(lambda g, x: g.Flatten(x, axis=1), x=TensorType(UINT64, (2, 3))), 8)
    assert [node.op_type for node in old.graph.nodes] == ["Cast", "Flatten", "Cast"]
    x = np.array([[2**53, 1, 2], [3, 4, 5]], np.uint64)
    assert (evaluate(convert_version(old, 28), {"x": x})[0] == x).all()
