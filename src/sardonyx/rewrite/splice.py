"""Putting expressions in the place of one node, for passes that find it without a pattern."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sardonyx.ir import Node, Value
from sardonyx.rewrite.build import Builder, Names
from sardonyx.rewrite.facts import Facts
from sardonyx.rewrite.results import Results

__all__ = ["insert_before", "replace_node"]


def insert_before(node: Node, exprs: Sequence[Any], facts: Facts, names: Names) -> list[Value]:
    """The values of `exprs`, computed right before `node`. Values stand for themselves, there are no variables."""
    graph = node.graph
    assert graph is not None
    builder = Builder(facts, lambda _: None, names, node.name or node.outputs[0].name)
    made = builder.all(exprs)
    for value in builder.constants:
        value.graph = graph
        graph.initializers[value.name] = value
    for new in builder.nodes:
        graph.insert_before(node, new)
        new.source = node.source
        new.metadata = dict(node.metadata)
    return [v for v in made if v is not None]


def replace_node(node: Node, exprs: Sequence[Any], facts: Facts, names: Names, results: Results) -> list[Value]:
    """Replace the outputs of `node` by the values of `exprs`, which must be computed, not given, and erase it."""
    made = insert_before(node, exprs, facts, names)
    assert len(made) == len(node.outputs), f"{node!r} has {len(node.outputs)} outputs, its replacement {len(made)}"
    for old, new in zip(node.outputs, made, strict=True):
        facts.equate(old, new)
        new.name, new.type = old.name or new.name, new.type or old.type
        results.replace(old, new)
    if made and made[-1].producer is not None:
        made[-1].producer.name = node.name
    node.erase()
    return made
