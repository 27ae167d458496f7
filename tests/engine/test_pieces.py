"""Operators without a kernel of their own are native where what their bodies are made of is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.engine.prepare import prepare
from tests.engine.oracle import agree, floats, parse

LABELS = np.array([1, 0, 4])
# name -> (graph, feeds, opset)
MODELS: dict[str, tuple[str, list[Any], int]] = {
    "a loss": (
        '(float[3,5] x, int64[3] l, float[5] w) => (y) { y = SoftmaxCrossEntropyLoss<reduction = "sum">(x, l, w) }',
        [floats(3, 5), LABELS, np.abs(floats(5, seed=1))],
        13,
    ),
    "a loss and what it was made of": (
        '(float[3,5] x, int64[3] l) => (y, p) { y, p = SoftmaxCrossEntropyLoss<reduction = "none">(x, l) }',
        [floats(3, 5), LABELS],
        13,
    ),
    "a likelihood of an old version": (
        '(float[3,5,2] x, int64[3,2] l) => (y) { y = NegativeLogLikelihoodLoss<reduction = "mean">(x, l) }',
        [floats(3, 5, 2), np.array([[0, 1], [2, 3], [4, 4]])],
        12,
    ),
    "means and variances": (
        "(float[2,3,4,4] x) => (y) { y = MeanVarianceNormalization<axes = [0, 2, 3]>(x) }",
        [floats(2, 3, 4, 4)],
        13,
    ),
    "a norm and its mean": (
        "(float[n,8] x, float[8] s) => (y, m, d) { y, m, d = LayerNormalization(x, s) }",
        [floats(3, 8), floats(8, seed=1)],
        17,
    ),
    "attention and its scores": (
        "(float[1,2,n,8] q, float[1,2,k,8] p, float[1,2,k,8] v) => (y, s) "
        "{ y, , , s = Attention<is_causal = 1, qk_matmul_output_mode = 2>(q, p, v) }",
        [floats(1, 2, 5, 8), floats(1, 2, 7, 8, seed=1), floats(1, 2, 7, 8, seed=2)],
        24,
    ),
    "a causal convolution": (
        "(float[1,4,9] x, float[4,1,3] w) => (y) { y = CausalConvWithState(x, w) }",
        [floats(1, 4, 9), floats(4, 1, 3, seed=1)],
        27,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_native(name: str) -> None:
    text, feeds, opset = MODELS[name]
    agree(parse(text, opset), feeds, "generic")


def test_what_has_a_kernel_stays_whole() -> None:
    model = parse("(float[n,8] x, float[8] s) => (y) { y = LayerNormalization(x, s) }", 17)
    assert [n.op_type for n in prepare(model).graph.nodes] == ["LayerNormalization"]


def test_what_lacks_types_stays_whole() -> None:
    """The body of Attention depends on the type of its first input, which a model may leave open."""
    kind = "float[1,2,7,8]"
    model = parse(f"({kind} x, {kind} p, {kind} v) => (y, s) {{ z = Foo(x) y, , , s = Attention(z, p, v) }}")
    assert [n.op_type for n in prepare(model).graph.nodes] == ["Foo", "Attention"]
