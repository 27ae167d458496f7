"""Nodes in terms of other operators, by the bodies that the standard gives some."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sardonyx.core.errors import InputError
from sardonyx.ir import Attr, Function, Node
from sardonyx.ops import Schema, schema_of
from sardonyx.ops.bodies import Body, Call, bodies_of
from sardonyx.passes.contract import Work
from sardonyx.passes.facts import ModelFacts
from sardonyx.passes.inline import bind_graph

__all__ = ["Chosen", "write_out"]

Chosen: TypeAlias = Callable[[Node, ModelFacts], bool]
DOMAIN = "sardonyx.written"


def write_out(work: Work, chosen: Callable[[Node], Chosen | None]) -> bool:
    """Let chosen nodes call functions that hold the bodies of their operators; the pipeline brings these to its version and
    inlines them. A node stays whose operator has no body in the model's version.

    Args:
        chosen: what decides about a node, or None if it stays whatever its types are.
    """
    made = 0
    for node in list(work.model.graph.walk()):
        decides = chosen(node)
        if decides is None or not decides(node, work.facts):
            continue
        function = _function(node, work, f"{node.op_type}_{len(work.model.functions)}")
        if function is None:
            continue
        work.model.functions[function.key] = function
        for name in list(node.attrs):
            node.set_attr(name, None)
        node.domain, node.op_type = DOMAIN, function.name
        made += 1
    if made:
        work.forget()
    return made > 0


def _function(node: Node, work: Work, name: str) -> Function | None:
    """What a node computes, as a function without attributes."""
    version = work.model.opsets.get(node.domain)
    schema = None if version is None else schema_of(node.domain, node.op_type, version)
    body = None if schema is None else _body(node, schema, work)
    if schema is None or body is None:
        return None
    values = {key: node.attr(key, spec.default) for key, spec in schema.attributes.items()}
    kinds = {key: spec.kind for key, spec in schema.attributes.items()}
    types = [None if v is None else work.facts.type(v) for v in node.inputs]
    given, wanted = [v is not None for v in node.inputs], [bool(v.name) for v in node.outputs]
    try:
        function = body.function(Call(values, types, given, wanted))
    except InputError:  # it depends on a type that is not known
        return None
    bind_graph(function.graph, {n: Attr.of(n, v, kinds[n]) for n, v in values.items() if v is not None})
    return Function(DOMAIN, name, function.graph, opsets=dict(function.opsets))


def _body(node: Node, schema: Schema, work: Work) -> Body | None:
    """The newest body that is written in versions no newer than the model's."""
    bodies = bodies_of(node.domain, node.op_type, schema.version)
    usable = [opset for opset, body in bodies.items() if body.written <= work.model.opsets.get("", 0)]
    return bodies[max(usable)] if usable else None
