"""Adapters: how a node of one version says the same in the next one, or in the one before.

    @up("GridSample", 20)
    def grid_sample(old: Old) -> Expr:
        \"""The modes got other names.\"""

An adapter sees a node of the version next to it and either edits it and returns None, or returns what takes its place, in
operators of the version it leads to. Most changes need none: `step.py` reads them off the operator's block. `@down("Gelu",
20)` leads from version 20 to 19, which had no Gelu.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from sardonyx.core.dtypes import DType
from sardonyx.core.errors import VersionError
from sardonyx.ir import Array, Node, Tensor, TensorType, Value
from sardonyx.ir.place import place
from sardonyx.ops import Operator, schema_of
from sardonyx.rewrite import Facts
from sardonyx.rewrite.build import Names
from sardonyx.rewrite.results import Results
from sardonyx.rewrite.splice import insert_before

__all__ = ["DOWN", "UP", "Adapter", "Old", "down", "up"]


@dataclass(frozen=True, slots=True)
class Old:
    """A node on its way to another version, and what is known of its inputs."""

    node: Node
    written: int  # the version it is in
    version: int  # that it leads to
    facts: Facts
    names: Names
    results: Results

    def attr(self, name: str) -> Any:
        """An attribute's value in the version the node is in, its default when it is not written."""
        attr = self.node.attrs.get(name)
        if attr is not None and attr.ref:
            self.refuse(
                f"its attribute '{name}' is set by the call of the function around it", fix="inline the functions first"
            )
        if attr is not None:
            return attr.value
        schema = schema_of(self.node.domain, self.node.op_type, self.written)
        spec = None if schema is None else schema.attributes.get(name)
        return None if spec is None else spec.default

    def input(self, i: int) -> Value | None:
        return self.node.inputs[i] if i < len(self.node.inputs) else None

    def dtype(self, i: int) -> DType | None:
        """The element type of an input, where it is known."""
        value = self.input(i)
        kind = None if value is None else self.facts.type(value)
        return kind.dtype if isinstance(kind, TensorType) else None

    def shape(self, i: int) -> tuple[Any, ...] | None:
        """The shape of an input, where its rank is known."""
        value = self.input(i)
        kind = None if value is None else self.facts.type(value)
        return kind.shape if isinstance(kind, TensorType) else None

    def rank(self, i: int) -> int | None:
        shape = self.shape(i)
        return None if shape is None else len(shape)

    def array(self, i: int) -> Array | None:
        """The elements of an input, where they are known: a constant, or integers that inference followed."""
        value = self.input(i)
        if value is None:
            return None
        found = self.facts.constant(value)
        if found is not None:
            return found
        maker = value.producer
        if maker is not None and maker.op_type == "Constant" and isinstance(held := maker.attr("value"), Tensor):
            return held.numpy()
        ints, dtype = self.facts.ints(value), self.dtype(i)
        known = ints is not None and dtype is not None and all(isinstance(x, int) for x in ints.flat)
        return ints.astype(dtype.numpy) if known and ints is not None and dtype is not None else None

    def numbers(self, i: int) -> list[int] | None:
        """The integers in an input, where they are known."""
        found = self.array(i)
        return None if found is None else [int(x) for x in found.reshape(-1)]

    def need_rank(self, i: int) -> int:
        """The rank of an input; refuses the conversion where it is unknown."""
        rank = self.rank(i)
        if rank is None:
            self.refuse(f"the rank of its input {i} is unknown", fix="declare the shapes of the model's inputs")
        return rank

    def need_inputs(self, op: Operator) -> None:
        """Refuse a node that lacks inputs which its own version requires."""
        schema, inputs = op.at(self.written), self.node.inputs
        for i in range(schema.min_inputs):
            formal = schema.formal(i)
            if i >= len(inputs) or (inputs[i] is None and formal is not None and not formal.optional):
                name = f"input {i}" if formal is None else f"'{formal.name}'"
                self.refuse(f"it has no {name}", fix="check the model first")

    def wrap_input(self, i: int, expr: Any) -> None:
        """Read the value of `expr`, computed right before the node, as input number `i`."""
        self.node.set_input(i, insert_before(self.node, [expr], self.facts, self.names)[0])

    def returned(self, values: Iterable[Value]) -> bool:
        """Whether a graph returns one of `values`."""
        return any(v in self.results for v in values)

    def keep_outputs(self, count: int) -> None:
        """Give up the outputs behind the first `count`, which nobody reads."""
        self.node.outputs = self.node.outputs[:count]

    def release(self, values: Iterable[Value | None]) -> None:
        """Forget those constants among `values` that nobody reads any more."""
        for value in values:
            if value is None or value.uses or value in self.results:
                continue
            maker = value.producer
            if maker is None and value.graph is not None and value not in value.graph.inputs:
                value.graph.remove_initializer(value)
            elif maker is not None and maker.op_type == "Constant" and maker.graph is not None:
                maker.erase()

    def refuse(self, why: str, fix: str | None = None) -> NoReturn:
        raise VersionError(
            f"{self.node!r} cannot be expressed in opset {self.version}", where=place(self.node), why=why, fix=fix
        )


Adapter: TypeAlias = Callable[[Old], Any]
UP: dict[tuple[str, str, int], Adapter] = {}  # (domain, operator, version it leads to)
DOWN: dict[tuple[str, str, int], Adapter] = {}  # (domain, operator, version it leads away from)


def up(names: str, version: int, domain: str = "") -> Callable[[Adapter], Adapter]:
    """Register an adapter to `version` for one or several operators."""
    return _register(UP, names, version, domain)


def down(names: str, version: int, domain: str = "") -> Callable[[Adapter], Adapter]:
    """Register an adapter from `version` to the one before it for one or several operators."""
    return _register(DOWN, names, version, domain)


def _register(
    table: dict[tuple[str, str, int], Adapter], names: str, version: int, domain: str
) -> Callable[[Adapter], Adapter]:
    def register(adapter: Adapter) -> Adapter:
        for name in names.split():
            assert (domain, name, version) not in table, f"{name} has two adapters for {version}"
            table[domain, name, version] = adapter
        return adapter

    return register
