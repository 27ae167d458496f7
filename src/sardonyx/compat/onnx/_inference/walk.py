"""The walk over a graph's nodes, or a function's, that writes down the type of every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import InferenceError, refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.known import Extent, read_extents, write_extent
from sardonyx.compat.onnx._inference.propagation import propagator
from sardonyx.compat.onnx._inference.schemas import NodeRule, node_rule
from sardonyx.compat.onnx._inference.types import Symbols, check_types, kind_of, merge_types, tensor_of
from sardonyx.compat.onnx._validation import ValidationError
from sardonyx.proto import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    TensorShapeProto,
    TypeProto,
    ValueInfoProto,
    Version,
)

__all__ = ["Options", "Walk", "function_key"]

FunctionKey = tuple[str, str, str]
LATEST_IR: int = Version.Value("IR_VERSION")


def function_key(domain: str, name: str, overload: str) -> FunctionKey:
    """What nodes call a function by."""
    return domain, name, overload


@dataclass(frozen=True, slots=True)
class Options:
    """How strictly, and how far."""

    check_type: bool = False
    strict: bool = False
    data_prop: bool = False


@dataclass(eq=False)
class Walk:
    """The walk over one graph, or over the body of one function call.

    Attributes:
        types: the types of the values that are visible, as messages that later knowledge is merged into.
        values: the integers that were followed, shared with the graphs inside.
    """

    opsets: Mapping[str, int]
    options: Options
    symbols: Symbols | None = None
    functions: Mapping[FunctionKey, FunctionProto] = field(default_factory=dict[FunctionKey, FunctionProto])
    ir_version: int = LATEST_IR
    types: dict[str, TypeProto] = field(default_factory=dict[str, TypeProto])
    values: dict[str, list[Extent]] = field(default_factory=dict[str, list[Extent]])
    calls: tuple[int, ...] = ()
    unbound: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.target: GraphProto | None = None
        self.untyped: dict[str, TypeProto] = {}
        self.constants: dict[str, TensorProto | SparseTensorProto] = {}
        self.errors: list[str] = []
        self.met_unknown_operator = False

    # -- what is walked over -----------------------------------------------------------------------------------------

    def graph(self, graph: GraphProto) -> None:
        """Infer a graph in place."""
        self.target = graph
        if self.symbols is not None:
            self.symbols.add_graph(graph)
        for infos in (graph.value_info, graph.input, graph.output):
            for info in infos:
                self.declare(info)
        for tensor in graph.initializer:
            self.initialize(tensor.name, tensor, tensor.dims, tensor.data_type, "tensor_type")
        for tensor in graph.sparse_initializer:
            self.initialize(tensor.values.name, tensor, tensor.dims, tensor.values.data_type, "sparse_tensor_type")
        for node in list(graph.node):
            self.node(node)
        self.finish()

    def function(self, function: FunctionProto, ctx: InferenceContext) -> None:
        """Infer the body of a function for one call, and set the types of the call's outputs."""
        for i, name in enumerate(function.input):
            type = ctx.get_input_type(i) if ctx.has_input(i) else None
            if type is not None:
                self.types[name] = _copy(type)
                data = ctx.get_input_data(i) or ctx.get_input_sparse_data(i)
                if data is not None:
                    self.constants[name] = data
        self.unbound = frozenset(n for i, n in enumerate(function.input) if not ctx.has_input(i))
        given = {name: ctx.get_attribute(name) for name in function.attribute}
        given |= {d.name: ctx.get_attribute(d.name) or d for d in function.attribute_proto}
        bound = {name: attribute for name, attribute in given.items() if attribute is not None}
        for node in function.node:
            copied = NodeProto()
            copied.CopyFrom(node)
            _bind(copied, bound)
            self.node(copied)
        for i, name in enumerate(function.output):
            if name not in self.types:
                continue
            if i >= ctx.get_num_outputs():  # refused at once, however strict
                raise ValidationError(f"Output {i} is out of bounds.")
            ctx.set_output_type(i, self.types[name])
        self.finish()

    def finish(self) -> None:
        if self.errors and self.options.strict:
            raise refuse_shape("Inference error(s): " + "".join(f"{error}\n" for error in self.errors))

    # -- values ------------------------------------------------------------------------------------------------------

    def declare(self, info: ValueInfoProto) -> None:
        if info.HasField("type"):
            self.types[info.name] = info.type
        else:
            info.type.SetInParent()
            self.untyped[info.name] = info.type

    def initialize(
        self, name: str, tensor: TensorProto | SparseTensorProto, dims: Sequence[int], dtype: int, kind: str
    ) -> None:
        self.constants[name] = tensor
        type = TypeProto()
        made = type.tensor_type if kind == "tensor_type" else type.sparse_tensor_type
        made.elem_type = dtype
        made.shape.SetInParent()
        for d in dims:
            made.shape.dim.add().dim_value = d
        if name in self.types:
            check_types(type, self.types[name])
        elif self.ir_version >= 4:  # before, every initializer had to be an input too
            self.types[name] = type

    def update(self, name: str, inferred: TypeProto) -> None:
        """Bring together what a node gives and what is declared."""
        if kind_of(inferred) is None:
            return
        if self.symbols is not None:
            self.symbols.name_all(inferred)
        if name in self.types:
            merge_types(inferred, self.types[name])
            return
        if self.target is None:
            self.types[name] = _copy(inferred)
        else:
            info = self.target.value_info.add()
            info.name = name
            info.type.CopyFrom(inferred)
            self.types[name] = info.type
        if name in self.untyped:
            self.untyped[name].CopyFrom(inferred)

    # -- nodes -------------------------------------------------------------------------------------------------------

    def node(self, node: NodeProto) -> None:
        domain = node.domain
        if domain not in self.opsets and domain == "":
            domain = "ai.onnx"
        if domain not in self.opsets:
            raise refuse_type(
                f"Cannot infer type and shape for node name {node.name}. "
                f"No opset import for domain {node.domain} optype {node.op_type}"
            )
        rule = node_rule(node.domain, node.op_type, self.opsets[domain])
        function = (
            rule.body
            if rule is not None
            else self.functions.get(function_key(node.domain, node.op_type, node.overload))
        )
        if rule is None and function is None:
            self.met_unknown_operator = True
            return
        ctx = InferenceContext(
            node,
            types=self.types,
            constants=self.constants,
            values=self.value_message,
            unbound=self.unbound,
            infer_body=self.body,
        )
        try:
            if rule is not None:
                rule.infer(ctx)
            if function is not None:
                self.call(function, ctx)
            if rule is not None and self.options.check_type:
                rule.check(ctx)
            for i, name in enumerate(node.output):
                if name:
                    self.update(name, ctx.get_output_type(i))
            self.constant(node)
            if self.options.data_prop and rule is not None:
                self.propagate(node, rule)
        except ValidationError as error:  # that is refused at once, however strict
            raise refuse_shape(f"(op_type:{node.op_type}): {error}") from error
        except InferenceError as error:
            if not self.met_unknown_operator:
                name = f", node name: {node.name}" if node.HasField("name") else ""
                self.errors.append(f"(op_type:{node.op_type}{name}): {error}")

    def call(self, function: FunctionProto, ctx: InferenceContext) -> None:
        if id(function) in self.calls:
            raise refuse_shape(f"Cycle detected in model-local function references: '{function.name}' calls itself")
        opsets = {o.domain: int(o.version) for o in function.opset_import}
        inner = Walk(opsets, self.options, self.symbols, self.functions, calls=(*self.calls, id(function)))
        for actual, formal in zip(ctx.node.input, function.input, strict=False):
            if actual in self.values:
                inner.values[formal] = self.values[actual]
        inner.function(function, ctx)
        for actual, formal in zip(ctx.node.output, function.output, strict=False):
            if actual and formal in inner.values:
                self.values[actual] = inner.values[formal]

    def body(self, graph: GraphProto, types: Sequence[TypeProto | None]) -> list[TypeProto]:
        """Infer a graph inside a node, in place."""
        _check_inputs(graph, len(types), self.ir_version)
        for info, type in zip(graph.input, types, strict=False):
            if type is not None:
                merge_types(type, info.type)
                if self.symbols is not None:
                    self.symbols.name_all(info.type)
        inner = Walk(
            self.opsets,
            self.options,
            self.symbols,
            self.functions,
            types=dict(self.types),
            values=self.values,
        )
        inner.graph(graph)
        return [info.type for info in graph.output]

    # -- constants and integers that are followed -----------------------------------------------------------------------

    def constant(self, node: NodeProto) -> None:
        """Remember what a Constant holds."""
        if node.op_type != "Constant" or node.domain not in ("", "ai.onnx") or len(node.output) != 1:
            return
        for attribute in node.attribute:
            found = _constant_of(attribute)
            if found is not None:
                self.constants[node.output[0]] = found

    def propagate(self, node: NodeProto, rule: NodeRule) -> None:
        follow = propagator(node.domain, node.op_type, rule.version)
        if follow is None:
            return
        found = follow(_Followed(self, node))
        if found is not None:
            if node.output[0] in self.values:
                raise refuse_shape("Data for input  0 already exists.")
            self.values[node.output[0]] = found

    def value_message(self, name: str) -> TensorShapeProto | None:
        values = self.values.get(name)
        if values is None:
            return None
        made = TensorShapeProto()
        for extent in values:
            write_extent(extent, made.dim.add())
        return made


class _Followed:
    """What a propagator asks about its node."""

    def __init__(self, walk: Walk, node: NodeProto) -> None:
        self._walk, self._node = walk, node
        self._attributes = {a.name: a for a in node.attribute}

    @property
    def n_inputs(self) -> int:
        return len(self._node.input)

    def integer(self, name: str, default: int | None = None) -> int:
        found = self._attributes.get(name)
        if found is None and default is None:
            raise refuse_shape(f"Required attribute {name} is missing")
        return int(found.i) if found is not None else default or 0

    def shape(self, index: int) -> list[Extent] | None:
        type = self._walk.types.get(self._node.input[index]) if index < self.n_inputs else None
        tensor = None if type is None else tensor_of(type)
        return read_extents(tensor.shape) if tensor is not None and tensor.HasField("shape") else None

    def values(self, index: int) -> list[Extent] | None:
        """What was followed, a short constant, or as many unknown integers as the vector has."""
        if index >= self.n_inputs:
            raise ValidationError(f"Input {index} is out of bounds.")
        name = self._node.input[index]
        known = self._walk.values
        if name in known:
            return known[name]
        tensor = self._walk.constants.get(name)
        if isinstance(tensor, TensorProto) and len(tensor.dims) <= 1:
            if tensor.data_type not in (TensorProto.INT64, TensorProto.INT32):
                return None
            known[name] = [int(x) for x in _integers(tensor)]
            return known[name]
        shape = self.shape(index)
        if shape is None or len(shape) != 1 or not isinstance(shape[0], int):
            return None
        known[name] = [None] * shape[0]
        return known[name]


def _integers(tensor: TensorProto) -> Sequence[int]:
    if tensor.HasField("raw_data"):
        return np.frombuffer(tensor.raw_data, "<i8" if tensor.data_type == TensorProto.INT64 else "<i4").tolist()
    return tensor.int64_data if tensor.data_type == TensorProto.INT64 else tensor.int32_data


def _constant_of(attribute: AttributeProto) -> TensorProto | SparseTensorProto | None:
    if attribute.name == "value":
        if attribute.HasField("t"):
            return attribute.t
        return attribute.sparse_tensor if attribute.HasField("sparse_tensor") else None
    made = TensorProto()
    kind = attribute.type
    if kind in (AttributeProto.INTS, AttributeProto.INT):
        made.data_type = TensorProto.INT64
        made.int64_data.extend(attribute.ints if kind == AttributeProto.INTS else [attribute.i])
    elif kind in (AttributeProto.FLOATS, AttributeProto.FLOAT):
        made.data_type = TensorProto.FLOAT
        made.float_data.extend(attribute.floats if kind == AttributeProto.FLOATS else [attribute.f])
    else:
        return None
    if kind in (AttributeProto.INTS, AttributeProto.FLOATS):
        made.dims.append(len(made.int64_data) or len(made.float_data))
    return made


def _copy(type: TypeProto) -> TypeProto:
    made = TypeProto()
    made.CopyFrom(type)
    return made


def _bind(node: NodeProto, bound: Mapping[str, AttributeProto]) -> None:
    """Replace references to a function's attributes by what the call gives; what it does not give goes."""
    kept: list[AttributeProto] = []
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                for inner in graph.node:
                    _bind(inner, bound)
            kept.append(attribute)
        elif attribute.ref_attr_name in bound:
            made = AttributeProto()
            made.CopyFrom(bound[attribute.ref_attr_name])
            made.name = attribute.name
            kept.append(made)
    if len(kept) != len(node.attribute) or any(a.ref_attr_name for a in node.attribute):
        node.ClearField("attribute")
        node.attribute.extend(kept)


def _check_inputs(graph: GraphProto, given: int, ir_version: int) -> None:
    """Do that many inputs fit a graph inside a node?"""
    initialized = {t.name for t in graph.initializer}
    names = [info.name for info in graph.input]
    if ir_version >= 4:
        if len(names) != given:
            raise refuse_shape(f"Graph has {len(names)} inputs but {given} were provided")
        for name in names:
            if name in initialized:
                raise refuse_shape(
                    f"Cannot use the same name as both a subgraph initializer and subgraph input: {name}"
                )
        return
    if given > len(names):
        raise refuse_shape(f"Graph has {len(names)} inputs but {given} were provided")
    if given < len(names):
        for i, name in enumerate(names):
            if i < given and name in initialized:
                raise refuse_shape(f"Graph initializer names must appear after the actual inputs: {name}")
            if i >= given and name not in initialized:
                raise refuse_shape(f"Cannot find missing input: {name} in initializers.")
