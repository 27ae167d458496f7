"""Normalizations by row, along rows and across them, with what is fused before and behind."""

from __future__ import annotations

import pytest

from tests.engine.oracle import LEVELS, agree, calls, floats, needs, parse

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


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("shape", [(2, 5, 4, 9), (3, 70), (2, 33, 7)])
def test_batch_norm(shape: tuple[int, ...], constant: bool, level: str) -> None:
    """Its statistics known or not; of images whose channels are innermost too, with what surrounds it in one kernel."""
    c = shape[1]
    parts = [floats(c, seed=i) for i in range(3)] + [abs(floats(c, seed=3)) + 0.1]
    dims = ",".join(map(str, shape))
    names = "sbmv"
    if constant:
        shown = [f"float[{c}] {n} = {{ {', '.join(map(str, p.tolist()))} }}" for n, p in zip(names, parts, strict=True)]
        model = parse(
            f"(float[{dims}] x) => (y) <{', '.join(shown)}>"
            "{ h = Neg(x)  n = BatchNormalization<epsilon = 0.001>(h, s, b, m, v)  y = Relu(n) }"
        )
        agree(model, [floats(*shape, seed=9)], level)
        assert calls(model) == 1
        return
    inputs = ", ".join(f"float[{c}] {n}" for n in names)
    model = parse(f"(float[{dims}] x, {inputs}) => (y) {{ y = BatchNormalization(x, s, b, m, v) }}")
    agree(model, [floats(*shape, seed=9), *parts], level, atol=5e-6)


@needs("InstanceNormalization")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", [(2, 5, 4, 9), (1, 37, 6, 6)])
def test_instance_norm(shape: tuple[int, int, int, int], last: bool, level: str) -> None:
    n, c, h, w = shape
    first = f"{n},{h},{w},{c}" if last else f"{n},{c},{h},{w}"
    source = "t = Transpose<perm = [0, 3, 1, 2]>(x)  " if last else "t = Identity(x)  "
    model = parse(
        f"(float[{first}] x, float[{c}] s, float[{c}] b) => (y) {{ {source} y = InstanceNormalization(t, s, b) }}"
    )
    x = floats(n, h, w, c) if last else floats(n, c, h, w)
    agree(model, [x, floats(c, seed=1), floats(c, seed=2)], level, atol=5e-6)


@needs("GroupNormalization")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("last", [False, True])
def test_group_norm(last: bool, level: str) -> None:
    first = "2,5,6,36" if last else "2,36,5,6"
    source = "t = Transpose<perm = [0, 3, 1, 2]>(x)  " if last else "t = Identity(x)  "
    model = parse(
        f"(float[{first}] x, float[36] s, float[36] b) => (y) {{ {source} y = GroupNormalization<num_groups = 4>(t, s, b) }}"
    )
    x = floats(2, 5, 6, 36) if last else floats(2, 36, 5, 6)
    agree(model, [x, floats(36, seed=1), floats(36, seed=2)], level, atol=5e-6)


@needs("LpNormalization")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("p", "axis"), [(1, -1), (2, -1), (1, 1), (2, 1), (2, 0)])
def test_lp(p: int, axis: int, level: str) -> None:
    model = parse(f"(float[a,b,c] x) => (float[a,b,c] y) {{ y = LpNormalization<p = {p}, axis = {axis}>(x) }}")
    x = floats(3, 5, 37)
    x[0], x[:, 1], x[:, :, 2] = 0.0, 0.0, 0.0
    agree(model, [x], level)
