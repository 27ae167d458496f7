"""A test of the suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sardonyx.compat.onnx.onnx_pb import ModelProto, NodeProto

__all__ = ["TestItem"]


@dataclass
class TestItem:
    """What tests, and a list whose only element will be what is tested."""

    func: Callable[..., Any]
    proto: list[ModelProto | NodeProto | None]
    __test__: bool = False  # pytest: this is no test
