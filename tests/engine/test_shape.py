"""Operators that move nothing, and the copies where a view cannot say it."""

from __future__ import annotations

import numpy as np
import pytest

from sardonyx.engine.session import Session
from tests.engine.oracle import LEVELS, agree, calls, floats, needs, parse

VIEWS = {
    "reshape": "y = Reshape(x, shape)",
    "flatten": "y = Flatten<axis = 2>(x)",
    "transpose": "y = Transpose<perm = [2, 0, 1]>(x)",
    "transpose twice": "t = Transpose<perm = [1, 2, 0]>(x)  y = Transpose<perm = [2, 0, 1]>(t)",
    "transpose, reshape": "t = Transpose<perm = [0, 2, 1]>(x)  y = Flatten(t)",
    "unsqueeze, squeeze": "u = Unsqueeze(x, front)  n = Neg(u)  y = Squeeze(n, front)",
    "expand": "u = Unsqueeze(x, front)  y = Expand(u, wide)",
    "concat": "n = Neg(x)  y = Concat<axis = 1>(x, n, x)",
    "concat of the last axis": "n = Neg(x)  y = Concat<axis = -1>(n, x)",
    "concat of a new last axis": "u = Unsqueeze(x, back)  n = Neg(u)  y = Concat<axis = -1>(n, u, n)",
    "concat of the first axis": "y = Concat<axis = 0>(x, x)",
    "concat of transposed": "t = Transpose<perm = [0, 2, 1]>(x)  n = Neg(t)  c = Concat<axis = 1>(n, t)  y = Abs(c)",
}
SIZES = "<int64[2] shape = {4, -1}, int64[1] front = {0}, int64[1] back = {-1}, int64[4] wide = {3, 1, 1, 1}>"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("shape", [(4, 5, 6), (2, 18, 34)])
def test_view(case: str, shape: tuple[int, ...], level: str) -> None:
    agree(parse(f"(float[a,b,c] x) => (y) {SIZES} {{ {case} }}"), [floats(*shape)], level)


@pytest.mark.parametrize("kind", ["bool", "int8", "uint16", "float16", "bfloat16", "int64", "double"])
def test_any_element(kind: str) -> None:
    """Copies move bits of any width."""
    model = parse(f"({kind}[a,b,c] x) => (y) {{ t = Transpose<perm = [2, 1, 0]>(x)  y = Concat<axis = 1>(t, t) }}")
    import ml_dtypes

    numpy = {"bfloat16": ml_dtypes.bfloat16, "double": np.float64, "bool": np.bool_}.get(kind, kind)
    agree(model, [np.random.default_rng(0).integers(0, 2, (3, 17, 5)).astype(numpy)], LEVELS[-1])


SLICES = {
    "front": ("0", "3", "1", "1"),
    "behind": ("-3", "9223372036854775807", "1", "1"),
    "stepped": ("1", "8", "2", "3"),
    "two axes": ("1, 2", "3, -1", "0, 2", "1, 1"),
}


@needs("Slice")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("bounds", SLICES.values(), ids=SLICES)
def test_slice(bounds: tuple[str, str, str, str], level: str) -> None:
    count = bounds[0].count(",") + 1
    constants = ", ".join(
        f"int64[{count}] {n} = {{ {v} }}" for n, v in zip(("start", "end", "axes", "steps"), bounds, strict=True)
    )
    model = parse(f"(float[4,6,9] x) => (y) <{constants}> {{ s = Slice(x, start, end, axes, steps)  y = Neg(s) }}")
    agree(model, [floats(4, 6, 9)], level)


@needs("Split")
@pytest.mark.parametrize("level", LEVELS)
def test_split(level: str) -> None:
    model = parse(
        "(float[a,12] x) => (y) <int64[3] parts = {3, 4, 5}> {"
        "p, q, r = Split<axis = 1>(x, parts)  h = Neg(p)  y = Concat<axis = 1>(q, h, r) }"
    )
    agree(model, [floats(5, 12)], level)


def test_views_run_no_kernel_of_their_own() -> None:
    model = parse(
        "(float[4,5,6] x) => (y) { t = Transpose<perm = [1, 0, 2]>(x)  u = Flatten<axis = 2>(t)  y = Neg(u) }"
    )
    assert calls(model) == 2  # the reshape copies, for no view says it
    model = parse("(float[4,5,6] x) => (y) { u = Flatten<axis = 2>(x)  t = Transpose(u)  y = Neg(t) }")
    assert calls(model) == 2  # a result lies in C order: it is copied there


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["float", "int64", "bool", "float16"])
@pytest.mark.parametrize("shape", [(2, 3, 70), (1, 9, 33), (2, 100, 64), (3, 17, 1), (1, 65, 129)])
def test_swap(shape: tuple[int, int, int], kind: str, level: str) -> None:
    """The last two axes change places in memory: few columns, whole squares, what is left over."""
    model = parse(f"({kind}[a,{shape[1]},{shape[2]}] x) => (y) {{ y = Transpose<perm = [0, 2, 1]>(x) }}")
    numpy = {"float": np.float32, "bool": np.bool_}.get(kind, kind)
    agree(model, [np.random.default_rng(0).integers(0, 100, shape).astype(numpy)], level)


PADS = {"around": "0, 0, 1, 2, 0, 0, 2, 1", "cut": "0, 0, -1, 1, 0, 0, 2, -2", "channels": "0, 2, 0, 0, 0, 1, 0, 0"}


@needs("Pad")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("pads", PADS.values(), ids=PADS)
@pytest.mark.parametrize("last", [False, True])
def test_pad(last: bool, pads: str, level: str) -> None:
    """Of images in C order, and of images whose channels are innermost."""
    source = "Transpose<perm = [0, 3, 1, 2]>(x)" if last else "Identity(x)"
    model = parse(
        f"(float[a,b,c,d] x) => (y) <int64[8] p = {{ {pads} }}, float v = {{ 1.5 }}> {{ t = {source}  y = Pad(t, p, v) }}"
    )
    agree(model, [floats(2, 4, 5, 6)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("pads", ["0, 0, 1, 4, 0, 0, 3, 2", "1, 0, 0, 4, 0, 2, 0, 0", "0, 0, 0, 0, 0, 0, 0, 0"])
def test_pad_from_within(pads: str, last: bool, mode: str, level: str) -> None:
    source = "Transpose<perm = [0, 3, 1, 2]>(x)" if last else "Identity(x)"
    model = parse(
        f'(float[a,b,c,d] x) => (y) <int64[8] p = {{ {pads} }}> {{ t = {source}  y = Pad<mode = "{mode}">(t, p) }}'
    )
    agree(model, [floats(2, 6, 5, 6)], level)


def test_pad_reflects_what_is_too_short() -> None:
    """Then the reference reflects again."""
    model = parse(
        '(float[1, 1, 2, 3] x) => (y) <int64[2] p = { 5, 5 }, int64[1] a = { 2 }> { y = Pad<mode = "reflect">(x, p, , a) }'
    )
    x = floats(1, 1, 2, 3)
    [y] = Session(model)(x)
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (0, 0), (5, 5), (0, 0)), mode="reflect"))


SERIES = {
    "tile": "y = Tile(x, counts)",
    "upper triangle": "h = Neg(x)  y = Trilu(h, k)",
    "lower triangle": "y = Trilu<upper = 0>(x, k)",
    "running sums": "y = CumSum(x, k)",
    "running sums backwards": "y = CumSum<exclusive = 1, reverse = 1>(x, k)",
}


@needs("Tile", "Trilu", "CumSum")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", SERIES.values(), ids=SERIES)
def test_series(case: str, level: str) -> None:
    model = parse(f"(float[9,20] x) => (y) <int64[2] counts = {{2, 3}}, int64 k = {{1}}> {{ {case} }}")
    agree(model, [floats(9, 20)], level)


@needs("OneHot")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_one_hot(axis: int, level: str) -> None:
    """Indices below zero count from the end; those out of range choose nothing."""
    model = parse(
        f"(int64[a,b] i) => (y) <int64 d = {{6}}, float[2] v = {{-1, 2}}> {{ y = OneHot<axis = {axis}>(i, d, v) }}"
    )
    agree(model, [np.random.default_rng(0).integers(-8, 8, (3, 21))], level)


@needs("DepthToSpace", "SpaceToDepth")
@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize("last", [False, True])
def test_blocks(last: bool, mode: str) -> None:
    source = "Transpose<perm = [0, 3, 1, 2]>(x)" if last else "Identity(x)"
    shape = "2,6,8,12" if last else "2,12,6,8"
    model = parse(
        f'(float[{shape}] x) => (y, z) {{ t = {source}  y = DepthToSpace<blocksize = 2, mode = "{mode}">(t)'
        "z = SpaceToDepth<blocksize = 2>(t) }"
    )
    agree(model, [floats(*map(int, shape.split(",")))], LEVELS[-1])
