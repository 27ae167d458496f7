"""The interpreter over the NumPy references: slow and true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sardonyx.core.lazy import lazily
from sardonyx.evaluate.inputs import bind_inputs
from sardonyx.evaluate.scope import Scope

if TYPE_CHECKING:
    from sardonyx.evaluate.interpreter import Branch, Interpreter, evaluate

__all__ = ["Branch", "Interpreter", "Scope", "bind_inputs", "evaluate"]

# The engine takes inputs as the interpreter does, without its operators.
__getattr__ = lazily(__name__, dict.fromkeys(("Branch", "Interpreter", "evaluate"), "interpreter"))
