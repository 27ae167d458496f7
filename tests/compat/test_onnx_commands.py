"""The official package's commands: they check files, write cases to files, and collect samples."""

from __future__ import annotations

import argparse
import importlib
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import onnx as official
import pytest

import sardonyx.compat.onnx as ours
from sardonyx.compat.onnx.backend.sample import ops as samples
from sardonyx.compat.onnx.backend.test import cmd_tools
from sardonyx.compat.onnx.bin import checker as commands

PACKAGES = [ours, official]


def command(package: Any, name: str) -> Any:
    return (
        commands if package is ours and name == "bin.checker" else importlib.import_module(f"{package.__name__}.{name}")
    )


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("op_type", ["Relu", "Relux"])
def test_files_are_checked(package: Any, op_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h = package.helper
    node = h.make_node(op_type, ["x"], ["y"])
    infos = [h.make_tensor_value_info(name, 1, [2]) for name in "xy"]
    model = h.make_model(h.make_graph([node], "g", infos[:1], infos[1:]))
    for kind, message in (("model", model), ("node", node)):
        path = tmp_path / f"{kind}.pb"
        path.write_bytes(message.SerializeToString())
        monkeypatch.setattr("sys.argv", [f"check-{kind}", str(path)])
        check = getattr(command(package, "bin.checker"), f"check_{kind}")
        if op_type == "Relu":
            check()
        else:
            with pytest.raises(package.checker.ValidationError):
                check()


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("arguments", [[], ["nowhere.onnx"]])
def test_a_command_without_a_file_says_how_it_is_called(
    package: Any, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["check-model", *arguments])
    with pytest.raises(SystemExit):
        command(package, "bin.checker").check_model()
    assert "usage: check-model" in capsys.readouterr().err


def test_cases_are_written_as_the_official_command_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[dict[str, bytes]] = []
    for tool in (cmd_tools, importlib.import_module("onnx.backend.test.cmd_tools")):
        folder = tmp_path / tool.__name__
        (folder / "simple" / "test_expand_shape_model1" / "old").mkdir(parents=True)  # what was there is removed
        monkeypatch.setattr("sys.argv", ["backend-test-tools", "generate-data", "-o", str(folder)])
        tool.main()
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert not (folder / "simple" / "test_expand_shape_model1" / "old").exists()
        written.append({str(path.relative_to(folder)): path.read_bytes() for path in files})
    assert written[0] == written[1]
    assert len(written[0]) > 100


def test_cases_go_to_the_package_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["backend-test-tools", "generate-data"])
    args = cmd_tools.parse_args()
    assert isinstance(args, argparse.Namespace)
    assert Path(args.output) == Path(inspect.getfile(cmd_tools)).parent / "data"


def test_samples() -> None:
    found = samples.collect_sample_implementations()
    assert found.keys() == importlib.import_module("onnx.backend.sample.ops").collect_sample_implementations().keys()
    abs_ = importlib.import_module(f"{samples.__name__}.abs").abs
    np.testing.assert_array_equal(abs_(np.array([-1.5, 2])), [1.5, 2])
    assert "def abs(" in found["abs"]


def test_a_name_that_holds_nothing() -> None:
    assert importlib.import_module("sardonyx.compat.onnx.frontend").__path__
