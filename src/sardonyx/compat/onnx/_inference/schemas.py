"""What infers a node: the operator of the standard, or one that the program has registered."""

from __future__ import annotations

from typing import Protocol

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.operators import infer_node
from sardonyx.compat.onnx._inference.typecheck import check_node
from sardonyx.ops import Schema, schema_of

__all__ = ["NodeRule", "StandardRule", "node_rule"]

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training")

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

    def infer(self, ctx: InferenceContext) -> None:
        operator = self.schema.operator
        if (operator.domain, operator.name, self.version) not in SILENT:
            infer_node(ctx, self.schema)

    def check(self, ctx: InferenceContext) -> None:
        check_node(ctx, self.schema)


def node_rule(domain: str, op_type: str, version: int) -> NodeRule | None:
    """What infers a node, if the operator is known at that version of its domain."""
    if domain not in DOMAINS:
        return None
    schema = schema_of(domain, op_type, version)
    return None if schema is None else StandardRule(schema)
