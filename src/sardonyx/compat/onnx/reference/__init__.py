"""The reference evaluator of the official package, over Sardonyx's references."""

from __future__ import annotations

from sardonyx.compat.onnx.reference.reference_evaluator import ReferenceEvaluator

__all__ = ["ReferenceEvaluator"]
