"""The suite judges what it should, and a count survives an engine that does not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import sardonyx as sx
from benchmarks import conformance
from benchmarks.suite import Case, fault, node_cases, one_node


def case(name: str) -> Case:
    return one_node(next(c for c in node_cases() if c.name == name))


def test_the_suite_is_whole() -> None:
    assert len(node_cases()) == 1884
    assert len({c.name for c in node_cases()}) == 1884


def test_what_is_expected_is_right_and_little_else_is() -> None:
    add = case("test_add")
    (data,), (truth,) = add.sets, add.sets[0].expected
    assert fault(add, data, [truth]) is None
    assert fault(add, data, [truth * np.float32(1 + 1e-5)]) is None
    assert "60 of 60 elements differ" in str(fault(add, data, [truth + 1]))
    assert "float64[3, 4, 5] where float32[3, 4, 5]" in str(fault(add, data, [truth.astype(np.float64)]))
    assert "where float32[3, 4, 5]" in str(fault(add, data, [truth[0]]))
    assert "0 results" in str(fault(add, data, []))
    assert "differ" in str(fault(add, data, [np.full_like(truth, np.nan)]))


def test_sequences_and_strings_are_judged_whole() -> None:
    split = case("test_split_to_sequence_1")
    (data,), (truth,) = split.sets, split.sets[0].expected
    assert fault(split, data, [truth]) is None
    assert fault(split, data, [truth[:-1]]) is not None
    assert fault(split, data, [[*truth[:-1], truth[-1] + 1]]) is not None
    text = case("test_string_concat")
    assert fault(text, text.sets[0], text.sets[0].expected) is None
    assert fault(text, text.sets[0], [np.full_like(text.sets[0].expected[0], "x")]) is not None


@pytest.mark.parametrize("name", ["test_bernoulli", "test_bernoulli_double", "test_bernoulli_seed_expanded"])
def test_draws_are_judged_by_their_statistics(name: str) -> None:
    drawn = case(name)
    (data,) = drawn.sets
    (result,) = sx.evaluate(sx.from_bytes(drawn.model), data.feeds)
    assert fault(drawn, data, [result]) is None
    assert "ones of" in str(fault(drawn, data, [1 - result]))
    assert "ones of" in str(fault(drawn, data, [np.zeros_like(result)]))
    assert "more than zeros and ones" in str(fault(drawn, data, [result * 0.5]))
    assert "where" in str(fault(drawn, data, [result.astype(np.int8)]))


def test_an_error_is_a_fault_that_says_which() -> None:
    def fails(model: bytes, feeds: object) -> list[object]:
        raise KeyError("gone")

    assert conformance.judge(case("test_add"), fails) == "KeyError: 'gone'"


@pytest.mark.parametrize("engine", ["evaluate", "session:generic", "onnx", "onnxruntime"])
def test_engines_are_counted(engine: str) -> None:
    found = conformance.count(engine, "test_relu")  # and its function body
    assert found.passed == {"node": 2} and not found.faults


def test_a_case_that_ends_the_process_is_counted_and_passed_over(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The processes are played by this one: each ends at the same case."""

    def lines(name: str, start: int, only: str) -> list[tuple[int, str, str, str | None]]:
        conformance.work(name, start, only)
        read = [tuple(json.loads(line)) for line in capfd.readouterr().out.splitlines()]
        names = [case for _, case, *_ in read]
        return read[: names.index("test_prelu_broadcast")] if "test_prelu_broadcast" in names else read

    monkeypatch.setattr(conformance, "_lines", lines)
    found = conformance.count("evaluate", "prelu")
    assert found.cases == {"node": 4} and found.passed == {"node": 3}
    assert found.faults == {"test_prelu_broadcast": "it took the process down"}


def test_levels_of_this_machine_are_engines() -> None:
    here = conformance.engines_here()
    assert {"evaluate", "session:generic", "onnx"} <= set(here)
    assert set(here) <= set(conformance.ENGINES)


def test_the_command_writes_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "counts.json"
    monkeypatch.setattr("sys.argv", ["conformance", "--engines", "evaluate", "--only", "test_abs", "--json", str(path)])
    with pytest.raises(SystemExit) as ended:
        conformance.main()
    assert ended.value.code == 0
    (row,) = json.loads(path.read_text())
    assert row["engine"] == "evaluate" and row["passed"] == row["cases"] and not row["faults"]
