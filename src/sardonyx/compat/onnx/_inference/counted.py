"""Grids, fills, texts split and statistics of batches, as the official package infers them."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.messages import (
    MOST_AXES,
    Rule,
    data_of,
    extents,
    keep_element,
    keep_shape,
    must_have_rank,
    numbers_in,
    option,
    say_element,
    say_shape,
    shape_of,
)
from sardonyx.ops import Schema
from sardonyx.proto import TensorProto, TensorShapeProto

__all__ = ["COUNTED"]

TRAINED_SINCE = 14  # the version since which channels are counted, and statistics given in training alone


def _texts(ctx: InferenceContext, schema: Schema) -> None:
    """Parts and their numbers; nothing is said of what is no tensor of strings, or of unknown rank."""
    shape = shape_of(ctx, 0)
    type = None if shape is None else ctx.get_input_type(0)
    if shape is None or type is None or type.tensor_type.elem_type != TensorProto.STRING:
        return
    say_element(ctx, 0, TensorProto.STRING)
    say_element(ctx, 1, TensorProto.INT64)
    say_shape(ctx, 0, [*extents(shape), None])
    say_shape(ctx, 1, extents(shape))


def _batches(ctx: InferenceContext, schema: Schema) -> None:
    """What is normalized keeps its shape; the statistics are vectors of as many numbers as there are channels."""
    keep_element(ctx)
    keep_shape(ctx)
    if schema.version < TRAINED_SINCE:
        return
    vectors = [must_have_rank(ctx, i, 1) for i in range(1, 5)]
    channels = TensorShapeProto.Dimension()
    data = shape_of(ctx, 0)
    if data is not None:
        _unite(data.dim[1] if len(data.dim) > 1 else TensorShapeProto.Dimension(dim_value=1), channels)
    for vector in vectors:
        if vector is not None:
            _unite(vector.dim[0], channels)
    training = bool(option(ctx, "training_mode", 0))
    wanted = 3 if training else 1
    if ctx.get_num_outputs() != wanted:
        raise refuse_shape(
            f"This number of op outputs should be {wanted} when Training_mode = {training}, but it is not."
        )
    for i in range(1, wanted):
        keep_element(ctx, i + 2, i)
        say_shape(ctx, i, [channels])


def _unite(found: TensorShapeProto.Dimension, known: TensorShapeProto.Dimension) -> None:
    """Two extents that are one: a number wins, then the first name."""
    if found.HasField("dim_value"):
        if known.HasField("dim_value") and known.dim_value != found.dim_value:
            raise refuse_shape(f"Dimension mismatch in unification between {known.dim_value} and {found.dim_value}")
        known.dim_value = found.dim_value
    elif known.WhichOneof("value") is None and found.HasField("dim_param"):
        known.dim_param = found.dim_param


def _grid(ctx: InferenceContext, schema: Schema) -> None:
    """The extents come from `size` alone: a place in two or three axes for each point of an image or a volume."""
    keep_element(ctx)
    if shape_of(ctx, 0) is None:
        return
    must_have_rank(ctx, 1, 1)
    size = _held(ctx, 1)
    if size is None:
        return
    if len(size) not in (4, 5):
        raise refuse_shape(f"Length of input 'size' is {len(size)}. It must be 4 for 2D or 5 for 3D.")
    say_shape(ctx, 0, [size[0], *size[2:], len(size) - 2])


def _filled(ctx: InferenceContext, schema: Schema) -> None:
    """A tensor of the elements that the value is of."""
    say_element(ctx, 0, _filling(ctx))
    shape = _held(ctx, 0)
    if shape is None:
        return
    if any((n if isinstance(n, int) else n.dim_value) < 0 for n in shape if n is not None):
        raise refuse_shape("shape input tensor must have non-negative elements")
    say_shape(ctx, 0, shape)


def _filling(ctx: InferenceContext) -> int:
    """The code of the value's elements; the value, if there is one, is a vector."""
    value = ctx.get_attribute("value")
    if value is None:
        return TensorProto.FLOAT
    sparse = value.HasField("sparse_tensor")
    if not sparse and not value.HasField("t"):
        raise refuse_type(f"Attribute expected to have tensor or sparse tensor type in node {ctx.node.op_type}.")
    if len(value.sparse_tensor.dims if sparse else value.t.dims) != 1:
        raise refuse_type(f"Attribute expected to have a one-dim tensor in node {ctx.node.op_type}.")
    return int((value.sparse_tensor.values if sparse else value.t).data_type)


def _held(ctx: InferenceContext, index: int) -> Sequence[TensorShapeProto.Dimension | int | None] | None:
    """The extents in an input: a constant's elements, what was followed, or as many unknown ones as there are."""
    constant = data_of(ctx, index)
    if constant is not None:
        if constant.data_type != TensorProto.INT64:
            raise refuse_shape(f"Input {index} is a constant of type {constant.data_type}")
        return list(numbers_in(constant))
    followed = ctx.get_symbolic_input(index)
    if followed is not None:
        return list(extents(followed))
    vector = must_have_rank(ctx, index, 1)
    count = vector.dim[0].dim_value if vector is not None and vector.dim[0].HasField("dim_value") else -1
    return [None] * count if 0 <= count <= MOST_AXES else None


COUNTED: dict[tuple[str, str], Rule] = {
    ("", "AffineGrid"): _grid,
    ("", "BatchNormalization"): _batches,
    ("", "ConstantOfShape"): _filled,
    ("", "StringSplit"): _texts,
}
