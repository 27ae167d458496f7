"""Where the official suite lies: its cases are data of the official package, which has to be installed for them."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from pathlib import Path

__all__ = ["folder", "stands_in"]

ROOT = __name__.removesuffix(".backend.test._official")


@functools.cache
def folder() -> Path | None:
    """The folder `onnx/backend/test` of the official package, or None where that is not installed."""
    try:
        found = Path(str(importlib.metadata.distribution("onnx").locate_file("onnx/backend/test")))
    except importlib.metadata.PackageNotFoundError:
        return None
    return found if (found / "case").is_dir() else None


def needed() -> Path:
    """As `folder`.

    Raises:
        ImportError: the official package is not installed.
    """
    found = folder()
    if found is None:
        raise ImportError("the cases of the official suite come with the official package: pip install onnx")
    return found


def stands_in() -> bool:
    """Whether `import onnx` gives this package, so that the cases' own files make messages of ours."""
    return sys.modules.get("onnx") is sys.modules[ROOT]
