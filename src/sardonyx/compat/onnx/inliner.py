"""Function calls replaced by what they call."""

from __future__ import annotations

from sardonyx.compat.onnx.onnx_cpp2py_export import inliner as C  # noqa: N812  its official name
from sardonyx.compat.onnx.onnx_pb import ModelProto

__all__ = ["inline_local_functions", "inline_selected_functions"]


def inline_local_functions(model: ModelProto, convert_version: bool = False) -> ModelProto:
    """A model without calls of its functions, as far as their operator-set versions are the model's.

    Args:
        convert_version: bring functions that use another version of ai.onnx to the model's.

    Raises:
        ValidationError: a function calls itself.
    """
    return ModelProto.FromString(C.inline_local_functions(model.SerializeToString(), convert_version))


def inline_selected_functions(
    model: ModelProto,
    function_ids: list[tuple[str, str]],
    exclude: bool = False,
    inline_schema_functions: bool = False,
) -> ModelProto:
    """A model without calls of some of its functions.

    Args:
        function_ids: domain and name of each.
        exclude: inline all but these.
        inline_schema_functions: also inline operators that the standard writes with others.

    Raises:
        ValidationError: a function calls itself.
        RuntimeError: functions and model use different versions of a domain.
    """
    inline = C.inline_selected_functions2 if inline_schema_functions else C.inline_selected_functions
    return ModelProto.FromString(inline(model.SerializeToString(), function_ids, exclude))
