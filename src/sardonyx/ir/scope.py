"""Names in a file -> values: what every reader of a format needs to tie nodes together."""

from __future__ import annotations

from sardonyx.ir.graph import Value

__all__ = ["Scope"]


class Scope:
    """The values that a graph sees by name: its own, then those of the graphs around it."""

    def __init__(self, outer: Scope | None = None) -> None:
        self.outer = outer
        self.values: dict[str, Value] = {}

    def find(self, name: str) -> Value | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.outer
        return None

    def use(self, name: str) -> Value | None:
        """The value called `name`; an empty name is an input left out. A name nobody defined yet gets a value of its own:
        a node further down may define it, and the checker reports it otherwise."""
        if not name:
            return None
        found = self.find(name)
        if found is None:
            found = self.values[name] = Value(name)
        return found

    def define(self, name: str) -> Value:
        """A new value of this graph; the value that earlier uses were given, if it has no maker yet."""
        earlier = self.values.get(name)
        if (
            earlier is not None
            and name
            and earlier.producer is None
            and earlier.graph is None
            and earlier.const is None
        ):
            return earlier
        value = Value(name)
        self.values[name] = value
        return value
