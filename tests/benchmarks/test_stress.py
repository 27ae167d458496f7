"""Each scenario for a moment; `python -m benchmarks.stress` is the whole of it."""

from __future__ import annotations

import os

import pytest

from benchmarks.stress import SCENARIOS

POSIX = {"forks", "kills", "disk"}


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # what is tested is that it does no harm
@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_comes_out_wrong(name: str) -> None:
    if name in POSIX and not hasattr(os, "fork"):
        pytest.skip("this system has no fork, signals or limits")
    facts = SCENARIOS[name](0.5)
    assert facts["calls"] > 0 and facts["wrong"] == 0
