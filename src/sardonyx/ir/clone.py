"""Copies of graphs. Constants are shared: a `Tensor` is never written to."""

from __future__ import annotations

import copy
from dataclasses import replace

from sardonyx.ir.attr import Attr, AttrKind
from sardonyx.ir.graph import Graph, Node, Value
from sardonyx.ir.model import Function, Model

__all__ = ["clone_graph", "clone_model", "clone_node"]

Mapping = dict[Value, Value]


def clone_value(value: Value, mapping: Mapping) -> Value:
    new = Value(value.name, value.type, const=value.const)
    new.copy_facts(value)
    mapping[value] = new
    return new


def clone_attr(attr: Attr, mapping: Mapping) -> Attr:
    if attr.ref or attr.kind not in (AttrKind.GRAPH, AttrKind.GRAPHS):
        return attr
    if attr.kind == AttrKind.GRAPH:
        return replace(attr, value=clone_graph(attr.value, mapping))
    return replace(attr, value=tuple(clone_graph(g, mapping) for g in attr.value))


def clone_node(node: Node, mapping: Mapping) -> Node:
    """A copy of `node` that reads what `mapping` gives for its inputs (a value it does not name is read itself)."""
    return _clone_node(node, mapping, [clone_value(v, mapping) for v in node.outputs])


def _clone_node(node: Node, mapping: Mapping, outputs: list[Value]) -> Node:
    new = Node(
        node.op_type,
        [None if v is None else mapping.get(v, v) for v in node.inputs],
        outputs,
        [clone_attr(a, mapping) for a in node.attrs.values()],
        domain=node.domain,
        name=node.name,
    )
    new.copy_facts(node)
    return new


def clone_graph(graph: Graph, mapping: Mapping | None = None) -> Graph:
    """A copy of `graph`; `mapping` says what surrounding values become, and learns what each value of the graph became."""
    mapping = {} if mapping is None else mapping
    new = Graph(graph.name, [clone_value(v, mapping) for v in graph.inputs])
    new.copy_facts(graph)
    new.quantization = graph.quantization
    new.loose = [clone_value(v, {}) for v in graph.loose]
    for name, value in graph.initializers.items():
        copied = mapping[value] if value in mapping else clone_value(value, mapping)
        copied.graph = new
        new.initializers[name] = copied
    nodes = list(graph.nodes)
    made = [
        [clone_value(v, mapping) for v in node.outputs] for node in nodes
    ]  # first, for graphs that are not in order
    for node, outputs in zip(nodes, made, strict=True):
        new.append(_clone_node(node, mapping, outputs))
    new.outputs = [mapping.get(v, v) for v in graph.outputs]
    return new


def clone_model(model: Model) -> Model:
    new = copy.copy(model)
    new.graph = clone_graph(model.graph)
    new.functions = {k: clone_function(f) for k, f in model.functions.items()}
    new.opsets, new.metadata, new.extras = dict(model.opsets), dict(model.metadata), dict(model.extras)
    return new


def clone_function(function: Function) -> Function:
    new = copy.copy(function)
    new.graph = clone_graph(function.graph)
    new.attributes, new.defaults, new.opsets = list(function.attributes), dict(function.defaults), dict(function.opsets)
    new.copy_facts(function)
    return new
