"""Removing what nobody reads: nodes, outputs at the end of a node, constants."""

from __future__ import annotations

from sardonyx.ir import Graph, Node, Value
from sardonyx.ops import lookup, schema_of
from sardonyx.passes.contract import Work, one_pass

__all__ = ["dead_code"]


@one_pass("dead-code")
def dead_code(work: Work) -> bool:
    """Remove nodes and constants that no result needs, optional outputs that nobody reads, and functions nobody calls."""
    changed = _graph(work, work.graph, _returned(work.graph))
    called = {(n.domain, n.op_type, n.overload) for g in work.model.graphs() for n in g.walk()}
    for key in list(work.model.functions):
        if key not in called:
            del work.model.functions[key]
            changed = True
    return changed


def _returned(graph: Graph) -> set[Value]:
    return {v for inner in graph.walk_graphs() for v in inner.outputs}


def _graph(work: Work, graph: Graph, returned: set[Value]) -> bool:
    changed = False
    for node in reversed(list(graph.nodes)):
        if not any(v.uses or v in returned for v in node.outputs):
            node.erase()
            changed = True
            continue
        for inner in node.subgraphs:
            changed |= _graph(work, inner, returned)
        changed |= _outputs(work, node, returned)
    for name, value in list(graph.initializers.items()):
        if not value.uses and value not in returned and value.graph is graph and not work.is_input(value):
            del graph.initializers[name]
            changed = True
    return changed


def _outputs(work: Work, node: Node, returned: set[Value]) -> bool:
    """Cut optional outputs from the end."""
    count = len(node.outputs)
    if count < 2:
        return False
    schema = schema_of(node.domain, node.op_type, work.model.opsets.get(node.domain, 1))
    if schema is None or lookup(node.domain, node.op_type) is None:
        return False
    while count > 1:
        formal, value = schema.formal_output(count - 1), node.outputs[count - 1]
        if formal is None or not formal.optional or value.uses or value in returned:
            break
        count -= 1
    changed = count < len(node.outputs)
    node.outputs = node.outputs[:count]
    return changed
