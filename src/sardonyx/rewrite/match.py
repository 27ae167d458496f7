"""A match: what each variable of a pattern stands for, and the word by which a rule refuses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

from sardonyx.ir import Array, Node, Value
from sardonyx.rewrite.facts import Facts
from sardonyx.rewrite.operand import Operand
from sardonyx.rewrite.pattern import Capture, Either, Out, Pattern, Rest, Term, Var

__all__ = ["Match", "Refused"]


class Refused(Exception):
    """A rule does not apply to something that has the form of its pattern."""


class Match:
    """An occurrence of a pattern.

    ``m[var]`` and ``m[term]`` give the `Operand` found there, ``m[capture]`` an attribute's value, ``m[rest]`` a tuple.
    """

    def __init__(self, root: Node, bindings: Mapping[Any, Any], facts: Facts) -> None:
        self.root, self.facts = root, facts
        self._bindings = dict(bindings)

    @overload
    def __getitem__(self, key: Var | Term | Out) -> Operand: ...
    @overload
    def __getitem__(self, key: Rest) -> tuple[Operand, ...]: ...
    @overload
    def __getitem__(self, key: Capture) -> Any: ...
    def __getitem__(self, key: Var | Term | Out | Rest | Capture) -> Any:
        if isinstance(key, Capture):
            return self._bindings[key]
        if isinstance(key, Rest):
            return tuple(Operand(v, self.facts) for v in self._bindings[key] if v is not None)
        found = self.get(key)
        if found is None:
            raise KeyError(f"{key!r} is absent in this match")
        return found

    def get(self, key: Var | Term | Out) -> Operand | None:
        """The operand at a place that may be absent: an optional variable, or a term of an alternative."""
        if isinstance(key, Var):
            value: Value | None = self._bindings.get(key)
        else:
            term, index = (key.term, key.index) if isinstance(key, Out) else (key, 0)
            node: Node | None = self._bindings.get(term)
            value = node.outputs[index] if node is not None and index < len(node.outputs) else None
        return None if value is None else Operand(value, self.facts)

    def __contains__(self, key: Pattern | Capture) -> bool:
        return self._bindings.get(key) is not None

    def node(self, term: Term) -> Node:
        """The node that matched `term`."""
        return self._bindings[term]

    def attrs(self, term: Term) -> dict[str, Any]:
        """The attributes written at the node of `term`, to hand on to its replacement."""
        return dict(self.node(term).attrs)

    def attr(self, term: Term, name: str) -> Any:
        """An attribute's value, its default when it is not written."""
        return self.attr_of(self.node(term), name)

    def attr_of(self, node: Node, name: str) -> Any:
        found = node.attrs.get(name)
        return self.facts.default(node, name) if found is None else found.value

    def array(self, var: Var) -> Array:
        """The elements of a variable declared constant."""
        found = self[var].array
        assert found is not None, f"{var!r} is no constant"
        return found

    def operand(self, value: Value) -> Operand:
        """Any value, with the facts about it."""
        return Operand(value, self.facts)

    def require(self, condition: bool, reason: str) -> None:
        """Refuse the match, for `reason`, unless `condition` holds."""
        if not condition:
            raise Refused(reason)

    @property
    def nodes(self) -> Sequence[Node]:
        """The nodes that the pattern covers."""
        return list(dict.fromkeys(n for n in self._bindings.values() if isinstance(n, Node)))

    def resolve(self, pattern: Pattern | Capture) -> Any:
        """What a pattern used in a replacement stands for: a value, several for `Rest`, or an attribute's value."""
        if isinstance(pattern, Capture):
            return self._bindings[pattern]
        if isinstance(pattern, Either):
            return next((self.resolve(p) for p in pattern.choices if p in self._bindings), None)
        if isinstance(pattern, Rest):
            return tuple(self._bindings[pattern])
        found = self.get(pattern) if isinstance(pattern, (Var, Term, Out)) else None
        return None if found is None else found.value

    def covers(self, pattern: Any) -> bool:
        """Whether `pattern` is part of what was matched, as opposed to a new term of a replacement."""
        return (pattern.term if isinstance(pattern, Out) else pattern) in self._bindings
