"""The body of a function as it is at one call: its names made unique, its attributes those that the call gives.

Names get the suffix `__n` at the n-th call, and a number more where that is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sardonyx.compat.onnx._walks import copy_of, subgraphs, walk_nodes
from sardonyx.compat.onnx.onnx_pb import AttributeProto, FunctionProto, GraphProto, NodeProto

__all__ = ["Names", "expand"]


class Names:
    """The names of a model's main graph, and new ones."""

    def __init__(self, graph: GraphProto) -> None:
        self._taken = set(_all_names(graph))
        self._number = 0

    def fresh(self, suggested: str) -> str:
        name = suggested
        while name in self._taken:
            name = f"{suggested}_{self._number}"
            self._number += 1
        self._taken.add(name)
        return name


def _all_names(graph: GraphProto) -> Iterator[str]:
    yield from (item.name for items in (graph.input, graph.initializer, graph.output) for item in items)
    for node in graph.node:
        yield from (node.name, *node.input, *node.output)
        for inner in subgraphs(node):
            yield from _all_names(inner)


class _Renaming:
    """Gives a body's names the forms they have at one call; a scope for each graph inside."""

    def __init__(self, suffix: str, names: Names) -> None:
        self._suffix, self._names = suffix, names
        self._scopes: list[dict[str, str]] = [{}]

    def bind(self, formal: str, actual: str) -> None:
        self._scopes[0][formal] = actual

    def new(self, name: str) -> str:
        return self._names.fresh(name + self._suffix)

    def define(self, name: str) -> str:
        made = self._scopes[-1][name] = self.new(name)
        return made

    def known(self, name: str) -> str | None:
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), None)

    def node(self, node: NodeProto) -> None:
        if node.name:
            node.name = self.new(node.name)
        for i, name in enumerate(node.input):
            node.input[i] = self._used(name)
        for i, name in enumerate(node.output):
            if name:
                found = self.known(name)
                node.output[i] = self.define(name) if found is None else found
        for graph in subgraphs(node):
            self._graph(graph)

    def _used(self, name: str) -> str:
        found = self.known(name) if name else None
        return name if found is None else found

    def _graph(self, graph: GraphProto) -> None:
        self._scopes.append({})
        for items in (graph.input, graph.initializer):
            for item in items:
                item.name = self.define(item.name)
        results = list(graph.output)
        given = {info.name for info in graph.input}
        for info in results:
            if info.name not in given:
                self.define(info.name)
            info.name = self._used(info.name)
        for node in graph.node:
            self.node(node)
        for info in graph.value_info:
            info.name = self._used(info.name)
        self._scopes.pop()


def _bind_attributes(nodes: Iterable[NodeProto], given: Mapping[str, AttributeProto]) -> None:
    """References to the call's attributes become what the call gives, or nothing."""
    for node in walk_nodes(nodes):
        bound: list[AttributeProto] = []
        for attribute in node.attribute:
            if attribute.ref_attr_name:
                found = given.get(attribute.ref_attr_name)
                if found is None:
                    continue
                made = copy_of(found)
                made.name = attribute.name
                bound.append(made)
            else:
                bound.append(copy_of(attribute))
        if any(attribute.ref_attr_name for attribute in node.attribute):
            del node.attribute[:]
            node.attribute.extend(bound)


def expand(call: NodeProto, callee: FunctionProto, suffix: str, names: Names) -> FunctionProto:
    """A copy of the body, named and bound for the call."""
    if len(call.input) > len(callee.input) or len(call.output) > len(callee.output):
        raise RuntimeError(
            f"node '{call.name}' gives more parameters than function '{callee.name}' has: "
            f"{len(call.input)} of {len(callee.input)} inputs, {len(call.output)} of {len(callee.output)} outputs"
        )
    body = copy_of(callee)
    defaults = {attribute.name: attribute for attribute in callee.attribute_proto}
    _bind_attributes(body.node, defaults | {attribute.name: attribute for attribute in call.attribute})
    renaming = _Renaming(suffix, names)
    takes = list(callee.input)
    for i, formal in enumerate(takes):
        renaming.bind(formal, call.input[i] if i < len(call.input) else "")
    for i, formal in enumerate(callee.output):
        given = call.output[i] if i < len(call.output) else ""
        if formal not in takes:
            renaming.bind(formal, given or renaming.new(formal))
    for node in body.node:
        renaming.node(node)
    for info in body.value_info:
        info.name = renaming.known(info.name) or info.name
    for formal, given in zip(callee.output, call.output, strict=False):
        if given and formal in takes:  # an input that is returned as it is
            body.node.add(op_type="Identity", input=[renaming.known(formal) or ""], output=[given])
    return body
