"""The operator standard as schemas, and the registry that programs may add to."""

from __future__ import annotations

from sardonyx.compat.onnx._registry import (
    deregister_schema,
    get_all_schemas,
    get_all_schemas_with_history,
    get_schema,
)
from sardonyx.compat.onnx._registry import has_schema as has
from sardonyx.compat.onnx._schemas import OpSchema, SchemaError
from sardonyx.compat.onnx.onnx_cpp2py_export import defs as C  # noqa: N812  its official name

__all__ = [
    "AI_ONNX_PREVIEW_DOMAIN",
    "AI_ONNX_PREVIEW_TRAINING_DOMAIN",
    "ONNX_DOMAIN",
    "ONNX_ML_DOMAIN",
    "C",
    "OpSchema",
    "SchemaError",
    "deregister_schema",
    "get_all_schemas",
    "get_all_schemas_with_history",
    "get_function_ops",
    "get_schema",
    "has",
    "onnx_ml_opset_version",
    "onnx_opset_version",
    "register_schema",
]

# Private names that other programs lean on.
_op_schema_repr = OpSchema.__repr__
_op_schema_attribute_repr = OpSchema.Attribute.__repr__
_op_schema_formal_parameter_repr = OpSchema.FormalParameter.__repr__
_op_schema_type_constraint_param_repr = OpSchema.TypeConstraintParam.__repr__

ONNX_DOMAIN = ""
ONNX_ML_DOMAIN = "ai.onnx.ml"
AI_ONNX_PREVIEW_DOMAIN = "ai.onnx.preview"
AI_ONNX_PREVIEW_TRAINING_DOMAIN = "ai.onnx.preview.training"


def onnx_opset_version() -> int:
    """The newest version of ai.onnx."""
    return C.schema_version_map()[ONNX_DOMAIN][1]


def onnx_ml_opset_version() -> int:
    """The newest version of ai.onnx.ml."""
    return C.schema_version_map()[ONNX_ML_DOMAIN][1]


def get_function_ops() -> list[OpSchema]:
    """The operators that are also written with others."""
    return [s for s in get_all_schemas() if s.has_function or s.has_context_dependent_function]


def register_schema(schema: OpSchema) -> None:
    """Make a schema known; its domain and the domain's versions are widened as needed.

    Raises:
        SchemaError: that version is known already.
    """
    domain, version = schema.domain, schema.since_version
    known = C.schema_version_map().get(domain)
    oldest, newest = known or (version, version)
    if known is None or not oldest <= version <= newest:
        C.set_domain_to_version(domain, min(oldest, version), max(newest, version))
    C.register_schema(schema)
