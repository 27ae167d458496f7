"""Reading cases from folders: ``data/KIND/CASE/model.onnx``, or ``data.json`` that says where the model is."""

from __future__ import annotations

import json
from pathlib import Path

from sardonyx.compat.onnx.backend.test import _official
from sardonyx.compat.onnx.backend.test.case.node import collect_testcases
from sardonyx.compat.onnx.backend.test.case.test_case import TestCase

__all__ = ["DATA_DIR", "load_model_tests", "load_node_model_tests"]

DATA_DIR = str((_official.folder() or Path(__file__).parents[1]) / "data")


def load_node_model_tests() -> list[TestCase]:
    """The cases of single operators."""
    return collect_testcases()


def load_model_tests(data_dir: str = DATA_DIR, kind: str | None = None) -> list[TestCase]:
    """The cases of a kind: `node`, or the name of a folder in `data_dir`.

    Raises:
        ImportError: the cases asked for come with the official package, which is not installed.
        ValueError: there is no such folder.
    """
    if kind == "node":
        return load_node_model_tests()
    if data_dir == DATA_DIR:
        _official.needed()
    kinds = [folder.name for folder in Path(data_dir).iterdir()]
    if kind not in kinds:
        raise ValueError(f"kind is one of {kinds}, not {kind}")
    return [_case(folder, kind) for folder in Path(data_dir, kind).iterdir() if folder.is_dir()]


def _case(folder: Path, kind: str) -> TestCase:
    described = folder / "data.json"
    facts = json.loads(described.read_text()) if described.exists() else {}
    here = (folder / "model.onnx").exists()
    return TestCase(
        name=folder.name,
        model_name=folder.name.removeprefix("test_") if here else facts["model_name"],
        url=None if here else facts["url"],
        model_dir=str(folder) if here else None,
        model=None,
        data_sets=None,
        kind=kind,
        rtol=facts.get("rtol", 1e-3),
        atol=facts.get("atol", 1e-7),
    )
