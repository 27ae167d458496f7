from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32, INT64
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Graph, TensorType, Value
from sardonyx.ops.builder import Builder
from tests.ops.apply import apply

N, M = symbol("n"), symbol("m")


def builder(*shapes: tuple[Any, ...], kind: Any = FLOAT32) -> tuple[Builder, list[Value]]:
    graph = Graph("main", [Value(f"x{i}", TensorType(kind, s)) for i, s in enumerate(shapes)])
    return Builder(graph, {"": 24}), graph.inputs


# -- gathering -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_dims", [0, 1, 2])
def test_gather_nd_goes_in_step_along_the_batch(batch_dims: int) -> None:
    data = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    batch = data.shape[:batch_dims]
    indices = np.random.default_rng(0).integers(-2, 2, (*batch, 6, 2))
    truth = np.empty((*batch, 6, *data.shape[batch_dims + 2 :]), data.dtype)
    for at in np.ndindex(*truth.shape[: batch_dims + 1]):
        truth[at] = data[at[:-1]][tuple(indices[at])]
    np.testing.assert_array_equal(apply("GatherND", data, indices, batch_dims=batch_dims), truth)


def test_coordinates_that_do_not_fit_are_refused() -> None:
    g, (x,) = builder((N, 3))
    with pytest.raises(ShapeError, match="3 coordinates do not fit"):
        g.GatherND(x, [[0, 0, 0]])


def test_gather_elements_counts_from_the_end() -> None:
    x = np.array([[1, 2], [3, 4]], np.float32)
    assert apply("GatherElements", x, np.array([[-1, 0]]), axis=0).tolist() == [[3, 2]]


# -- scattering ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reduction", "expected"), [("add", [1, 6, 1]), ("mul", [1, 6, 1]), ("max", [1, 3, 1]), ("min", [1, 1, 1])]
)
@pytest.mark.parametrize("kind", [np.float32, np.int32, ml_dtypes.bfloat16, np.float16])
def test_updates_of_one_place_are_combined(reduction: str, expected: list[int], kind: Any) -> None:
    data, updates = np.ones(3, kind), np.array([2, 3], kind)
    by_element = apply("ScatterElements", data, np.array([1, -2]), updates, reduction=reduction)
    by_row = apply("ScatterND", data, np.array([[1], [-2]]), updates, reduction=reduction)
    assert by_element.astype(np.float32).tolist() == by_row.astype(np.float32).tolist() == expected


def test_scattering_leaves_its_input_alone() -> None:
    data = np.zeros(3, np.float32)
    apply("ScatterElements", data, np.array([0]), np.ones(1, np.float32))
    assert not data.any()


def test_updates_of_another_shape_are_refused() -> None:
    g, (x, u) = builder((N, 3), (2, 4))
    with pytest.raises(ShapeError, match="updates and the places for them"):
        g.ScatterND(x, [[0], [1]], u)


# -- choosing --------------------------------------------------------------------------------------------------------------


def test_a_short_condition_ends_early() -> None:
    x = np.arange(6).reshape(3, 2)
    assert apply("Compress", x, np.array([False, True]), axis=0).tolist() == [[2, 3]]
    assert apply("Compress", x, np.array([False, True, True])).tolist() == [1, 2]


@pytest.mark.parametrize(("x", "shape"), [(3.0, (0, 1)), (0.0, (0, 0)), ([[0.0, 1.0], [2.0, 0.0]], (2, 2))])
def test_coordinates_of_what_is_not_zero(x: Any, shape: tuple[int, int]) -> None:
    assert apply("NonZero", np.array(x, np.float32)).shape == shape


def test_one_hot_takes_any_values() -> None:
    result = apply("OneHot", np.array([[1, -1], [3, 0]]), np.int64(3), np.array(["-", "x"], object), axis=1)
    assert result[0].T.tolist() == [["-", "x", "-"], ["-", "-", "x"]]
    assert result[1].T.tolist() == [["-", "-", "-"], ["x", "-", "-"]]  # 3 is out of range


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("k", [-9, -1, 0, 2, 9])
def test_triangles(upper: int, k: int) -> None:
    x = np.arange(1, 25).reshape(2, 3, 4)
    np.testing.assert_array_equal(apply("Trilu", x, np.int64(k), upper=upper), (np.triu if upper else np.tril)(x, k))


def test_sequences_of_their_own_length_are_reversed() -> None:
    x = np.arange(8).reshape(4, 2)
    assert apply("ReverseSequence", x, np.array([3, 1])).T.tolist() == [[4, 2, 0, 6], [1, 3, 5, 7]]
    assert apply("ReverseSequence", x.T, np.array([3, 1]), batch_axis=0, time_axis=1).tolist() == [
        [4, 2, 0, 6],
        [1, 3, 5, 7],
    ]


# -- order -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.float32, np.uint8, np.int64, ml_dtypes.bfloat16])
@pytest.mark.parametrize(("largest", "values", "indices"), [(1, [4, 2, 2], [1, 0, 3]), (0, [1, 2, 2], [2, 0, 3])])
def test_of_equal_elements_the_first_come_first(kind: Any, largest: int, values: list[int], indices: list[int]) -> None:
    found = apply("TopK", np.array([2, 4, 1, 2], kind), np.array([3]), largest=largest, outputs=2)
    assert found[0].astype(np.int64).tolist() == values
    assert found[1].tolist() == indices


def test_more_than_there_are_is_refused() -> None:
    g, (x,) = builder((3,))
    with pytest.raises(ShapeError, match="has no 4 elements"):
        g.op("TopK", x, [4], outputs=2)


def test_unique_slices_in_the_order_they_come() -> None:
    x = np.array([[3, 3], [1, 2], [3, 3]], np.float32)
    y, first, which, often = apply("Unique", x, axis=0, sorted=0, outputs=4)
    assert y.tolist() == [[3, 3], [1, 2]]
    assert (first.tolist(), which.tolist(), often.tolist()) == ([0, 1], [0, 1, 0], [2, 1])


def test_unique_strings() -> None:
    y, *_ = apply("Unique", np.array(["b", "a", "b"], object), outputs=4)
    assert y.tolist() == ["a", "b"]


# -- symbols ---------------------------------------------------------------------------------------------------------------


def test_symbols_are_kept() -> None:
    g, (x, i) = builder((N, 3, M), (M, 2), kind=INT64)
    assert g.GatherND(x, i).type is not None
    assert str(g.GatherND(x, i).type) == "int64[m, m]"
    assert str(g.ScatterND(x, i, g.GatherND(x, i)).type) == "int64[n, 3, m]"
    assert str(g.op("TopK", x, g.Shape(x, start=0, end=1), axis=0, outputs=2)[0].type) == "int64[n, 3, m]"
    assert str(g.OneHot(i, g.Shape(x, start=2), [0.0, 1.0]).type) == "float32[m, 2, m]"
    assert (
        str(g.SpaceToDepth(g.Unsqueeze(g.Expand(x, [1, 1, 4]), [1]), blocksize=1).type)
        == "int64[n, 1, 3, " + str(g.Expand(x, [1, 1, 4]).type.shape[2]) + "]"
    )
