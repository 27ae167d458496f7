"""What is counted as kept is legal and right; what is refused says why; what is wrong is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import downward
from benchmarks.suite import Case, node_cases, one_node


def case(name: str) -> Case:
    return one_node(next(c for c in node_cases() if c.name == name))


def test_a_case_is_brought_up_and_down() -> None:
    found = dict(downward.convert_case(case("test_gelu_default_1")))
    assert list(found) == list(downward.OPSETS)
    assert {v: o.verdict for v, o in found.items()} == {v: "up" if v >= 20 else "down" for v in downward.OPSETS}


def test_what_is_refused_stays_refused() -> None:
    found = dict(downward.convert_case(case("test_string_concat")))
    assert [v for v, o in found.items() if o.verdict == "refused"] == list(range(19, 12, -1))
    assert found[13] == downward.Outcome("refused", "StringConcat", "StringConcat came with opset 20")


def test_a_wrong_result_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = case("test_relu")
    data = asked.sets[0]
    other = Case(asked.name, asked.kind, asked.model, [type(data)(data.feeds, [data.expected[0] + 1])], 1e-3, 1e-7)
    (outcome,) = (o for _, o in downward.convert_case(other, [13]))
    assert outcome.verdict == "wrong" and "elements differ" in outcome.why


def test_an_illegal_model_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downward, "_converted", lambda model, opset: _with_opset(model, opset))
    (outcome,) = (o for _, o in downward.convert_case(case("test_gelu_default_1"), [19]))
    assert outcome.verdict == "wrong" and "illegal" in outcome.why


def _with_opset(model: downward.Model, opset: int) -> downward.Model:
    changed = model.clone()
    changed.opsets[""] = opset
    return changed


def test_a_peer_is_asked_too() -> None:
    (outcome,) = (o for _, o in downward.convert_case(case("test_swish"), [13], "onnx"))
    assert outcome.verdict == "down"


def test_the_command_writes_what_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "down.json"
    with pytest.raises(SystemExit) as ended:
        downward.main(["--only", "test_string_concat", "--opsets", "20,13", "--json", str(path)])
    assert ended.value.code == 0
    written = json.loads(path.read_text())
    assert written["counts"] == {"20": {"up": 5}, "13": {"refused": 5}}
    assert written["refusals"][0]["operator"] == "StringConcat" and not written["wrong"]
