"""Which graphs return which values: kept at hand so that a replacement need not search every graph."""

from __future__ import annotations

from collections.abc import Iterable

from sardonyx.ir import Graph, Value

__all__ = ["Results"]


class Results:
    """The values that graphs return. Replacements go through it."""

    def __init__(self, graphs: Iterable[Graph]) -> None:
        self._places: dict[Value, list[tuple[Graph, int]]] = {}
        for graph in graphs:
            for inner in graph.walk_graphs():
                for i, value in enumerate(inner.outputs):
                    self._places.setdefault(value, []).append((inner, i))

    def __contains__(self, value: object) -> bool:
        return value in self._places

    def can_stand_for(self, old: Value, new: Value) -> bool:
        """Whether `new` can be returned where `old` is, under the name of `old`."""
        if old not in self._places or new.producer is None or old.producer is None:
            return old not in self._places
        return new.producer.graph is old.producer.graph and new not in self._places

    def replace(self, old: Value, new: Value) -> None:
        """Let every reader of `old`, and every graph that returns it, take `new`; results keep their names and types."""
        for node, i in old.uses:
            node.set_input(i, new)
        places = self._places.pop(old, None)
        if places is not None:
            for graph, i in places:
                graph.outputs[i] = new
            self._places[new] = places
            new.name, new.type, new.doc = old.name, old.type, old.doc
            new.metadata = {**new.metadata, **old.metadata}
