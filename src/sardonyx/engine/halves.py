"""Models in float16 and bfloat16: what computes does so in float32, between casts that join its kernel.

Every result is rounded to its own type, as the operator's reference does; only inside an operator float32 is kept. What only
moves elements moves them as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sardonyx.core.dtypes import BFLOAT16, FLOAT16, FLOAT32, DType
from sardonyx.engine.lower.elementwise import RECIPES
from sardonyx.engine.lowering import LOWER
from sardonyx.infer import Inference, infer
from sardonyx.ir import Graph, Model, Node, Tensor, TensorType, Value

__all__ = ["HALVES", "widen"]

HALVES = (FLOAT16, BFLOAT16)
# What moves elements, and what says in an attribute, or by another input, which type it gives;
# or what holds numbers of its own in the type of its input.
_AS_THEY_ARE = {
    "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Transpose", "Expand", "Slice", "Split", "Concat",
    "Tile", "DepthToSpace", "SpaceToDepth", "Gather", "GatherElements", "GatherND", "Cast", "CastLike", "ConstantOfShape",
    "QuantizeLinear", "DequantizeLinear", "TreeEnsemble",
}  # fmt: skip

# Softmax over bfloat16, in bfloat16: what its reference makes of few keys is told from what float32 would. A sum of 256 equal
# terms stands still in bfloat16, so that with many keys float32 is what can be meant.
_FEW_KEYS = 64


def widen(model: Model) -> None:
    """Let the nodes of the main graph that have a lowering take and give float32 where they took and gave halves."""
    if not any(_is_half(v.dtype) for v in model.graph.values()) and not _casts_to_half(model.graph):
        return
    facts = infer(model)
    work = _Widening(model.graph, facts)
    for node in list(model.graph.nodes):
        moves = node.op_type in _AS_THEY_ARE or node.subgraphs
        if (node.domain, node.op_type) in LOWER and not moves and not work.rounds_inside(node):
            work.node(node)


def _is_half(kind: DType | None) -> bool:
    return kind in HALVES


def _casts_to_half(graph: Graph) -> bool:
    return any(n.op_type == "Cast" and n.attr("to") in [d.code for d in HALVES] for n in graph.nodes)


class _Widening:
    """The float32 form of each value that has one already."""

    def __init__(self, graph: Graph, facts: Inference) -> None:
        self.graph, self.facts = graph, facts
        self._wide: dict[Value, Value] = {}
        self._half: dict[Value, TensorType] = {}  # of the values that are made here

    def rounds_inside(self, node: Node) -> bool:
        """Whether float32 inside would be told from what the standard says."""
        if node.op_type != "Attention" or node.attr("softmax_precision"):
            return False
        query, *keys = [None if v is None else self._type(v) for v in node.inputs[:5]]
        if query is None or query.dtype is not BFLOAT16:
            return False
        rows = [k.shape[-2] for k in (keys[0], *keys[3:]) if k is not None and k.shape is not None]
        known = [n for n in rows if isinstance(n, int)]
        return len(known) == len(rows) and sum(known) <= _FEW_KEYS

    def node(self, node: Node) -> None:
        for i, value in enumerate(node.inputs):
            kind = None if value is None else self._type(value)
            if value is not None and kind is not None:
                joins = node.op_type in RECIPES and not node.domain
                node.set_input(i, self._cast_up(value, kind) if joins else self._widened(value, kind))
        for value in node.outputs:
            kind = self._type(value)
            if kind is not None:
                self._narrow(node, value, kind)

    def _type(self, value: Value) -> TensorType | None:
        """The type of a value, if it is of halves."""
        kind = self._half.get(value) or self.facts.type(value)
        return kind if isinstance(kind, TensorType) and _is_half(kind.dtype) else None

    def _widened(self, value: Value, kind: TensorType) -> Value:
        """The value in float32, in memory: whoever needs it there shares it."""
        found = self._wide.get(value)
        if found is None:
            found = self._wide[value] = self._cast_up(value, kind)
        return found

    def _cast_up(self, value: Value, kind: TensorType) -> Value:
        """A cast of the value that one elementwise node reads, whose kernel it joins."""
        kind = replace(kind, dtype=FLOAT32)
        name = self.graph.fresh_name(f"{value.name}_float32")
        if isinstance(value.const, Tensor):
            return self.graph.add_initializer(Tensor(value.const.numpy().astype(np.float32)), name)
        cast = Node("Cast", [value], [Value(name, kind)], {"to": FLOAT32.code})
        first = next(iter(self.graph.nodes))
        if value.producer is None:
            self.graph.insert_before(first, cast)
        else:
            self.graph.insert_after(value.producer, cast)
        return cast.output

    def _narrow(self, node: Node, value: Value, kind: TensorType) -> None:
        """Let the node give `value` in float32, and everybody who reads it read what it is cast to."""
        assert kind.dtype is not None
        narrow = Value(self.graph.fresh_name(f"{value.name}_{kind.dtype}"), kind)
        value.replace_uses(narrow)
        value.type = replace(kind, dtype=FLOAT32)
        self.graph.insert_after(node, Node("Cast", [value], [narrow], {"to": kind.dtype.code}))
        self._half[value], self._half[narrow] = replace(kind, dtype=FLOAT32), kind
