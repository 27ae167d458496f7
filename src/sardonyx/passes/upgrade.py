"""Bringing a model to a newer operator-set version, one version at a time, functions and subgraphs included."""

from __future__ import annotations

from sardonyx.ir import Graph, Model
from sardonyx.ops import latest_opset, lookup
from sardonyx.passes.contract import Work, one_pass
from sardonyx.passes.facts import ModelFacts
from sardonyx.passes.versions import UP, Old
from sardonyx.passes.versions.step import step
from sardonyx.rewrite.build import Names
from sardonyx.rewrite.results import Results
from sardonyx.rewrite.splice import replace_node

__all__ = ["ir_version_of", "upgrade", "upgrade_to"]

# The IR version that the files of an operator-set version are written in, by the first opset with a new one.
IR_OF_OPSET = {1: 3, 9: 4, 10: 5, 11: 6, 12: 7, 15: 8, 19: 9, 21: 10, 23: 11, 24: 12, 25: 13, 28: 14}


def ir_version_of(opset: int) -> int:
    """The IR version that files of an opset are written in."""
    return IR_OF_OPSET[max(v for v in IR_OF_OPSET if v <= opset)]


@one_pass("upgrade", ensures=["newest opset"])
def upgrade(work: Work) -> bool:
    """Bring the model to the newest version of every domain of the standard."""
    changed = [
        upgrade_to(work.model, domain, latest_opset(domain)) for domain in list(work.model.opsets) if _known(domain)
    ]
    if any(changed):
        work.forget()
    return any(changed)


def _known(domain: str) -> bool:
    return domain == "" or domain.startswith("ai.onnx")


def upgrade_to(model: Model, domain: str, opset: int) -> bool:
    """Bring a model to version `opset` of `domain`, in place; says whether that changed anything."""
    changed = False
    for function in model.functions.values():
        present = function.opsets.get(domain, model.opsets.get(domain, opset))
        if present < opset:
            _upgrade_graph(function.graph, model, domain, present, opset)
            changed = True
        if domain in function.opsets or domain in model.opsets:
            function.opsets[domain] = max(present, opset)
    present = model.opsets.get(domain, opset)
    if present < opset:
        _upgrade_graph(model.graph, model, domain, present, opset)
        changed = True
    if changed:
        model.opsets[domain] = max(opset, present)
        if domain == "":
            if model.ir_version < 4:  # every constant had to be an input too; nobody meant it to be given
                model.graph.inputs = [v for v in model.graph.inputs if v.const is None]
            model.ir_version = max(model.ir_version, ir_version_of(opset))
    return changed


def _upgrade_graph(graph: Graph, model: Model, domain: str, present: int, opset: int) -> None:
    if not any(_changes(node.domain, node.op_type, present, opset) for node in graph.walk() if node.domain == domain):
        return
    facts, names, results = ModelFacts(model), Names([graph]), Results([graph])
    before = model.opsets.get(domain)
    try:
        for version in range(present + 1, opset + 1):
            model.opsets[domain] = version  # what adapters build is of this version
            for inner in list(graph.walk_graphs()):  # as they were: what an adapter makes is of this version already
                for node in list(inner.nodes):
                    if node.domain != domain or node.graph is None:
                        continue
                    op = lookup(domain, node.op_type)
                    old = Old(node, version - 1, version, facts, names, results)
                    adapter = UP.get((domain, node.op_type, version))
                    if op is not None and version in op.since and version > op.since[0]:
                        old.need_inputs(op)
                    if adapter is not None:
                        expr = adapter(old)
                        if expr is not None:
                            replace_node(node, expr if isinstance(expr, tuple) else (expr,), facts, names, results)
                            continue
                    if op is not None and version in op.since and version > op.since[0]:
                        step(old, op)
    finally:
        if before is not None:
            model.opsets[domain] = before


def _changes(domain: str, op_type: str, present: int, opset: int) -> bool:
    """Whether an operator changed in a version after `present`, up to `opset`."""
    op = lookup(domain, op_type)
    return (op is not None and any(present < v <= opset for v in op.since)) or any(
        (domain, op_type, v) in UP for v in range(present + 1, opset + 1)
    )
