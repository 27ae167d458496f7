"""Values handed on, in optionals or as they are, as the official package infers it: a type stays as it is stated."""

from __future__ import annotations

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_type
from sardonyx.compat.onnx._inference.messages import (
    Rule,
    output,
    say_element,
    say_shape,
    type_of,
)
from sardonyx.compat.onnx._inference.types import kind_of, tensor_of
from sardonyx.ops import Schema
from sardonyx.proto import TensorProto, TypeProto

__all__ = ["OPTIONALS"]

ANYTHING_SINCE = 18  # the version since which what is no optional is taken too, and a question needs no input


def _made(ctx: InferenceContext, schema: Schema) -> None:
    """Something of the input's type; without an input, nothing, of the type that is stated."""
    _one_output(ctx, "an output")
    stated = ctx.get_attribute("type")
    if ctx.get_num_inputs() == 0 and stated is not None:
        if not stated.HasField("tp"):
            raise refuse_type("Attribute 'type' should be a TypeProto and it should specify a type.")
        inside = stated.tp
    elif ctx.get_num_inputs() == 1:
        inside = _typed(ctx)
    else:
        raise refuse_type("Optional is expected to have either an input or the type attribute set.")
    output(ctx, 0).optional_type.elem_type.CopyFrom(inside)


def _asked(ctx: InferenceContext, schema: Schema) -> None:
    fewest = 0 if schema.version >= ANYTHING_SINCE else 1
    if not fewest <= ctx.get_num_inputs() <= 1:
        raise refuse_type(f"OptionalHasElement is expected to have {'0 or ' if not fewest else ''}1 input.")
    _one_output(ctx, "1 output")
    say_element(ctx, 0, TensorProto.BOOL)
    say_shape(ctx, 0, [])


def _opened(ctx: InferenceContext, schema: Schema) -> None:
    if ctx.get_num_inputs() != 1:
        raise refuse_type("OptionalGetElement must have an input element.")
    type = _typed(ctx)
    optional = kind_of(type) == "optional_type"
    if optional and type.optional_type.HasField("elem_type"):
        output(ctx, 0).CopyFrom(type.optional_type.elem_type)
    elif optional or schema.version < ANYTHING_SINCE:
        raise refuse_type("Input must be an optional-type value containing an element with type information.")
    else:
        _keep(ctx, type)


def _kept(ctx: InferenceContext, schema: Schema) -> None:
    """Identity: whatever it is, it is given as it is."""
    type = type_of(ctx, 0)
    if type is None:
        raise refuse_type("Input 0 expected to have type but instead is null")
    if kind_of(type) is not None:
        _keep(ctx, type)


def _keep(ctx: InferenceContext, type: TypeProto) -> None:
    tensor = tensor_of(type)
    if tensor is not None and not tensor.elem_type:
        raise refuse_type("Element type of input 0 unknown")
    output(ctx, 0).CopyFrom(type)


def _typed(ctx: InferenceContext) -> TypeProto:
    type = ctx.get_input_type(0)
    if type is None:
        raise refuse_type("Input type is null. Type information is expected for the input.")
    return type


def _one_output(ctx: InferenceContext, what: str) -> None:
    if ctx.get_num_outputs() != 1:
        raise refuse_type(f"{ctx.node.op_type} is expected to have {what}.")


OPTIONALS: dict[tuple[str, str], Rule] = {
    ("", "Identity"): _kept,
    ("", "Optional"): _made,
    ("", "OptionalGetElement"): _opened,
    ("", "OptionalHasElement"): _asked,
}
