"""Picking elements by index."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.oracle import LEVELS, agree, floats, needs, parse


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_gather(kind: str, axis: int, level: str) -> None:
    model = parse(f"(float[a,b,c] x, {kind}[p,q] i) => (y) {{ y = Gather<axis = {axis}>(x, i) }}")
    index = np.random.default_rng(0).integers(-5, 5, (3, 4)).astype(kind)
    agree(model, [floats(5, 6, 37), index], level)


@pytest.mark.parametrize("level", LEVELS)
def test_gather_from_a_view(level: str) -> None:
    model = parse("(float[a,b] x, int64[p] i) => (y) { t = Transpose(x)  g = Gather(t, i)  y = Neg(g) }")
    agree(model, [floats(5, 6), np.array([0, -1, 3])], level)


def test_a_known_index_is_a_view() -> None:
    model = parse("(float[a,7] x) => (y) <int64 i = {-2}> { g = Gather<axis = 1>(x, i)  y = Neg(g) }")
    agree(model, [floats(5, 7)], LEVELS[-1])


@pytest.mark.parametrize("kind", ["bool", "float16", "int64", "uint8"])
def test_gather_of_any_element(kind: str) -> None:
    model = parse(f"({kind}[a,b] x, int64[p] i) => (y) {{ y = Gather(x, i) }}")
    data = np.random.default_rng(0).integers(0, 2, (5, 9)).astype(kind)
    agree(model, [data, np.array([4, 0, -1])], LEVELS[-1])


@needs("GatherElements")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_elements(axis: int, level: str) -> None:
    model = parse(f"(float[a,b,c] x, int64[p,q,r] i) => (y) {{ y = GatherElements<axis = {axis}>(x, i) }}")
    agree(model, [floats(3, 5, 37), np.random.default_rng(0).integers(-3, 3, (2, 4, 33))], level)


@needs("GatherND")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("shape", "batch"), [((4, 2), 0), ((4, 6, 3), 0), ((3, 6, 1), 1), ((3, 5, 2, 1), 2)])
def test_gather_tuples(shape: tuple[int, ...], batch: int, level: str) -> None:
    dims = ",".join(map(str, shape))
    model = parse(f"(float[3,5,37] x, int64[{dims}] i) => (y) {{ y = GatherND<batch_dims = {batch}>(x, i) }}")
    agree(model, [floats(3, 5, 37), np.random.default_rng(0).integers(-3, 3, shape)], level)


JOINS = ["none", "add", "mul", "max", "min"]


@needs("ScatterND")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("join", JOINS)
def test_scatter_tuples(join: str, level: str) -> None:
    """What comes later wins, or joins what came before."""
    model = parse(
        f'(float[a,b] x, int64[p,1] i, float[p,b] u) => (y) {{ y = ScatterND<reduction = "{join}">(x, i, u) }}'
    )
    agree(model, [floats(6, 37), np.array([[0], [5], [-1], [0]]), floats(4, 37, seed=1)], level)


@needs("ScatterElements")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_scatter_elements(axis: int, join: str, level: str) -> None:
    shape = [4, 5, 7]
    shape[axis] = 3
    dims = ",".join(map(str, shape))
    model = parse(
        f"(float[4,5,7] x, int64[{dims}] i, float[{dims}] u) => (y)"
        f'{{ y = ScatterElements<axis = {axis}, reduction = "{join}">(x, i, u) }}'
    )
    index = np.random.default_rng(0).integers(-4, 4, shape)
    agree(model, [floats(4, 5, 7), index, floats(*shape, seed=1)], level)
