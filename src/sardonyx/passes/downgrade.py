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

__all__ = ["OLDEST", "downgrade_to"]

OLDEST = 13  # the version from which on shapes are inputs; older ones differ in nearly every operator
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
        model.ir_version = min(model.ir_version, max(ir_version_of(opset), FUNCTIONS if model.functions else 0))


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
    if adapter is not None:
        expr = adapter(new)
        if expr is not None:
            exprs = expr if isinstance(expr, tuple) else (expr,)
            replace_node(node, exprs, new.facts, new.names, new.results)
            return
    op = lookup(node.domain, node.op_type)
    if op is not None and new.written in op.since:
        step_down(new, op)
