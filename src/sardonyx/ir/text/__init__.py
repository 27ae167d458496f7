"""The ONNX text syntax: models, graphs, functions and nodes to text and back."""

from __future__ import annotations

from sardonyx.ir.text.parser import parse_function, parse_graph, parse_model, parse_node, read_header
from sardonyx.ir.text.printer import print_function, print_graph, print_model, print_node, print_tensor, print_type

__all__ = [
    "parse_function",
    "parse_graph",
    "parse_model",
    "parse_node",
    "print_function",
    "print_graph",
    "print_model",
    "print_node",
    "print_tensor",
    "print_type",
    "read_header",
]
