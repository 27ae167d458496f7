"""Write graphs as calls: `y = g.Relu(g.Gemm(x, weight, bias, transB=1))`.

Arguments are values, None for an optional input left out, or Python numbers, lists and arrays, which become constants.
Every node is held to its operator's declaration at the builder's opset, and the types of its outputs are inferred at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import DTypeError, InputError, SardonyxError, UnsupportedError
from sardonyx.ir import Attr, AttrKind, Graph, Node, Tensor, TensorType, Type, Value
from sardonyx.ir.place import place
from sardonyx.ops.apply import attributes, infer_outputs
from sardonyx.ops.constants import Constants, as_array
from sardonyx.ops.declare import Formal
from sardonyx.ops.extents import Extents
from sardonyx.ops.known import Known, known_constant
from sardonyx.ops.names import Names
from sardonyx.ops.promote import promote
from sardonyx.ops.schema import AttributeSpec, Schema, latest_opset, lookup, schema_of

__all__ = ["Builder", "Scope"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where new nodes come from: the part of the user's model, its source line, and what else is known."""

    name: str = ""
    source: str | None = None
    hint: str = ""  # what new values are called
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


class Builder:
    """Appends nodes to a graph, or inserts them in front of `before`.

    Args:
        opsets: the versions by domain; a domain that is used and not named there is added with its newest version.
        before: the node in front of which new nodes go.
    """

    def __init__(
        self,
        graph: Graph,
        opsets: MutableMapping[str, int],
        *,
        before: Node | None = None,
        names: Names | None = None,
        outer: Builder | None = None,
    ) -> None:
        self.graph, self.opsets, self.before = graph, opsets, before
        self.root: Builder = self if outer is None else outer.root
        self._outer = outer
        self.here = Scope() if outer is None else outer.here
        if outer is None:
            self._names = names or Names.of_values(graph)
            self._node_names = Names.of_nodes(graph)
            self._known: dict[Value, Known] = {}
            self.constants = Constants(graph, self._names)
            self.extents = Extents(self)
        else:
            self._names, self._node_names, self._known = outer._names, outer._node_names, outer._known
            self.constants, self.extents = outer.constants, outer.extents

    @property
    def opset(self) -> int:
        """The version of the ai.onnx domain."""
        return self.opsets.get("", 1)

    # -- nodes -----------------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name[:1].isupper():
            raise AttributeError(f"a builder has no attribute {name!r}")

        def call(*inputs: Any, outputs: int | None = None, **attrs: Any) -> Any:
            return self.op(name, *inputs, outputs=outputs, **attrs)

        return call

    def op(self, operator: str, /, *inputs: Any, outputs: int | None = None, **attrs: Any) -> Any:
        """Apply ``"Gemm"`` or ``"com.microsoft.Gelu"``: a Value, or a tuple of them where there are several or `outputs` is given.

        Inputs stand in the order of the operator's newest version; what an older version states as an attribute becomes one.

        Args:
            outputs: how many outputs are wanted; by default those that are not optional.

        Raises:
            InputError: an attribute or a number of inputs that the operator does not have.
            DTypeError, ShapeError: the inputs contradict the operator.
            UnsupportedError: the operator came with a newer version.
        """
        domain, _, name = operator.rpartition(".")
        version = self.opsets.setdefault(domain, latest_opset(domain))
        schema = schema_of(domain, name, version)
        if schema is None:
            known = lookup(domain, name)
            if known is not None:
                raise UnsupportedError(
                    f"{name} came with opset {known.since[0]}",
                    where=self.here.source,
                    fix=f"use opset {known.since[0]} or newer",
                )
            # An operator of somebody else's domain: taken as it is.
            values = [None if x is None else self.value(x) for x in inputs]
            made = [Attr.of(k, v) for k, v in attrs.items() if v is not None]
            return self._result(self._node(name, domain, values, outputs or 1, made), outputs)
        given, attrs = _as_of(schema, inputs, attrs)
        values = self._inputs(schema, given)
        made = [_attribute(schema, k, v) for k, v in attrs.items() if v is not None]
        made = [a for a in made if a.kind == AttrKind.GRAPH or a.value != schema.attributes[a.name].default]
        count = outputs if outputs is not None else max(1, schema.min_outputs)
        node = self._node(name, domain, values, count, made)
        self._infer(schema, node)
        return self._result(node, outputs)

    def value(self, item: Any, dtype: DType | None = None, hint: str = "const") -> Value:
        """`item` itself if it is a value, else the constant it spells."""
        return item if isinstance(item, Value) else self.constants.add(item, dtype, hint)

    def body(
        self, name: str, inputs: Sequence[tuple[str, Type]], build: Callable[..., Value | Sequence[Value]]
    ) -> Graph:
        """A graph for If, Loop or Scan.

        Args:
            inputs: name and type of each of its inputs.
            build: gets a builder for the body and a value per input; gives what the body returns.
        """
        graph = Graph(name, [Value(self._names.fresh(hint), kind) for hint, kind in inputs])
        inner = Builder(graph, self.opsets, outer=self)
        made = build(inner, *graph.inputs)
        for value in [made] if isinstance(made, Value) else made:
            own = value.producer is not None and value.producer.graph is graph and value not in graph.outputs
            graph.outputs.append(value if own else inner.Identity(value))
        return graph

    def rename(self, value: Value, name: str) -> None:
        """Call `value` by `name`, or the nearest free one."""
        if value.name != name:
            self._names.release(value.name)
            value.name = self._names.fresh(name)

    def fresh(self, hint: str) -> str:
        """A name that no value has; it is taken from now on."""
        return self._names.fresh(hint)

    # -- where nodes come from -----------------------------------------------------------------------------------------

    @contextmanager
    def scope(
        self, name: str = "", *, source: str | None = None, hint: str = "", metadata: Mapping[str, str] | None = None
    ) -> Iterator[Scope]:
        """Nodes made inside come from this part of the user's model. Scopes nest."""
        outer = self.here
        joined = ".".join(part for part in (outer.name, name) if part)
        self.here = Scope(joined, source or outer.source, hint or outer.hint, {**outer.metadata, **(metadata or {})})
        try:
            yield self.here
        finally:
            self.here = outer

    # -- what is known of values -----------------------------------------------------------------------------------------

    def known(self, value: Value) -> Known:
        """The type of `value`, unknown extents named, and the integers in it where they can be followed."""
        found = self._known.get(value)
        if found is None or found.type is not value.type:
            found = known_constant(value.const) if found is None else found
            found = self._known[value] = replace(found, type=_named(value))
            value.type = found.type
        return found

    def state(self, value: Value, type: TensorType) -> None:
        """Say what the type of `value` is, where that is known better than inference finds it."""
        carried = self.known(value).value
        value.type = type
        self._known[value] = Known(type, carried)

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _inputs(self, schema: Schema, inputs: Sequence[Any]) -> list[Value | None]:
        name = schema.operator.name
        if not schema.min_inputs <= len(inputs) <= schema.max_inputs:
            takes = f"{schema.min_inputs}" + (
                f" to {schema.max_inputs}" if schema.max_inputs > schema.min_inputs else ""
            )
            raise InputError(f"{name} takes {takes} inputs, not {len(inputs)}", where=self.here.source)
        bound: dict[str, DType] = {}
        for i, x in enumerate(inputs):
            formal = schema.formal(i)
            kind = _dtype_of(x)
            if formal is None or kind is None:
                continue
            if kind not in formal.types:
                raise DTypeError(
                    f"{name} does not take {kind} as its input '{formal.name}'",
                    where=self.here.source,
                    why=f"at version {schema.version} it takes {', '.join(sorted(str(t) for t in formal.types))}",
                    fix="insert a Cast",
                )
            if formal.homogeneous and bound.setdefault(formal.type, kind) is not kind:
                raise DTypeError(
                    f"{name} got {bound[formal.type]} and {kind} where both must agree",
                    where=self.here.source,
                    why=f"they are of type {formal.type}",
                    fix="insert a Cast so that they agree",
                )
        values: list[Value | None] = []
        for i, x in enumerate(inputs):
            formal = schema.formal(i)
            wanted = None if formal is None else bound.get(formal.type)
            if wanted is None and formal is not None and len(formal.types) == 1:
                (only,) = formal.types
                wanted = only if isinstance(only, DType) else None
            values.append(None if x is None else self.value(x, wanted))
        while values and values[-1] is None:
            values.pop()
        return values

    def _node(
        self, op_type: str, domain: str, inputs: Sequence[Value | None], n_outputs: int, attrs: Sequence[Attr]
    ) -> Node:
        here = self.here
        hint = here.hint or op_type.lower()
        outputs = [Value(self._names.fresh(hint)) for _ in range(n_outputs)]
        label = f"{here.name}.{op_type}" if here.name else op_type
        node = Node(op_type, inputs, outputs, attrs, domain=domain, name=self._node_names.fresh(label))
        node.source, node.metadata = here.source, dict(here.metadata)
        if self.before is None:
            return self.graph.append(node)
        return self.graph.insert_before(self.before, node)

    def _infer(self, schema: Schema, node: Node) -> None:
        inputs = [None if v is None else self.known(v) for v in node.inputs]
        try:
            newest = promote(schema, inputs, attributes(schema, node, self._closure), symbolic=True)
            found = infer_outputs(*newest, len(node.outputs))  # pyright: ignore[reportArgumentType] promote keeps what it got
        except SardonyxError as error:
            error.where = error.where or place(node)
            node.erase()
            raise
        for value, known in zip(node.outputs, found, strict=True):
            value.type = known.type
            value.type = _named(value)
            self._known[value] = replace(known, type=value.type)

    def _closure(self, graph: Graph) -> Callable[..., list[Known]]:
        """A body as its node's rule calls it. What it was built with decides; its inputs are typed already."""
        return lambda *_: [Known(self.known(v).type) for v in graph.outputs]

    @staticmethod
    def _result(node: Node, outputs: int | None) -> Any:
        return node.outputs if outputs is not None or len(node.outputs) > 1 else node.output


def _as_of(schema: Schema, inputs: Sequence[Any], attrs: Mapping[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    """Inputs of the newest version that `schema` states as attributes become attributes; others it lacks must be absent."""
    op = schema.operator
    newest = op.since[-1]
    if schema.version == newest:
        return inputs, dict(attrs)
    formals = [f for f in op.inputs if f.since <= newest < f.until]
    if formals and formals[-1].variadic_at(newest):
        return inputs, dict(attrs)
    kept: list[Any] = []
    moved = dict(attrs)
    retyped = len(schema.inputs) == len(formals)  # the same inputs, some of another type or name
    for formal, x in zip(formals, inputs, strict=False):
        if formal.since <= schema.version or (retyped and formal.was is None):
            kept.append(x)
        elif x is not None:
            moved[formal.attribute] = _former_attribute(schema, formal, x)
    return [*kept, *inputs[len(formals) :]], moved


def _former_attribute(schema: Schema, formal: Formal, x: Any) -> Any:
    constant = x.const if isinstance(x, Value) else x
    if formal.was is None or constant is None or formal.attribute not in schema.attributes:
        raise InputError(
            f"{schema.operator.name} has no input '{formal.name}' at version {schema.version}",
            why=f"it came with version {formal.since}"
            if formal.was is None
            else "there it is an attribute, a constant",
            fix=f"use opset {formal.since} or newer",
        )
    array = as_array(constant)
    plural = schema.attributes[formal.attribute].kind in (AttrKind.INTS, AttrKind.FLOATS)
    return array.reshape(-1).tolist() if plural else array.reshape(()).item()


def _attribute(schema: Schema, name: str, value: Any) -> Attr:
    spec: AttributeSpec | None = schema.attributes.get(name)
    if spec is None:
        close = difflib.get_close_matches(name, schema.attributes, 1)
        raise InputError(
            f"{schema.operator.name} has no attribute '{name}' at version {schema.version}",
            why=f"it has {', '.join(schema.attributes) or 'none'}",
            fix=f"did you mean '{close[0]}'?" if close else None,
        )
    if isinstance(value, DType):
        value = value.code
    elif spec.kind == AttrKind.TENSOR and not isinstance(value, Tensor):
        value = Tensor(as_array(value))
    return Attr.of(name, value, spec.kind)


def _dtype_of(x: Any) -> DType | None:
    if isinstance(x, (Value, Tensor)):
        return x.dtype
    return Tensor(np.asarray(x)).dtype if isinstance(x, (np.ndarray, np.generic)) else None


def _named(value: Value) -> Type | None:
    """The value's type, each unknown extent a symbol of its own."""
    kind = value.type
    if not isinstance(kind, TensorType) or kind.shape is None or None not in kind.shape:
        return kind
    shape = tuple(symbol(f"{value.name}_dim{i}") if d is None else d for i, d in enumerate(kind.shape))
    return TensorType(kind.dtype, shape, kind.denotation)
