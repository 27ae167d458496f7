"""The cases of whole models."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from sardonyx.compat.onnx.backend.test import _official
from sardonyx.compat.onnx.backend.test.case.node import _ours
from sardonyx.compat.onnx.backend.test.case.test_case import TestCase
from sardonyx.compat.onnx.backend.test.case.utils import import_recursive
from sardonyx.compat.onnx.onnx_pb import ModelProto

__all__ = ["BASE_URL", "collect_testcases", "expect"]

_SimpleModelTestCases: list[TestCase] = []
BASE_URL = "onnx/backend/test/data/light/light_%s.onnx"
_LOOSE = {"densenet121": 2e-3}  # the relative error allowed, where it is not 1e-3
_REAL = [
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
]

_found = _official.folder()
if _found is not None:
    __path__.append(str(_found / "case" / "model"))


def expect(model: ModelProto, inputs: Sequence[Any], outputs: Sequence[Any], name: str | None = None) -> None:
    """Add the case that a model, with these inputs, gives these outputs."""
    title, data = model.graph.name, [(inputs, outputs)]
    _SimpleModelTestCases.append(TestCase(name or title, title, None, None, model, data, "simple", 1e-3, 1e-7))


def collect_testcases() -> list[TestCase]:
    """The cases of well-known nets, which lie in files, and of small models.

    Raises:
        ImportError: the official package, which has the cases, is not installed.
    """
    _official.needed()
    real = [
        TestCase(f"test_{name}", name, BASE_URL % name, None, None, None, "real", _LOOSE.get(name, 1e-3), 1e-7)
        for name in _REAL
    ]
    if _official.stands_in():
        import_recursive(sys.modules[__name__])
        return [*real, *_SimpleModelTestCases]
    theirs: Any = importlib.import_module("onnx.backend.test.case.model")
    return [*real, *(_ours(case) for case in theirs.collect_testcases() if case.kind != "real")]
