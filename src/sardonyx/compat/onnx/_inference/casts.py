"""Elements turned into others, as the official package infers it."""

from __future__ import annotations

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.messages import Rule, element_of, keep_element, keep_shape, say_element, type_of
from sardonyx.core import dtypes
from sardonyx.ops import Schema
from sardonyx.proto import AttributeProto, TensorProto

__all__ = ["CASTS"]

BITS = {row.code: row.bits for row in dtypes.ALL}


def _cast(ctx: InferenceContext, schema: Schema) -> None:
    _say_stated(ctx)
    keep_shape(ctx)


def _cast_like(ctx: InferenceContext, schema: Schema) -> None:
    keep_element(ctx, 1)
    keep_shape(ctx)


def _cast_bits(ctx: InferenceContext, schema: Schema) -> None:
    """Elements of the same width, where both have one."""
    _say_stated(ctx)
    keep_shape(ctx)
    given = element_of(ctx, 0) if type_of(ctx, 0) is not None else TensorProto.UNDEFINED
    widths = BITS.get(given, 0), BITS.get(ctx.get_output_type(0).tensor_type.elem_type, 0)
    if all(widths) and len(set(widths)) > 1:
        shown = f"input type has {widths[0]} bits and output type has {widths[1]} bits"
        raise refuse_shape(f"BitCast requires input and output types to have the same bit-width, but {shown}.")


def _say_stated(ctx: InferenceContext) -> None:
    """The output has the elements that `to` states."""
    to = ctx.get_attribute("to")
    if to is None:
        raise refuse_type(f"Value of attribute to not specified in node {ctx.node.op_type}.")
    if to.type != AttributeProto.INT or not to.HasField("i"):
        raise refuse_type(f"Attribute to should be of integer type and specify a type in node {ctx.node.op_type}.")
    if to.i not in TensorProto.DataType.names_by_value:
        raise refuse_type(f"Attribute to does not specify a valid type in node {ctx.node.op_type}.")
    say_element(ctx, 0, int(to.i))


CASTS: dict[tuple[str, str], Rule] = {
    ("", "BitCast"): _cast_bits,
    ("", "Cast"): _cast,
    ("", "CastLike"): _cast_like,
}
