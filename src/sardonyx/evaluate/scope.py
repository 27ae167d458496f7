"""Where an interpreter looks a value up: the values of one run of one graph, then those of the graphs around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sardonyx.core.errors import InputError
from sardonyx.ir import Attr, FunctionKey, Value

__all__ = ["Scope"]


@dataclass(eq=False)
class Scope:
    """What the nodes of one graph see while it runs.

    Attributes:
        opsets: the version of each domain.
        values: what has been computed. An engine may hand in any mapping that knows the values a subgraph captures.
        bindings: the attributes of the function call around the graph, for attributes that refer to them.
        parent: the scope of the graph around this one.
        calls: the functions being called, outermost first.
    """

    opsets: Mapping[str, int]
    values: dict[Value, Any] = field(default_factory=dict[Value, Any])
    bindings: Mapping[str, Attr] = field(default_factory=dict[str, Attr])
    parent: Scope | None = None
    calls: tuple[FunctionKey, ...] = ()

    def child(self) -> Scope:
        """The scope of a subgraph."""
        return Scope(self.opsets, {}, self.bindings, self, self.calls)

    def __getitem__(self, value: Value) -> Any:
        scope: Scope | None = self
        while scope is not None:
            if value in scope.values:
                return scope.values[value]
            scope = scope.parent
        if value.const is not None:
            return value.const.numpy()
        raise InputError(
            f"value '{value.name}' is read before it is made",
            why="the nodes of the graph are not in an order in which each value comes before its readers",
            fix="sort the graph with `graph.sort()`",
        )
