"""Bringing a model to an older operator-set version, one version at a time, functions and subgraphs included."""

from __future__ import annotations

from sardonyx.ir import Graph, Model, Node
from sardonyx.ops import lookup
from sardonyx.passes.facts import ModelFacts
from sardonyx.passes.upgrade import ir_version_of
from sardonyx.passes.versions import DOWN, Old
from sardonyx.passes.versions.step import step_down
from sardonyx.rewrite.build import Names
from sardonyx.rewrite.results import Results
from sardonyx.rewrite.splice import replace_node

__all__ = ["downgrade_to"]

CONSTANTS = 4  # the IR version from which on constants need not be inputs too
FUNCTIONS = 8  # the IR version that brought functions


def downgrade_to(model: Model, domain: str, opset: int) -> None:
    """Bring a model to version `opset` of `domain`, in place.

    Raises:
        VersionError: a node says what that version cannot say.
    """
    present = model.opsets.get(domain, opset)
    for function in model.functions.values():
        written = function.opsets.get(domain, present)
        _graph(function.graph, model, domain, written, opset)
        if domain in function.opsets:
            function.opsets[domain] = min(written, opset)
    _graph(model.graph, model, domain, present, opset)
    model.opsets[domain] = min(present, opset)
    if domain == "":
        needed = FUNCTIONS if model.functions else CONSTANTS if _has_constants(model) else 0
        model.ir_version = min(model.ir_version, max(ir_version_of(opset), needed))


def _has_constants(model: Model) -> bool:
    """Whether some graph has a constant that is no input."""
    return any(value not in graph.inputs for graph in model.graphs() for value in graph.initializers.values())


def _graph(graph: Graph, model: Model, domain: str, present: int, opset: int) -> None:
    before = model.opsets.get(domain)
    facts, names, results = ModelFacts(model), Names([graph]), Results([graph])
    try:
        for version in range(present, opset, -1):
            model.opsets[domain] = version - 1  # what adapters build is of this version
            for inner in list(graph.walk_graphs()):
                for node in list(inner.nodes):
                    if node.domain == domain and node.graph is not None:
                        _node(node, Old(node, version, version - 1, facts, names, results))
    finally:
        if before is not None:
            model.opsets[domain] = before


def _node(node: Node, new: Old) -> None:
    adapter = DOWN.get((node.domain, node.op_type, new.written))
    op = lookup(node.domain, node.op_type)
    if op is not None and new.written in op.since:
        new.need_inputs(op)
    expr = None if adapter is None else adapter(new)
    if expr is None and op is not None and new.written in op.since:
        expr = step_down(new, op)
    if expr is not None:
        given = node.inputs
        replace_node(node, expr if isinstance(expr, tuple) else (expr,), new.facts, new.names, new.results)
        new.release(given)
