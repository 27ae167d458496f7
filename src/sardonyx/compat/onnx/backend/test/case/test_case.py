"""One case: a model, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sardonyx.compat.onnx.onnx_pb import ModelProto

__all__ = ["TestCase"]


@dataclass
class TestCase:
    """A model, in memory or in a folder or at an address, and inputs with the outputs they lead to."""

    name: str
    model_name: str
    url: str | None
    model_dir: str | None
    model: ModelProto | None
    data_sets: Sequence[tuple[Sequence[Any], Sequence[Any]]] | None
    kind: str
    rtol: float
    atol: float
    __test__: bool = False  # pytest: this is no test
