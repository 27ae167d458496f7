"""Schemas and their registry."""

from __future__ import annotations

from sardonyx.compat.onnx._registry import (
    deregister_schema,
    get_all_schemas,
    get_all_schemas_with_history,
    get_schema,
    has_schema,
    register_schema,
    schema_version_map,
    set_domain_to_version,
)
from sardonyx.compat.onnx._schemas import OpSchema, SchemaError

__all__ = [
    "OpSchema",
    "SchemaError",
    "deregister_schema",
    "get_all_schemas",
    "get_all_schemas_with_history",
    "get_schema",
    "has_schema",
    "register_schema",
    "schema_version_map",
    "set_domain_to_version",
]
