from __future__ import annotations

import itertools

import numpy as np
import pytest

from sardonyx.core.dims import Dim, evaluate, symbol
from sardonyx.ops.slice import padded, parts, sliced, taken
from tests.ops.apply import apply

N, M = symbol("n"), symbol("m")
FAR = (1 << 63) - 1


@pytest.mark.parametrize(
    ("extent", "start", "end", "step", "expected"),
    [
        (N, 0, FAR, 1, N),
        (N + 1, 1, FAR, 1, N),
        (N, -1, FAR, 1, "min(1, n)"),
        (N, 0, -1, 1, "max(0, n - 1)"),
        (N, 0, 5, 1, "min(5, n)"),
        (N, 0, FAR, 2, "floor((n + 1)/2)"),
        (N, -1, -FAR, -1, N),
        (N + M, N, FAR, 1, M),
        (N + M, 0, N, 1, N),
        (N + M, -N, FAR, 1, N),
        (8, 2, 7, 3, 2),
    ],
)
def test_a_slice_keeps_symbols(extent: Dim, start: Dim, end: Dim, step: int, expected: Dim | str) -> None:
    assert str(sliced(extent, start, end, step)) == str(expected)


@pytest.mark.parametrize("step", [-3, -2, -1, 1, 2, 3])
def test_a_slice_is_as_long_as_inference_says(step: int) -> None:
    """With numbers and with a symbol that gets its number later."""
    ends = [-FAR, -7, -2, -1, 0, 1, 3, 6, FAR]
    for extent, start, end in itertools.product([0, 1, 4, 5], ends, ends):
        truth = len(range(extent)[taken(extent, start, end, step)])
        assert sliced(extent, start, end, step) == truth
        assert evaluate(sliced(N, start, end, step), {"n": extent}) == truth


def test_a_backward_slice_starts_at_the_first_element_or_behind_it() -> None:
    """NumPy starts in front of it, and takes nothing; the standard moves the start to 0."""
    x = np.array([1, 2, 3])
    assert x[-7:-9:-2].tolist() == []
    assert apply("Slice", x, np.array([-7]), np.array([-9]), np.array([0]), np.array([-2])).tolist() == [1]
    assert apply("Slice", x[:0], np.array([-7]), np.array([-9]), np.array([0]), np.array([-2])).tolist() == []


def test_parts_add_up() -> None:
    assert parts(7, 3) == [3, 3, 1]
    assert parts(5, 4) == [2, 2, 1, 0]
    assert parts(N * 3, 3) == [N, N, N]
    sizes = parts(N, 2)
    assert sizes[0] + sizes[1] == N


def test_negative_padding_cuts_before_the_mode_looks() -> None:
    x = np.arange(6)
    assert padded(x, [(-2, 2)], "edge", 0).tolist() == [2, 3, 4, 5, 5, 5]
    assert padded(x, [(1, -4)], "reflect", 0).tolist() == [1, 0, 1]
    assert padded(x, [(-4, -4)], "constant", 0).tolist() == []
