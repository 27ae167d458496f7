"""The name under which the official package's generated code holds operator sets."""

from __future__ import annotations

from sardonyx.compat.onnx.onnx_pb import OperatorProto, OperatorSetProto

__all__ = ["OperatorProto", "OperatorSetProto"]
