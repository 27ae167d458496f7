"""What is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sardonyx.engine.compiled import Compiled
from sardonyx.engine.saved.place import Identity, identity_of
from sardonyx.ir import Graph, Type, Value

__all__ = ["Port", "Saved", "graph_of", "ports_of"]

Port = tuple[str, Type | None]


@dataclass(eq=False)
class Saved:
    """A compiled model, and what a session says of the model.

    Attributes:
        graph: its inputs and outputs, as the file has them, and no nodes.
        files: the other files that it was made from.
    """

    graph: Graph
    compiled: Compiled
    files: dict[Path, Identity]

    def holds(self) -> bool:
        """Whether the other files are what they were."""
        return all(identity_of(path) == told for path, told in self.files.items())


def ports_of(values: Sequence[Value]) -> list[Port]:
    """Values as what is left of them in an entry."""
    return [(v.name, v.type) for v in values]


def graph_of(inputs: Sequence[Port], outputs: Sequence[Port]) -> Graph:
    """A graph with these inputs and outputs, and no nodes."""
    graph = Graph()
    for name, kind in inputs:
        graph.add_input(Value(name, kind))
    graph.outputs = [Value(name, kind) for name, kind in outputs]
    return graph
