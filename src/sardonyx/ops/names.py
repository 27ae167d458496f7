"""Fresh names in constant time: the taken ones are collected once, then counted up per hint."""

from __future__ import annotations

from sardonyx.ir import Graph

__all__ = ["Names"]


class Names:
    """The names of a graph's values, or of its nodes. Builders that share a graph share one of these."""

    def __init__(self, taken: set[str] | None = None) -> None:
        self._taken = set[str]() if taken is None else taken
        self._next: dict[str, int] = {}

    @staticmethod
    def of_values(graph: Graph) -> Names:
        """The names that values of `graph` and of the graphs inside it have."""
        return Names({v.name for inner in graph.walk_graphs() for v in inner.values()})

    @staticmethod
    def of_nodes(graph: Graph) -> Names:
        return Names({node.name for node in graph.walk()})

    def fresh(self, hint: str) -> str:
        """`hint`, or `hint_1`, `hint_2`, ... if it is taken; from now on it is."""
        hint = hint or "v"
        name, number = hint, self._next.get(hint, 0)
        while name in self._taken:
            number += 1
            name = f"{hint}_{number}"
        self._next[hint] = number
        self._taken.add(name)
        return name

    def release(self, name: str) -> None:
        """Nothing has this name any more."""
        self._taken.discard(name)
