"""Finding a pattern at a node, with backtracking over swapped inputs and alternatives."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

from sardonyx.ir import Node, Value
from sardonyx.rewrite.facts import Facts
from sardonyx.rewrite.match import Match
from sardonyx.rewrite.pattern import Capture, Either, Literal, Out, Pattern, Rest, Term, Var, as_pattern

__all__ = ["Matcher", "escapes"]

Bindings = dict[Any, Any]


class Matcher:
    """Finds one pattern, or several roots that share variables.

    Attributes:
        miss: after an unsuccessful search, why the one that came furthest failed (only when `explain` is set).
    """

    def __init__(self, facts: Facts, *, explain: bool = False) -> None:
        self.facts, self.explain = facts, explain
        self.miss, self._depth = "", -1

    def matches(self, roots: Sequence[Term | Out], node: Node) -> Iterator[Match]:
        """Every way in which the first root is `node` and the other roots are found around it."""
        self.miss, self._depth = "", -1
        bindings: Bindings = {}
        for _ in self._roots(roots, 0, node, bindings):
            yield Match(node, bindings, self.facts)

    def _roots(self, roots: Sequence[Term | Out], i: int, node: Node | None, b: Bindings) -> Iterator[None]:
        if i == len(roots):
            yield
            return
        root = roots[i]
        term = root.term if isinstance(root, Out) else root
        for candidate in [node] if node is not None else _candidates(term, b):
            for _ in self._node(term, candidate, b):
                yield from self._roots(roots, i + 1, None, b)

    def _value(self, p: Pattern, value: Value | None, b: Bindings) -> Iterator[None]:
        if isinstance(p, Var):
            if p in b:
                if b[p] is value:
                    yield
                else:
                    self._failed(b, f"{p!r} is not the same value twice")
            elif value is None and not p.optional:
                self._failed(b, f"{p!r} is absent")
            elif value is not None and p.constant and self.facts.constant(value) is None:
                self._failed(b, f"{p!r} ('{value.name}') is no constant")
            else:
                b[p] = value
                yield
                del b[p]
        elif value is None:
            self._failed(b, f"{p!r} is absent")
        elif isinstance(p, (Term, Out)):
            term, index = (p.term, p.index) if isinstance(p, Out) else (p, 0)
            if value.producer is None:
                self._failed(b, f"'{value.name}' is given, not computed by {term.op!r}")
            elif value.index == index:
                yield from self._node(term, value.producer, b)
        elif isinstance(p, Either):
            for choice in p.choices:
                yield from self._value(choice, value, b)
        elif isinstance(p, Literal):
            array = self.facts.constant(value)
            if array is not None and p.equals(array):
                yield
            else:
                self._failed(b, f"'{value.name}' is not the constant {p!r}")

    def _node(self, term: Term, node: Node, b: Bindings) -> Iterator[None]:
        if term in b:
            if b[term] is node:
                yield
            else:
                self._failed(b, f"{node!r} is not the {term.op!r} met before")
            return
        if node.op_type not in term.op.names or node.domain != term.op.domain:
            self._failed(b, f"{node!r} is no {term.op!r}")
            return
        if node in b.values():
            return  # two terms never stand for one node
        captured = self._attributes(term, node, b)
        if captured is None:
            return
        b[term] = node
        b.update(captured)
        inputs = node.inputs
        yield from self._args(term.args, 0, inputs, b)
        if len(inputs) == 2 and inputs[0] is not inputs[1] and self.facts.commutative(node):
            yield from self._args(term.args, 0, inputs[::-1], b)
        for key in captured:
            del b[key]
        del b[term]

    def _args(self, args: tuple[Any, ...], i: int, inputs: Sequence[Value | None], b: Bindings) -> Iterator[None]:
        if i == len(args):
            if all(v is None for v in inputs[i:]):
                yield
            else:
                self._failed(b, f"it has {len(inputs)} inputs, not {len(args)}")
            return
        p = args[i]
        if isinstance(p, Rest):
            if p not in b:
                b[p] = tuple(inputs[i:])
                yield
                del b[p]
            elif b[p] == tuple(inputs[i:]):
                yield
            return
        value = inputs[i] if i < len(inputs) else None
        if p is None:
            if value is None:
                yield from self._args(args, i + 1, inputs, b)
            else:
                self._failed(b, f"input {i} is given")
            return
        for _ in self._value(as_pattern(p), value, b):
            yield from self._args(args, i + 1, inputs, b)

    def _attributes(self, term: Term, node: Node, b: Bindings) -> Bindings | None:
        captured: Bindings = {}
        for name, wanted in term.attrs.items():
            attr = node.attrs.get(name)
            if attr is not None and attr.ref:
                return self._failed(b, f"{name} of {node!r} is set by a call around it")
            value = self.facts.default(node, name) if attr is None else attr.value
            if isinstance(wanted, Capture):
                if (b if wanted in b else captured).get(wanted, value) != value:
                    return self._failed(b, f"{name} of {node!r} is {value!r}, elsewhere it is another")
                if wanted not in b:
                    captured[wanted] = value
            elif value != (tuple(wanted) if isinstance(wanted, list) else wanted):
                return self._failed(b, f"{name} of {node!r} is {value!r}, not {wanted!r}")
        if not term.free:
            for name, attr in node.attrs.items():
                if name not in term.attrs and (attr.ref or attr.value != self.facts.default(node, name)):
                    return self._failed(b, f"{name} of {node!r} is not its default")
        return captured

    def _failed(self, b: Bindings, why: str) -> None:
        if self.explain and len(b) > self._depth:
            self._depth, self.miss = len(b), why


def _candidates(term: Term, b: Bindings) -> list[Node]:
    """The nodes that a further root can be: the users of something found already."""
    for arg in term.args:
        key = arg.term if isinstance(arg, Out) else arg
        found = b.get(key) if isinstance(key, Pattern) else None
        value = found.outputs[arg.index if isinstance(arg, Out) else 0] if isinstance(found, Node) else found
        if isinstance(value, Value):
            return list(value.users)
    return []


def escapes(match: Match, roots: Sequence[Term | Out], returned: Container[Value]) -> str:
    """Why the nodes inside a match cannot disappear: which of their values is needed elsewhere. Empty if none is."""
    covered = set(match.nodes)
    replaced = {match.resolve(root) for root in roots}
    for node in covered:
        if node.graph is not match.root.graph:
            return f"{node!r} lies in another graph"
        for value in node.outputs:
            if value in replaced:
                continue
            if value in returned:
                return f"'{value.name}' inside the match is a result of the graph"
            if any(user not in covered for user in value.users):
                return f"'{value.name}' inside the match is read elsewhere"
    return ""
