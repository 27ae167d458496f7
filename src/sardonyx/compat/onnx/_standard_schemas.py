"""The schemas of our operators, as the official package shows them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sardonyx.compat.onnx._attributes import make_attribute
from sardonyx.compat.onnx._gradients import gradient_flows
from sardonyx.compat.onnx._schema_parts import (
    Attribute,
    AttrType,
    DifferentiationCategory,
    FormalParameter,
    FormalParameterOption,
    NodeDeterminism,
)
from sardonyx.compat.onnx._schemas import OpSchema
from sardonyx.core.dtypes import DType
from sardonyx.ops import AttributeSpec, FormalSpec, Schema
from sardonyx.ops.typesets import TypeSet

__all__ = ["schema_from"]


def schema_from(schema: Schema) -> OpSchema:
    """What the official package would say of an operator of ours at one version."""
    operator, version = schema.operator, schema.version
    used = {formal.type for formal in (*schema.inputs, *schema.outputs)}
    variables = {variable.name_at(version): variable.at(version) for variable in operator.variables}
    made = OpSchema(
        operator.name,
        operator.domain,
        version,
        _doc_at(operator.doc, version),
        inputs=_formals(schema, schema.inputs, is_output=False),
        outputs=_formals(schema, schema.outputs, is_output=True),
        type_constraints=[
            (name, _spell(types), "") for name, types in variables.items() if name in used and "(" not in name
        ],
        attributes=[_attribute(spec) for spec in schema.attributes.values()],
        node_determinism=_DETERMINISM.get(operator.name, NodeDeterminism.Unknown)
        if operator.deterministic
        else NodeDeterminism.NonDeterministic,
    )
    made._deprecated, made._operator = schema.deprecated, operator
    return made


# What the official package makes of these, from what their function bodies are made of.
_DETERMINISM = {
    "AffineGrid": NodeDeterminism.NonDeterministic,
    "FlexAttention": NodeDeterminism.Deterministic,
}


def _doc_at(doc: str, version: int) -> str:
    """The lines that hold at a version."""
    since = ((re.match(r"\s*Since (\d+):", line), line) for line in doc.splitlines())
    return "\n".join(line for found, line in since if found is None or int(found[1]) <= version).strip()


def _spell(types: TypeSet) -> list[str]:
    dense = sorted((t for t in types if isinstance(t, DType)), key=lambda t: t.code)
    return [f"tensor({t.text})" for t in dense] + sorted(t for t in types if isinstance(t, str))


def _formals(schema: Schema, specs: Sequence[FormalSpec], is_output: bool) -> list[FormalParameter]:
    operator = schema.operator.name if not schema.operator.domain else ""
    return [
        FormalParameter(
            spec.name,
            spec.type,
            param_option=FormalParameterOption(2 if spec.variadic else 1 if spec.optional else 0),
            is_homogeneous=spec.homogeneous,
            min_arity=spec.min,
            differentiation_category=_FLOWS[gradient_flows(operator, schema.version, spec.name, is_output)],
        )
        for spec in specs
    ]


_FLOWS = {
    None: DifferentiationCategory.Unknown,
    True: DifferentiationCategory.Differentiable,
    False: DifferentiationCategory.NonDifferentiable,
}


def _attribute(spec: AttributeSpec) -> Attribute:
    if spec.default is None:
        return Attribute(spec.name, AttrType(int(spec.kind)), required=spec.required)
    value = int(spec.default) if isinstance(spec.default, bool) else spec.default
    return Attribute(spec.name, make_attribute(spec.name, value, attr_type=int(spec.kind)))
