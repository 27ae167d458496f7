"""Rounding is told from error."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from sardonyx.core.compare import compare

X = np.array([[1.0, -200.0], [3.0, 0.0]], np.float32)


def test_equal() -> None:
    d = compare("y", X, X.copy())
    assert (d.verdict, d.type, d.max_abs, d.cosine) == ("equal", "float32[2, 2]", 0.0, 1.0)


def test_rounding_is_close() -> None:
    d = compare("y", X * np.float32(1 + 1e-6), X)
    assert d.verdict == "close"
    assert 0 < d.error < 2e-6
    assert d.cosine == pytest.approx(1, abs=1e-12)
    assert d.differing == 3


def test_an_error_tells_where() -> None:
    wrong = X.copy()
    wrong[1, 0] = 4
    d = compare("y", wrong, X)
    assert d.verdict == "different"
    assert d.worst == (1, 0)
    assert d.max_abs == 1
    assert d.error == pytest.approx(1 / 200)
    assert d.max_rel == pytest.approx(1 / 3)
    assert d.fault is not None
    assert "at [1, 0] it is 4.0 where 3.0 is expected" in d.fault


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        (X, X.astype(np.float64), "it is float32[2, 2] where float64[2, 2]"),
        (X, X[0], "where float32[2] is expected"),
        (np.arange(3), np.array([0, 1, 3]), "1 of 3 elements differ; at [2] it is 2 where 3"),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), "at [1] it is nan where 2.0"),
        (np.array([np.inf]), np.array([-np.inf]), "at [0] it is inf where -inf"),
        (np.array(True), np.array(False), "1 of 1 elements differ"),
        (np.array(1e-3), np.array(0.0), "it differs by inf"),
    ],
)
def test_faults(a: Any, b: Any, says: str) -> None:
    d = compare("y", a, b)
    assert d.fault is not None
    assert says in d.fault


@pytest.mark.parametrize(
    "x", [np.array([np.nan, np.inf, -np.inf, 1]), np.zeros(0), np.array(2.0), np.array(["a"], object)]
)
def test_the_strange_equals_itself(x: Any) -> None:
    assert compare("y", x, x.copy()).verdict == "equal"


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_narrow_types_allow_their_last_place(kind: Any) -> None:
    x = np.linspace(0.5, 2, 7).astype(kind)
    assert compare("y", np.nextafter(x, kind(9)).astype(kind) if kind is np.float16 else x, x).ok
    assert not compare("y", (x.astype(np.float32) * -1).astype(kind), x).ok
