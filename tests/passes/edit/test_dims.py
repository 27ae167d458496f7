"""A freed batch gives for many samples what the model gives for each."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import sardonyx as sx
from sardonyx.check import check
from sardonyx.core.errors import InputError, VerifyError
from sardonyx.ir import Model
from sardonyx.ir.text import parse_model


def model(shape: str, body: str, constants: str, result: str = "float[2]") -> Model:
    return parse_model(
        f'<ir_version: 10, opset_import: ["" : 21]> g (float[{shape}] x) => ({result} y) <{constants}> {{ {body} }}'
    )


HEADS = model(
    "2, 4, 6",
    "h = Reshape (x, split) t = Transpose <perm = [0, 2, 1, 3]> (h) f = Reshape (t, flat) r = Relu (f) b = Reshape (r, back) "
    "y = ReduceSum <keepdims = 0> (b, axis)",
    "int64[4] split = {2, 4, 3, 2}, int64[2] flat = {24, 2}, int64[3] back = {2, -1, 2}, int64[1] axis = {2}",
    "float[2, 12]",
)
EXPANDED = model("3, 1", "e = Expand (x, s) y = Add (e, e)", "int64[2] s = {3, 5}", "float[3, 5]")
INFERRED_REST = model("1, 4, 6", "y = Reshape (x, s)", "int64[3] s = {1, -1, 3}", "float[1, 8, 3]")


INNER = model(
    "1, 7, 6",
    "t = Transpose <perm = [1, 0, 2]> (x) h = Reshape (t, split) f = Reshape (h, flat) b = Reshape (f, back) "
    "y = Transpose <perm = [1, 0, 2]> (b)",
    "int64[4] split = {7, 1, 3, 2}, int64[2] flat = {7, 6}, int64[3] back = {7, 1, -1}",
    "float[1, 7, 6]",
)
INNER_OF_TWO = model(
    "2, 7, 6",
    "t = Transpose <perm = [1, 0, 2]> (x) h = Reshape (t, split) f = Reshape (h, flat) b = Reshape (f, back) "
    "y = Transpose <perm = [1, 0, 2]> (b)",
    "int64[4] split = {7, 2, 3, 2}, int64[2] flat = {14, -1}, int64[3] back = {7, -1, 6}",
    "float[2, 7, 6]",
)
CLASS_TOKEN = model(
    "1, 4, 3",
    "j = Concat <axis = 1> (token, x) y = ReduceMax <keepdims = 0> (j, axis)",
    "float[1, 1, 3] token = {1, 0, -1}, int64[1] axis = {1}",
    "float[1, 3]",
)
HEADS_OF_ONE = model(  # positions first, and samples merged with heads: a batch of one leaves no mark
    "1, 5, 4",
    "t = Transpose <perm = [1, 0, 2]> (x) h = Reshape (t, split) u = Transpose <perm = [1, 0, 2]> (h) "
    "b = Reshape (u, apart) v = Transpose <perm = [2, 0, 1, 3]> (b) f = Reshape (v, rows) w = Reshape (f, back) "
    "y = Transpose <perm = [1, 0, 2]> (w)",
    "int64[3] split = {5, 2, 2}, int64[4] apart = {1, 2, 5, 2}, int64[2] rows = {5, 4}, int64[3] back = {5, 1, 4}",
    "float[1, 5, 4]",
)
FIRST_STATE = model(
    "1, 3, 2",
    "t = Transpose <perm = [1, 0, 2]> (x) all, last = RNN <hidden_size = 1> (t, w, r, , , h) y = Squeeze (last, axis)",
    "float[1, 1, 2] w = {1, 2}, float[1, 1, 1] r = {0.5}, float[1, 1, 1] h = {0.25}, int64[1] axis = {0}",
    "float[1, 1]",
)
FIXED = {
    "class token": CLASS_TOKEN,
    "heads of one": HEADS_OF_ONE,
    "first state": FIRST_STATE,
    "heads": HEADS,
    "expand": EXPANDED,
    "rest": INFERRED_REST,
    "inner": INNER,
    "inner of two": INNER_OF_TWO,
}


@pytest.mark.parametrize("fixed", FIXED.values(), ids=FIXED)
def test_constants_are_repaired(fixed: Model) -> None:
    freed = sx.set_batch(fixed, "N")
    check(freed)
    size, *rest = (int(str(d)) for d in fixed.graph.inputs[0].shape or ())
    assert str(freed.graph.inputs[0].type) == f"float32[N, {', '.join(map(str, rest))}]"
    assert str((freed.graph.outputs[0].shape or ("?",))[0]) == "N"
    x = np.random.default_rng(1).standard_normal((5 * size, *rest)).astype(np.float32)
    parts = [sx.evaluate(fixed, [x[i : i + size]])[0] for i in range(0, 5 * size, size)]
    np.testing.assert_allclose(sx.evaluate(freed, [x])[0], np.concatenate(parts), rtol=1e-6)
    assert fixed.graph.inputs[0].shape == (size, *rest), "the original is left alone"


def test_what_the_old_exporter_writes_for_a_batch_of_one(tmp_path: Path) -> None:
    """Heads merged with samples, positions first, numbers everywhere."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, dropout=0.0)
    net = torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval()
    x = torch.randn(4, 5, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (x[:1],), str(tmp_path / "net.onnx"), dynamo=False, opset_version=17)
    freed = sx.set_batch(sx.load(tmp_path / "net.onnx"))
    with torch.no_grad():
        truth = net(x).numpy()
    np.testing.assert_allclose(sx.evaluate(freed, [x.numpy()])[0], truth, rtol=1e-4, atol=1e-5)


def test_models_that_mix_samples_are_refused() -> None:
    mixing = model("2, 3", "y = Softmax <axis = 0> (x)", "", "float[2, 3]")
    with pytest.raises(VerifyError, match="in parts") as caught:
        sx.set_batch(mixing)
    assert "output 'y'" in str(caught.value)
    assert str(sx.set_batch(mixing, "B", verify=False).graph.outputs[0].type) == "float32[B, 3]"
    held = model("2, 3", "y = Add (x, c)", "float[2, 3] c = {1, 2, 3, 4, 5, 6}", "float[2, 3]")
    with pytest.raises(VerifyError):
        sx.set_batch(held)


def test_only_a_number_can_be_freed() -> None:
    with pytest.raises(InputError, match="agree"):
        sx.set_batch(sx.set_batch(HEADS))
    with pytest.raises(InputError, match="no input 'z'"):
        sx.set_batch(HEADS, inputs=["z"])


def test_dims_are_set() -> None:
    freed = sx.set_batch(HEADS, "N")
    assert str(sx.set_dims(freed, {"N": 4}).graph.outputs[0].type) == "float32[4, 12]"
    with pytest.raises(InputError, match="no input has a dim 'M'"):
        sx.set_dims(freed, {"M": 4})
