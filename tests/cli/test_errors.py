"""Wrong input: what happened, why, and how to fix it, on stderr; never a traceback."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import sardonyx as sx
from tests.cli.running import Done, sardonyx


def refused(done: Done, code: str, *says: str) -> None:
    assert done.code == 1, done
    assert f"[{code}]" in done.err and "Traceback" not in done.err
    for words in says:
        assert words in done.err, (words, done.err)


READERS = [
    ["check"],
    ["info"],
    ["show"],
    ["run"],
    ["bench"],
    ["verify"],
    ["infer", "-o", "out.onnx"],
    ["optimize", "-o", "out.onnx"],
]


@pytest.mark.parametrize("command", READERS, ids=lambda c: c[0])
def test_a_truncated_file(command: list[str], model: Path) -> None:
    model.write_bytes(model.read_bytes()[:-20])
    refused(sardonyx(command[0], model, *command[1:]), "SDX-F100", "where: byte")


@pytest.mark.parametrize("command", READERS, ids=lambda c: c[0])
def test_a_file_that_is_no_model(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    for content in (b"", b"PK\x03\x04" + bytes(200), b"<html>not found</html>", pickle.dumps({"weights": [1, 2]})):
        path.write_bytes(content)
        refused(sardonyx(command[0], path, *command[1:]), "SDX-F100")


@pytest.mark.parametrize("command", READERS, ids=lambda c: c[0])
def test_a_file_that_is_not_there(command: list[str], tmp_path: Path) -> None:
    refused(sardonyx(command[0], tmp_path / "none.onnx", *command[1:]), "SDX-I100", "there is no model file")


def test_text_with_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "m.onnxtxt"
    path.write_text("main (float[n] x) => (y)\n{ y = Relu x }")
    refused(sardonyx("check", path), "SDX-F200", "line 2, column 12", "^")


def arrays(path: Path, **given: object) -> Path:
    np.savez(path, **given)  # pyright: ignore[reportArgumentType]
    return path


@pytest.mark.parametrize("how", [[], ["--reference"]])
def test_inputs_that_do_not_fit(model: Path, tmp_path: Path, how: list[str]) -> None:
    x = np.ones((2, 3), np.float32)
    for given, says in (
        ({"z": x}, "'z'"),
        ({"x": x.astype(np.float64)}, "float64"),
        ({"x": x[:, :2]}, "axis 1 is 2, not 3"),
        ({"x": x[0]}, "wrong rank: 1, not 2"),
    ):
        refused(sardonyx("run", model, "--inputs", arrays(tmp_path / "in.npz", **given), *how), "SDX-I100", says)


def test_files_of_inputs_that_are_none(model: Path, tmp_path: Path) -> None:
    refused(sardonyx("run", model, "--inputs", tmp_path / "none.npz"), "SDX-I100", "there is no file")
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"not an archive")
    refused(sardonyx("run", model, "--inputs", bad), "SDX-F100", "numpy.savez")
    np.savez(bad, x=np.array([{}], object))  # a pickle, which is never loaded
    refused(sardonyx("run", model, "--inputs", bad), "SDX-F100")


def test_external_data_may_not_leave_the_folder(model: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(24))
    folder = tmp_path / "models"
    folder.mkdir()
    text = sardonyx("show", model, "--weights").out
    text = text.replace("{1.0, 2.0, 3.0, 4.0, 5.0, 6.0}", '["location": "../secret", "offset": "0", "length": "24"]')
    (folder / "m.onnxtxt").write_text(text)
    refused(sardonyx("run", folder / "m.onnxtxt"), "SDX-F300", "climbs out of the folder")


def test_options_that_mean_nothing(model: Path, tmp_path: Path) -> None:
    refused(sardonyx("run", model, "--dim", "n"), "SDX-I100", "fix:")
    refused(sardonyx("run", model, "--precision", "low"), "SDX-I100")
    refused(sardonyx("run", model, "--want", "nothing"), "SDX-I100")
    refused(sardonyx("bench", model, "--engine", "abacus"), "SDX-I100", "onnxruntime")
    refused(sardonyx("optimize", model, "-o", tmp_path / "o.onnx", "--level", "9"), "SDX-I100")
    refused(sardonyx("convert", model, tmp_path / "m.h5"), "SDX-I100", ".onnxtxt")
    refused(sardonyx("convert", model, tmp_path / "m.onnx", "--opset", "99"), "SDX-I100")
    refused(sardonyx("explain", "SDX-S10"), "SDX-I100", "SDX-S100")
    assert sardonyx("run").code == 2 and sardonyx("dance").code == 2


def test_what_makes_no_module(module: Path, tmp_path: Path) -> None:
    target = tmp_path / "net.onnx"
    refused(sardonyx("convert", f"{module}:nothing", target), "SDX-I100", "does not return a module")
    refused(sardonyx("convert", f"{module}:absent", target), "SDX-I100", "names no function")
    refused(sardonyx("convert", "no_such_package:net", target), "SDX-I100", "no Python module")
    refused(sardonyx("convert", f"{tmp_path}/none.py:net", target), "SDX-I100", "there is no file")
    assert not target.exists()


def test_operators_that_are_missing_are_listed(module: Path, tmp_path: Path) -> None:
    done = sardonyx("convert", f"{module}:strange", tmp_path / "net.onnx")
    refused(done, "SDX-U100", "nets.py:12", "bessel_j0", "airy_ai")


def test_a_folder_that_is_not_there(model: Path, tmp_path: Path) -> None:
    done = sardonyx("convert", model, tmp_path / "none" / "m.onnx")
    assert done.code == 1 and "No such file" in done.err and "Traceback" not in done.err


def test_a_failed_write_leaves_what_was_there(model: Path) -> None:
    before = model.read_bytes()
    assert sardonyx("convert", model, model, "--opset", "99").code == 1
    assert model.read_bytes() == before and sx.load(model).opset == 20
