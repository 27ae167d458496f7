"""Sequences made, split and joined, as the official package infers it."""

from __future__ import annotations

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.messages import (
    Rule,
    data_of,
    element_of,
    extents,
    numbers_in,
    option,
    output,
    say_element,
    say_shape,
    shape_of,
    type_of,
)
from sardonyx.ops import Schema
from sardonyx.proto import TensorProto, TensorShapeProto, TypeProto

__all__ = ["SEQUENCES"]

INDICES = (TensorProto.INT32, TensorProto.INT64)


def _inside(ctx: InferenceContext, code: int) -> TypeProto.Tensor:
    """What the sequence that a node gives holds: tensors of these elements."""
    held = output(ctx, 0).sequence_type.elem_type.tensor_type
    held.elem_type = code
    return held


def _empty(ctx: InferenceContext, schema: Schema) -> None:
    attribute = ctx.get_attribute("dtype")
    if attribute is not None and not attribute.HasField("i"):
        raise refuse_type("Attribute dtype should be of integer type and specify a type.")
    _inside(ctx, TensorProto.FLOAT if attribute is None else int(attribute.i))


def _made(ctx: InferenceContext, schema: Schema) -> None:
    """What all its tensors have in common."""
    count = ctx.get_num_inputs()
    if not count:
        raise refuse_type("SequenceConstruct is expected to have at least 1 input.")
    codes = [element_of(ctx, i) for i in range(count)]
    if len(set(codes)) > 1:
        raise refuse_type("Element type of inputs are expected to be the same.")
    held = _inside(ctx, codes[0])
    shapes = [shape for i in range(count) if (shape := shape_of(ctx, i)) is not None]
    if len(shapes) < count or any(len(s.dim) != len(shapes[0].dim) for s in shapes):
        return
    _say_common(held, shapes)


def _say_common(held: TypeProto.Tensor, shapes: list[TensorShapeProto]) -> None:
    """The extents in which tensors of one rank agree."""
    held.shape.SetInParent()
    for dims in zip(*(extents(s) for s in shapes), strict=True):
        dim = held.shape.dim.add()
        if all(d == dims[0] for d in dims):
            dim.CopyFrom(dims[0])


def _grown(ctx: InferenceContext, schema: Schema) -> None:
    """What its tensors have in common with one more."""
    sequence, tensor = type_of(ctx, 0), type_of(ctx, 1)
    if sequence is None or tensor is None:
        raise refuse_type("Input Sequence and Tensor are expected to have type info. Current type is null.")
    held, code = sequence.sequence_type.elem_type.tensor_type, tensor.tensor_type.elem_type
    if held.elem_type != code:
        shown = f"Sequence={held.elem_type} Tensor={code}"
        raise refuse_type(f"Input Sequence and Tensor are expected to have the same elem type. {shown}")
    made, shape = _inside(ctx, int(code)), shape_of(ctx, 1)
    if held.HasField("shape") and shape is not None and len(shape.dim) == len(held.shape.dim):
        _say_common(made, [held.shape, shape])


def _kept(ctx: InferenceContext, schema: Schema) -> None:
    type = type_of(ctx, 0)
    if type is None:
        raise refuse_type("Input type for input at index 0 is null. Type info is expected.")
    output(ctx, 0).CopyFrom(type)


def _counted(ctx: InferenceContext, schema: Schema) -> None:
    say_element(ctx, 0, TensorProto.INT64)
    say_shape(ctx, 0, [])


def _split(ctx: InferenceContext, schema: Schema) -> None:
    """Parts of one size, if they all have it."""
    held = _inside(ctx, element_of(ctx, 0))
    shape = shape_of(ctx, 0)
    if shape is None:
        return
    rank, axis = len(shape.dim), option(ctx, "axis", 0)
    if not -rank <= axis < rank:
        raise refuse_shape(f"Invalid value of attribute 'axis'. Rank={rank} Value={axis}")
    axis %= rank
    in_ones = ctx.get_num_inputs() == 1
    size = 1 if in_ones else _size(ctx, shape.dim[axis])
    held.shape.SetInParent()
    for i, d in enumerate(shape.dim):
        if i != axis:
            held.shape.dim.add().CopyFrom(d)
        elif not in_ones or option(ctx, "keepdims", 1):
            dim = held.shape.dim.add()
            if size is not None and size > 0:
                dim.dim_value = size


def _size(ctx: InferenceContext, whole: TensorShapeProto.Dimension) -> int | None:
    """The size of the parts that a constant says; a place that is left empty is no constant."""
    shape = shape_of(ctx, 1)
    parts = None if shape is None else data_of(ctx, 1)
    if shape is None or parts is None or not parts.data_type:
        return None
    if parts.data_type not in INDICES:
        raise refuse_shape("Only supports `int32_t` or `int64_t` inputs for split")
    sizes: list[int] = numbers_in(parts)
    if not sizes:
        raise refuse_shape("Input 'split' can not be empty.")
    if not whole.HasField("dim_value"):
        return None
    if not shape.dim:
        if sizes[0] <= 0:
            raise refuse_shape("Scalar input 'split' must be greater than zero.")
        return sizes[0] if whole.dim_value % sizes[0] == 0 else None
    if sum(sizes) != whole.dim_value:
        raise refuse_shape(
            f"Sum of split values not equal to 'input' dim size on 'axis': {sum(sizes)}, {whole.dim_value}"
        )
    return sizes[0] if len(set(sizes)) == 1 else None


def _picked(ctx: InferenceContext, schema: Schema) -> None:
    """What is inside, to the letter; of what is no sequence, nothing is said."""
    type = type_of(ctx, 0)
    if type is None:
        raise refuse_type("Input 0 expected to have type but instead is null")
    output(ctx, 0).CopyFrom(type.sequence_type.elem_type)


def _joined(ctx: InferenceContext, schema: Schema) -> None:
    """The shape of its tensors, with an unknown extent on the axis that they are joined along."""
    type = type_of(ctx, 0)
    if type is None:
        raise refuse_type("Input 0 expected to have type but instead is null")
    held = type.sequence_type.elem_type.tensor_type
    say_element(ctx, 0, held.elem_type)
    if not held.HasField("shape"):
        return
    if ctx.get_attribute("axis") is None:
        raise refuse_shape("Required attribute axis is missing")
    axis, new = option(ctx, "axis", 0), option(ctx, "new_axis", 0)
    if new not in (0, 1):
        raise refuse_shape("new_axis must be either 0 or 1")
    rank = len(held.shape.dim) + new
    if not -rank <= axis < rank:
        raise refuse_shape(f"Invalid value of attribute 'axis'. Accepted range=[{-rank}, {rank - 1}], Value={axis}")
    axis %= rank
    dims = extents(held.shape)
    say_shape(ctx, 0, [*dims[:axis], None, *dims[axis + 1 - new :]])


SEQUENCES: dict[tuple[str, str], Rule] = {
    ("", "ConcatFromSequence"): _joined,
    ("", "SequenceAt"): _picked,
    ("", "SequenceConstruct"): _made,
    ("", "SequenceEmpty"): _empty,
    ("", "SequenceErase"): _kept,
    ("", "SequenceInsert"): _grown,
    ("", "SequenceLength"): _counted,
    ("", "SplitToSequence"): _split,
}
