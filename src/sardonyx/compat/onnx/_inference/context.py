"""What an inference function asks and tells about one node, under the names the official package uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sardonyx.compat.onnx._inference.errors import refuse_type
from sardonyx.proto import (
    AttributeProto,
    GraphProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    TensorShapeProto,
    TypeProto,
)

__all__ = ["GraphInferencer", "InferenceContext"]

BodyRule = Callable[[GraphProto, Sequence[TypeProto | None]], list[TypeProto]]


class GraphInferencer:
    """Infers a graph in an attribute, in place."""

    def __init__(self, graph: GraphProto, infer: BodyRule) -> None:
        self._graph, self._infer = graph, infer

    def do_inferencing(
        self, input_types: Sequence[TypeProto | None], input_data: Sequence[TensorProto | None]
    ) -> list[TypeProto]:
        """The types of the graph's outputs, given those of its inputs (None: unknown)."""
        return self._infer(self._graph, input_types)


class InferenceContext:
    """One node, and what is known of its inputs; the inference function sets the types of its outputs."""

    def __init__(
        self,
        node: NodeProto,
        *,
        types: Mapping[str, TypeProto],
        constants: Mapping[str, TensorProto | SparseTensorProto],
        values: Callable[[str], TensorShapeProto | None] = lambda _: None,
        unbound: frozenset[str] = frozenset(),
        infer_body: BodyRule | None = None,
    ) -> None:
        self._node = node
        self._attributes = {a.name: a for a in node.attribute}
        self._types = [types.get(name) for name in node.input]
        self._constants = [constants.get(name) for name in node.input]
        self._values = values
        self._unbound = unbound
        self._outputs = [TypeProto() for _ in node.output]
        self._infer_body = infer_body

    def detach(self) -> None:
        """Give copies of the inputs' types from now on: a program may change what it is given."""
        for i, held in enumerate(self._types):
            if held is not None:
                self._types[i] = made = TypeProto()
                made.CopyFrom(held)

    @property
    def node(self) -> NodeProto:
        return self._node

    def get_attribute(self, name: str) -> AttributeProto | None:
        """The attribute, where the node has it."""
        return self._attributes.get(name)

    def get_num_inputs(self) -> int:
        return len(self._types)

    def get_input_type(self, idx: int) -> TypeProto | None:
        """The type of an input; None where it is absent or unknown."""
        return self._types[self._input(idx)]

    def has_input(self, idx: int) -> bool:
        """Whether the node takes that input."""
        return _natural(idx) < len(self._types) and bool(name := self._node.input[idx]) and name not in self._unbound

    def get_input_data(self, idx: int) -> TensorProto | None:
        """The tensor of an input that is a constant."""
        found = self._constants[self._input(idx)]
        return found if isinstance(found, TensorProto) else None

    def get_input_sparse_data(self, idx: int) -> SparseTensorProto | None:
        """The sparse tensor of an input that is such a constant."""
        found = self._constants[self._input(idx)]
        return found if isinstance(found, SparseTensorProto) else None

    def get_symbolic_input(self, idx: int) -> TensorShapeProto | None:
        """The integers of an input that could be followed, as the extents of a shape."""
        at = self._input(idx)
        return None if self._constants[at] is not None else self._values(self._node.input[at])

    def get_num_outputs(self) -> int:
        return len(self._outputs)

    def get_output_type(self, idx: int) -> TypeProto:
        """The type of an output as it was set so far."""
        return self._outputs[self._output(idx)]

    def set_output_type(self, idx: int, type_proto: TypeProto) -> bool:
        """Say what an output is; whether there is such an output."""
        if type_proto is not self._outputs[self._output(idx)]:
            self._outputs[idx].CopyFrom(type_proto)
        return True

    def has_output(self, idx: int) -> bool:
        """Whether the node gives that output."""
        return _natural(idx) < len(self._outputs) and bool(self._node.output[idx])

    def get_graph_attribute_inferencer(self, attr_name: str) -> GraphInferencer:
        """What infers the graph in an attribute."""
        if self._infer_body is None:
            raise refuse_type("GraphProto attribute inferencing is not enabled in this InferenceContext instance.")
        attribute = self._attributes.get(attr_name)
        if attribute is None or not attribute.HasField("g"):
            raise refuse_type(f"Attribute {attr_name} does not contain a graph.")
        return GraphInferencer(attribute.g, self._infer_body)

    def get_display_name(self) -> str:
        """How messages name the node."""
        domain = f"[{self._node.domain}]" if self._node.domain else ""
        name = f" ({self._node.name})" if self._node.name else ""
        return f"node {self._node.op_type}{domain}{name}"

    def _input(self, idx: int) -> int:
        if _natural(idx) >= len(self._types):
            raise RuntimeError(f"Input {idx} is out of bounds.")
        return idx

    def _output(self, idx: int) -> int:
        if _natural(idx) >= len(self._outputs):
            raise RuntimeError(f"Output {idx} is out of bounds.")
        return idx


def _natural(idx: int) -> int:
    """An index counts from the front only."""
    if idx < 0:
        raise TypeError(f"an index is not negative, but {idx}")
    return idx
