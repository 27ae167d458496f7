"""What inference refuses."""

from __future__ import annotations

__all__ = ["InferenceError", "counted", "refuse_shape", "refuse_type"]


class InferenceError(Exception):
    """Types or shapes contradict an operator, each other, or what the model declares."""


def refuse_type(what: str) -> InferenceError:
    return InferenceError(f"[TypeInferenceError] {what}")


def refuse_shape(what: str) -> InferenceError:
    return InferenceError(f"[ShapeInferenceError] {what}")


def counted(number: int) -> int:
    """A number that stands for an extent, or is counted with; refused where 64 bits do not hold it."""
    if not -(2**63) <= number < 2**63:
        raise refuse_shape(f"Integer overflow: {number} is no extent")
    return number
