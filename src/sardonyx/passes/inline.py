"""Calls of a model's functions become the nodes of their bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sardonyx.core.errors import InputError
from sardonyx.ir import Attr, Function, Graph, Model, Node, Value
from sardonyx.ir.clone import clone_node
from sardonyx.passes.contract import Work, one_pass
from sardonyx.rewrite.build import Names

__all__ = ["bind_graph", "inline_functions"]

DEPTH = 64  # calls inside calls; the standard allows no recursion, and nobody nests deeper


@one_pass("inline-functions")
def inline_functions(work: Work) -> bool:
    """Put the body of a function in the place of each call, where both are written in the same versions."""
    model = work.model
    usable = {key: f for key, f in model.functions.items() if _same_versions(f, model)}
    calls = [n for n in model.graph.walk() if _key(n) in usable]
    if not calls:
        return False
    names = Names([model.graph])
    for _ in range(DEPTH):
        for node in calls:
            _inline(node, usable[_key(node)], names)
        calls = [n for n in model.graph.walk() if _key(n) in usable]
        if not calls:
            break
    else:
        raise InputError(f"function '{calls[0].op_type}' calls itself", why="the standard allows no recursion")
    called = {_key(n) for g in model.graphs() for n in g.walk()}
    for key in usable.keys() - called:
        del model.functions[key]
    work.forget()
    return True


def _key(node: Node) -> tuple[str, str, str]:
    return node.domain, node.op_type, node.overload


def _same_versions(function: Function, model: Model) -> bool:
    return all(model.opsets.get(domain, version) == version for domain, version in function.opsets.items())


def _inline(node: Node, function: Function, names: Names) -> None:
    body, graph = function.graph, node.graph
    assert graph is not None
    given = {name: a for name in (*function.attributes, *function.defaults) if (a := node.attrs.get(name)) is not None}
    bindings = {**function.defaults, **given}
    mapping: dict[Value, Value | None] = dict.fromkeys(body.inputs)
    mapping.update(zip(body.inputs, node.inputs, strict=False))
    prefix = node.name or node.outputs[0].name
    for value in body.initializers.values():
        if value.const is not None:
            mapping[value] = made = Value(names.fresh(f"{prefix}/{value.name}"), value.type, const=value.const)
            made.graph = graph
            graph.initializers[made.name] = made
    for inner in body.nodes:
        new = clone_node(inner, mapping)  # pyright: ignore[reportArgumentType] None stands for an input left out
        _bind(new, bindings)
        new.name = names.fresh(f"{prefix}/{inner.name or inner.op_type}")
        new.source = new.source or node.source
        _rename(new, prefix, names)
        graph.insert_before(node, new)
    for old, returned in zip(node.outputs, body.outputs, strict=False):
        made = mapping.get(returned, returned)
        if made is None:
            continue
        made.type = made.type or old.type
        own = made.producer is not None and made.producer.graph is graph and returned not in body.inputs
        if own and old not in graph.outputs:
            old.name, made.name = made.name, old.name
        old.replace_uses(made)
    node.erase()


def _rename(node: Node, prefix: str, names: Names) -> None:
    for value in node.outputs:
        if value.name:
            value.name = names.fresh(f"{prefix}/{value.name}")
    for graph in node.subgraphs:
        for value in graph.inputs:
            value.name = names.fresh(f"{prefix}/{value.name}")
        for inner in graph.nodes:
            _rename(inner, prefix, names)


def _bind(node: Node, bindings: Mapping[str, Attr]) -> None:
    """Give the attributes that refer to the call's the values they have there."""
    for name, attr in list(node.attrs.items()):
        if attr.ref:
            found = bindings.get(attr.ref)
            node.set_attr(name, None if found is None else replace(found, name=name))
    for graph in node.subgraphs:
        bind_graph(graph, bindings)


def bind_graph(graph: Graph, bindings: Mapping[str, Attr]) -> None:
    """Give the attributes in a function's body that refer to its call's the values they have there."""
    for node in graph.nodes:
        _bind(node, bindings)
