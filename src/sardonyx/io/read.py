"""From messages to the graph IR."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from sys import intern  # a model has many nodes and few operators
from typing import Any

from sardonyx.core.errors import FormatError
from sardonyx.io.paths import Folder
from sardonyx.io.tensors import read_sparse, read_tensor
from sardonyx.io.types import read_type
from sardonyx.ir import Attr, AttrKind, Function, Graph, Model, Node, SparseTensor, Tensor, Value
from sardonyx.ir.place import SOURCE_KEY
from sardonyx.ir.scope import Scope as Names
from sardonyx.proto import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    Message,
    ModelProto,
    OperatorSetIdProto,
    ValueInfoProto,
)
from sardonyx.proto.decode import Deferred, settle

__all__ = ["model_from_proto"]

# What the format has and no room interprets yet: kept as messages, written back as they came.
KEPT = ("training_info", "configuration")
_MANY = 32  # messages that may stay when all were read


class Scope(Names):
    """The names that a graph sees, the folder where the model's external data lies, and whether messages are used up."""

    def __init__(self, outer: Scope | None, folder: Folder | None, *, consume: bool = False) -> None:
        self.outer, self.values = outer, {}  # as Names has it, without the call: a model may have many
        self.folder, self.consume = folder, consume

    def inner(self) -> Scope:
        """The scope of a graph inside this one."""
        return Scope(self, self.folder, consume=self.consume)

    def each(self, proto: Message, field: str) -> Iterable[Any]:
        """The messages of a repeated field; where there are many, each is let go once it was read, if messages are used up."""
        messages = proto.entries(field)
        if self.consume and isinstance(messages, list) and len(messages) > _MANY:
            return _used_up(proto, field)
        return messages


def _used_up(proto: Message, field: str) -> Iterator[Any]:
    left = list(reversed(proto.entries(field)))
    proto.ClearField(field)
    while left:
        yield left.pop()


def _kept(proto: Message, field: str) -> list[Any]:
    """The messages of a repeated field that stay messages."""
    messages = proto.entries(field)
    return messages.whole() if isinstance(messages, Deferred) else list(messages)


def _metadata(proto: Message) -> dict[str, str]:
    entries = proto.entries("metadata_props")
    return {e.key: e.value for e in entries} if entries else {}


def _opsets(entries: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    found = {e.domain: int(e.version) for e in entries}
    spelled_out = found.pop("ai.onnx", None)
    return found if spelled_out is None or "" in found else {"": spelled_out, **found}


def model_from_proto(proto: ModelProto, folder: Folder | None = None, *, consume: bool = False) -> Model:
    """The model that `proto` describes. Its tensors are views of the message's bytes, or of files in `folder`.

    With `consume`, nodes and constants are taken out of the message as they are read: the two are never whole side by side.

    Raises:
        FormatError: the message is no sensible model.
    """
    if not proto.HasField("graph"):
        raise FormatError(
            "this is not an ONNX model", why="it has no graph", fix="give a file that an ONNX exporter wrote"
        )
    model = Model(
        read_graph(proto.graph, Scope(None, folder, consume=consume)),
        opsets=_opsets(proto.entries("opset_import")),
        ir_version=int(proto.ir_version),
        producer=proto.producer_name,
        producer_version=proto.producer_version,
        domain=proto.domain,
        model_version=int(proto.model_version),
        doc=proto.doc_string,
        metadata=_metadata(proto),
    )
    for function in Scope(None, folder, consume=consume).each(proto, "functions"):
        read = read_function(function, folder, consume=consume)
        model.functions[read.key] = read
    model.extras = {name: _kept(proto, name) for name in KEPT if proto.entries(name)}
    return model


def read_function(proto: FunctionProto, folder: Folder | None, *, consume: bool = False) -> Function:
    scope, graph, held = Scope(None, folder, consume=consume), Graph(proto.name), vars(proto)
    for name in held.get("input", ()):
        graph.add_input(scope.define(name))
    if "node" in held:
        _read_nodes(proto, graph, scope)
    if "value_info" in held:
        _annotate(proto, graph, scope)
    if "output" in held:
        graph.outputs = [_output(scope, name) for name in held["output"]]
    function = Function(proto.domain, proto.name, graph, proto.overload, doc=proto.doc_string)
    if "attribute" in held:
        function.attributes = list(held["attribute"])
    if "attribute_proto" in held:
        function.defaults = {a.name: read_attr(a, scope) for a in held["attribute_proto"]}
    if "opset_import" in held:
        function.opsets = _opsets(held["opset_import"])
    if "metadata_props" in held:
        function.metadata = _metadata(proto)
    return function


def read_graph(proto: GraphProto, scope: Scope) -> Graph:
    """The graph that `proto` describes; `scope` is its own, with the surrounding ones behind it."""
    graph, held = Graph(proto.name), vars(proto)
    if "doc_string" in held or "metadata_props" in held:
        graph.doc, graph.metadata = proto.doc_string, _metadata(proto)
    if "quantization_annotation" in held:
        graph.quantization = tuple(_kept(proto, "quantization_annotation"))
    for info in scope.each(proto, "input"):
        value = scope.define(info.name)
        _describe(value, info)
        graph.add_input(value)
    _read_constants(proto, graph, scope)
    _read_nodes(proto, graph, scope)
    _annotate(proto, graph, scope)
    for info in scope.each(proto, "output"):
        value = _output(scope, info.name)
        graph.outputs.append(value)
        if value.type is None or value.producer is not None:
            _describe(value, info)
        else:
            settle(vars(info))
    return graph


def _read_constants(proto: GraphProto, graph: Graph, scope: Scope) -> None:
    tensors: list[Tensor | SparseTensor] = [read_tensor(t, scope.folder) for t in scope.each(proto, "initializer")]
    tensors += [read_sparse(t, scope.folder) for t in scope.each(proto, "sparse_initializer")]
    if not all(tensor.name for tensor in tensors):
        raise FormatError(f"graph '{proto.name}' has an initializer without a name")
    if tensors:
        for value in graph.add_initializers(tensors):
            scope.values[value.name] = value


def _output(scope: Scope, name: str) -> Value:
    return scope.use(name) or Value("")


def _annotate(proto: Message, graph: Graph, scope: Scope) -> None:
    for info in scope.each(proto, "value_info"):
        value = scope.values.get(info.name)
        if value is None:
            value = Value(info.name)
            graph.loose.append(value)
        _describe(value, info)


def _describe(value: Value, info: ValueInfoProto) -> None:
    if "type" in vars(info) and info.HasField("type"):
        value.type = read_type(info.type)
    value.doc, value.metadata = info.doc_string, _metadata(info)


def _read_nodes(whole: Message, graph: Graph, scope: Scope) -> None:
    for proto in scope.each(whole, "node"):
        held = vars(proto)  # what a node does not state, and most state little, is not asked for
        inputs = [scope.use(name) for name in held["input"]] if "input" in held else ()
        attrs = [read_attr(a, scope) for a in held["attribute"]] if "attribute" in held else ()
        outputs = [scope.define(name) if name else Value("") for name in held["output"]] if "output" in held else ()
        node = Node(
            intern(proto.op_type), inputs, outputs, attrs, domain=proto.domain, overload=proto.overload, name=proto.name
        )
        if "metadata_props" in held:
            notes = _metadata(proto)
            node.source = notes.pop(SOURCE_KEY, None)
            node.metadata = notes
        if "doc_string" in held:
            node.doc = proto.doc_string
        if "device_configurations" in held:
            node.device_configurations = tuple(_kept(proto, "device_configurations"))
        graph.append(node)


_READERS = {
    AttrKind.FLOAT: lambda a, _: a.f,
    AttrKind.INT: lambda a, _: a.i,
    AttrKind.STRING: lambda a, _: _text(a.s),
    AttrKind.TENSOR: lambda a, s: read_tensor(a.t, s.folder),
    AttrKind.GRAPH: lambda a, s: _read_inner(a.g, s),
    AttrKind.SPARSE_TENSOR: lambda a, s: read_sparse(a.sparse_tensor, s.folder),
    AttrKind.TYPE_PROTO: lambda a, _: read_type(a.tp),
    AttrKind.FLOATS: lambda a, _: tuple(a.floats),
    AttrKind.INTS: lambda a, _: tuple(a.ints),
    AttrKind.STRINGS: lambda a, _: tuple(_text(s) for s in a.strings),
    AttrKind.TENSORS: lambda a, s: tuple(read_tensor(t, s.folder) for t in a.tensors),
    AttrKind.GRAPHS: lambda a, s: tuple([_read_inner(g, s) for g in a.graphs]),
    AttrKind.SPARSE_TENSORS: lambda a, s: tuple(read_sparse(t, s.folder) for t in a.sparse_tensors),
    AttrKind.TYPE_PROTOS: lambda a, _: tuple(read_type(t) for t in a.type_protos),
}


def _read_inner(proto: GraphProto, scope: Scope) -> Graph:
    return read_graph(proto, scope.inner()) if vars(proto) else Graph()


# The field that holds each kind; in a message without a `type`, the first that is there tells the kind.
_FIELDS = {
    AttrKind.FLOATS: "floats",
    AttrKind.INTS: "ints",
    AttrKind.STRINGS: "strings",
    AttrKind.TENSORS: "tensors",
    AttrKind.GRAPHS: "graphs",
    AttrKind.SPARSE_TENSORS: "sparse_tensors",
    AttrKind.TYPE_PROTOS: "type_protos",
    AttrKind.FLOAT: "f",
    AttrKind.INT: "i",
    AttrKind.STRING: "s",
    AttrKind.TENSOR: "t",
    AttrKind.GRAPH: "g",
    AttrKind.SPARSE_TENSOR: "sparse_tensor",
    AttrKind.TYPE_PROTO: "tp",
}
_KIND_OF = {name: kind for kind, name in _FIELDS.items()}
_ORDER = list(_KIND_OF)
_LISTS = {f.name for f in AttributeProto.DESCRIPTOR.fields if f.is_repeated}
_MESSAGES = {f.name for f in AttributeProto.DESCRIPTOR.fields if f.is_message}


def read_attr(proto: AttributeProto, scope: Scope) -> Attr:
    """One attribute. Files older than IR version 2 leave the kind to be read off the field that is set."""
    held = vars(proto)
    kind, ref = _KINDS.get(proto.type, AttrKind.UNDEFINED), proto.ref_attr_name
    if kind is AttrKind.UNDEFINED and held and not ref:
        kind = _kind_of_value(proto)
    read = None if ref else _READERS.get(kind)
    for field in held:
        if field in _MESSAGES and (read is None or field != _FIELDS[kind]):
            settle({field: held[field]})
    return Attr(intern(proto.name), kind, read and read(proto, scope), ref, proto.doc_string)


def _kind_of_value(proto: AttributeProto) -> AttrKind:
    """The kind of the first value that is there; a list, if one is."""
    held = vars(proto)
    found = [name for name in held if name in _KIND_OF]
    found = [name for name in found if (len(held[name]) if name in _LISTS else proto.HasField(name))]
    return _KIND_OF[min(found, key=_ORDER.index)] if found else AttrKind.UNDEFINED


_KINDS: dict[int, AttrKind] = {int(kind): kind for kind in AttrKind}


def _text(data: bytes | memoryview) -> str | bytes:
    try:
        return bytes(data).decode()
    except UnicodeDecodeError:
        return bytes(data)
