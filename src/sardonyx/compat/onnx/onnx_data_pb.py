"""The values that models take and give, under the name that programs import."""

from __future__ import annotations

from sardonyx.compat.onnx.onnx_pb import MapProto, OptionalProto, SequenceProto

__all__ = ["MapProto", "OptionalProto", "SequenceProto"]
