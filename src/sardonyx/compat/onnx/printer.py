"""Messages in the text syntax of ONNX."""

from __future__ import annotations

from sardonyx.compat.onnx import _printing
from sardonyx.compat.onnx.onnx_pb import FunctionProto, GraphProto, ModelProto, NodeProto

__all__ = ["to_text"]


def to_text(proto: ModelProto | FunctionProto | GraphProto | NodeProto) -> str:
    """A model, function, graph or node as text."""
    if isinstance(proto, ModelProto):
        return _printing.model(proto)
    if isinstance(proto, FunctionProto):
        return _printing.function(proto)
    if isinstance(proto, GraphProto):
        return _printing.graph(proto)
    if isinstance(proto, NodeProto):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs call this
        return _printing.node(proto)
    raise TypeError(
        "Unsupported argument type. Only ModelProto, FunctionProto, GraphProto, and NodeProto are supported."
    )
