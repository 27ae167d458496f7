"""The text syntax of ONNX to messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from sardonyx.compat.onnx.onnx_pb import FunctionProto, GraphProto, ModelProto, NodeProto
from sardonyx.core import errors
from sardonyx.io.write import model_to_proto, write_function, write_graph, write_node
from sardonyx.ir import text

__all__ = ["ParseError", "parse_function", "parse_graph", "parse_model", "parse_node"]

T = TypeVar("T")


class ParseError(Exception):
    """The text is not what was asked for; the message has line, column and a caret."""


def _read(read: Callable[[str], T], written: str) -> T:
    try:
        return read(written)
    except errors.SardonyxError as error:
        raise ParseError(str(error)) from error


def _state_domains(nodes: Iterable[NodeProto]) -> None:
    """Parsed nodes state their domain even where it is the empty one, here and in subgraphs."""
    for node in nodes:
        node.domain = node.domain or ""
        for attribute in node.attribute:
            for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                _state_domains(graph.node)


def parse_model(model_text: str) -> ModelProto:
    """A model."""
    made = model_to_proto(_read(text.parse_model, model_text))
    for holder in (made.graph, *made.functions):
        _state_domains(holder.node)
    return made


def parse_graph(graph_text: str) -> GraphProto:
    """A graph."""
    made = GraphProto()
    write_graph(_read(text.parse_graph, graph_text), made, {})
    _state_domains(made.node)
    return made


def parse_function(function_text: str) -> FunctionProto:
    """A function."""
    made = FunctionProto()
    write_function(_read(text.parse_function, function_text), made, {})
    _state_domains(made.node)
    return made


def parse_node(node_text: str) -> NodeProto:
    """A node."""
    made = NodeProto()
    write_node(_read(text.parse_node, node_text), made, {})
    _state_domains([made])
    return made
