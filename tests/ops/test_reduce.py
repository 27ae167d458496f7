from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Graph, TensorType, Value
from sardonyx.ops.builder import Builder
from tests.ops.apply import apply

INF = np.float32(np.inf)


@pytest.mark.parametrize(
    ("op", "nothing"),
    [
        ("ReduceSum", 0), ("ReduceProd", 1), ("ReduceMax", -INF), ("ReduceMin", INF), ("ReduceL1", 0), ("ReduceL2", 0),
        ("ReduceSumSquare", 0), ("ReduceLogSum", -INF), ("ReduceLogSumExp", -INF),
    ],
)  # fmt: skip
def test_of_nothing(op: str, nothing: float) -> None:
    result = apply(op, np.zeros((2, 0, 3), np.float32), [1], keepdims=0)
    np.testing.assert_array_equal(result, np.full((2, 3), nothing, np.float32))


def test_the_extremes_of_nothing_are_the_ends_of_the_type() -> None:
    assert apply("ReduceMax", np.zeros(0, np.int32)).item() == -(2**31)
    assert apply("ReduceMin", np.zeros(0, np.uint8)).item() == 255
    assert apply("ReduceMax", np.zeros(0, bool)).item() is False
    assert apply("ReduceMin", np.zeros(0, bool)).item() is True


@pytest.mark.parametrize("op", ["ReduceMax", "ReduceMin"])
def test_nan_wins(op: str) -> None:
    assert np.isnan(apply(op, np.array([1, np.nan, 3], np.float32)))


def test_integers_wrap_around_in_their_own_type() -> None:
    big = np.array([2**31 - 1, 1], np.int32)
    assert apply("ReduceSum", big).item() == -(2**31)
    assert apply("ReduceProd", np.array([2**16, 2**16], np.uint32)).item() == 0


@pytest.mark.parametrize(("values", "mean"), [([-3, -4], -3), ([3, 4], 3)])
def test_the_mean_of_integers_is_cut_towards_zero(values: list[int], mean: int) -> None:
    assert apply("ReduceMean", np.array(values, np.int32)).item() == mean


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16])
def test_narrow_floats_are_summed_in_a_wide_type(kind: Any) -> None:
    ones = np.ones(4096, kind)  # added up one by one, bfloat16 would stop at 256
    assert apply("ReduceSum", ones).item() == 4096
    assert apply("ReduceMean", ones).item() == 1


def test_log_sum_exp_neither_overflows_nor_loses_infinities() -> None:
    x = np.array([[1000, 1000], [-np.inf, -np.inf], [np.inf, 0], [-1000, -1000]], np.float32)
    result = apply("ReduceLogSumExp", x, [1], keepdims=0)
    np.testing.assert_allclose(result, [1000 + np.log(2), -np.inf, np.inf, -1000 + np.log(2)], rtol=1e-6)


def test_no_axes_mean_all_or_none() -> None:
    x = np.array([[1, -2], [3, -4]], np.float32)
    assert apply("ReduceSumSquare", x, keepdims=0).item() == 30
    assert apply("ReduceSumSquare", x, np.zeros(0, np.int64), keepdims=0).item() == 30
    np.testing.assert_array_equal(apply("ReduceSumSquare", x, noop_with_empty_axes=1), x * x)
    np.testing.assert_array_equal(apply("ReduceL1", x, noop_with_empty_axes=1), abs(x))


def test_a_scalar_has_no_axis_to_reduce() -> None:
    assert apply("ReduceMean", np.float32(3)).item() == 3


def test_an_axis_named_twice_is_refused() -> None:
    g = Builder(Graph("main", [Value("x", TensorType(FLOAT32, (2, 3)))]), {"": 20})
    with pytest.raises(ShapeError, match="one axis twice"):
        g.ReduceSum(g.graph.inputs[0], [0, -2])


def test_the_first_or_the_last_of_equal_ones() -> None:
    x = np.array([[2, 7, 7], [5, 5, 1]], np.uint8)
    assert apply("ArgMax", x, axis=1, keepdims=0).tolist() == [1, 0]
    assert apply("ArgMax", x, axis=-1, keepdims=0, select_last_index=1).tolist() == [2, 1]
    assert apply("ArgMin", x, axis=0).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize(
    ("exclusive", "reverse", "expected"),
    [(0, 0, [1, 3, 6]), (1, 0, [0, 1, 3]), (0, 1, [6, 5, 3]), (1, 1, [5, 3, 0])],
)
def test_running_totals(exclusive: int, reverse: int, expected: list[int]) -> None:
    result = apply("CumSum", np.array([1, 2, 3], np.int32), np.int64(-1), exclusive=exclusive, reverse=reverse)
    assert result.tolist() == expected
    assert apply("CumProd", np.zeros((0, 2), np.float32), np.int64(0), exclusive=exclusive).shape == (0, 2)


def test_reductions_of_extents_are_followed() -> None:
    n, m = symbol("n"), symbol("m")
    g = Builder(Graph("main", [Value("x", TensorType(FLOAT32, (n, 3, m)))]), {"": 20})
    shape = g.Shape(g.graph.inputs[0])
    assert g.known(g.ReduceProd(shape, keepdims=0)).ints() == [n * m * 3]
    assert g.known(g.ReduceSum(shape)).ints() == [n + m + 3]
    assert str(g.known(g.ReduceMax(shape)).ints()) == "[max(3, m, n)]"
    assert g.known(g.CumSum(shape, np.int64(0))).ints() == [n, n + 3, n + 3 + m]
