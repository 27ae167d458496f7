"""Messages in the text syntax of ONNX."""

from __future__ import annotations

from sardonyx.compat.onnx.onnx_pb import FunctionProto, GraphProto, ModelProto, NodeProto
from sardonyx.io.read import model_from_proto, read_function
from sardonyx.ir import text

__all__ = ["to_text"]


def to_text(proto: ModelProto | FunctionProto | GraphProto | NodeProto) -> str:
    """A model, function, graph or node as text."""
    if isinstance(proto, ModelProto):
        return text.print_model(model_from_proto(proto))
    if isinstance(proto, FunctionProto):
        return text.print_function(read_function(proto, None))
    if isinstance(proto, GraphProto):
        return text.print_graph(model_from_proto(ModelProto(graph=proto)).graph)
    if isinstance(proto, NodeProto):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs call this
        return text.print_node(next(iter(model_from_proto(ModelProto(graph=GraphProto(node=[proto]))).graph.nodes)))
    raise TypeError("Only ModelProto, FunctionProto, GraphProto, and NodeProto are supported.")
