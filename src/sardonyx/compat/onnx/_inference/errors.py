"""What inference refuses."""

from __future__ import annotations

__all__ = ["InferenceError", "refuse_shape", "refuse_type"]


class InferenceError(Exception):
    """Types or shapes contradict an operator, each other, or what the model declares."""


def refuse_type(what: str) -> InferenceError:
    return InferenceError(f"[TypeInferenceError] {what}")


def refuse_shape(what: str) -> InferenceError:
    return InferenceError(f"[ShapeInferenceError] {what}")
