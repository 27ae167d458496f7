"""What a rule that is written over type messages asks of its node and says of it.

Such rules stand where the official package reads a node so differently from ours that nothing is left to take away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import counted, refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.types import kind_of, merge_shape, tensor_of
from sardonyx.compat.onnx._validation import ValidationError
from sardonyx.core.errors import SardonyxError
from sardonyx.io.tensors import read_tensor
from sardonyx.ops import Schema
from sardonyx.proto import TensorProto, TensorShapeProto, TypeProto

__all__ = [
    "MOST_AXES",
    "Extents",
    "Rule",
    "data_of",
    "element_of",
    "extents",
    "keep_element",
    "keep_shape",
    "must_have_rank",
    "numbers_in",
    "option",
    "output",
    "say_element",
    "say_shape",
    "scalar_in",
    "shape_of",
    "type_of",
]

Rule: TypeAlias = Callable[[InferenceContext, Schema], None]
Extents: TypeAlias = Sequence[TensorShapeProto.Dimension | int | None]
MOST_AXES = 1024  # a shape that is stated to have more axes is not known
COUNTED = (
    TensorProto.FLOAT,
    TensorProto.DOUBLE,
    TensorProto.INT32,
    TensorProto.INT64,
)  # constants that can be one number


# -- what is asked -------------------------------------------------------------------------------------------------------


def type_of(ctx: InferenceContext, index: int) -> TypeProto | None:
    """The type of an input, which the node must have a place for."""
    if index >= ctx.get_num_inputs():  # refused at once, however strict
        raise ValidationError(f"Input {index} is out of bounds.")
    return ctx.get_input_type(index)


def data_of(ctx: InferenceContext, index: int) -> TensorProto | None:
    """The constant that an input is, which the node must have a place for."""
    if index >= ctx.get_num_inputs():
        raise ValidationError(f"Input {index} is out of bounds.")
    return ctx.get_input_data(index)


def element_of(ctx: InferenceContext, index: int) -> int:
    """The code of an input's element type, 0 where it is not known."""
    type = type_of(ctx, index)
    if type is None:
        raise refuse_type(f"Input {index} expected to have type but instead is null")
    return int(type.tensor_type.elem_type) if kind_of(type) == "tensor_type" else 0


def shape_of(ctx: InferenceContext, index: int) -> TensorShapeProto | None:
    """The shape of an input, if there is one and it is known."""
    type = ctx.get_input_type(index) if index < ctx.get_num_inputs() else None
    tensor = None if type is None else tensor_of(type)
    return tensor.shape if tensor is not None and tensor.HasField("shape") else None


def extents(shape: TensorShapeProto) -> list[TensorShapeProto.Dimension]:
    return list(shape.dim)


def must_have_rank(ctx: InferenceContext, index: int, rank: int) -> TensorShapeProto | None:
    """The shape of an input, if it is known, which then is of this rank."""
    shape = shape_of(ctx, index)
    if shape is not None and len(shape.dim) != rank:
        raise refuse_shape(f"Input {index} expected to have rank {rank} but has rank {len(shape.dim)}")
    return shape


def option(ctx: InferenceContext, name: str, default: int) -> int:
    """An integer among the attributes; one of another kind counts as 0."""
    attribute = ctx.get_attribute(name)
    return default if attribute is None else int(attribute.i)


def numbers_in(tensor: TensorProto) -> list[Any]:
    """The elements of a constant."""
    try:
        return read_tensor(tensor).numpy().reshape(-1).tolist()
    except SardonyxError as error:
        raise refuse_shape(f"the elements of the constant '{tensor.name}' cannot be read: {error}") from error


def scalar_in(tensor: TensorProto, what: str | None = None) -> int:
    """The first element of a constant, as an integer.

    Args:
        what: how to call a constant that must be a scalar; None: one that may have axes.

    Raises:
        IndexError: it has no elements; as the official package has it, and so raised however lenient the caller.
    """
    if what is not None and tensor.dims:
        raise refuse_shape(f"{what} input must be a scalar.")
    if tensor.data_type not in COUNTED:
        raise refuse_shape(f"Unsupported input data type of {tensor.data_type}")
    return int(numbers_in(tensor)[0])


# -- what is said --------------------------------------------------------------------------------------------------------


def output(ctx: InferenceContext, index: int) -> TypeProto:
    """The type of an output, which the node must have a place for."""
    if index >= ctx.get_num_outputs():
        raise ValidationError(f"Output {index} is out of bounds.")
    return ctx.get_output_type(index)


def say_element(ctx: InferenceContext, index: int, code: int) -> None:
    """An output is a tensor of these elements."""
    output(ctx, index).tensor_type.elem_type = code


def keep_element(ctx: InferenceContext, source: int = 0, target: int = 0) -> None:
    """An output has the elements of an input: those of a tensor, or of what holds tensors.

    The input must have a type; one that is declared and says nothing will do.
    """
    type = type_of(ctx, source)
    if type is None:
        raise refuse_type(f"Input {source} expected to have type but instead is null")
    if kind_of(type) is not None:
        _keep_inside(type, output(ctx, target), source)


def _keep_inside(source: TypeProto, target: TypeProto, index: int) -> None:
    kind, tensor = kind_of(source), tensor_of(source)
    if kind is not None and tensor is not None:
        if not tensor.elem_type:
            raise refuse_type(f"Element type of input {index} unknown")
        getattr(target, kind).elem_type = tensor.elem_type
    elif kind in ("sequence_type", "optional_type"):
        held = getattr(source, kind)
        if not held.HasField("elem_type"):
            raise refuse_type(f"Element type of input {index} unknown")
        _keep_inside(held.elem_type, getattr(target, kind).elem_type, index)
    elif kind == "map_type":
        if not source.map_type.key_type or not source.map_type.HasField("value_type"):
            raise refuse_type(f"Key or value type of input {index} unknown")
        target.map_type.key_type = source.map_type.key_type
        _keep_inside(source.map_type.value_type, target.map_type.value_type, index)
    else:
        raise refuse_type(f"Input {index} expected to have a tensor, sequence, optional or map type. Got: {kind}")


def say_shape(ctx: InferenceContext, index: int, shape: Extents) -> None:
    """An output has these extents: numbers, what another shape has there, or unknown ones."""
    made = TensorShapeProto()
    for extent in shape:
        dim = made.dim.add()
        if isinstance(extent, int):
            dim.dim_value = counted(extent)
        elif extent is not None:
            dim.CopyFrom(extent)
    type = output(ctx, index)
    held = tensor_of(type)
    merge_shape(made, type.tensor_type if held is None else held)


def keep_shape(ctx: InferenceContext, source: int = 0, target: int = 0) -> None:
    """An output has the shape of an input, if that is known; its elements must be."""
    shape = shape_of(ctx, source)
    if shape is None:
        return
    if kind_of(output(ctx, target)) is None:
        raise refuse_shape("Mismatch between inferred and declared type. The elements of the output are unknown")
    say_shape(ctx, target, extents(shape))
