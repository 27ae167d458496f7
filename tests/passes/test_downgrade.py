"""New nodes say the same in the words of older versions, or refuse: onnxruntime runs what became of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest

import sardonyx as sx
from sardonyx.core.dtypes import BFLOAT16, BOOL, FLOAT32
from sardonyx.core.errors import VersionError
from sardonyx.evaluate import evaluate
from sardonyx.ir import Model, TensorType
from sardonyx.ops import lookup
from sardonyx.passes import convert_version
from tests.passes.models import feeds, model_of, same_results

onnxruntime.set_default_logger_severity(4)
rng = np.random.default_rng(0)


def f(*shape: int) -> TensorType:
    return TensorType(FLOAT32, shape)


def c(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


X = f(2, 3, 4)
QKV = {"q": f(2, 2, 5, 4), "k": f(2, 2, 7, 4), "v": f(2, 2, 7, 3)}
MASK = np.tril(np.ones((5, 7), bool), -1)  # the first query may look at nothing


def need_reference(word: str) -> None:
    """Skip what nobody can evaluate yet; the case runs by itself as soon as the operator is declared."""
    if word in ("Resize", "GridSample") and lookup("", word) is None:
        pytest.skip(f"{word} is not declared yet, so its references cannot be asked")


# what is built, in the newest version; the opset it goes down to; the inputs
CASES: dict[str, tuple[Callable[..., Any], int, dict[str, TensorType]]] = {
    "Gelu": (lambda g, x: g.Gelu(x), 13, {"x": X}),
    "Gelu by tanh": (lambda g, x: g.Gelu(x, approximate="tanh"), 19, {"x": X}),
    "Swish": (lambda g, x: g.Swish(x), 23, {"x": X}),
    "Swish with a slope": (lambda g, x: g.Swish(x, alpha=1.702), 13, {"x": X}),
    "Mish": (lambda g, x: g.Mish(x), 17, {"x": X}),
    "HardSwish": (lambda g, x: g.HardSwish(x), 13, {"x": X}),
    "CastLike": (lambda g, x: g.CastLike(x, np.int32([1])), 14, {"x": X}),
    "LayerNormalization": (lambda g, x: g.LayerNormalization(x, c(4), c(4)), 16, {"x": X}),
    "LayerNormalization of two axes": (
        lambda g, x: g.LayerNormalization(x, c(3, 4), axis=1, epsilon=1e-3),
        13,
        {"x": X},
    ),
    "RMSNormalization": (lambda g, x: g.RMSNormalization(x, c(4)), 22, {"x": X}),
    "RMSNormalization, far": (lambda g, x: g.RMSNormalization(x, c(3, 4), axis=-2), 13, {"x": X}),
    "GroupNormalization": (lambda g, x: g.GroupNormalization(x, c(4), c(4), num_groups=2), 17, {"x": f(2, 4, 3, 3)}),
    "Attention": (lambda g, q, k, v: g.Attention(q, k, v), 22, QKV),
    "Attention, far": (lambda g, q, k, v: g.Attention(q, k, v, scale=0.3), 13, QKV),
    "causal Attention": (lambda g, q, k, v: g.Attention(q, k, v, is_causal=1), 20, QKV),
    "Attention with an empty row": (lambda g, q, k, v: g.Attention(q, k, v, MASK), 17, QKV),
    "Attention with a sum": (lambda g, q, k, v: g.Attention(q, k, v, c(2, 1, 5, 7), is_causal=1), 20, QKV),
    "Attention of rank 3": (
        lambda g, q, k, v: g.Attention(q, k, v, q_num_heads=4, kv_num_heads=2, softcap=2.0),
        17,
        {"q": f(2, 5, 16), "k": f(2, 7, 8), "v": f(2, 7, 6)},
    ),
    "equal Split": (lambda g, x: g.op("Split", x, axis=2, num_outputs=2, outputs=2), 13, {"x": X}),
    "unequal Split": (lambda g, x: g.op("Split", x, axis=1, num_outputs=2, outputs=2), 17, {"x": X}),
    "part of a Shape": (lambda g, x: g.Shape(x, start=1, end=3), 14, {"x": X}),
    "Pad of one axis": (lambda g, x: g.Pad(x, np.array([1, 2]), None, np.array([-1])), 17, {"x": X}),
    "ReduceSum": (lambda g, x: g.ReduceSum(x, np.array([1])), 13, {"x": X}),
    "ReduceMean": (lambda g, x: g.ReduceMean(x, np.array([0, 2]), keepdims=0), 13, {"x": X}),
    "ReduceMax of truth": (lambda g, x: g.ReduceMax(x, np.array([1])), 19, {"x": TensorType(BOOL, (2, 3))}),
    "Softmax": (lambda g, x: g.Softmax(x, axis=1), 13, {"x": X}),
    "BatchNormalization": (lambda g, x: g.BatchNormalization(x, c(3), c(3), c(3), np.abs(c(3))), 13, {"x": X}),
    "Resize": (lambda g, x: g.Resize(x, None, np.float32([1, 1, 2, 2]), mode="linear"), 13, {"x": f(1, 2, 3, 3)}),
    "GridSample": (lambda g, x: g.GridSample(x, np.clip(c(1, 2, 2, 2), -1, 1)), 16, {"x": f(1, 2, 3, 3)}),
    "Reshape": (lambda g, x: g.Reshape(x, np.array([4, -1])), 13, {"x": X}),
    "Conv": (lambda g, x: g.Conv(x, c(2, 3, 3), pads=[1, 1]), 13, {"x": X}),
    "Clip": (lambda g, x: g.Clip(x, np.float32(-0.5), None), 13, {"x": X}),
    "If": (
        lambda g, x: g.If(
            g.Greater(g.Gather(g.Reshape(x, np.array([-1])), np.int64(0)), np.float32(0)),
            then_branch=g.body("then", [], lambda b: b.Gelu(x)),
            else_branch=g.body("else", [], lambda b: b.Mish(x)),
        ),
        17,
        {"x": X},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_new_nodes_in_old_words(name: str) -> None:
    need_reference(name.split()[0])
    build, opset, inputs = CASES[name]
    model = model_of(build, **inputs)
    old = convert_version(model, opset)
    assert old.opset == opset
    same_results(model, old, 2e-5)
    given = feeds(model)
    truth = evaluate(model, given)
    found = onnxruntime.InferenceSession(sx.to_bytes(old)).run(None, given)
    for wanted, got in zip(truth, found, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_down_and_up_again(name: str) -> None:
    need_reference(name.split()[0])
    build, opset, inputs = CASES[name]
    model = model_of(build, **inputs)
    same_results(model, convert_version(convert_version(model, opset), model.opset), 2e-5)


def model_with_computed_axes() -> Model:
    return model_of(
        lambda g, x: g.ReduceMean(x, g.Cast(g.Gather(g.Reshape(x, np.array([-1])), np.array([0])), to=7)), x=X
    )


def test_axes_computed_at_run_time_are_refused() -> None:
    with pytest.raises(VersionError, match="cannot be expressed in opset 17") as caught:
        convert_version(model_with_computed_axes(), 17)
    assert "computed at run time" in str(caught.value.why)


@pytest.mark.parametrize(
    ("build", "opset", "why"),
    [
        (lambda g, x: g.BitwiseNot(g.Cast(x, to=6)), 17, "came with opset 18"),
        (lambda g, x: g.Cast(x, to=17, saturate=0), 18, "'saturate' came with opset 19"),
        (
            lambda g, x: g.RoiAlign(g.Unsqueeze(x, np.array([0])), np.float32([[0, 0, 1, 1]]), np.int64([0])),
            15,
            "half a pixel",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(build: Callable[..., Any], opset: int, why: str) -> None:
    with pytest.raises(VersionError, match="cannot be expressed") as caught:
        convert_version(model_of(build, x=X), opset)
    assert why in str(caught.value.why)


def test_types_that_came_later_are_refused() -> None:
    model = model_of(lambda g, x: g.Conv(x, g.Cast(c(2, 3, 3), to=16)), x=TensorType(BFLOAT16, (2, 3, 4)))
    with pytest.raises(VersionError) as caught:
        convert_version(model, 21)
    assert "takes no bfloat16" in str(caught.value.why)


def test_the_file_says_which_readers_it_is_for() -> None:
    assert convert_version(model_of(lambda g, x: g.Relu(x), x=X), 17).ir_version == 8
