"""Normalizations by row, along rows and across them, with what is fused before and behind."""

from __future__ import annotations

import pytest

from tests.engine.oracle import LEVELS, agree, floats, parse

SHAPES = {
    "vectors and a tail": (3, 5, 37),
    "shorter than a vector": (4, 2, 3),
    "many vectors": (2, 2, 160),
    "extents of one": (1, 6, 1),
    "lanes left over": (2, 9, 67),
}
CASES = {
    "softmax": "y = Softmax(x)",
    "softmax across": "y = Softmax<axis = 1>(x)",
    "softmax of the first axis": "y = Softmax<axis = 0>(x)",
    "log softmax": "y = LogSoftmax(x)",
    "log softmax across": "y = LogSoftmax<axis = 1>(x)",
    "fused on both sides": "h = Neg(x)  g = Tanh(h)  s = Softmax(g)  y = Mul(s, x)",
    "fused across": "h = Abs(x)  s = Softmax<axis = 1>(h)  y = Add(s, x)",
    "transposed": "t = Transpose<perm = [0, 2, 1]>(x)  s = Softmax(t)  y = Transpose<perm = [0, 2, 1]>(s)",
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_softmax(case: str, shape: tuple[int, ...], level: str) -> None:
    model = parse(f"(float[a,b,c] x) => (float[a,b,c] y) {{ {case} }}")
    agree(model, [floats(*shape, scale=4.0)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("axis", [-1, 1, 0])
def test_layer_norm(shape: tuple[int, ...], axis: int, level: str) -> None:
    rest = ",".join(map(str, shape[axis:]))
    model = parse(
        f"(float[a,b,{shape[2]}] x, float[{rest}] s, float[{rest}] c) => (float[a,b,{shape[2]}] y)"
        f"{{ y = LayerNormalization<axis = {axis}, epsilon = 0.001>(x, s, c) }}"
    )
    x = floats(*shape) + 3
    agree(model, [x, floats(*shape[axis:], seed=1), floats(*shape[axis:], seed=2)], level, atol=1e-5)


@pytest.mark.parametrize("level", LEVELS)
def test_layer_norm_of_a_sum(level: str) -> None:
    """The residual is added inside the kernel, and what follows is computed there too."""
    model = parse(
        "(float[a,70] x, float[a,70] r, float[70] s) => (float[a,70] y)"
        "{ h = Add(x, r)  n = LayerNormalization(h, s)  y = Relu(n) }"
    )
    agree(model, [floats(5, 70), floats(5, 70, seed=1), floats(70, seed=2)], level, atol=1e-5)


@pytest.mark.parametrize("level", LEVELS)
def test_layer_norm_loses_no_digits_to_a_large_mean(level: str) -> None:
    model = parse("(float[a,100] x, float[100] s) => (float[a,100] y) { y = LayerNormalization(x, s) }")
    agree(model, [floats(3, 100) + 1000, floats(100, seed=1)], level, atol=2e-4)
