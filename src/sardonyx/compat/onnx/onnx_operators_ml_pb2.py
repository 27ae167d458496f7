"""The name under which the official package's generated code holds operator sets."""

from __future__ import annotations

from sardonyx.compat.onnx._generated import finder
from sardonyx.compat.onnx.onnx_pb import OperatorProto, OperatorSetProto

__all__ = ["OperatorProto", "OperatorSetProto"]

__getattr__ = finder(__name__, "onnx/onnx-operators-ml.proto")
