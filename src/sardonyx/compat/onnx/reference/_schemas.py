"""The operators' schemas, as implementations look them up."""

from __future__ import annotations

import functools
from typing import Any

from sardonyx.compat.onnx import defs
from sardonyx.ops import latest_opset

__all__ = ["known_schemas", "newest_opset", "schema_at"]


def newest_opset(domain: str = "") -> int:
    return latest_opset(domain)


def schema_at(op_type: str, opset: int, domain: str) -> Any:
    """The schema in force at an opset."""
    return defs.get_schema(op_type, opset, domain)


@functools.cache
def known_schemas() -> dict[str, Any]:
    """Every schema by its name and version (``Cast_19``), and the newest of each by its name alone."""
    found: dict[str, Any] = {}
    for schema in defs.get_all_schemas_with_history():
        found[f"{schema.name}_{schema.since_version}"] = schema
        newest = found.get(schema.name)
        if newest is None or schema.since_version > newest.since_version:
            found[schema.name] = schema
    return found
