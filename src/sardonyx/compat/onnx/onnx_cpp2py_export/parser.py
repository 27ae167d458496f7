"""The text syntax to bytes: (whether it is well-formed, what is wrong, the message)."""

from __future__ import annotations

from collections.abc import Callable

from sardonyx.compat.onnx import parser
from sardonyx.proto import Message

__all__ = ["parse_function", "parse_graph", "parse_model", "parse_node"]


def _parse(read: Callable[[str], Message], text: str) -> tuple[bool, bytes, bytes]:
    try:
        return True, b"", read(text).SerializeToString()
    except parser.ParseError as error:
        return False, str(error).encode(), b""


def parse_model(model: str) -> tuple[bool, bytes, bytes]:
    """A model."""
    return _parse(parser.parse_model, model)


def parse_graph(graph: str) -> tuple[bool, bytes, bytes]:
    """A graph."""
    return _parse(parser.parse_graph, graph)


def parse_function(function: str) -> tuple[bool, bytes, bytes]:
    """A function."""
    return _parse(parser.parse_function, function)


def parse_node(node: str) -> tuple[bool, bytes, bytes]:
    """A node."""
    return _parse(parser.parse_node, node)
