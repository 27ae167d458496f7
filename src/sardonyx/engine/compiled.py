"""What a session runs: compiled nodes, and what the interpreter does between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sardonyx.engine.link import Linked
from sardonyx.ir import Model, Node, Shape, Value

if TYPE_CHECKING:
    from sardonyx.evaluate import Interpreter

__all__ = ["Compiled", "LinkedPart"]


@dataclass(eq=False)
class LinkedPart:
    """Compiled nodes, and the nodes that the interpreter runs behind them.

    Attributes:
        linked: the compiled nodes, or None if there are none.
        takes: the values that the compiled nodes read, in the order of the program's inputs.
        gives: the values that the compiled nodes make for others, in the order of the program's outputs.
        dead: values that nobody reads once this part is done.
    """

    linked: Linked | None
    takes: list[Value]
    gives: list[Value]
    after: list[Node]
    dead: list[Value] = field(default_factory=list[Value])


@dataclass(eq=False)
class Compiled:
    """What a session runs.

    Attributes:
        shapes: of the values that the interpreter takes or makes, where a symbol in it may be needed later.
        refused: the nodes that run on their NumPy reference, and why.
        interpreter: runs these; None if there are none.
    """

    model: Model
    parts: list[LinkedPart]
    wanted: list[Value]
    shapes: dict[Value, Shape]
    refused: dict[str, str]
    interpreter: Interpreter | None

    @property
    def linked(self) -> Linked | None:
        """The one program of a model that needs no interpreter between its parts; None for any other."""
        return self.parts[0].linked if len(self.parts) == 1 and not self.parts[0].after else None
