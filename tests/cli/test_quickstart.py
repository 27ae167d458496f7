"""`sardonyx quickstart` keeps its promises, on real data, in a fresh process."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import sardonyx as sx
from sardonyx.cli import quickstart as module
from tests.cli.running import sardonyx


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    """The folder it leaves, what it says, and how long it takes."""
    folder = tmp_path_factory.mktemp("quickstart")
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "sardonyx.cli", "quickstart"], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, done.stdout, time.perf_counter() - start


def test_every_step_says_what_it_did(story: tuple[Path, str, float]) -> None:
    _, said, seconds = story
    lines = said.strip().splitlines()
    assert [line[:5] for line in lines] == [f"[{i}/7]" for i in range(1, 8)]
    assert seconds < 120
    trained = re.search(r"in ([\d.]+) s, ([\d.]+)%", lines[0])
    assert trained is not None and float(trained[1]) <= 15 and float(trained[2]) >= 97
    verified = re.search(r"all 360: worst absolute error ([\d.e-]+), relative ([\d.e-]+)", lines[3])
    assert verified is not None and float(verified[1]) < 1e-3
    assert "accuracy the same" in lines[4] and "batch 1:" in lines[5] and "batch 64:" in lines[5]


def test_what_it_leaves_can_be_used(story: tuple[Path, str, float]) -> None:
    folder, said, _ = story
    assert sorted(p.name for p in folder.iterdir()) == ["digits.onnx", "digits.png", "report.md"]
    path = folder / "digits.onnx"
    onnx.checker.check_model(str(path), full_check=True)
    assert sx.load(path).graph.inputs[0].shape is not None
    assert str(sx.load(path).graph.inputs[0].type) == "float32[batch, 1, 8, 8]"
    _, images, _, labels = module.digits()
    (scores,) = onnxruntime.InferenceSession(str(path)).run(None, {"image": images})
    accuracy = float((np.asarray(scores).argmax(1) == labels).mean())
    assert f"{accuracy:.2%}" in said and accuracy >= 0.97
    report = (folder / "report.md").read_text()
    assert f"{accuracy:.2%}" in report and "digits.png" in report
    assert (folder / "digits.png").read_bytes().startswith(b"\x89PNG") and (folder / "digits.png").stat().st_size > 5000


def test_it_is_built_from_the_public_api() -> None:
    """Of Sardonyx, only `import sardonyx as sx` and names of `sx.__all__`: the file is the tutorial."""
    tree = ast.parse(inspect.getsource(module))
    used = {
        n.attr
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "sx"
    }
    assert used <= set(sx.__all__) and {"from_torch", "check", "infer_shapes", "save", "verify", "Session"} <= used
    inside = [
        n.module
        for n in ast.walk(tree)
        if isinstance(n, ast.ImportFrom) and n.module and n.module.startswith("sardonyx")
    ]
    assert inside == ["sardonyx.core.errors"]  # raised where an extra is missing


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = sardonyx("quickstart")
    assert done.code == 1 and "needs torch, sklearn, matplotlib" in done.err and "[quickstart]" in done.err
