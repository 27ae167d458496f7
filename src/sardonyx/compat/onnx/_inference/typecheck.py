"""Do the types of a node fit its operator?"""

from __future__ import annotations

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.known import known_type, type_message
from sardonyx.core.dtypes import DType
from sardonyx.infer.typecheck import spell
from sardonyx.ir import TensorType
from sardonyx.ops import Schema

__all__ = ["TypeMismatch", "check_node"]


class TypeMismatch(Exception):
    """A value has a type that its place does not allow."""


def check_node(ctx: InferenceContext, schema: Schema) -> None:
    """Check inputs and outputs, and set the types of outputs that follow from the constraints alone."""
    for what, count, least, most in (
        ("inputs", ctx.get_num_inputs(), schema.min_inputs, schema.max_inputs),
        ("outputs", ctx.get_num_outputs(), schema.min_outputs, schema.max_outputs),
    ):
        if not least <= count <= most:
            shown = f"has {count} {what}, which is not in the range [min={least}, max={most}]"
            raise TypeMismatch(f"Node with op_type {schema.operator.name} {shown}.")
    bound: dict[str, DType | str] = {}
    for i in range(ctx.get_num_inputs()):
        formal = schema.formal(i)
        message = ctx.get_input_type(i)
        kind = None if message is None else spell(known_type(message))
        if formal is None or kind is None:
            continue
        if kind not in formal.types:
            raise TypeMismatch(f"{formal.name} typestr: {formal.type}, has unsupported type: {kind}")
        if formal.homogeneous and bound.setdefault(formal.type, kind) != kind:
            raise TypeMismatch(f"{formal.name} has inconsistent type {kind}")
    for i in range(ctx.get_num_outputs()):
        formal = schema.formal_output(i)
        if formal is None:
            continue
        kind = spell(known_type(ctx.get_output_type(i)))
        if kind is None:
            kind = next(iter(formal.types)) if len(formal.types) == 1 else bound.get(formal.type)
            if isinstance(kind, DType):
                ctx.set_output_type(i, type_message(TensorType(kind)))
        if kind is None:
            continue
        if kind not in formal.types:
            raise TypeMismatch(f"{formal.name} has unsupported type {kind}")
        if formal.homogeneous and bound.setdefault(formal.type, kind) != kind:
            raise TypeMismatch(f"{formal.name} has inconsistent type {kind}")
