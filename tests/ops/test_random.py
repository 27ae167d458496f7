from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.core.dtypes import BFLOAT16, BOOL, FLOAT64, INT64, dtype
from tests.ops.apply import apply

MANY = 20_000


@pytest.mark.parametrize("op", ["RandomNormal", "RandomUniform"])
def test_a_seed_repeats_the_numbers(op: str) -> None:
    first, again, other = (apply(op, shape=[100], seed=s) for s in (1.5, 1.5, 2.5))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(apply(op, shape=[100]), apply(op, shape=[100]))


def test_numbers_are_distributed_as_told() -> None:
    normal = apply("RandomNormal", shape=[MANY], mean=3.0, scale=2.0, seed=1.0)
    assert abs(normal.mean() - 3) < 0.1
    assert abs(normal.std() - 2) < 0.1
    uniform = apply("RandomUniform", shape=[MANY], low=-1.0, high=3.0, seed=1.0)
    assert -1 <= uniform.min() < -0.9
    assert 2.9 < uniform.max() <= 3


@pytest.mark.parametrize("op", ["RandomNormalLike", "RandomUniformLike"])
def test_the_type_comes_from_the_tensor_or_the_attribute(op: str) -> None:
    x = np.ones((2, 3), np.float32)
    assert apply(op, x).shape == (2, 3)
    assert dtype(apply(op, x, dtype=BFLOAT16.code).dtype) is BFLOAT16


@pytest.mark.parametrize("kind", [None, INT64.code, BOOL.code, FLOAT64.code])
def test_probabilities_are_kept(kind: int | None) -> None:
    p = np.repeat(np.array([0, 0.25, 1], np.float32)[:, None], MANY, 1)
    drawn = apply("Bernoulli", p, dtype=kind, seed=3.0).astype(np.float64)
    np.testing.assert_allclose(drawn.mean(1), [0, 0.25, 1], atol=0.02)


def test_classes_are_drawn_by_their_log_probability() -> None:
    weights: Any = np.array([[1, 3, 4], [0, 1, 0]], np.float64)
    with np.errstate(divide="ignore"):
        drawn = apply("Multinomial", np.log(weights).astype(np.float32), sample_size=MANY, seed=5.0)
    assert drawn.dtype == np.int32
    np.testing.assert_allclose(np.bincount(drawn[0], minlength=3) / MANY, [1 / 8, 3 / 8, 1 / 2], atol=0.02)
    assert set(drawn[1].tolist()) == {1}
