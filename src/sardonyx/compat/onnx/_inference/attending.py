"""Attention, as the official package infers it: each output from the one or two inputs that it looks like."""

from __future__ import annotations

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.messages import (
    Rule,
    extents,
    keep_element,
    option,
    say_element,
    say_shape,
    shape_of,
    type_of,
)
from sardonyx.compat.onnx._inference.types import fill_dim, inner_type, kind_of
from sardonyx.ops import Schema
from sardonyx.proto import TensorProto, TensorShapeProto

__all__ = ["ATTENDING"]

Dimension = TensorShapeProto.Dimension
FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE
PRECISIONS = (FLOAT, DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
HEADS = ("q_num_heads", "kv_num_heads")
QUERY, KEY, VALUE, PAST_KEY, PAST_VALUE, KEPT = 0, 1, 2, 4, 5, 6  # inputs
OUTPUT, PRESENT_KEY, PRESENT_VALUE, SCORES = range(4)  # outputs


def _attention(ctx: InferenceContext, schema: Schema) -> None:
    keep_element(ctx)
    for name in ("left_window_size", "right_window_size"):
        size = option(ctx, name, -1)
        if size < -1 and schema.version >= 25:
            raise refuse_shape(f"{name} must be -1 or nonnegative, got {size}")
    scores, length = _scores(ctx)
    if schema.version >= 25:
        _check_whole(ctx)
    total = _caches(ctx, length)
    if ctx.has_output(SCORES):
        keep_element(ctx, QUERY, SCORES)
        say_shape(ctx, SCORES, scores if total is None else [*scores[:3], total])


def _check_whole(ctx: InferenceContext) -> None:
    """Heads are counted where they lie side by side on the last axis, and caches come in pairs, of one kind."""
    query, counts = shape_of(ctx, QUERY), [a.i for name in HEADS if (a := ctx.get_attribute(name)) is not None]
    if query is not None and len(query.dim) == 3 and any(n <= 0 for n in counts):
        raise refuse_shape("q_num_heads and kv_num_heads must be positive for 3D inputs.")
    if query is not None and len(query.dim) == 4 and counts:
        raise refuse_shape("q_num_heads and kv_num_heads must not be specified for 4D inputs.")
    past = [ctx.has_input(i) for i in (PAST_KEY, PAST_VALUE)]
    present = [ctx.has_output(i) for i in (PRESENT_KEY, PRESENT_VALUE)]
    if len(set(past)) > 1:
        raise refuse_shape("past_key and past_value must be provided together.")
    if len(set(present)) > 1:
        raise refuse_shape("present_key and present_value must be requested together.")
    if ctx.has_input(KEPT) and any(past + present):
        raise refuse_shape("nonpad_kv_seqlen cannot be combined with past or present cache tensors.")


def _scores(ctx: InferenceContext) -> tuple[list[Dimension | int | None], int]:
    """Say the shape of the output; give that of the scores, and the number of keys: 0 where it is not known."""
    query = _shape_of(ctx, QUERY)
    if query is None:
        return [], 0
    packed = len(query.dim) == 3
    for index, what in ((QUERY, "query"), (KEY, "key"), (VALUE, "value")):
        shape = _shape_of(ctx, index)
        if shape is not None and len(shape.dim) not in (3, 4):
            raise refuse_shape(f"Inputs {index} ({what}) shall be 3 or 4 dimensions")
        if not index and packed:
            _must_have_heads(ctx)
    batch, *axes = extents(query)
    value = _shape_of(ctx, VALUE)
    if value is None or len(value.dim) != len(query.dim):
        return [batch], 0
    length = int(value.dim[-2].dim_value)
    if not packed:
        say_shape(ctx, OUTPUT, [batch, *axes[:2], value.dim[3]])
        return [batch, *axes[:2], length], length
    heads, groups = option(ctx, "q_num_heads", 0), option(ctx, "kv_num_heads", 0)
    if heads <= 0 or groups <= 0:
        raise refuse_type("q_num_heads and kv_num_heads must be positive.")
    say_shape(ctx, OUTPUT, [batch, axes[0], int(value.dim[2].dim_value) // groups * heads])
    return [batch, heads, axes[0], length], length


def _must_have_heads(ctx: InferenceContext) -> None:
    for name in HEADS:
        if ctx.get_attribute(name) is None:
            raise refuse_type(f"3D inputs expected to have {name} attribute.")


def _caches(ctx: InferenceContext, length: int) -> int | None:
    """Say what the caches have become, and give the number of keys they then hold, if both are there and counted."""
    if not (ctx.has_output(PRESENT_KEY) and ctx.has_output(PRESENT_VALUE)):
        return None
    if not (ctx.has_input(PAST_KEY) and ctx.has_input(PAST_VALUE)):
        return None
    keep_element(ctx, PAST_KEY, PRESENT_KEY)
    keep_element(ctx, PAST_VALUE, PRESENT_VALUE)
    key, value = _shape_of(ctx, PAST_KEY), _shape_of(ctx, PAST_VALUE)
    if key is None or value is None:
        return None
    for shape, what in ((key, "past_key"), (value, "past_value")):
        if len(shape.dim) != 4:
            raise refuse_shape(f"The {what} input shall be 4 dimensions")
    if length <= 0 or not key.dim[2].HasField("dim_value"):
        return None
    total = length + int(key.dim[2].dim_value)
    for shape, index in ((key, PRESENT_KEY), (value, PRESENT_VALUE)):
        say_shape(ctx, index, [*shape.dim[:2], total, shape.dim[3]])
    return total


def _shape_of(ctx: InferenceContext, index: int) -> TensorShapeProto | None:
    """The shape of an input, if it is known; a container of tensors that have one is no tensor."""
    type = ctx.get_input_type(index) if index < ctx.get_num_inputs() else None
    inside = None if type is None else inner_type(type)
    while inside is not None:
        if inside.tensor_type.HasField("shape"):
            raise refuse_type(f"Input {index} expected to be a tensor or a sparse tensor type")
        inside = inner_type(inside)
    return shape_of(ctx, index)


# -- attention between graphs ----------------------------------------------------------------------------------------------


def _flexible(ctx: InferenceContext, schema: Schema) -> None:
    """The queries with the values' features; what changes scores and probabilities must keep their type and shape."""
    if ctx.get_num_inputs() < 3:
        raise refuse_type("FlexAttention requires query, key, and value inputs.")
    types = [type_of(ctx, i) for i in (QUERY, KEY, VALUE)]
    given = [t for t in types if t is not None and kind_of(t) is not None]
    if len(given) < 3:
        return
    if any(kind_of(t) != "tensor_type" for t in given):
        raise refuse_type("Inputs 0, 1, and 2 are required tensor types.")
    code = int(given[0].tensor_type.elem_type)
    if any(t.tensor_type.elem_type != code for t in given):
        raise refuse_type("Inputs query, key, and value must have the same element type.")
    say_element(ctx, OUTPUT, code)
    if any(len(t.tensor_type.shape.dim) != 4 for t in given):
        raise refuse_shape(
            "FlexAttention requires rank-4 inputs: Q (B, Hq, L, Dqk), K (B, Hkv, S, Dqk), V (B, Hkv, S, Dv)."
        )
    query, key, value = (extents(t.tensor_type.shape) for t in given)
    for a, b, what in (
        (key[1], value[1], "head"),
        (key[2], value[2], "sequence length"),
        (query[3], key[3], "embedding"),
    ):
        if _differ(a, b):
            raise refuse_shape(f"The inputs must share the same {what} dimension: {a.dim_value}, {b.dim_value}")
    if _differ(query[1], key[1]) and (key[1].dim_value <= 0 or query[1].dim_value % key[1].dim_value):
        raise refuse_shape("q_num_heads must be a multiple of kv_num_heads when they differ.")
    batch = Dimension()
    for dims in (query, key, value):
        fill_dim(dims[0], batch)
    say_shape(ctx, OUTPUT, [batch, *query[1:3], value[3]])
    precision = option(ctx, "softmax_precision", DOUBLE if code == DOUBLE else FLOAT)
    if precision not in PRECISIONS:
        raise refuse_type("softmax_precision must be specified when inputs are not float/float16/bfloat16/double.")
    for name in ("score_mod", "prob_mod"):
        _check_change(ctx, name, precision)


def _differ(a: Dimension, b: Dimension) -> bool:
    return a.HasField("dim_value") and b.HasField("dim_value") and a.dim_value != b.dim_value


def _check_change(ctx: InferenceContext, name: str, code: int) -> None:
    """A graph of one tensor of four axes to one like it."""
    attribute = ctx.get_attribute(name)
    if attribute is None:
        return
    if not attribute.HasField("g"):
        raise refuse_shape(f"Attribute {name} must be a graph.")
    if len(attribute.g.input) != 1 or len(attribute.g.output) != 1:
        raise refuse_shape(f"Attribute {name} must have exactly one input and one output.")
    types = [info.type for info in (attribute.g.input[0], attribute.g.output[0]) if info.HasField("type")]
    tensors = [t.tensor_type for t in types if kind_of(t) == "tensor_type"]
    if attribute.g.output[0].HasField("type") and kind_of(types[-1]) != "tensor_type":
        raise refuse_shape(f"Attribute {name} output must be a tensor.")
    if any(t.elem_type != code for t in tensors):
        raise refuse_shape(f"Attribute {name} type mismatch. Expected {code}.")
    if any(t.HasField("shape") and len(t.shape.dim) != 4 for t in tensors):
        raise refuse_shape(f"Attribute {name} input and output must be rank-4 tensors when their shapes are specified.")
    if len(tensors) == 2 and any(
        _differ(a, b) for a, b in zip(tensors[0].shape.dim, tensors[1].shape.dim, strict=False)
    ):
        raise refuse_shape(f"Attribute {name} output shape must match input shape when specified.")


ATTENDING: dict[tuple[str, str], Rule] = {
    ("", "Attention"): _attention,
    ("ai.onnx.preview", "FlexAttention"): _flexible,
}
