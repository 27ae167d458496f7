"""The models that the official package carries: its references and the engine give the expected values."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

import sardonyx as sx

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
KINDS = ("simple", "pytorch-converted", "pytorch-operator")
EXECUTORS = {"evaluate": sx.evaluate, "session": lambda model, feeds: sx.Session(model).run(None, feeds)}


@cache
def cases() -> list[Any]:
    return sorted((c for kind in KINDS for c in load_model_tests(kind=kind)), key=lambda c: c.model_dir)


def read(file: Path, kind: onnx.TypeProto) -> Any:
    """The value in a file, whose message is the one that its type asks for."""
    what = kind.WhichOneof("value")
    if what == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(file.read_bytes()))
    if what == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(file.read_bytes()))
    return numpy_helper.to_array(onnx.TensorProto.FromString(file.read_bytes()))


def values(folder: Path, role: str, infos: Any) -> list[Any]:
    """The arrays of one data set, in the order of the graph's inputs or outputs."""
    files = sorted(folder.glob(f"{role}_*.pb"), key=lambda f: int(f.stem.split("_")[-1]))
    return [read(f, info.type) for f, info in zip(files, infos, strict=False)]


def close(result: Any, truth: Any, case: Any) -> None:
    if isinstance(truth, list):
        assert len(result) == len(truth)
        for a, b in zip(result, truth, strict=True):
            close(a, b, case)
        return
    assert result.dtype == truth.dtype and result.shape == truth.shape
    if truth.dtype.kind in "OUb":
        np.testing.assert_array_equal(result, truth)
    else:
        np.testing.assert_allclose(result, truth, rtol=case.rtol, atol=case.atol)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("case", cases(), ids=lambda c: c.name)
def test_model(case: Any, executor: str) -> None:
    folder = Path(case.model_dir)
    graph = onnx.load(folder / "model.onnx").graph
    constants = {t.name for t in graph.initializer}
    takes = [i for i in graph.input if i.name not in constants]
    sets = sorted(folder.glob("test_data_set_*"))
    assert sets
    for data in sets:
        inputs = values(data, "input", takes)
        feeds = {info.name: x for info, x in zip(takes, inputs, strict=True)}
        results = EXECUTORS[executor](sx.load(folder / "model.onnx"), feeds)
        for result, truth in zip(results, values(data, "output", graph.output), strict=True):
            close(result, truth, case)


def dummy(info: onnx.ValueInfoProto) -> np.ndarray:
    """The input that the official runner makes up for a light model: a rising line from 0 to 1."""
    shape = tuple(d.dim_value for d in info.type.tensor_type.shape.dim)
    n = int(np.prod(shape))
    return (np.arange(n).reshape(shape) / n).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("file", sorted((DATA / "light").glob("light_*.onnx")), ids=lambda f: f.stem)
def test_light_model(file: Path, executor: str) -> None:
    graph = onnx.load(file).graph
    constants = {t.name for t in graph.initializer}
    feeds = {i.name: dummy(i) for i in graph.input if i.name not in constants}
    truth = values(file.parent, f"{file.stem}_output", graph.output)
    results = EXECUTORS[executor](sx.load(file), feeds)
    for result, expected in zip(results, truth, strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-7)
