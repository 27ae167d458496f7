"""The name under which the official package's generated code holds the values that models take and give."""

from __future__ import annotations

from sardonyx.compat.onnx._generated import finder
from sardonyx.compat.onnx.onnx_pb import MapProto, OptionalProto, SequenceProto

__all__ = ["MapProto", "OptionalProto", "SequenceProto"]

__getattr__ = finder(__name__, "onnx/onnx-data.proto")
