"""Bytes to the text syntax."""

from __future__ import annotations

from sardonyx.compat.onnx.onnx_pb import FunctionProto, GraphProto, ModelProto, NodeProto
from sardonyx.compat.onnx.printer import to_text

__all__ = ["function_to_text", "graph_to_text", "model_to_text", "node_to_text"]


def function_to_text(serialized_function_proto: bytes) -> str:
    """A function."""
    return to_text(FunctionProto.FromString(serialized_function_proto))


def graph_to_text(serialized_graph_proto: bytes) -> str:
    """A graph."""
    return to_text(GraphProto.FromString(serialized_graph_proto))


def model_to_text(serialized_model_proto: bytes) -> str:
    """A model."""
    return to_text(ModelProto.FromString(serialized_model_proto))


def node_to_text(serialized_node_proto: bytes) -> str:
    """A node."""
    return to_text(NodeProto.FromString(serialized_node_proto))
