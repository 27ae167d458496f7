"""What infers a node: the operator of the standard, or one that the program has registered."""

from __future__ import annotations

from typing import Protocol

from sardonyx.compat.onnx._bodies import fixed_body
from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.operators import infer_node
from sardonyx.compat.onnx._inference.typecheck import Formals, check_node
from sardonyx.compat.onnx._registry import find
from sardonyx.compat.onnx._schemas import OpSchema
from sardonyx.ops import Schema
from sardonyx.proto import FunctionProto

__all__ = ["SILENT", "NodeRule", "RegisteredRule", "StandardRule", "node_rule", "rule_of"]

# Schemas that the official package has bodies for and no inference: it infers the bodies.
BODIED = frozenset(
    ("", name, version)
    for name, versions in (
        ("GreaterOrEqual", (12,)),
        ("LessOrEqual", (12,)),
        ("MeanVarianceNormalization", (9, 13)),
    )
    for version in versions
)

# Schemas for which the official package has no inference: what such nodes give is unknown there. The first versions of old
# operators, mostly, and a few of ai.onnx.ml.
SILENT: frozenset[tuple[str, str, int]] = frozenset(
    [("", name, 1) for name in (
        "Abs", "Add", "BatchNormalization", "Cast", "Ceil", "Clip", "Concat", "Div", "Dropout", "Elu", "Exp", "Floor", "GRU",
        "Gemm", "GlobalLpPool", "HardSigmoid", "InstanceNormalization", "LeakyRelu", "Log", "LpPool", "Max", "Mean", "Min",
        "Mul", "Neg", "PRelu", "Pad", "Reciprocal", "Relu", "Reshape", "Selu", "Sigmoid", "Split", "Sqrt", "Sub", "Sum",
        "Tanh", "Upsample",
    )]
    + [("", "Compress", 9), ("", "GroupNormalization", 18), ("", "GroupNormalization", 21)]
    + list(BODIED)
    + [("ai.onnx.ml", name, 1) for name in (
        "FeatureVectorizer", "Imputer", "LinearRegressor", "Normalizer", "SVMRegressor", "Scaler", "TreeEnsembleRegressor",
    )]
    + [("ai.onnx.ml", name, 5) for name in ("TreeEnsembleClassifier", "TreeEnsembleRegressor")]
    + [("ai.onnx.preview.training", "Gradient", 1)]
)  # fmt: skip


class NodeRule(Protocol):
    """What infers the nodes of an operator."""

    @property
    def version(self) -> int:
        """The operator's version."""
        ...

    @property
    def body(self) -> FunctionProto | None:
        """The body that is inferred instead, if it is."""
        ...

    def infer(self, ctx: InferenceContext) -> None:
        """Set the types of the outputs."""
        ...

    def check(self, ctx: InferenceContext) -> None:
        """Refuse types that the operator does not take or give."""
        ...


class StandardRule:
    """An operator of the standard."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.version = schema.version

    @property
    def body(self) -> FunctionProto | None:
        key = self.schema.operator.domain, self.schema.operator.name, self.version
        if key not in BODIED:
            return None
        body = FunctionProto.FromString(fixed_body(key, None))
        body.attribute.extend(a.name for a in body.attribute_proto)  # what a node does not state is unbound there
        body.ClearField("attribute_proto")
        return body

    def infer(self, ctx: InferenceContext) -> None:
        operator = self.schema.operator
        if (operator.domain, operator.name, self.version) not in SILENT:
            infer_node(ctx, self.schema)

    def check(self, ctx: InferenceContext) -> None:
        check_node(ctx, Formals.of(self.schema))


class RegisteredRule:
    """A schema that the program has registered, with the function it gave for inference, if any."""

    body = None

    def __init__(self, schema: OpSchema) -> None:
        self.schema = schema
        self.version = schema.since_version

    def infer(self, ctx: InferenceContext) -> None:
        ctx.detach()
        self.schema.get_type_and_shape_inference_function()(ctx)

    def check(self, ctx: InferenceContext) -> None:
        check_node(ctx, Formals.of_schema(self.schema))


def rule_of(schema: OpSchema) -> NodeRule:
    """What infers the nodes of a schema."""
    operator = schema._operator  # pyright: ignore[reportPrivateUsage]  the two files are one layer
    own = schema._infer is not None  # pyright: ignore[reportPrivateUsage]
    return RegisteredRule(schema) if operator is None or own else StandardRule(operator.at(schema.since_version))


def node_rule(domain: str, op_type: str, version: int) -> NodeRule | None:
    """What infers a node, if the operator is known at that version of its domain."""
    schema = find(op_type, version, "" if domain == "ai.onnx" else domain)
    return None if schema is None else rule_of(schema)
