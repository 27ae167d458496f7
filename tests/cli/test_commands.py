"""The command line, called as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import helper


@pytest.fixture
def model(tmp_path: Path) -> Path:
    node = helper.make_node("Gemm", ["x", "x"], ["y"], transB=1, name="square")
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", 1, ["n", 3])],
        [helper.make_tensor_value_info("y", 1, ["n", "n"])],
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]).SerializeToString())
    return path


def sardonyx(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sardonyx.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_check_and_info(model: Path) -> None:
    done = sardonyx("check", model)
    assert done.returncode == 0 and "0 errors" in done.stdout
    facts = json.loads(sardonyx("info", model, "--json").stdout)
    assert facts["operators"] == {"Gemm": 1} and facts["opsets"] == {"": 21}


def test_check_lists_faults(model: Path) -> None:
    data = model.read_bytes().replace(b"transB", b"transQ")
    model.write_bytes(data)
    done = sardonyx("check", model, "--json")
    assert done.returncode == 1
    assert any("transQ" in fault["what"] for fault in json.loads(done.stdout))


def test_infer_and_run(model: Path) -> None:
    out = model.with_name("results.npz")
    assert sardonyx("infer", model, "-o", model.with_name("annotated.onnx")).returncode == 0
    assert sardonyx("run", model, "--dim", "n=4", "-o", out).returncode == 0
    assert np.load(out)["y"].shape == (4, 4)


def test_wrong_use_is_explained(model: Path) -> None:
    done = sardonyx("run", model, "--dim", "n")
    assert done.returncode == 1 and "SDX-I100" in done.stderr and "fix:" in done.stderr
    assert "SDX-F100" in sardonyx("check", __file__).stderr
    assert "nothing" in sardonyx("explain", "nothing").stdout


@pytest.mark.parametrize("command", ["check", "info", "infer", "run", "explain"])
def test_help_shows_an_example(command: str) -> None:
    assert "sardonyx " + command in sardonyx(command, "--help").stdout
