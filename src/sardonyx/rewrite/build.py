"""Making nodes of a replacement: operator syntax becomes nodes with known types, not yet in any graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from sardonyx.core.dtypes import DType
from sardonyx.ir import Graph, Node, Tensor, TensorType, Value
from sardonyx.rewrite.facts import Facts
from sardonyx.rewrite.match import Refused
from sardonyx.rewrite.operand import Operand
from sardonyx.rewrite.pattern import Capture, Either, Literal, Out, Pattern, Rest, Term

__all__ = ["Builder", "Names"]


class Names:
    """Names that no value and no node of some graphs has."""

    def __init__(self, graphs: Iterable[Graph]) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}
        for graph in graphs:
            for inner in graph.walk_graphs():
                for value in inner.values():
                    self._taken.add(value.name)
                for node in inner.nodes:
                    self._taken.add(node.name)

    def fresh(self, hint: str) -> str:
        """`hint`, with a number if it is taken."""
        name, i = hint, self._next.get(hint, 0)
        while not name or name in self._taken:
            i += 1
            name = f"{hint}_{i}"
        self._next[hint] = i
        self._taken.add(name)
        return name


class Builder:
    """Makes the nodes of one expression.

    Args:
        resolve: what the patterns in the expression stand for; None for a term that is to be made.
        hint: what new names begin with.
    """

    def __init__(self, facts: Facts, resolve: Callable[[Any], Any], names: Names, hint: str) -> None:
        self.facts, self.resolve, self.names, self.hint = facts, resolve, names, hint
        self.nodes: list[Node] = []
        self.constants: list[Value] = []
        self._made: dict[Term, Node] = {}
        self._outputs: dict[Term, int] = {}

    def all(self, exprs: Iterable[Any]) -> list[Value | None]:
        """The values of several expressions that may share terms."""
        exprs = list(exprs)
        for expr in exprs:
            self._count(expr)
        return [self.value(expr) for expr in exprs]

    def _count(self, expr: Any) -> None:
        term, n = (expr.term, expr.index + 1) if isinstance(expr, Out) else (expr, 1)
        if isinstance(term, Term):
            known = term in self._outputs
            self._outputs[term] = max(n, self._outputs.get(term, 1))
            if not known:
                for arg in term.args:
                    self._count(arg)

    def value(self, expr: Any, like: DType | None = None) -> Value | None:
        """The value of `expr`; numbers take the element type `like`."""
        if expr is None or isinstance(expr, Value):
            return expr
        if isinstance(expr, Operand):
            return expr.value
        if isinstance(expr, Literal):
            return self.constant(expr.value, like)
        if isinstance(expr, Pattern):
            found = self.resolve(expr)
            if found is not None or not isinstance(expr, (Term, Out)):
                return found
            term, index = (expr.term, expr.index) if isinstance(expr, Out) else (expr, 0)
            return self._node(term).outputs[index]
        return self.constant(expr, like)

    def constant(self, elements: Any, like: DType | None = None) -> Value:
        """A new constant: an array as it is, a list of ints as int64, a number with the element type `like`."""
        if isinstance(elements, Tensor):
            tensor = elements
        elif isinstance(elements, (np.ndarray, np.generic)):
            tensor = Tensor(np.asarray(elements))
        elif isinstance(elements, (list, tuple)):
            tensor = Tensor(np.array(elements, np.int64))
        elif like is None:
            raise Refused(f"the element type for {elements!r} is unknown")
        else:
            tensor = Tensor(np.array(elements, like.numpy), dtype=like)
        value = Value(self.names.fresh(f"{self.hint}_const"), const=tensor)
        self.constants.append(value)
        return value

    def _node(self, term: Term) -> Node:
        made = self._made.get(term)
        if made is None:
            made = self._made[term] = self._make(term)
        return made

    def _make(self, term: Term) -> Node:
        args: list[Any] = []
        for arg in term.args:
            found = self.resolve(arg) if isinstance(arg, (Rest, Either)) else arg
            args += found if isinstance(found, tuple) and isinstance(arg, Rest) else [found]
        inputs = [None if _is_number(arg) else self.value(arg) for arg in args]
        like = next((d for v in inputs if v is not None and (d := self._dtype(v)) is not None), None)
        inputs = [self.value(arg, like) if _is_number(arg) else v for arg, v in zip(args, inputs, strict=True)]
        while inputs and inputs[-1] is None:
            inputs.pop()
        name = term.op.names[0]
        node = Node(
            name,
            inputs,
            [Value(self.names.fresh(f"{self.hint}_{name}")) for _ in range(self._outputs.get(term, 1))],
            self._attributes(term).values(),
            domain=term.op.domain,
            name=self.names.fresh(f"{self.hint}_{name}"),
        )
        self.nodes.append(node)
        self.facts.settle(node)
        return node

    def _attributes(self, term: Term) -> Mapping[str, Any]:
        made: dict[str, Any] = {}
        for name, value in term.attrs.items():
            found = self.resolve(value) if isinstance(value, Capture) else value
            if found is not None:
                made[name] = self.facts.attribute(term.op.domain, term.op.names[0], name, found)
        return made

    def _dtype(self, value: Value) -> DType | None:
        kind = self.facts.type(value)
        return kind.dtype if isinstance(kind, TensorType) else None

    def discard(self) -> None:
        """Withdraw everything that was made."""
        for node in reversed(self.nodes):
            node.set_inputs(())


def _is_number(arg: Any) -> bool:
    return isinstance(arg, (bool, int, float)) or (isinstance(arg, Literal) and _is_number(arg.value))
