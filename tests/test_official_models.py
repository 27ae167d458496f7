"""The models that the official package carries: its references and the engine give the expected values."""

from __future__ import annotations

from typing import Any

import pytest

import sardonyx as sx
from benchmarks.suite import Case, fault, light_model, light_models, model, models

EXECUTORS = {"evaluate": sx.evaluate, "session": lambda model, feeds: sx.Session(model).run(None, feeds)}


def right(case: Case, executor: str) -> None:
    assert case.sets
    for data in case.sets:
        assert fault(case, data, EXECUTORS[executor](sx.from_bytes(case.model), data.feeds)) is None


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("case", models(), ids=lambda c: c.name)
def test_model(case: Any, executor: str) -> None:
    right(model(case), executor)


@pytest.mark.slow
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("file", light_models(), ids=lambda f: f.stem)
def test_light_model(file: Any, executor: str) -> None:
    right(light_model(file), executor)
