"""Products of matrices and tensors."""

from __future__ import annotations

import numpy as np
import pytest

from sardonyx.core.dims import symbol
from sardonyx.core.errors import ShapeError
from sardonyx.ops.linalg import einsum_shape
from tests.ops.apply import apply

R = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("ba,ca", [(2, 3), (4, 3)]),
        ("ii", [(3, 3)]),
        ("...ii->...i", [(2, 3, 3)]),
        ("b...d,bd...->...b", [(2, 1, 4, 3), (2, 3, 5, 1)]),
        ("i,j,k->kji", [(2,), (3,), (4,)]),
        ("... j , j -> ...", [(2, 5, 3), (3,)]),
        ("i->", [(0,)]),
    ],
)
def test_einsum_is_numpys(equation: str, shapes: list[tuple[int, ...]]) -> None:
    arrays = [R.standard_normal(s) for s in shapes]
    found = apply("Einsum", *arrays, equation=equation)
    np.testing.assert_allclose(found, np.einsum(equation, *arrays))
    assert einsum_shape(equation, shapes) == found.shape


def test_einsum_follows_symbols() -> None:
    b, n, m = map(symbol, "bnm")
    assert einsum_shape("bqd,bkd->bqk", [(b, n, 64), (b, m, 64)]) == (b, n, m)
    assert einsum_shape("...q,qk", [(b, n, 8), (8, m)]) == (b, n, m)


@pytest.mark.parametrize(
    ("equation", "says"),
    [("ij,jk->ik", "has 2 operands"), ("ijk->i", "does not describe"), ("ij->k", "names 'k'")],
)
def test_an_equation_that_does_not_fit_is_refused(equation: str, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        einsum_shape(equation, [(2, 3)])


def test_det_of_each_matrix() -> None:
    x = R.standard_normal((2, 3, 4, 4))
    np.testing.assert_allclose(apply("Det", x), np.linalg.det(x))
    assert apply("Det", np.zeros((0, 2, 2))).shape == (0,)
    with pytest.raises(ShapeError, match="rows and columns differ: 2 and 3"):
        apply("Det", np.zeros((2, 3)))
