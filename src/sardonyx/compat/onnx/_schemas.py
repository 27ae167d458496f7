"""The schema of an operator, as the official package shows it: made from an operator of ours, or by a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sardonyx.compat.onnx import _bodies
from sardonyx.compat.onnx._schema_parts import (
    Attribute,
    AttrType,
    DifferentiationCategory,
    FormalParameter,
    FormalParameterOption,
    NodeDeterminism,
    SupportType,
    TypeConstraintParam,
    need,
)
from sardonyx.compat.onnx._type_strings import canonical_type
from sardonyx.compat.onnx.onnx_pb import IR_VERSION, FunctionProto, SparseTensorProto, TensorProto, TypeProto
from sardonyx.ops import Operator

__all__ = ["MANY", "OpSchema", "SchemaError"]

MANY = 2147483647  # what max_input and max_output say of a variadic last parameter
# Operators of which the official package infers nothing but what follows from their function body.
BY_BODY = {("", name, 12) for name in ("GreaterOrEqual", "LessOrEqual")} | {
    ("", "MeanVarianceNormalization", version) for version in (9, 13)
}
# Operators that say nothing of themselves, and whose body depends on the node.
UNSURE = {("", name, 27) for name in ("LinearAttention", "CausalConvWithState")} | {
    ("", name, 28) for name in ("DepthToSpace", "SpaceToDepth")
}
_GRAPHS = (AttrType.GRAPH, AttrType.GRAPHS)


class SchemaError(Exception):
    """A schema contradicts itself or the registry, or is not there."""


class OpSchema:
    """An operator at one version."""

    FormalParameterOption = FormalParameterOption
    DifferentiationCategory = DifferentiationCategory
    NodeDeterminism = NodeDeterminism
    AttrType = AttrType
    SupportType = SupportType
    Attribute = Attribute
    TypeConstraintParam = TypeConstraintParam
    FormalParameter = FormalParameter

    def __init__(
        self,
        name: str,
        domain: str,
        since_version: int,
        doc: str = "",
        *,
        inputs: Sequence[FormalParameter] = (),
        outputs: Sequence[FormalParameter] = (),
        type_constraints: Sequence[tuple[str, Sequence[str], str]] = (),
        attributes: Sequence[Attribute] = (),
        node_determinism: NodeDeterminism = NodeDeterminism.Unknown,
    ) -> None:
        need("OpSchema", name=(name, str), domain=(domain, str), since_version=(since_version, int), doc=(doc, str))
        need("OpSchema", inputs=(inputs, Sequence), outputs=(outputs, Sequence), attributes=(attributes, Sequence))
        self.name, self.domain, self.doc = name, domain, doc or None
        self._since_version, self._deprecated = int(since_version), False
        self._type_constraints = [TypeConstraintParam(*row) for row in type_constraints]
        names = [row.type_param_str for row in self._type_constraints]
        if len(set(names)) < len(names):
            raise SchemaError("Duplicate type constraint name")
        self._inputs, self._outputs = self._take(inputs), self._take(outputs)
        self._attributes: dict[str, Attribute] = {}
        for attribute in attributes:
            self._attributes.setdefault(attribute.name, attribute)
        self._node_determinism = node_determinism
        self._infer: Callable[[Any], None] | None = None
        self._operator: Operator | None = None

    def _take(self, formals: Iterable[FormalParameter]) -> list[FormalParameter]:
        """Copies of formals whose types are known."""
        allowed = {row.type_param_str: row.allowed_type_strs for row in self._type_constraints}
        taken = [
            FormalParameter(
                f.name,
                f.type_str,
                f.description,
                param_option=f.option,
                is_homogeneous=f.is_homogeneous,
                min_arity=f.min_arity,
                differentiation_category=f.differentiation_category,
            )
            for f in formals
        ]
        for i, formal in enumerate(taken):
            if formal.option is FormalParameterOption.Variadic and i < len(taken) - 1:
                raise RuntimeError(f"schema {self.name}: only the last parameter can be variadic, not '{formal.name}'")
            if not formal.name:
                raise RuntimeError(f"schema {self.name}: parameter {i} has no name")
            formal.types = {canonical_type(text) for text in allowed.get(formal.type_str, [formal.type_str])}
        return taken

    # Facts

    @property
    def since_version(self) -> int:
        """The operator-set version that brought this form."""
        return self._since_version

    @property
    def deprecated(self) -> bool:
        """Whether models may no longer use it."""
        return self._deprecated

    @property
    def inputs(self) -> list[FormalParameter]:
        return list(self._inputs)

    @property
    def outputs(self) -> list[FormalParameter]:
        return list(self._outputs)

    @property
    def attributes(self) -> dict[str, Attribute]:
        return dict(self._attributes)

    @property
    def type_constraints(self) -> list[TypeConstraintParam]:
        return list(self._type_constraints)

    @property
    def min_input(self) -> int:
        return _least(self._inputs)

    @property
    def max_input(self) -> int:
        return _most(self._inputs)

    @property
    def min_output(self) -> int:
        return _least(self._outputs)

    @property
    def max_output(self) -> int:
        return _most(self._outputs)

    @property
    def support_level(self) -> SupportType:
        trial = self.domain == "ai.onnx.preview" or (self.domain, self.name, self._since_version) == ("", "Upsample", 1)
        return SupportType.EXPERIMENTAL if trial else SupportType.COMMON

    @property
    def file(self) -> str:
        """Where the schema is written: not told here, where operators are declared in blocks for all versions."""
        return "unknown"

    @property
    def line(self) -> int:
        return 0

    @property
    def node_determinism(self) -> NodeDeterminism:
        """What was stated; else graphs inside make it unsure, and nothing else does."""
        if self._node_determinism is not NodeDeterminism.Unknown:
            return self._node_determinism
        if any(a.type in _GRAPHS for a in self._attributes.values()):
            return NodeDeterminism.NonDeterministic
        return NodeDeterminism.Unknown if self._key in UNSURE else NodeDeterminism.Deterministic

    @property
    def non_deterministic(self) -> bool:
        return self.node_determinism is not NodeDeterminism.Deterministic

    @staticmethod
    def is_infinite(v: int) -> bool:
        """Whether a number of inputs or outputs has no bound."""
        need("is_infinite", v=(v, int))
        return v == MANY

    # Inference

    @property
    def has_type_and_shape_inference_function(self) -> bool:
        from sardonyx.compat.onnx._inference.schemas import SILENT

        own = self._operator is not None and self._key not in SILENT | BY_BODY
        return self._infer is not None or own

    @property
    def has_data_propagation_function(self) -> bool:
        from sardonyx.compat.onnx._inference.propagation import PROPAGATORS

        since, _ = PROPAGATORS.get(self.name, (MANY, None))
        return self._operator is not None and not self.domain and self._since_version >= since

    def set_type_and_shape_inference_function(self, func: Callable[[Any], None]) -> OpSchema:
        """Let `func` infer: it is given an InferenceContext."""
        self._infer = func
        return self

    def get_type_and_shape_inference_function(self) -> Callable[[Any], None]:
        """What infers: the function that was set, else the operator's own rule, over the same context."""
        from sardonyx.compat.onnx._inference.schemas import StandardRule

        if self._infer is not None:
            return self._infer
        return (
            (lambda _: None) if self._operator is None else StandardRule(self._operator.at(self._since_version)).infer
        )

    def _infer_node_outputs(
        self,
        node_proto: bytes,
        value_types: Mapping[str, bytes],
        input_data: Mapping[str, bytes] | None = None,
        input_sparse_data: Mapping[str, bytes] | None = None,
        opset_imports: Mapping[str, int] | None = None,
        ir_version: int = IR_VERSION,
    ) -> dict[str, bytes]:
        from sardonyx.compat.onnx import shape_inference
        from sardonyx.compat.onnx.helper import make_opsetid
        from sardonyx.compat.onnx.onnx_pb import NodeProto

        node = NodeProto.FromString(node_proto)
        found = shape_inference.infer_lone_node(
            self,
            node,
            {name: TypeProto.FromString(held) for name, held in value_types.items()},
            {name: TensorProto.FromString(held) for name, held in (input_data or {}).items()},
            {name: SparseTensorProto.FromString(held) for name, held in (input_sparse_data or {}).items()},
            [make_opsetid(domain, version) for domain, version in (opset_imports or {}).items()] or None,
            ir_version,
        )
        return {name: kind.SerializeToString() for name, kind in found.items()}

    # Function bodies

    @property
    def function_opset_versions(self) -> list[int]:
        """The operator-set versions in which a body is written that holds for every node."""
        return sorted(_bodies.fixed(self._key))

    @property
    def context_dependent_function_opset_versions(self) -> list[int]:
        """The versions in which a body can be written for a node whose input types are known."""
        return sorted(_bodies.dependent(self._key))

    @property
    def all_function_opset_versions(self) -> list[int]:
        return sorted({*self.function_opset_versions, *self.context_dependent_function_opset_versions})

    @property
    def has_function(self) -> bool:
        return bool(_bodies.fixed(self._key))

    @property
    def has_context_dependent_function(self) -> bool:
        return bool(_bodies.dependent(self._key))

    @property
    def _key(self) -> tuple[str, str, int]:
        return ("", "", 0) if self._operator is None else (self.domain, self.name, self._since_version)

    @property
    def _function_body(self) -> bytes:
        return _bodies.fixed_body(self._key, None)

    @property
    def function_body(self) -> FunctionProto:
        """The operator written with others; an empty message where there is no body."""
        return FunctionProto.FromString(self._function_body)

    def get_function_with_opset_version(self, opset_version: int) -> bytes:
        """The body in that version of the operator set, or the newest before it."""
        return _bodies.fixed_body(self._key, opset_version)

    def get_context_dependent_function(self, node: bytes, input_types: Sequence[bytes]) -> bytes:
        """The body for a node with inputs of these types."""
        return _bodies.dependent_body(self._key, None, node, input_types)

    def get_context_dependent_function_with_opset_version(
        self, opset_version: int, node: bytes, input_types: Sequence[bytes]
    ) -> bytes:
        """The body for a node with inputs of these types, in that version of the operator set."""
        return _bodies.dependent_body(self._key, opset_version, node, input_types)

    def __repr__(self) -> str:
        rows = (
            f"    {name}={getattr(self, name)!r}"
            for name in (
                "name",
                "domain",
                "since_version",
                "doc",
                "type_constraints",
                "inputs",
                "outputs",
                "attributes",
            )
        )
        return "OpSchema(\n" + ",\n".join(rows) + "\n)"


def _least(formals: Sequence[FormalParameter]) -> int:
    least = 0
    for i, formal in enumerate(formals):
        if formal.option is FormalParameterOption.Single:
            least = i + 1
        elif formal.option is FormalParameterOption.Variadic:
            least = i + formal.min_arity
    return least


def _most(formals: Sequence[FormalParameter]) -> int:
    variadic = bool(formals) and formals[-1].option is FormalParameterOption.Variadic
    return MANY if variadic else len(formals)
