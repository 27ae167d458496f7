"""Types and shapes of a model's values, written into a copy of its message."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sardonyx.compat.onnx._checking import check_no_recursion, verify
from sardonyx.compat.onnx._inference.context import GraphInferencer, InferenceContext
from sardonyx.compat.onnx._inference.errors import InferenceError
from sardonyx.compat.onnx._inference.schemas import rule_of
from sardonyx.compat.onnx._inference.types import Symbols
from sardonyx.compat.onnx._inference.walk import Options, Walk, function_key
from sardonyx.compat.onnx._schema_parts import need
from sardonyx.compat.onnx._schemas import OpSchema
from sardonyx.compat.onnx._validation import ValidationError
from sardonyx.compat.onnx._wire import from_bytes
from sardonyx.compat.onnx.onnx_pb import (
    IR_VERSION,
    AttributeProto,
    FunctionProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    SparseTensorProto,
    TensorProto,
    TypeProto,
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
            "infer_shapes only accepts ModelProto or bytes, not paths. For Model paths (str or os.PathLike), use infer_shapes_path()."
        )
    if not isinstance(model, (ModelProto, bytes)):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs call this
        raise TypeError(f"infer_shapes only accepts ModelProto or bytes, incorrect type: {type(model)}")
    need("infer_shapes", check_type=(check_type, bool), strict_mode=(strict_mode, bool), data_prop=(data_prop, bool))
    if isinstance(model, bytes):
        made = from_bytes(ModelProto, model)
    else:
        made = ModelProto()
        made.CopyFrom(model)
    _infer(made, Options(check_type, strict_mode, data_prop))
    return made


def _infer(model: ModelProto, options: Options) -> None:
    functions = {function_key(f.domain, f.name, f.overload): f for f in model.functions}
    opsets = {o.domain: int(o.version) for o in model.opset_import}
    check_no_recursion(model)
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


def infer_node_outputs(
    schema: OpSchema,
    node: NodeProto,
    input_types: Mapping[str, TypeProto],
    input_data: Mapping[str, TensorProto] | None = None,
    input_sparse_data: Mapping[str, SparseTensorProto] | None = None,
    opset_imports: Sequence[OperatorSetIdProto] | None = None,
    ir_version: int = IR_VERSION,
) -> dict[str, TypeProto]:
    """The types of one node's outputs by name, given those of its inputs and of what its graphs see.

    Raises:
        KeyError: an input has no type.
        InferenceError: the node contradicts its operator.
        ValidationError: its inputs are too few, too many, or of types that the operator does not take.
        RuntimeError: it has fewer outputs than its operator gives.
    """
    for name in node.input:
        if name and name not in input_types:
            raise KeyError(name)
    return infer_lone_node(schema, node, input_types, input_data, input_sparse_data, opset_imports, ir_version)


def infer_lone_node(
    schema: OpSchema,
    node: NodeProto,
    input_types: Mapping[str, TypeProto],
    input_data: Mapping[str, TensorProto] | None,
    input_sparse_data: Mapping[str, SparseTensorProto] | None,
    opset_imports: Sequence[OperatorSetIdProto] | None,
    ir_version: int,
) -> dict[str, TypeProto]:
    """Like `infer_node_outputs`, where an input may have no type."""
    types = {name: _copied(held) for name, held in input_types.items()}
    constants = {**(input_sparse_data or {}), **(input_data or {})}
    opsets = {o.domain: int(o.version) for o in opset_imports or ()} or {schema.domain: schema.since_version}
    made = NodeProto()
    made.CopyFrom(node)
    walk = Walk(opsets, Options(), ir_version=ir_version, types=types)
    ctx = InferenceContext(
        made, types=types, constants={n: constants[n] for n in node.input if n in constants}, infer_body=walk.body
    )
    verify(schema, made)
    rule = rule_of(schema)
    try:
        rule.infer(ctx)
    except ValidationError as error:  # the rule reaches for what the node has no place for
        raise RuntimeError(str(error)) from error
    rule.check(ctx)
    return {name: ctx.get_output_type(i) for i, name in enumerate(node.output)}


def infer_function_output_types(
    function: FunctionProto, input_types: Sequence[TypeProto], attributes: Sequence[AttributeProto]
) -> list[TypeProto]:
    """The types of what a function gives for inputs of these types (an empty one: left out) and these attributes.

    Raises:
        InferenceError: its body contradicts an operator.
    """
    present = [f"?{i}" if type.WhichOneof("value") else "" for i, type in enumerate(input_types)]
    call = NodeProto(op_type=function.name, domain=function.domain, input=present, output=function.output)
    call.attribute.extend(attributes)
    types = {name: _copied(type) for name, type in zip(present, input_types, strict=True) if name}
    ctx = InferenceContext(call, types=types, constants={})
    opsets = {o.domain: int(o.version) for o in function.opset_import}
    Walk(opsets, Options(check_type=True, strict=True)).function(function, ctx)
    return [ctx.get_output_type(i) for i in range(ctx.get_num_outputs())]


def _copied(type: TypeProto) -> TypeProto:
    made = TypeProto()
    made.CopyFrom(type)
    return made
