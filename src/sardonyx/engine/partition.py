"""Which nodes are compiled together.

The shape of most values follows from the shapes of the inputs; such nodes make one part. Where a shape comes with the data
(NonZero, a Loop, a sequence), the interpreter runs the node, and what reads its results belongs to the next part, which
takes the new extents as it takes those of the inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from sardonyx.core.dims import Expr, free_symbols
from sardonyx.core.dtypes import STRING
from sardonyx.infer import Inference
from sardonyx.ir import Graph, Node, Tensor, TensorType, Value

__all__ = ["Part", "partition", "reads_of"]


@dataclass(eq=False)
class Part:
    """Nodes to compile, and those that the interpreter runs behind them.

    Attributes:
        given: the symbols whose numbers are known when the part begins.
    """

    nodes: list[Node] = field(default_factory=list[Node])
    after: list[Node] = field(default_factory=list[Node])
    given: frozenset[str] = frozenset()


def reads_of(node: Node) -> list[Value]:
    """What a node reads, by itself or in the graphs inside it."""
    return [v for v in node.inputs if v is not None] + [v for g in node.subgraphs for v in g.captured()]


def partition(graph: Graph, facts: Inference, wanted: Sequence[Value], refused: Set[Node]) -> list[Part]:
    """The parts in the order in which they run; nodes that nothing wanted needs are in none.

    Args:
        refused: nodes that turned out not to compile.
    """
    levels: dict[Value, int] = {}
    symbols: dict[str, int] = {s: 0 for v in graph.inputs for s in _bare(facts, v)}
    parts = [Part()]
    for node in _needed(graph, wanted):
        reads = reads_of(node)
        level = max((levels.get(v, 0) for v in reads), default=0)
        touched = [*reads, *(v for v in node.outputs if v.name or v.uses)]
        extents = [_extents(facts, v) for v in touched]
        after = node in refused
        for found in extents:
            if found is None or not found <= symbols.keys():
                after = True
            else:
                level = max([level, *(symbols[s] for s in found)])
        while len(parts) <= level + after:
            parts.append(Part())
        (parts[level].after if after else parts[level].nodes).append(node)
        for value in node.outputs:
            levels[value] = level + after
            if after:
                for s in _bare(facts, value):
                    symbols.setdefault(s, level + 1)
    for i, part in enumerate(parts):
        part.given = frozenset(s for s, level in symbols.items() if level <= i)
    return parts


def _needed(graph: Graph, wanted: Iterable[Value]) -> list[Node]:
    needed = set(wanted)
    kept: list[Node] = []
    for node in reversed(list(graph.nodes)):
        if not needed.isdisjoint(node.outputs):
            kept.append(node)
            needed.update(reads_of(node))
    return kept[::-1]


def _bare(facts: Inference, value: Value) -> list[str]:
    """The symbols that are an extent of the value by themselves, so that its shape gives their numbers."""
    return [d.name for d in facts.shape(value) or () if isinstance(d, Expr) and d.name is not None]


def _extents(facts: Inference, value: Value) -> frozenset[str] | None:
    """The symbols in the shape of a value that native memory can hold; None for any other value."""
    if value.const is not None and not isinstance(value.const, Tensor):
        return None
    kind = facts.type(value)
    if not isinstance(kind, TensorType) or kind.dtype in (None, STRING) or kind.shape is None:
        return None
    if any(d is None for d in kind.shape):
        return None
    return frozenset[str]().union(*(free_symbols(d) for d in kind.shape if d is not None))
