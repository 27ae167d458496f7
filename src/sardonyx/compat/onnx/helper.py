"""Makers of messages, and what the standard says about types and versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sardonyx.compat.onnx._attributes import (
    attr_type_to_str,
    get_attribute_value,
    get_node_attr_value,
    make_attribute,
    make_attribute_ref,
    to_bytes,
)
from sardonyx.compat.onnx._dtypes import (
    get_all_tensor_dtypes,
    np_dtype_to_tensor_dtype,
    tensor_dtype_to_field,
    tensor_dtype_to_np_dtype,
    tensor_dtype_to_storage_tensor_dtype,
    tensor_dtype_to_string,
)
from sardonyx.compat.onnx._given import given
from sardonyx.compat.onnx._printable import (
    printable_attribute,
    printable_dim,
    printable_graph,
    printable_node,
    printable_tensor_proto,
    printable_type,
    printable_value_info,
    sanitize_str,
)
from sardonyx.compat.onnx._tensors import make_map, make_optional, make_sequence, make_sparse_tensor, make_tensor
from sardonyx.compat.onnx._types import (
    make_empty_tensor_value_info,
    make_map_type_proto,
    make_optional_type_proto,
    make_sequence_type_proto,
    make_sparse_tensor_type_proto,
    make_sparse_tensor_value_info,
    make_tensor_sequence_value_info,
    make_tensor_type_proto,
    make_tensor_value_info,
    make_value_info,
)
from sardonyx.compat.onnx._versions import (
    OP_SET_ID_VERSION_MAP,
    VERSION_TABLE,
    find_min_ir_version_for,
    first_ir_versions,
)

# Names imported "as" themselves are those that programs read from here.
from sardonyx.compat.onnx._versions import VersionMapType as VersionMapType
from sardonyx.compat.onnx._versions import VersionRowType as VersionRowType
from sardonyx.compat.onnx._versions import VersionTableType as VersionTableType
from sardonyx.compat.onnx.onnx_pb import (
    IR_VERSION,
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    SparseTensorProto,
    TensorProto,
    TrainingInfoProto,
    ValueInfoProto,
)
from sardonyx.compat.onnx.onnx_pb import MapProto as MapProto
from sardonyx.compat.onnx.onnx_pb import OptionalProto as OptionalProto
from sardonyx.compat.onnx.onnx_pb import SequenceProto as SequenceProto
from sardonyx.compat.onnx.onnx_pb import TensorShapeProto as TensorShapeProto
from sardonyx.compat.onnx.onnx_pb import TypeProto as TypeProto
from sardonyx.ops import latest_opset
from sardonyx.proto import Message

__all__ = [
    "OP_SET_ID_VERSION_MAP",
    "VERSION_TABLE",
    "find_min_ir_version_for",
    "get_all_tensor_dtypes",
    "get_attribute_value",
    "get_node_attr_value",
    "make_attribute",
    "make_attribute_ref",
    "make_empty_tensor_value_info",
    "make_function",
    "make_graph",
    "make_map",
    "make_map_type_proto",
    "make_model",
    "make_model_gen_version",
    "make_node",
    "make_operatorsetid",
    "make_opsetid",
    "make_optional",
    "make_optional_type_proto",
    "make_sequence",
    "make_sequence_type_proto",
    "make_sparse_tensor",
    "make_sparse_tensor_type_proto",
    "make_sparse_tensor_value_info",
    "make_tensor",
    "make_tensor_sequence_value_info",
    "make_tensor_type_proto",
    "make_tensor_value_info",
    "make_training_info",
    "make_value_info",
    "np_dtype_to_tensor_dtype",
    "printable_attribute",
    "printable_dim",
    "printable_graph",
    "printable_node",
    "printable_tensor_proto",
    "printable_type",
    "printable_value_info",
    "set_metadata_props",
    "set_model_props",
    "strip_doc_string",
    "tensor_dtype_to_field",
    "tensor_dtype_to_np_dtype",
    "tensor_dtype_to_storage_tensor_dtype",
    "tensor_dtype_to_string",
]


# Programs use these too, under their official names.
_attr_type_to_str, _sanitize_str, _to_bytes = attr_type_to_str, sanitize_str, to_bytes
_ATTRIBUTE_TYPE_TO_STR: dict[int, str] = {code: name for name, code in AttributeProto.AttributeType.items()}
_create_op_set_id_version_map = first_ir_versions

AssignmentBindingType = list[tuple[str, str]]


def make_node(
    op_type: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    name: str | None = None,
    doc_string: str | None = None,
    domain: str | None = None,
    overload: str | None = None,
    **kwargs: Any,
) -> NodeProto:
    """A node; the other arguments are its attributes, sorted by name; those that are None are left out."""
    made = NodeProto(domain=domain, overload=overload, **given(op_type=op_type, input=inputs, output=outputs))
    for field, text in (("name", name), ("doc_string", doc_string)):
        if text:
            setattr(made, field, text)
    made.attribute.extend(make_attribute(key, value) for key, value in sorted(kwargs.items()) if value is not None)
    return made


def make_operatorsetid(domain: str, version: int) -> OperatorSetIdProto:
    """A version of the operators of a domain."""
    return OperatorSetIdProto(**given(domain=domain, version=version))


def make_opsetid(domain: str, version: int) -> OperatorSetIdProto:
    """A version of the operators of a domain."""
    return make_operatorsetid(domain, version)


def make_graph(
    nodes: Sequence[NodeProto],
    name: str,
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    initializer: Sequence[TensorProto] | None = None,
    doc_string: str | None = None,
    value_info: Sequence[ValueInfoProto] | None = None,
    sparse_initializer: Sequence[SparseTensorProto] | None = None,
) -> GraphProto:
    """A graph."""
    return GraphProto(
        **given(node=nodes, name=name, input=inputs, output=outputs),
        initializer=initializer,
        sparse_initializer=sparse_initializer,
        value_info=value_info,
        doc_string=doc_string or None,
    )


def make_function(
    domain: str,
    fname: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    nodes: Sequence[NodeProto],
    opset_imports: Sequence[OperatorSetIdProto],
    attributes: Sequence[str] | None = None,
    attribute_protos: Sequence[AttributeProto] | None = None,
    doc_string: str | None = None,
    overload: str | None = None,
    value_info: Sequence[ValueInfoProto] | None = None,
) -> FunctionProto:
    """A function: `attributes` must be given by its calls, `attribute_protos` have defaults."""
    return FunctionProto(
        **given(domain=domain, name=fname, input=inputs, output=outputs, node=nodes, opset_import=opset_imports),
        attribute=attributes,
        attribute_proto=attribute_protos,
        doc_string=doc_string or None,
        overload=overload,
        value_info=value_info,
    )


def make_model(graph: GraphProto, **kwargs: Any) -> ModelProto:
    """A model of the newest IR version, and operator set unless `opset_imports` says otherwise; other arguments are fields."""
    opsets = kwargs.pop("opset_imports", None)
    functions = kwargs.pop("functions", None)
    made = ModelProto(ir_version=IR_VERSION, functions=functions)
    made.graph.CopyFrom(graph)
    made.opset_import.extend([OperatorSetIdProto(version=latest_opset())] if opsets is None else opsets)
    for field, value in kwargs.items():
        setattr(made, field, value)
    return made


def make_model_gen_version(graph: GraphProto, **kwargs: Any) -> ModelProto:
    """A model of the oldest IR version that came with its operator sets."""
    if "ir_version" not in kwargs:
        kwargs["ir_version"] = find_min_ir_version_for(kwargs.get("opset_imports") or [])
    return make_model(graph, **kwargs)


def set_metadata_props(proto: Any, dict_value: Mapping[str, str]) -> None:
    """Replace the metadata of a model, graph, function, node, tensor or value info."""
    del proto.metadata_props[:]
    for key, value in dict_value.items():
        proto.metadata_props.add(key=key).value = value


def set_model_props(model: ModelProto, dict_value: Mapping[str, str]) -> None:
    """Replace the metadata of a model."""
    set_metadata_props(model, dict_value)


def strip_doc_string(proto: Message) -> None:
    """Clear every `doc_string`, here and below."""
    if not isinstance(proto, Message):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs call this
        raise TypeError(f"proto must be an instance of {Message}.")
    for field, value in proto.ListFields():
        if field.name == "doc_string":
            proto.ClearField("doc_string")
        elif field.is_message:
            for message in value if field.is_repeated else (value,):
                strip_doc_string(message)


def make_training_info(
    algorithm: GraphProto,
    algorithm_bindings: Sequence[tuple[str, str]],
    initialization: GraphProto | None,
    initialization_bindings: Sequence[tuple[str, str]] | None,
) -> TrainingInfoProto:
    """A step of training, and what comes before the first: each with (variable, new value) pairs."""
    made = TrainingInfoProto(algorithm=algorithm, initialization=initialization)
    for key, value in algorithm_bindings:
        made.update_binding.add(key=key, value=value)
    for key, value in initialization_bindings or ():
        made.initialization_binding.add(key=key, value=value)
    return made
