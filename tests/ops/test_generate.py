from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32, INT4, INT64
from sardonyx.ir import Graph, Tensor, TensorType, Value
from sardonyx.ops.builder import Builder
from tests.ops.apply import apply


@pytest.mark.parametrize(
    ("start", "limit", "delta", "kind"),
    [(0, 5, 1, np.int64), (10, 4, -2, np.int32), (5, 5, 1, np.int16), (3, 0, 1, np.int64), (0, 1, 0.25, np.float32), (1, 0, -0.3, np.float64)],
)  # fmt: skip
def test_ranges(start: float, limit: float, delta: float, kind: Any) -> None:
    result = apply("Range", *(np.array(x, kind) for x in (start, limit, delta)))
    np.testing.assert_allclose(result, np.arange(start, limit, delta).astype(kind))


def test_narrow_ranges_do_not_get_stuck() -> None:
    """In bfloat16, 256 + 1 is 256: each element is computed for itself, in float32."""
    result = apply("Range", *(np.array(x, ml_dtypes.bfloat16) for x in (0, 600, 1)))
    assert result.shape == (600,)
    assert float(result[-1]) == 600


def test_a_range_over_the_whole_type_does_not_overflow() -> None:
    limits = np.iinfo(np.int64)
    assert apply("Range", np.int64(limits.min), np.int64(limits.max), np.int64(2**62)).tolist() == [
        -(2**63), -(2**62), 0, 2**62
    ]  # fmt: skip


def test_ranges_are_followed() -> None:
    n = symbol("n")
    g = Builder(Graph("main", [Value("x", TensorType(FLOAT32, (n, 4)))]), {"": 20})
    count = g.Squeeze(g.Shape(g.graph.inputs[0], start=0, end=1), [0])
    assert str(g.Range(np.int64(0), count, np.int64(1)).type) == "int64[n]"
    assert str(g.Range(np.int64(0), count, np.int64(2)).type) == "int64[floor((n + 1)/2)]"
    assert str(g.Range(count, np.int64(0), np.int64(-1)).type) == "int64[n]"
    assert str(g.Range(np.float32(0), np.float32(1), np.float32(0.25)).type) == "float32[4]"
    assert g.known(g.Range(np.int64(1), np.int64(7), np.int64(3))).ints() == [1, 4]


def test_fillings() -> None:
    shape = np.array([2, 0, 3])
    assert apply("ConstantOfShape", shape).dtype == np.float32
    packed = apply("ConstantOfShape", np.array([3]), value=Tensor(np.array([-3], ml_dtypes.int4), dtype=INT4))
    assert packed.astype(np.int8).tolist() == [-3] * 3
    n = symbol("n")
    g = Builder(Graph("main", [Value("x", TensorType(FLOAT32, (n, 2)))]), {"": 20})
    filled = g.ConstantOfShape(g.Shape(g.graph.inputs[0]), value=Tensor(np.array([7])))
    assert str(filled.type) == "int64[n, 2]"
    assert g.known(g.ConstantOfShape([3], value=Tensor(np.array([7])))).ints() == [7, 7, 7]


@pytest.mark.parametrize("k", [-1, 0, 2])
def test_diagonals(k: int) -> None:
    x = np.zeros((2, 3), np.float32)
    np.testing.assert_array_equal(apply("EyeLike", x, k=k), np.eye(2, 3, k))
    assert apply("EyeLike", x, k=k, dtype=INT64.code).dtype == np.int64
