"""Models in bytes without function calls."""

from __future__ import annotations

from sardonyx.compat.onnx._inlining import inline_all, inline_selected
from sardonyx.compat.onnx._schema_parts import need
from sardonyx.compat.onnx._wire import from_bytes
from sardonyx.compat.onnx.onnx_pb import ModelProto

__all__ = ["inline_local_functions", "inline_selected_functions", "inline_selected_functions2"]


def inline_local_functions(model: bytes, convert_version: bool) -> bytes:
    """The model without calls of its functions."""
    need("inline_local_functions", convert_version=(convert_version, bool))
    made = from_bytes(ModelProto, model)
    inline_all(made, convert_version)
    return made.SerializeToString()


def inline_selected_functions(model: bytes, function_ids: list[tuple[str, str]], exclude: bool) -> bytes:
    """The model without calls of the functions that are named, or of all others."""
    need("inline_selected_functions", exclude=(exclude, bool))
    made = from_bytes(ModelProto, model)
    inline_selected(made, function_ids, exclude, schemas=False)
    return made.SerializeToString()


def inline_selected_functions2(model: bytes, function_ids: list[tuple[str, str]], exclude: bool) -> bytes:
    """The same, and operators that have a body count as functions."""
    need("inline_selected_functions2", exclude=(exclude, bool))
    made = from_bytes(ModelProto, model)
    inline_selected(made, function_ids, exclude, schemas=True)
    return made.SerializeToString()
