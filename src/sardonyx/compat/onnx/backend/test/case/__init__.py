"""The cases of the official suite."""

from __future__ import annotations

import sys

from sardonyx.compat.onnx.backend.test.case.base import Snippets
from sardonyx.compat.onnx.backend.test.case.utils import import_recursive

__all__ = ["collect_snippets"]


def collect_snippets() -> dict[str, list[tuple[str, str]]]:
    """The source of every case, by operator: a name and the lines."""
    import_recursive(sys.modules[__name__])
    return Snippets
