"""What cases are made with."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["ONNX_ML", "all_numeric_dtypes", "import_recursive"]

ONNX_ML = True

all_numeric_dtypes: list[Any] = [
    *(np.int8, np.int16, np.int32, np.int64),
    *(np.uint8, np.uint16, np.uint32, np.uint64),
    *(np.float16, np.float32, np.float64),
]


def import_recursive(package: ModuleType) -> None:
    """Import every module inside a package."""
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        if found.ispkg:
            import_recursive(module)
