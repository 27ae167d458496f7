"""Reductions over any axes, along lines and across them, with what is fused before and behind."""

from __future__ import annotations

import numpy as np
import pytest

from sardonyx.engine.lower.reduce import KINDS
from tests.engine.oracle import LEVELS, agree, floats, needs, parse

AXES = {"last": "2", "middle": "1", "first": "0", "outer two": "0, 1", "around": "0, 2", "inner two": "1, 2"}
SHAPES = [(3, 5, 37), (2, 19, 70), (7, 1, 3)]


@needs(*KINDS)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
@pytest.mark.parametrize("name", KINDS)
def test_float(name: str, axes: str, level: str) -> None:
    count = axes.count(",") + 1
    model = parse(
        f"(float[a,b,c] x) => (float[d,e,f] y) <int64[{count}] axes = {{ {axes} }}> {{ h = Abs(x)  y = {name}(h, axes) }}"
    )
    scale = 0.01 if name == "ReduceProd" else 1.0
    for shape in SHAPES:
        agree(model, [floats(*shape) * scale + 1], level, rtol=2e-4 if name == "ReduceProd" else 5e-6)


@needs("ReduceMean")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
def test_no_axes_kept(axes: str, level: str) -> None:
    """What reads the result is computed by the same kernel, its operands laid out as the result is."""
    count = axes.count(",") + 1
    model = parse(
        f"(float[a,b,c] x, float[1] s) => (y) <int64[{count}] axes = {{ {axes} }}>"
        "{ m = ReduceMean<keepdims = 0>(x, axes)  h = Mul(m, s)  y = Sqrt(h) }"
    )
    agree(model, [abs(floats(4, 6, 33)), floats(1) ** 2], level)


@needs("ReduceSum")
@pytest.mark.parametrize("level", LEVELS)
def test_everything_to_one_number(level: str) -> None:
    model = parse("(float[a,b] x) => (float y) { y = ReduceSum<keepdims = 0>(x) }")
    agree(model, [floats(31, 1000)], level, atol=1e-5)


@needs("ReduceSum", "ReduceMax")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["ReduceSum", "ReduceMax", "ReduceMin"])
@pytest.mark.parametrize("axis", [0, 1])
def test_integers(name: str, axis: int, level: str) -> None:
    model = parse(f"(int64[a,b] x) => (int64[c,d] y) <int64[1] axes = {{ {axis} }}> {{ y = {name}(x, axes) }}")
    x = np.random.default_rng(0).integers(-(2**40), 2**40, (9, 21))
    agree(model, [x], level)


@needs("ReduceMax", "ReduceMin")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["ReduceMax", "ReduceMin"])
@pytest.mark.parametrize("axis", [0, 1])
def test_truth(name: str, axis: int, level: str) -> None:
    model = parse(
        f"(bool[a,b] x) => (bool[c,d] y) <int64[1] axes = {{ {axis} }}> {{ h = Not(x)  y = {name}(h, axes) }}", 20
    )
    agree(model, [np.random.default_rng(0).random((5, 40)) < (0.1 if name == "ReduceMin" else 0.9)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", [(2, 5, 7, 7), (1, 70, 3, 5), (3, 130, 9)])
@pytest.mark.parametrize("name", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pool(name: str, shape: tuple[int, ...], level: str) -> None:
    """Both of a contiguous image, and of one whose channels are innermost."""
    dims = ",".join("abcd"[: len(shape)])
    ones = ",".join(["n", "c", "1", "1"][: len(shape)])
    model = parse(f"(float[{dims}] x) => (float[{ones}] y) {{ y = {name}(x) }}")
    agree(model, [floats(*shape)], level)
    perm = [0, len(shape) - 1, *range(1, len(shape) - 1)]
    last = parse(f"(float[{dims}] x) => (float[{ones}] y) {{ t = Transpose<perm = {perm}>(x)  y = {name}(t) }}")
    agree(last, [np.ascontiguousarray(np.moveaxis(floats(*shape), 1, -1))], level)


@needs("ArgMax")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["float", "int64"])
@pytest.mark.parametrize(("name", "last"), [("ArgMax", 0), ("ArgMin", 0), ("ArgMax", 1), ("ArgMin", 1)])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_arg(axis: int, name: str, last: int, kind: str, level: str) -> None:
    """Equal elements, and NaN, count by their place."""
    model = parse(
        f"({kind}[a,b,c] x) => (y) {{ y = {name}<axis = {axis}, select_last_index = {last}, keepdims = 0>(x) }}"
    )
    x = np.random.default_rng(0).integers(-9, 9, (4, 7, 70)).astype("float32" if kind == "float" else kind)
    agree(model, [x], level)
