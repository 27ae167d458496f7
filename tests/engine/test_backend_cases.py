"""Every official one-node case that has a native lowering: a session gives the expected values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.engine.lowering import LOWER
from sardonyx.engine.session import Session
from sardonyx.io import from_bytes
from tests.ops.test_backend_cases import cases, nodes, plain


def native() -> list[Any]:
    import sardonyx.engine.lower  # noqa: F401  # pyright: ignore[reportUnusedImport] fills LOWER

    tensors = [c for c in cases() if all(v.type.HasField("tensor_type") for v in c.model.graph.output)]
    return [c for c in tensors if all((n.domain, n.op_type) in LOWER for n in nodes(c.model.graph))]


@pytest.mark.parametrize("case", native(), ids=lambda c: c.name)
def test_case(case: Any) -> None:
    session = Session(from_bytes(case.model.SerializeToString()))
    for inputs, expected in case.data_sets:
        results = session(*plain(inputs))
        for result, truth in zip(results, plain(expected), strict=True):
            assert result.dtype == truth.dtype
            assert result.shape == truth.shape
            if truth.dtype.kind in "OUb":
                np.testing.assert_array_equal(result, truth)
                continue
            wide = [a.astype(np.float64) if a.dtype.kind != "c" else a for a in (result, truth)]
            np.testing.assert_allclose(*wide, rtol=case.rtol, atol=max(case.atol, 1e-6))
