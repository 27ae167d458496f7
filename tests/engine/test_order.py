"""The first elements by size."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.oracle import LEVELS, agree, parse


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["float", "double", "int64", "int32"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("largest", [0, 1])
def test_top(largest: int, axis: int, kind: str, level: str) -> None:
    """Equal elements keep their order; NaN is the largest number."""
    model = parse(
        f"({kind}[a,b,c] x) => (v, i) <int64[1] k = {{4}}> {{ v, i = TopK<axis = {axis}, largest = {largest}>(x, k) }}"
    )
    numpy = {"float": "float32", "double": "float64"}.get(kind, kind)
    x = np.random.default_rng(0).integers(-9, 9, (5, 6, 40)).astype(numpy)
    if numpy.startswith("float"):
        x[1, 2, 3] = x[3, 1, 7] = np.nan
    agree(model, [x], level)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_counts(count: int) -> None:
    model = parse(f"(float[a,7] x) => (v, i) <int64[1] k = {{{count}}}> {{ v, i = TopK(x, k) }}")
    agree(model, [np.random.default_rng(0).standard_normal((3, 7)).astype(np.float32)], LEVELS[-1])
