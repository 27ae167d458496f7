"""Every official one-node case survives the pipeline (other versions: test_conversions.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.evaluate import evaluate
from sardonyx.ir import Model
from sardonyx.ops import lookup
from tests.ops.test_backend_cases import cases, plain

EXACT, ROUNDED = 2e-5, 5e-3  # the latter for results of 16 bits and less
EVERY = 12


def deterministic(model: Model) -> bool:
    operators = [lookup(n.domain, n.op_type) for n in model.graph.walk()]
    return all(op is None or op.deterministic for op in operators)


def assert_same(old: Any, new: Any) -> None:
    if isinstance(old, list):
        assert isinstance(new, list) and len(old) == len(new)
        for a, b in zip(old, new, strict=True):
            assert_same(a, b)
    elif old is None:
        assert new is None
    else:
        assert (old.dtype, old.shape) == (new.dtype, new.shape)
        if old.dtype.kind in "OUb":
            np.testing.assert_array_equal(new, old)
            return
        kind = np.complex128 if old.dtype.kind == "c" else np.float64
        tolerance = ROUNDED if old.dtype.itemsize <= 2 else EXACT
        np.testing.assert_allclose(new.astype(kind), old.astype(kind), rtol=tolerance, atol=tolerance)


def survives(case: Any) -> None:
    model = sx.from_bytes(case.model.SerializeToString())
    if not deterministic(model):
        return
    inputs = plain(case.data_sets[0][0])
    after = sx.optimize(model)
    for old, new in zip(evaluate(model, inputs), sx.evaluate(after, inputs), strict=True):
        assert_same(old, new)


@pytest.mark.parametrize("case", cases()[::EVERY], ids=lambda c: c.name)
def test_some_cases(case: Any) -> None:
    survives(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(), ids=lambda c: c.name)
def test_all_cases(case: Any) -> None:
    survives(case)
