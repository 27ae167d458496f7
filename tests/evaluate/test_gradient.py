"""Gradient: every derivative against differences, and what leads to none is named."""

from __future__ import annotations

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.evaluate.gradient import PULLBACKS
from sardonyx.ir.text import parse_model

RNG = np.random.default_rng(3)

# operator -> (its call on a and b, the shapes of a and b); what is not here is called on a [3, 4] alone.
CALLS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = {
    **{op: (f"{op}(a, b)", (2, 3, 4), (3, 1)) for op in ("Add", "Sub", "Mul", "Div")},
    "MatMul": ("MatMul(a, b)", (2, 3, 4), (4, 5)),
    "MatMul of a vector": ("MatMul(a, b)", (4,), (2, 4, 5)),
    "MatMul by a vector": ("MatMul(a, b)", (2, 3, 4), (4,)),
    "MatMul of vectors": ("MatMul(a, b)", (4,), (4,)),
    "Gemm": ("Gemm<transA=1, alpha=0.5, beta=2.0>(a, b, row)", (4, 3), (4, 5)),
    "Gemm transposed": ("Gemm<transB=1>(a, b)", (3, 4), (5, 4)),
    "Reshape": ("Reshape(a, flat)", (3, 4), (1,)),
    "Flatten": ("Flatten(a)", (3, 4, 2), (1,)),
    "Squeeze": ("Squeeze(a, first)", (1, 4), (1,)),
    "Unsqueeze": ("Unsqueeze(a, first)", (3, 4), (1,)),
    "Transpose": ("Transpose<perm=[1, 2, 0]>(a)", (3, 4, 2), (1,)),
    "ReduceSum": ("ReduceSum<keepdims=0>(a, first)", (3, 4), (1,)),
    "ReduceMean": ("ReduceMean(a)", (3, 4), (1,)),
    "Softmax": ("Softmax<axis=0>(a)", (3, 4), (1,)),
}


def model(call: str, a: tuple[int, ...], b: tuple[int, ...]) -> sx.Model:
    """f(a, b) = the sum of sin(call); the model gives f's gradient, and beside it sin(call) itself."""
    shape = "{}".format
    return parse_model(f"""<ir_version: 10, opset_import: ["" : 20, "ai.onnx.preview.training" : 1]>
    net (double{shape(list(a))} a, double{shape(list(b))} b) => (da, db, y)
    <int64[1] flat = {{-1}}, int64[1] first = {{0}}, double[5] row = {{1, 2, 3, 4, 5}}> {{
      v = {call}
      y = Sin (v)
      da, db = ai.onnx.preview.training.Gradient <xs = ["a", "b"], y = "y"> (a, b)
    }}""")


@pytest.mark.parametrize("name", [*CALLS, *(op for op in PULLBACKS if op not in CALLS)])
def test_derivatives(name: str) -> None:
    call, shape_a, shape_b = CALLS.get(name, (f"{name}(a)", (3, 4), (1,)))
    net = model(call, shape_a, shape_b)
    # Away from 0, where Abs, Relu and Div have a corner or a pole, and positive, for Log and Sqrt.
    feeds = {"a": RNG.uniform(0.3, 1.5, shape_a), "b": RNG.uniform(0.5, 1.5, shape_b)}
    *found, _ = sx.evaluate(net, feeds)
    step = 1e-6
    for which, derivative in zip("ab", found, strict=True):
        want = np.zeros_like(feeds[which])
        for place in np.ndindex(want.shape):
            near = []
            for sign in (1, -1):
                moved = {n: x.copy() for n, x in feeds.items()}
                moved[which][place] += sign * step
                near.append(sx.evaluate(net, moved)[2].sum())
            want[place] = (near[0] - near[1]) / (2 * step)
        np.testing.assert_allclose(derivative, want, rtol=1e-6, atol=1e-7)


def test_the_session_gives_the_same() -> None:
    net = model("Mul(a, b)", (3, 4), (4,))
    feeds = {"a": RNG.standard_normal((3, 4)), "b": RNG.standard_normal(4)}
    for ours, truth in zip(sx.Session(net).run(None, feeds), sx.evaluate(net, feeds), strict=True):
        np.testing.assert_allclose(ours, truth, rtol=1e-12)


def test_what_has_no_derivative_is_named() -> None:
    net = model("Erf(a)", (3,), (1,))
    with pytest.raises(sx.UnsupportedError, match=r"cannot pass through .*Erf"):
        sx.evaluate(net, {"a": np.ones(3), "b": np.ones(1)})


def test_a_name_that_is_none() -> None:
    net = model("Neg(a)", (3,), (1,))
    for node in net.graph.nodes:
        if node.op_type == "Gradient":
            node.set_attr("y", "nothing")
    with pytest.raises(sx.InputError, match="'nothing', which is no value"):
        sx.evaluate(net, {"a": np.ones(3), "b": np.ones(1)})
