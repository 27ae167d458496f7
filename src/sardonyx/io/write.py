"""From the graph IR to messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sardonyx.io.tensors import write_sparse, write_tensor
from sardonyx.io.types import write_type
from sardonyx.ir import Attr, AttrKind, ExternalLocation, Function, Graph, Model, Node, SparseTensor, Tensor, Value
from sardonyx.ir.place import SOURCE_KEY
from sardonyx.proto import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfoProto

__all__ = ["model_to_proto"]

Placement = Mapping[int, ExternalLocation]  # id of a tensor -> where its bytes go


def _write_map(entries: Mapping[str, str], repeated: Any) -> None:
    for key, value in entries.items():
        repeated.add(key=key, value=value)


def _set(proto: Any, **fields: Any) -> None:
    """Set the fields that have something to say."""
    for name, value in fields.items():
        if value:
            setattr(proto, name, value)


def model_to_proto(model: Model, placement: Placement | None = None) -> ModelProto:
    """The message for `model`. Tensors that `placement` names are written as external data."""
    place = placement or {}
    proto = ModelProto()
    proto.ir_version = model.ir_version
    _set(
        proto,
        producer_name=model.producer,
        producer_version=model.producer_version,
        domain=model.domain,
        model_version=model.model_version,
        doc_string=model.doc,
    )
    for domain, version in model.opsets.items():
        proto.opset_import.add(domain=domain, version=version)
    write_graph(model.graph, proto.graph, place)
    _write_map(model.metadata, proto.metadata_props)
    for function in model.functions.values():
        write_function(function, proto.functions.add(), place)
    for name, messages in model.extras.items():
        getattr(proto, name).extend(messages)
    return proto


def write_function(function: Function, proto: FunctionProto, place: Placement) -> None:
    proto.name, proto.domain = function.name, function.domain
    _set(proto, overload=function.overload, doc_string=function.doc)
    proto.input.extend(v.name for v in function.graph.inputs)
    proto.output.extend(v.name for v in function.graph.outputs)
    proto.attribute.extend(function.attributes)
    for attr in function.defaults.values():
        write_attr(attr, proto.attribute_proto.add(), place)
    for node in function.graph.nodes:
        write_node(node, proto.node.add(), place)
    _write_infos([*function.graph.inputs, *_made(function.graph), *function.graph.loose], proto.value_info, set())
    for domain, version in function.opsets.items():
        proto.opset_import.add(domain=domain, version=version)
    _write_map(function.metadata, proto.metadata_props)


def write_graph(graph: Graph, proto: GraphProto, place: Placement) -> None:
    """State `graph` in `proto`; every type that is known becomes a value_info."""
    proto.name = graph.name or "graph"
    _set(proto, doc_string=graph.doc)
    for value in graph.inputs:
        write_info(value, proto.input.add())
    for name, value in graph.initializers.items():
        _write_constant(name, value.const, proto, place)
    results = set(graph.outputs)
    for node in graph.nodes:
        write_node(node, proto.node.add(), place)
    _write_infos([*_made(graph), *graph.loose], proto.value_info, results)
    for value in graph.outputs:
        write_info(value, proto.output.add())
    proto.quantization_annotation.extend(graph.quantization)
    _write_map(graph.notes, proto.metadata_props)


def _write_constant(name: str, const: Tensor | SparseTensor | None, proto: GraphProto, place: Placement) -> None:
    if isinstance(const, SparseTensor):
        write_sparse(const, proto.sparse_initializer.add())
    elif const is not None:
        tensor = proto.initializer.add()
        write_tensor(const, tensor, place.get(id(const)))
        tensor.name = name


def _made(graph: Graph) -> Iterator[Value]:
    return (value for node in graph.nodes for value in node.outputs)


def _write_infos(values: Iterable[Value], infos: Any, results: set[Value]) -> None:
    for value in values:
        if value.name and value not in results and (value.type is not None or value.doc or value.notes):
            write_info(value, infos.add())


def write_info(value: Value, proto: ValueInfoProto) -> None:
    proto.name = value.name
    if value.type is not None:
        proto.type.SetInParent()
        write_type(value.type, proto.type)
    _set(proto, doc_string=value.doc)
    _write_map(value.notes, proto.metadata_props)


def write_node(node: Node, proto: NodeProto, place: Placement) -> None:
    proto.input.extend("" if v is None else v.name for v in node.inputs)
    proto.output.extend(v.name for v in node.outputs)
    proto.op_type = node.op_type
    _set(proto, name=node.name, domain=node.domain, overload=node.overload, doc_string=node.doc)
    for attr in node.attrs.values():
        write_attr(attr, proto.attribute.add(), place)
    _write_map(node.notes if node.source is None else {**node.notes, SOURCE_KEY: node.source}, proto.metadata_props)
    proto.device_configurations.extend(node.device_configurations)


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def write_attr(attr: Attr, proto: AttributeProto, place: Placement) -> None:
    proto.name, proto.type = attr.name, int(attr.kind)
    _set(proto, doc_string=attr.doc, ref_attr_name=attr.ref)
    if attr.ref:
        return
    value = attr.value
    match attr.kind:
        case AttrKind.FLOAT:
            proto.f = value
        case AttrKind.INT:
            proto.i = value
        case AttrKind.STRING:
            proto.s = _bytes(value)
        case AttrKind.TENSOR:
            write_tensor(value, proto.t, place.get(id(value)))
        case AttrKind.GRAPH:
            write_graph(value, proto.g, place)
        case AttrKind.SPARSE_TENSOR:
            write_sparse(value, proto.sparse_tensor)
        case AttrKind.TYPE_PROTO:
            write_type(value, proto.tp)
        case AttrKind.FLOATS:
            proto.floats.extend(value)
        case AttrKind.INTS:
            proto.ints.extend(value)
        case AttrKind.STRINGS:
            proto.strings.extend(_bytes(s) for s in value)
        case AttrKind.TENSORS:
            for tensor in value:
                write_tensor(tensor, proto.tensors.add(), place.get(id(tensor)))
        case AttrKind.GRAPHS:
            for graph in value:
                write_graph(graph, proto.graphs.add(), place)
        case AttrKind.SPARSE_TENSORS:
            for tensor in value:
                write_sparse(tensor, proto.sparse_tensors.add())
        case AttrKind.TYPE_PROTOS:
            for type_ in value:
                write_type(type_, proto.type_protos.add())
        case AttrKind.UNDEFINED:
            pass
