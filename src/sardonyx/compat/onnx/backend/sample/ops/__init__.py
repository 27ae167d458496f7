"""Operators as plain functions: examples that documentation shows."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

__all__ = ["collect_sample_implementations"]


def collect_sample_implementations() -> dict[str, str]:
    """The source of each sample, by its name."""
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    return {name: inspect.getsource(importlib.import_module(f"{__name__}.{name}")) for name in names}
