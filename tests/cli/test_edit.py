"""Cutting, joining and comparing models on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import sardonyx as sx
from tests.cli.running import sardonyx

X = np.array([[1, 0, 0], [0, -1, 0]], np.float32)


def test_a_model_is_cut_and_joined_again(model: Path, tmp_path: Path) -> None:
    head, tail, whole = (tmp_path / name for name in ("head.onnx", "tail.onnxtxt", "whole.onnx"))
    done = sardonyx("extract", model, "--to", "h", "-o", head)
    assert done.code == 0 and "1 nodes" in done.out and "float32[n, 2]" in done.out
    facts = sardonyx("extract", model, "--from", "h", "-o", tail, "--json").json
    assert facts["inputs"] == {"h": "float32[n, 2]"} and facts["nodes"] == 3 and list(facts["outputs"]) == ["y"]
    joined = sardonyx("merge", head, tail, "--connect", "h=h", "--prefix", "a/", "b/", "-o", whole, "--json")
    assert joined.json["inputs"] == {"a/x": "float32[n, 3]"} and list(joined.json["outputs"]) == ["b/y"]
    np.testing.assert_array_equal(sx.evaluate(sx.load(whole), [X])[0], sx.evaluate(sx.load(model), [X])[0])
    kept = sardonyx("merge", head, tail, "--connect", "h=h", "--prefix", "a/", "b/", "--keep", "-o", whole)
    assert kept.code == 0 and "a/h" in kept.out


def test_what_cannot_be_cut_or_joined_is_an_error(model: Path, tmp_path: Path) -> None:
    done = sardonyx("extract", model, "--to", "nothing", "-o", tmp_path / "x.onnx")
    assert done.code == 1 and "no value 'nothing'" in done.err and not (tmp_path / "x.onnx").exists()
    for connect, says in (("y", "joins nothing"), ("y=x", "does not fit"), ("q=x", "no output 'q'")):
        done = sardonyx("merge", model, model, "--connect", connect, "-o", tmp_path / "x.onnx")
        assert done.code == 1 and says in done.err


def test_diff_lists_what_differs(model: Path, tmp_path: Path) -> None:
    assert sardonyx("diff", model, model).code == 0
    other = sx.load(model)
    other.graph.initializers["b"].const = sx.Tensor(np.array([0.5, 0.5], np.float32), name="b")
    nodes = list(other.graph.nodes)
    nodes[1].op_type = "Mul"
    other.metadata["k"] = "v"
    path = tmp_path / "other.onnx"
    sx.save(other, path)
    done = sardonyx("diff", model, path, "--json")
    assert done.code == 1
    assert {(d["what"], d["name"]) for d in done.json} == {("metadata", "k"), ("constant", "b"), ("node", "zero")}
    shown = sardonyx("diff", model, path).out
    assert "Mul" in shown and "float32[2] #" in shown


def test_diff_sees_an_older_opset(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.onnx"
    assert sardonyx("convert", model, path, "--opset", "18").code == 0
    assert {"what": "opset", "name": "ai.onnx", "first": "20", "second": "18"} in sardonyx(
        "diff", model, path, "--json"
    ).json
