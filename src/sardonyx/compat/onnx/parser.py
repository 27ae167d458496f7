"""The text syntax of ONNX to messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from sardonyx.compat.onnx._dtypes import tensor_dtype_to_field
from sardonyx.compat.onnx.onnx_pb import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    StringStringEntryProto,
    TensorProto,
)
from sardonyx.core import errors
from sardonyx.io.tensors import read_tensor
from sardonyx.io.write import model_to_proto, write_function, write_graph, write_node
from sardonyx.ir import text
from sardonyx.ir.entries import to_entries

__all__ = ["ParseError", "parse_function", "parse_graph", "parse_model", "parse_node"]

T = TypeVar("T")


class ParseError(Exception):
    """The text is not what was asked for; the message has line, column and a caret."""


def _read(read: Callable[..., T], written: str) -> T:
    try:
        return read(written, exact=True)
    except errors.SardonyxError as error:
        raise ParseError(str(error)) from error


def _as_written(nodes: Iterable[NodeProto]) -> None:
    """What the official parser states about nodes, here and in subgraphs: domains and names that are empty, typed fields."""
    for node in nodes:
        node.domain = node.domain or ""
        for attribute in node.attribute:
            _attribute_as_written(attribute)


def _attribute_as_written(attribute: AttributeProto) -> None:
    if attribute.type == AttributeProto.UNDEFINED:
        attribute.ClearField("type")
    for tensor in (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors):
        tensor.name = tensor.name or ""
        _in_typed_field(tensor)
    for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
        _graph_as_written(graph)


def _graph_as_written(graph: GraphProto) -> None:
    for tensor in graph.initializer:
        _in_typed_field(tensor)
    _as_written(graph.node)


def _function_as_written(function: FunctionProto) -> None:
    if not function.domain:
        function.ClearField("domain")
    for attribute in function.attribute_proto:
        _attribute_as_written(attribute)
    _as_written(function.node)


def _in_typed_field(tensor: TensorProto) -> None:
    """The elements as they stood in the text: one by one."""
    if tensor.HasField("raw_data"):
        entries = to_entries(read_tensor(tensor)).tolist()
        tensor.ClearField("raw_data")
        getattr(tensor, tensor_dtype_to_field(tensor.data_type)).extend(entries)


def _facts_as_written(made: ModelProto | FunctionProto, written: str) -> None:
    """The facts of a header word for word: said or not, in their order, and as often as they are there."""
    for name, value in text.read_header(written):
        if isinstance(value, list):
            made.ClearField(name)
            kind, key, held = _ENTRIES[name]
            getattr(made, name).extend(kind(**{key: k, held: v}) for k, v in value)  # pyright: ignore[reportUnknownVariableType]
        else:
            setattr(made, name, value)


_ENTRIES = {
    "opset_import": (OperatorSetIdProto, "domain", "version"),
    "metadata_props": (StringStringEntryProto, "key", "value"),
}


def parse_model(model_text: str) -> ModelProto:
    """A model."""
    read = _read(text.parse_model, model_text)
    made = model_to_proto(read)
    made.ClearField("ir_version")
    made.graph.name = read.graph.name
    _facts_as_written(made, model_text)
    _graph_as_written(made.graph)
    for function in made.functions:
        _function_as_written(function)
    return made


def parse_graph(graph_text: str) -> GraphProto:
    """A graph."""
    made = GraphProto()
    read = _read(text.parse_graph, graph_text)
    write_graph(read, made, {})
    made.name = read.name
    _graph_as_written(made)
    return made


def parse_function(function_text: str) -> FunctionProto:
    """A function."""
    made = FunctionProto()
    write_function(_read(text.parse_function, function_text), made, {})
    _function_as_written(made)
    _facts_as_written(made, function_text)
    return made


def parse_node(node_text: str) -> NodeProto:
    """A node."""
    made = NodeProto()
    write_node(_read(text.parse_node, node_text), made, {})
    _as_written([made])
    return made
