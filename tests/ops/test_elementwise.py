from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32, INT4, INT8, INT32, INT64, UINT4, dtype
from sardonyx.core.errors import DTypeError, ShapeError
from sardonyx.ir import Graph, TensorType, Value
from sardonyx.ops import infer_outputs, known, schema_of
from sardonyx.ops.builder import Builder
from tests.ops.apply import apply

INF, NAN = np.inf, np.nan


# -- remainders and quotients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "floored", "cut"),
    [(-7, 3, 2, -1), (7, -3, -2, 1), (-6, 3, 0, 0), (7.5, -2.0, -0.5, 1.5), (1.0, -INF, -INF, 1.0), (INF, 2.0, NAN, NAN), (3.0, 0.0, NAN, NAN)],
)  # fmt: skip
def test_remainders(a: float, b: float, floored: float, cut: float) -> None:
    kind = np.int32 if isinstance(a, int) else np.float32
    x, y = np.array([a], kind), np.array([b], kind)
    np.testing.assert_array_equal(apply("Mod", x, y), np.array([floored], kind))
    np.testing.assert_array_equal(apply("Mod", x, y, fmod=1), np.array([cut], kind))


def test_integer_quotients_are_cut_towards_zero() -> None:
    x, y = np.array([-7, 7, -7, 5], np.int32), np.array([2, -2, -2, 0], np.int32)
    assert apply("Div", x, y).tolist() == [-3, -3, 3, 0]


def test_followed_integers_are_divided_alike() -> None:
    g = Builder(Graph("main", [Value("x", TensorType(FLOAT32, (symbol("n"), 6)))]), {"": 20})
    shape = g.Shape(g.graph.inputs[0])
    assert str(g.known(g.Div(shape, [2, 4])).ints()) == "[floor(n/2), 1]"
    assert g.known(g.Div([-7], [2])).ints() == [-3]
    assert g.known(g.Mod([-7], [3], fmod=1)).ints() == [-1]
    assert g.known(g.Mod([-7], [3])).ints() == [2]


# -- bits --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "x", "by", "left", "right"),
    [
        (np.uint8, 129, 1, 2, 64), (np.uint8, 255, 8, 0, 0), (np.int8, -128, 7, 0, -1), (np.int8, -2, 100, 0, -1),
        (np.int8, 64, 1, -128, 32), (np.int32, -5, -1, 0, -1), (np.int32, 5, -1, 0, 0), (np.int64, 1, 63, -(2**63), 0),
    ],
)  # fmt: skip
def test_shifts(kind: Any, x: int, by: int, left: int, right: int) -> None:
    given = np.array([x], kind), np.array([by], kind)
    assert apply("BitShift", *given, direction="LEFT").tolist() == [left]
    assert apply("BitShift", *given, direction="RIGHT").tolist() == [right]


def test_bits_are_read_anew() -> None:
    assert apply("BitCast", np.array([1.0, -0.0], np.float32), to=INT32.code).tolist() == [0x3F800000, -(2**31)]
    nibbles = apply("BitCast", np.array([-1, 7], ml_dtypes.int4), to=UINT4.code)
    assert nibbles.astype(np.uint8).tolist() == [15, 7]
    assert dtype(apply("BitCast", nibbles, to=INT4.code).dtype) is INT4
    with pytest.raises(DTypeError, match="float32 has 32 bits, int64 has 64"):
        apply("BitCast", np.ones(1, np.float32), to=INT64.code)


# -- floats ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e5m2])
def test_infinities_and_nan(kind: Any) -> None:
    x = np.array([1, INF, -INF, NAN], kind)
    assert apply("IsInf", x).tolist() == [False, True, True, False]
    assert apply("IsInf", x, detect_negative=0).tolist() == [False, True, False, False]
    assert apply("IsInf", x, detect_positive=0, detect_negative=0).tolist() == [False] * 4
    assert apply("IsNaN", x).tolist() == [False, False, False, True]


def test_halves_are_rounded_to_the_even() -> None:
    x = np.array([0.5, 1.5, -2.5, INF], np.float32)
    np.testing.assert_array_equal(apply("Round", x), [0, 2, -2, INF])


@pytest.mark.parametrize("op", ["Elu", "Celu", "Selu"])
def test_small_numbers_keep_their_digits(op: str) -> None:
    x = np.array([-1e-6], np.float32)
    slope = {"Elu": 1.0, "Celu": 1.0, "Selu": 1.6732632 * 1.050701}[op]
    np.testing.assert_allclose(apply(op, x), x * slope, rtol=1e-5)


@pytest.mark.parametrize("op", ["Swish", "Mish", "Elu", "Celu", "Selu"])
def test_large_numbers_do_not_overflow(op: str) -> None:
    y = apply(op, np.array([-1e4, 1e4], np.float32))
    assert np.isfinite(y).all()


def test_many_terms_are_added_in_a_wide_type() -> None:
    terms = [np.array([256], ml_dtypes.bfloat16), *[np.array([1], ml_dtypes.bfloat16)] * 8]
    assert apply("Sum", *terms).astype(np.float32).tolist() == [264]
    assert apply("Mean", *[np.array([60000], np.float16)] * 4).tolist() == [60000]  # their sum is no float16


def test_a_slope_does_not_widen_its_input() -> None:
    x = np.array([[-1, 2], [-3, 4]], np.float32)
    assert apply("PRelu", x, np.array([[0.5], [2]], np.float32)).tolist() == [[-0.5, 2], [-6, 4]]


def test_a_slope_stood_for_channels() -> None:
    x, slope = (known(FLOAT32, shape) for shape in ((2, 3, 4, 5), (3,)))
    old, new = (schema_of("", "PRelu", version) for version in (6, 7))
    assert old is not None and new is not None
    assert infer_outputs(old, [x, slope], {}, 1)[0].shape == (2, 3, 4, 5)
    with pytest.raises(ShapeError):
        infer_outputs(new, [x, slope], {}, 1)


def test_shrinking_integers() -> None:
    assert apply("Shrink", np.array([-3, -1, 0, 2], np.int8), bias=1.0, lambd=1.5).tolist() == [-2, 0, 0, 1]


def test_the_other_tensor_gives_the_type() -> None:
    y = apply("CastLike", np.array([1.7, -1.7], np.float32), np.zeros(1, np.int8))
    assert dtype(y.dtype) is INT8
    assert y.tolist() == [1, -1]
