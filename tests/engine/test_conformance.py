"""Every official one-node case through a session: natively or not, the results are the standard's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.engine.session import Session
from sardonyx.io import from_bytes
from sardonyx.ir import TensorType
from tests.engine.oracle import LEVELS
from tests.ops.test_backend_cases import assert_same, cases, plain, random


def check(case: Any) -> None:
    model = from_bytes(case.model.SerializeToString())
    session = Session(model, threads=2)
    defects = {name: why for name, why in session.fallbacks.items() if why.startswith("a defect")}
    assert defects == {}
    names = [v.name for v in model.graph.inputs]
    for inputs, expected in case.data_sets:
        feeds = dict(zip(names, plain(inputs), strict=False))
        for _ in range(2):  # the second run takes the short way in
            results = session.run(None, feeds)
            for value, result, truth in zip(model.graph.outputs, results, plain(expected), strict=True):
                if random(case):
                    assert result.dtype == truth.dtype and result.shape == truth.shape
                elif isinstance(value.type, TensorType):
                    assert_same(case, result, truth)
                else:  # sequences and optionals
                    assert len(result) == len(truth) and all(map(np.array_equal, result, truth))


@pytest.mark.parametrize("case", cases(), ids=lambda c: c.name)
def test_case(case: Any) -> None:
    check(case)


@pytest.mark.slow
@pytest.mark.parametrize("level", [level for level in LEVELS if level in ("generic", "avx2")])
@pytest.mark.parametrize("case", cases(), ids=lambda c: c.name)
def test_case_at_lower_levels(case: Any, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDONYX_ISA", level)
    check(case)
