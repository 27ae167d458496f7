"""The interpreter over the NumPy references: slow and true."""

from __future__ import annotations

from sardonyx.evaluate.inputs import bind_inputs
from sardonyx.evaluate.interpreter import Branch, Interpreter, evaluate
from sardonyx.evaluate.scope import Scope

__all__ = ["Branch", "Interpreter", "Scope", "bind_inputs", "evaluate"]
