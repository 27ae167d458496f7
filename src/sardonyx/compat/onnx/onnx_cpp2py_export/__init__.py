"""The name of the official package's compiled half: the same functions on bytes, over Sardonyx's rooms."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

ONNX_ML = True

__all__ = ["ONNX_ML"]


def __getattr__(name: str) -> ModuleType:
    full = f"{__name__}.{name}"
    if name.startswith("_") or importlib.util.find_spec(full) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(full)
