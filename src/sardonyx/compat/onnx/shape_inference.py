"""Types and shapes of a model's values, written into a copy of its message."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sardonyx.compat.onnx._inference.context import GraphInferencer, InferenceContext
from sardonyx.compat.onnx._inference.errors import InferenceError
from sardonyx.compat.onnx._inference.types import Symbols
from sardonyx.compat.onnx._inference.walk import Options, Walk, function_key
from sardonyx.compat.onnx.onnx_pb import (
    ModelProto,
)

__all__ = [
    "GraphInferencer",
    "InferenceContext",
    "InferenceError",
    "infer_function_output_types",
    "infer_node_outputs",
    "infer_shapes",
    "infer_shapes_path",
]


def infer_shapes(
    model: ModelProto | bytes, check_type: bool = False, strict_mode: bool = False, data_prop: bool = False
) -> ModelProto:
    """A copy of the model whose graphs state the types of their values.

    Args:
        check_type: refuse nodes whose types their operators do not allow.
        strict_mode: refuse a model with a node that contradicts its operator; else its outputs stay unknown.
        data_prop: follow the integers that shapes are computed from.

    Raises:
        InferenceError: what was refused; or types that are declared contradict each other.
    """
    if isinstance(model, (str, os.PathLike)):
        raise TypeError(
            "infer_shapes only accepts ModelProto or bytes, for model paths (str or os.PathLike) use infer_shapes_path()."
        )
    if not isinstance(model, (ModelProto, bytes)):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs call this
        raise TypeError(f"infer_shapes only accepts ModelProto or bytes, incorrect type: {type(model)}")
    made = ModelProto()
    if isinstance(model, bytes):
        made.ParseFromString(model)
    else:
        made.CopyFrom(model)
    _infer(made, Options(bool(check_type), bool(strict_mode), bool(data_prop)))
    return made


def _infer(model: ModelProto, options: Options) -> None:
    functions = {function_key(f.domain, f.name, f.overload): f for f in model.functions}
    opsets = {o.domain: int(o.version) for o in model.opset_import}
    Walk(opsets, options, Symbols(), functions, ir_version=int(model.ir_version)).graph(model.graph)


def infer_shapes_path(
    model_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str] = "",
    check_type: bool = False,
    strict_mode: bool = False,
    data_prop: bool = False,
) -> None:
    """Like `infer_shapes`, from file to file (by default to the same); tensors in other files stay where they are."""
    if isinstance(model_path, ModelProto):
        raise TypeError(
            "infer_shapes_path only accepts model Path (String), you can use infer_shapes for the ModelProto."
        )
    source, target = _path("model", model_path), _path("output", output_path)
    made = infer_shapes(Path(source).read_bytes(), check_type, strict_mode, data_prop)
    Path(target or source).write_bytes(made.SerializeToString())


def _path(what: str, path: Any) -> str:
    try:
        return os.fspath(path)
    except TypeError as error:
        raise TypeError(
            f"infer_shapes_path only accepts {what} path as a string or PathLike, incorrect {what} path type: {type(path)}"
        ) from error
