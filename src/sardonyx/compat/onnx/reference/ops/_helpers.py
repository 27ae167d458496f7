"""Finding the operators that a module defines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sardonyx.compat.onnx.reference.op_run import OpRun

__all__ = ["build_registered_operators_any_domain"]


def _split_class_name(name: str) -> tuple[str, int | None]:
    """The operator and the version that the name of a class says."""
    op_type, _, version = name.rpartition("_")
    return (op_type, int(version)) if op_type and version.isdigit() else (name, None)


def build_registered_operators_any_domain(
    module_context: Mapping[str, Any],
) -> dict[str, dict[int | None, type[OpRun]]]:
    """The classes among the names of a module that run operators, by operator and version; None is the newest."""
    found: dict[str, dict[int | None, type[OpRun]]] = {}
    for name, item in module_context.items():
        if isinstance(item, type) and issubclass(item, OpRun) and not name.startswith("_"):
            op_type, version = _split_class_name(name)
            found.setdefault(op_type, {})[version] = item
    for versions in found.values():
        versions.setdefault(None, versions[max((v for v in versions if v is not None), default=None)])  # pyright: ignore[reportArgumentType]
    if not found:
        raise RuntimeError("no operator is among these names")
    return found
