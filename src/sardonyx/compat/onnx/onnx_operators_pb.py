"""Operator sets, under the name that programs import."""

from __future__ import annotations

from sardonyx.compat.onnx.onnx_pb import OperatorProto, OperatorSetProto

__all__ = ["OperatorProto", "OperatorSetProto"]
