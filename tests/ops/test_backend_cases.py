"""Every official one-node case of a declared operator: its reference gives the expected values, inference their types."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ml_dtypes import finfo

from benchmarks.suite import node_cases, nodes, plain
from sardonyx.evaluate import evaluate
from sardonyx.infer import infer_shapes
from sardonyx.io import from_bytes
from sardonyx.ir import TensorType
from sardonyx.ops import lookup

cases = node_cases


def random(case: Any) -> bool:
    """Whether the standard leaves open which values the case gives."""
    operators = (lookup(n.domain, n.op_type) for n in nodes(case.model.graph))
    return any(op is not None and not op.deterministic for op in operators)


@pytest.mark.parametrize("case", cases(), ids=lambda c: c.name)
def test_case(case: Any) -> None:
    model = from_bytes(case.model.SerializeToString())
    annotated = infer_shapes(model)
    for inputs, expected in case.data_sets:
        results = evaluate(model, plain(inputs))
        for value, result, truth in zip(annotated.graph.outputs, results, plain(expected), strict=True):
            if not isinstance(value.type, TensorType):  # sequences and optionals
                assert len(result) == len(truth) and all(map(np.array_equal, result, truth))
                continue
            if random(case):
                assert result.dtype == truth.dtype and result.shape == truth.shape
            else:
                assert_same(case, result, truth)
            assert value.type.dtype is not None and value.type.dtype.numpy == truth.dtype
            shape = value.type.shape
            assert shape is not None and len(shape) == truth.ndim
            assert all(not isinstance(d, int) or d == n for d, n in zip(shape, truth.shape, strict=True))


def assert_same(case: Any, result: Any, truth: Any) -> None:
    assert result.dtype == truth.dtype and result.shape == truth.shape
    if truth.dtype.kind in "OUb":
        np.testing.assert_array_equal(result, truth)
    else:
        kind = np.complex128 if truth.dtype.kind == "c" else np.float64
        rtol = case.rtol
        if case.name.endswith("_expanded") and truth.dtype.name in ("bfloat16", "float16"):
            rtol = max(rtol, 4 * float(finfo(truth.dtype).eps))  # a function's body rounds after each of its nodes
        np.testing.assert_allclose(result.astype(kind), truth.astype(kind), rtol=rtol, atol=case.atol)
