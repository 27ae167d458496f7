"""Constant folding: what is the same in every run is computed once, by the references."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core.errors import SardonyxError
from sardonyx.evaluate import Interpreter
from sardonyx.evaluate.scope import Scope
from sardonyx.ir import Array, Graph, Node, Tensor, TensorType, Value
from sardonyx.ops import Schema, lookup, schema_of
from sardonyx.passes.contract import Work, one_pass
from sardonyx.rewrite.build import Names
from sardonyx.rewrite.results import Results

__all__ = ["fold_constants"]

# Integers become floats where a quantized model says so; folding that away would lose the quantization.
KEPT = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}


@one_pass("fold-constants")
def fold_constants(work: Work) -> bool:
    """Compute nodes whose inputs are constant, and write down integers that inference followed, within a size limit."""
    return _Folder(work).run()


class _Folder:
    def __init__(self, work: Work) -> None:
        self.work, self.facts = work, work.facts
        self.interpreter = Interpreter(work.model)
        self.results = Results([work.graph])
        self._names: Names | None = None

    @property
    def names(self) -> Names:
        if self._names is None:
            self._names = Names([self.work.graph])
        return self._names

    def run(self) -> bool:
        return self.graph(self.work.graph, repeated=False)

    def graph(self, graph: Graph, *, repeated: bool) -> bool:
        """`repeated`: the graph is the body of a loop, where an integer may be another one each time."""
        changed = False
        for node in graph.nodes:
            for inner in node.subgraphs:
                changed |= self.graph(inner, repeated=repeated or bool(inner.inputs))
            changed |= self.node(node, graph, repeated=repeated)
        return changed

    def node(self, node: Node, graph: Graph, *, repeated: bool) -> bool:
        if node.op_type == "Identity" and any(v in self.results for v in node.outputs):
            return False  # it gives a constant the name of a result
        if not any(v.uses or v in self.results for v in node.outputs):
            return False
        arrays = self.compute(node, repeated=repeated)
        if arrays is None:
            return False
        for value, array in zip(
            node.outputs, arrays[: len(node.outputs)], strict=True
        ):  # a node may ask for the first few
            if value.uses or value in self.results:
                self.put(node, value, array, graph)
        if not any(v in self.results for v in node.outputs):
            node.erase()
        return True

    def compute(self, node: Node, *, repeated: bool) -> list[Array] | None:
        """The outputs of a node, if they are always the same and short enough to be kept."""
        if not repeated and (known := self.integers(node)) is not None:
            return [known]
        if node.op_type in KEPT or node.subgraphs or any(a.ref for a in node.attrs.values()):
            return None
        arrays: list[Array | None] = []
        for value in node.inputs:
            found = None if value is None else value.const
            if value is not None and (not isinstance(found, Tensor) or self.facts.is_input(value)):
                return None
            arrays.append(None)
        op = lookup(node.domain, node.op_type)
        schema = schema_of(node.domain, node.op_type, self.work.model.opsets.get(node.domain, 1))
        if op is None or schema is None or op.run is None or not op.deterministic or not self.worthwhile(node):
            return None
        arrays = [None if v is None else self.facts.constant(v) for v in node.inputs]
        return self.evaluated(node, schema, arrays)

    def integers(self, node: Node) -> Array | None:
        """The integers in the only output, where inference followed them to plain numbers."""
        if len(node.outputs) != 1:
            return None
        found = self.facts.ints(node.output)
        kind = self.facts.type(node.output)
        if found is None or not isinstance(kind, TensorType) or kind.dtype is None:
            return None
        if not (kind.dtype.is_integer or kind.dtype.kind == "bool") or kind.dtype.packed:
            return None
        if not all(isinstance(x, int) for x in found.flat):
            return None
        try:
            return found.astype(kind.dtype.numpy)
        except OverflowError:
            return None

    def worthwhile(self, node: Node) -> bool:
        """Whether the result is short, or no longer than what it is made of, which then goes."""
        if node.op_type == "Constant":
            return True  # it is there already
        size = 0
        for value in node.outputs:
            kind = self.facts.type(value)
            if not isinstance(kind, TensorType) or kind.dtype is None or kind.shape is None:
                return False
            if not all(isinstance(d, int) for d in kind.shape):
                return False
            size += kind.dtype.nbytes(math.prod(int(d) for d in kind.shape))  # pyright: ignore[reportArgumentType]
        if size <= 4096:
            return True
        given = sum(v.const.nbytes for v in node.inputs if v is not None and isinstance(v.const, Tensor))
        shared = any(len(v.uses) > 1 for v in node.inputs if v is not None and _size(v) > 4096)
        return size <= self.work.fold_limit if shared or not given else size <= max(2 * given, self.work.fold_limit)

    def evaluated(self, node: Node, schema: Schema, arrays: list[Any]) -> list[Array] | None:
        try:
            found = self.interpreter.run_node(node, schema, arrays, Scope(self.work.model.opsets))
        except SardonyxError:
            return None  # the run will say what is wrong, if it ever gets there
        if any(not isinstance(x, (np.ndarray, np.generic)) for x in found):
            return None
        return [np.asarray(x) for x in found]

    def put(self, node: Node, value: Value, array: Array, graph: Graph) -> None:
        name = self.names.fresh(f"{value.name}_folded") if value in self.results else value.name
        const = Value(name, const=Tensor(array, name=name))
        const.doc, const.metadata, const.graph = value.doc, dict(value.metadata), graph
        graph.initializers[name] = const
        self.facts.equate(value, const)
        if value not in self.results:
            value.name = ""
            self.results.replace(value, const)
            return
        named = Node("Identity", [const], [Value(value.name, value.type)], name=node.name)
        graph.insert_before(node, named)
        self.facts.equate(value, named.output)
        self.results.replace(value, named.output)
        if not any(v in self.results for v in node.outputs):
            node.name = ""


def _size(value: Value) -> int:
    return value.const.nbytes if isinstance(value.const, Tensor) else 0
