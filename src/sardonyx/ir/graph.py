"""Graphs: values, nodes, and who uses what.

A graph owns its nodes in execution order, as a linked list, so that passes insert and erase in constant time. Every change
goes through a method here, because these keep the def-use chains true: `value.uses` and `node.inputs` always agree.
Subgraphs see the values of the graphs around them; a use is recorded wherever it happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from sardonyx.core.dtypes import DType
from sardonyx.core.errors import InputError
from sardonyx.ir.attr import Attr, AttrKind
from sardonyx.ir.noted import Fact, Noted, OnDemand
from sardonyx.ir.tensor import SparseTensor, Tensor
from sardonyx.ir.types import Shape, TensorType, Type

__all__ = ["Graph", "Node", "Use", "Value"]


class Value(Noted):
    """A name for what a node, an input or an initializer gives.

    `producer` is the node that gives it, or None for graph inputs and initializers; `const` is its constant value if it is
    an initializer.
    """

    __slots__ = ("_readers", "const", "graph", "name", "producer", "type")

    def __init__(self, name: str = "", type: Type | None = None, *, const: Tensor | SparseTensor | None = None) -> None:
        self._facts = None
        self.name, self.type, self.const = name, type, const
        self.producer: Node | None = None
        self.graph: Graph | None = None  # set for graph inputs and initializers
        self._readers: Node | dict[Node, None] | None = None  # who reads this; a dict from the second node on
        if type is None and isinstance(const, Tensor):
            self.type = TensorType(const.dtype, const.shape)

    @property
    def index(self) -> int:
        """Which of its producer's outputs this is."""
        return 0 if self.producer is None else self.producer.outputs.index(self)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Every (node, input position) that reads this value, subgraphs included, in the order the nodes began to read it."""
        return tuple([(node, i) for node in self.users for i, read in enumerate(node._inputs) if read is self])

    @property
    def users(self) -> tuple[Node, ...]:
        """The nodes that read this value, each once."""
        readers = self._readers
        if readers is None:
            return ()
        return (readers,) if isinstance(readers, Node) else tuple(readers)

    def _add_reader(self, node: Node) -> None:
        readers = self._readers
        if readers is None:
            self._readers = node
        elif isinstance(readers, dict):
            readers[node] = None
        elif readers is not node:
            self._readers = {readers: None, node: None}

    def _drop_reader(self, node: Node) -> None:
        """Forget that `node` reads this value, unless it still does at another position."""
        readers = self._readers
        if self in node._inputs:
            return
        if isinstance(readers, dict):
            readers.pop(node, None)
        elif readers is node:
            self._readers = None

    @property
    def dtype(self) -> DType | None:
        return self.type.dtype if isinstance(self.type, TensorType) else None

    @property
    def shape(self) -> Shape | None:
        return self.type.shape if isinstance(self.type, TensorType) else None

    @property
    def rank(self) -> int | None:
        return None if self.shape is None else len(self.shape)

    def replace_uses(self, new: Value) -> None:
        """Let every reader of this value, and every graph that returns it, read `new` instead."""
        for node in self.users:
            node._inputs = tuple([new if value is self else value for value in node._inputs])
            self._drop_reader(node)
            new._add_reader(node)
        owner = self.graph or (self.producer.graph if self.producer else None)
        if owner is not None:
            owner.replace_output(self, new)

    def __repr__(self) -> str:
        return f"%{self.name or '?'}: {self.type or '?'}"


Use = tuple["Node", int]


class Node(Noted):
    """One application of an operator. Make it with `Graph.append`, `insert_before` or a builder."""

    __slots__ = ("_attrs", "_inputs", "_next", "_prev", "domain", "graph", "name", "op_type", "outputs")

    overload = Fact("")
    source = Fact[str | None](None)  # the line of user code this node comes from, where a frontend knows it
    device_configurations = Fact[tuple[Any, ...]](())

    def __init__(
        self,
        op_type: str,
        inputs: Sequence[Value | None],
        outputs: Sequence[Value] | int = 1,
        attrs: Mapping[str, Any] | Iterable[Attr] = (),
        *,
        domain: str = "",
        overload: str = "",
        name: str = "",
    ) -> None:
        self._facts = None
        self.op_type, self.name = op_type, name
        self.domain = "" if domain == "ai.onnx" else domain
        if overload:
            self.overload = overload
        self.graph: Graph | None = None
        self._prev: Node | None = None
        self._next: Node | None = None
        self._attrs: dict[str, Attr] | None = _by_name(attrs) if attrs else None
        self.outputs: tuple[Value, ...]
        self.outputs = tuple([Value() for _ in range(outputs)]) if isinstance(outputs, int) else tuple(outputs)
        for value in self.outputs:
            value.producer = self
        self._inputs: tuple[Value | None, ...] = tuple(inputs)
        for value in self._inputs:
            if value is not None:
                value._add_reader(self)

    @property
    def inputs(self) -> tuple[Value | None, ...]:
        """What the node reads; None stands for an optional input left out."""
        return self._inputs

    @property
    def attrs(self) -> dict[str, Attr]:
        """The attributes by name. Those that hold graphs are set by `set_attr`."""
        if self._attrs is None:
            self._attrs = {}
        return self._attrs

    @attrs.setter
    def attrs(self, attrs: dict[str, Attr]) -> None:
        self._attrs = attrs

    @property
    def output(self) -> Value:
        """The first output."""
        return self.outputs[0]

    @property
    def subgraphs(self) -> tuple[Graph, ...]:
        return tuple([g for a in self._attrs.values() for g in a.graphs()]) if self._attrs else ()

    def attr(self, name: str, default: Any = None) -> Any:
        """The Python value of attribute `name`, or `default`."""
        found = self._attrs.get(name) if self._attrs else None
        return default if found is None else found.value

    def set_attr(self, name: str, value: Any) -> None:
        """Set, replace, or (with None) remove an attribute."""
        if value is None:
            self.attrs.pop(name, None)
        else:
            self.attrs[name] = value if isinstance(value, Attr) else Attr.of(name, value)
            if self.graph is not None and self.attrs[name].graphs():
                self.graph._holders[self] = None

    def set_input(self, i: int, value: Value | None) -> None:
        """Read `value` at position `i`; positions between the present end and `i` are left out."""
        inputs = [*self._inputs, *[None] * (i + 1 - len(self._inputs))]
        old, inputs[i] = inputs[i], value
        self._inputs = tuple(inputs)
        if old is not None:
            old._drop_reader(self)
        if value is not None:
            value._add_reader(self)

    def set_inputs(self, values: Sequence[Value | None]) -> None:
        """Read exactly `values`."""
        before, self._inputs = self._inputs, ()
        for old in before:
            if old is not None:
                old._drop_reader(self)
        self._inputs = tuple(values)
        for value in self._inputs:
            if value is not None:
                value._add_reader(self)

    def replace(self, *values: Value) -> None:
        """Let readers of each output read the corresponding value instead, then erase this node."""
        for old, new in zip(self.outputs, values, strict=True):
            if old is not new:
                old.replace_uses(new)
        self.erase()

    def erase(self) -> None:
        """Take the node out of its graph. Nothing may read its outputs any more."""
        for value in self.outputs:
            if value._readers:
                raise InputError(f"cannot erase {self!r}: '{value.name}' is still read by {value.users[0]!r}")
        for graph in self.subgraphs:
            graph.drop()
        self.set_inputs(())
        if self.graph is not None:
            self.graph._unlink(self)

    def __repr__(self) -> str:
        label = f" '{self.name}'" if self.name else ""
        return f"{self.domain + '.' if self.domain else ''}{self.op_type}{label}"


_GRAPHS = (AttrKind.GRAPH, AttrKind.GRAPHS)


def _by_name(attrs: Mapping[str, Any] | Iterable[Attr]) -> dict[str, Attr]:
    if isinstance(attrs, (list, tuple)) or not isinstance(attrs, Mapping):  # the first is asked sooner
        return {a.name: a for a in attrs}
    attrs = cast(Mapping[str, Any], attrs)
    return {k: v if isinstance(v, Attr) else Attr.of(k, v) for k, v in attrs.items() if v is not None}


class Graph(Noted, OnDemand):
    """Inputs, initializers, nodes in execution order, outputs."""

    __slots__ = (
        "_count",
        "_first",
        "_holders",
        "_last",
        "initializers",
        "inputs",
        "loose",
        "name",
        "outputs",
        "quantization",
    )
    MADE = {"_holders": dict, "initializers": dict, "inputs": list, "loose": list, "outputs": list}

    inputs: list[Value]
    outputs: list[Value]
    initializers: dict[str, Value]
    loose: list[Value]  # values that are only described: nothing gives them, nothing reads them
    _holders: dict[Node, None]  # the nodes that have graphs inside

    def __init__(self, name: str = "", inputs: Sequence[Value] = (), outputs: Sequence[Value] = ()) -> None:
        self._facts = None
        self.name = name
        self.quantization: tuple[Any, ...] = ()  # TensorAnnotation entries, kept as they came
        self._first: Node | None = None
        self._last: Node | None = None
        self._count = 0
        if outputs:
            self.outputs = list(outputs)
        for value in inputs:
            self.add_input(value)

    # -- contents -----------------------------------------------------------------------------------------------------

    def add_input(self, value: Value) -> Value:
        """Add an input and give it back."""
        value.graph = self
        self.inputs.append(value)
        return value

    def add_initializer(self, const: Tensor | SparseTensor, name: str | None = None) -> Value:
        """Add a constant under its own name or `name`. A constant with the name of an input is that input's default value."""
        name = name or const.name
        return self._add_initializer(const, name, next((v for v in self.inputs if v.name == name), None))

    def add_initializers(self, constants: Iterable[Tensor | SparseTensor]) -> list[Value]:
        """Add many constants under their own names; the time does not grow with the number of inputs."""
        inputs = {value.name: value for value in reversed(self.inputs)}
        return [self._add_initializer(const, const.name, inputs.get(const.name)) for const in constants]

    def _add_initializer(self, const: Tensor | SparseTensor, name: str, value: Value | None) -> Value:
        if value is None:
            value = Value(name, const=const)
            value.graph = self
        value.const = const
        self.initializers[name] = value
        return value

    def remove_initializer(self, value: Value) -> None:
        """Forget a constant; nothing may read it any more, unless it is also an input."""
        self.initializers.pop(value.name, None)
        value.const = None

    @property
    def nodes(self) -> Iterator[Node]:
        """The nodes in execution order. While iterating, nodes may be inserted, and the one in hand and others erased."""
        node = self._first
        while node is not None:
            following = node._next
            yield node
            if node.graph is self:
                node = node._next  # nodes inserted right after the current one are visited too
                continue
            while following is not None and following.graph is not self:
                following = following._next  # it went together with the node in hand
            node = following

    @property
    def last(self) -> Node | None:
        return self._last

    def __len__(self) -> int:
        return self._count

    def replace_output(self, old: Value, new: Value) -> None:
        """Return `new` wherever this graph, or a graph inside it, returns `old`. The names of this graph's results are kept.

        A value made by a node takes over the name. An input, a constant, or a value that is returned already keeps its own,
        and an Identity gives it the name of the result.
        """
        for i, value in enumerate(self.outputs):
            if value is old:
                self.outputs[i] = self._named_result(old, new)
        for node in self._holders:
            for graph in node.subgraphs:
                graph._replace_captured_output(old, new)

    def _named_result(self, old: Value, new: Value) -> Value:
        if new.producer is not None and new.producer.graph in (self, None) and new not in self.outputs:
            old.name, new.name = new.name, old.name
            new.type = new.type or old.type
            return new
        named = Value(old.name, old.type)
        old.name = self.fresh_name(f"{old.name}_replaced")
        self.append(Node("Identity", [new], [named]))
        return named

    def _replace_captured_output(self, old: Value, new: Value) -> None:
        self.outputs = [new if value is old else value for value in self.outputs]
        for node in self._holders:
            for graph in node.subgraphs:
                graph._replace_captured_output(old, new)

    # -- order --------------------------------------------------------------------------------------------------------

    def append(self, node: Node) -> Node:
        """Add `node` at the end and give it back."""
        return self._link(node, self._last, None)

    def insert_before(self, anchor: Node, node: Node) -> Node:
        """Add `node` in front of `anchor` and give it back."""
        return self._link(node, anchor._prev, anchor)

    def insert_after(self, anchor: Node, node: Node) -> Node:
        """Add `node` behind `anchor` and give it back."""
        return self._link(node, anchor, anchor._next)

    def move_before(self, anchor: Node, node: Node) -> None:
        """Move a node of this graph in front of `anchor`."""
        self._unlink(node)
        self._link(node, anchor._prev, anchor)

    def _link(self, node: Node, before: Node | None, after: Node | None) -> Node:
        if node.graph is not None:
            raise InputError(f"{node!r} is in a graph already")
        node.graph, node._prev, node._next = self, before, after
        if before is None:
            self._first = node
        else:
            before._next = node
        if after is None:
            self._last = node
        else:
            after._prev = node
        self._count += 1
        if node._attrs:
            for attr in node._attrs.values():
                if attr.kind in _GRAPHS and attr.graphs():
                    self._holders[node] = None
                    break
        return node

    def _unlink(self, node: Node) -> None:
        if node._prev is None:
            self._first = node._next
        else:
            node._prev._next = node._next
        if node._next is None:
            self._last = node._prev
        else:
            node._next._prev = node._prev
        node.graph = None
        self._count -= 1
        self._holders.pop(node, None)

    def sort(self) -> None:
        """Put the nodes into an order in which every value is made before it is read, keeping the present order otherwise.

        Raises:
            InputError: the nodes form a cycle; the message names one.
        """
        nodes = list(self.nodes)
        position = {node: i for i, node in enumerate(nodes)}
        needs: dict[Node, list[Node]] = {}
        for node in nodes:
            read = [*node.inputs, *(v for graph in node.subgraphs for v in graph.captured())]
            makers = {v.producer for v in read if v is not None and v.producer in position}
            needs[node] = sorted(makers, key=position.__getitem__, reverse=True)
        done: set[Node] = set()
        order: list[Node] = []
        for root in nodes:
            stack, path = [root], set[Node]()
            while stack:
                node = stack[-1]
                waiting = [n for n in needs[node] if n not in done]
                if node in done or not waiting:
                    stack.pop()
                    path.discard(node)
                    if node not in done:
                        done.add(node)
                        order.append(node)
                elif node in path:
                    raise InputError(
                        f"the nodes of graph '{self.name}' form a cycle",
                        where=f"{node!r}",
                        why="it reads, through others, its own result",
                    )
                else:
                    path.add(node)
                    stack += waiting
        for node in nodes:
            self._unlink(node)
        for node in order:
            self.append(node)

    # -- walking ------------------------------------------------------------------------------------------------------

    def walk_graphs(self) -> Iterator[Graph]:
        """This graph and every graph inside it, outermost first."""
        yield self
        for node in list(self._holders):
            for graph in node.subgraphs:
                yield from graph.walk_graphs()

    def walk(self) -> Iterator[Node]:
        """Every node of this graph and of the graphs inside it."""
        for node in self.nodes:
            yield node
            for graph in node.subgraphs:
                yield from graph.walk()

    def captured(self) -> list[Value]:
        """The values of surrounding graphs that this graph or a graph inside it reads or returns, each once."""
        inside: set[Value] = set()
        read: dict[Value, None] = {}
        for graph in self.walk_graphs():
            inside.update(graph.inputs, graph.initializers.values())
            for node in graph.nodes:
                inside.update(node.outputs)
                read.update((v, None) for v in node.inputs if v is not None)
            read.update((v, None) for v in graph.outputs)
        return [v for v in read if v not in inside]

    def values(self) -> Iterator[Value]:
        """Every value that this graph itself defines: inputs, initializers, node outputs."""
        yield from self.inputs
        for value in self.initializers.values():
            if value not in self.inputs:
                yield value
        for node in self.nodes:
            yield from node.outputs

    def find(self, name: str) -> Value | None:
        """The value of this graph with that name."""
        return next((v for v in self.values() if v.name == name), None)

    def drop(self) -> None:
        """Withdraw every use that this graph makes of any value: call it when the graph is thrown away."""
        for node in list(self.nodes):
            for graph in node.subgraphs:
                graph.drop()
            node.set_inputs(())

    def fresh_name(self, hint: str = "v") -> str:
        """A name that no value of this graph or of a graph inside it has."""
        taken = {v.name for graph in self.walk_graphs() for v in graph.values()}
        return next(n for n in (hint, *(f"{hint}_{i}" for i in range(len(taken) + 1))) if n and n not in taken)

    def __repr__(self) -> str:
        return f"Graph({self.name!r}, {len(self.inputs)} in, {self._count} nodes, {len(self.outputs)} out)"
