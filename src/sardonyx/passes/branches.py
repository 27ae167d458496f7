"""If nodes whose condition is always the same become the branch that is taken."""

from __future__ import annotations

from sardonyx.ir import Graph, Node, Value
from sardonyx.ir.clone import clone_node
from sardonyx.passes.contract import Work, one_pass
from sardonyx.rewrite.build import Names

__all__ = ["inline_branches"]


@one_pass("inline-branches")
def inline_branches(work: Work) -> bool:
    """Put the nodes of the branch that is taken in the place of an If whose condition is known."""
    found = [(node, taken) for node in work.graph.walk() if (taken := _taken(work, node)) is not None]
    if not found:
        return False
    names = Names([work.graph])
    for node, branch in found:
        if node.graph is not None:
            _inline(node, branch, names)
    work.forget()
    return True


def _taken(work: Work, node: Node) -> Graph | None:
    """The branch of `node` that every run takes; the innermost If comes in a later round if its outer one is copied."""
    condition = node.inputs[0] if node.op_type == "If" and not node.domain and node.inputs else None
    array = None if condition is None else work.facts.constant(condition)
    if array is None or array.size != 1:
        return None
    return node.attr("then_branch" if bool(array.reshape(())) else "else_branch")


def _inline(node: Node, branch: Graph, names: Names) -> None:
    graph = node.graph
    assert graph is not None
    mapping: dict[Value, Value] = {}
    for value in list(branch.initializers.values()):
        mapping[value] = copy = Value(names.fresh(value.name), value.type, const=value.const)
        copy.graph = graph
        graph.initializers[copy.name] = copy
    for inner in branch.nodes:
        new = clone_node(inner, mapping)
        new.name = names.fresh(inner.name) if inner.name else ""
        for value in new.outputs:
            value.name = names.fresh(value.name)
        graph.insert_before(node, new)
    for old, returned in zip(node.outputs, branch.outputs, strict=True):
        new = mapping.get(returned, returned)
        new.type = new.type or old.type
        old.replace_uses(new)
    node.erase()
