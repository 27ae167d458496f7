"""The operator standard: one declared block per operator, one file per family."""

from __future__ import annotations

from sardonyx.ops.apply import attributes, infer_outputs, run_reference
from sardonyx.ops.known import Known, known
from sardonyx.ops.schema import (
    AttributeSpec,
    FormalSpec,
    Operator,
    Schema,
    all_operators,
    latest_opset,
    lookup,
    schema_of,
)

__all__ = [
    "AttributeSpec",
    "FormalSpec",
    "Known",
    "Operator",
    "Schema",
    "all_operators",
    "attributes",
    "infer_outputs",
    "known",
    "latest_opset",
    "lookup",
    "run_reference",
    "schema_of",
]
