"""Picking elements by index."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.oracle import LEVELS, agree, floats, parse


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
