"""Graphs that a node holds, as statements of a body."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.ir import Attr, AttrKind, Graph, Node, Value
from sardonyx.ir.text import print_node

__all__ = ["spliced"]


def spliced(graph: Graph, prefix: str, sources: Sequence[str]) -> tuple[list[str], list[str]]:
    """The statements that compute a graph from `sources`, and the names of its outputs.

    What the graph makes is renamed, so that it meets no name of the body; what it reads from around it is not.
    """
    made: list[Value] = []
    for inner in graph.walk_graphs():
        made += [
            *inner.inputs,
            *inner.initializers.values(),
            *(v for node in inner.nodes for v in node.outputs if v.name),
        ]
    constants = list(graph.initializers.values())
    for value in dict.fromkeys(made):
        value.name = f"{prefix}{value.name}"
    lines = [f"{value.name} = {source}" for value, source in zip(graph.inputs, sources, strict=True)]
    for value in constants:
        held = Attr("value", AttrKind.TENSOR, value.const)
        lines.append(print_node(Node("Constant", [], [Value(value.name)], [held])))
    return [*lines, *(print_node(node) for node in graph.nodes)], [value.name for value in graph.outputs]
