"""Signals, and images cut or padded about their centre, as the official package infers them.

Only constants tell how long a transform or a window is; where one of them contradicts its operator, the node is refused.
"""

from __future__ import annotations

import numpy as np

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.messages import (
    Rule,
    data_of,
    extents,
    keep_element,
    numbers_in,
    option,
    say_element,
    say_shape,
    scalar_in,
    shape_of,
)
from sardonyx.compat.onnx._inference.types import tensor_of
from sardonyx.ops import Schema
from sardonyx.proto import TensorProto, TensorShapeProto

__all__ = ["SIGNALS"]


def _window(ctx: InferenceContext, schema: Schema) -> None:
    say_element(ctx, 0, option(ctx, "output_datatype", TensorProto.FLOAT))
    size = data_of(ctx, 0) if shape_of(ctx, 0) is not None else None
    if size is None:
        return
    count = scalar_in(size, "size")
    if count <= 0:
        raise refuse_shape("size input must be greater than 0.")
    say_shape(ctx, 0, [count])


def _mel_weights(ctx: InferenceContext, schema: Schema) -> None:
    say_element(ctx, 0, option(ctx, "output_datatype", TensorProto.FLOAT))
    if shape_of(ctx, 0) is None or shape_of(ctx, 1) is None:
        return
    bins, length = data_of(ctx, 0), data_of(ctx, 1)
    if bins is None or length is None:
        return
    columns, size = scalar_in(bins, "num_mel_bins"), scalar_in(length, "dft_length")
    if columns > 0 and size > 0:
        say_shape(ctx, 0, [size // 2 + 1, columns])


def _transform(ctx: InferenceContext, schema: Schema) -> None:
    """A Fourier transform along one axis, which only a constant can name since version 20."""
    keep_element(ctx)
    shape = shape_of(ctx, 0)
    if shape is None:
        return
    dims, rank = extents(shape), len(shape.dim)
    if rank < 2:
        raise refuse_shape("input tensor must have rank >= 2, including the complex dimension.")
    onesided, inverse = bool(option(ctx, "onesided", 0)), bool(option(ctx, "inverse", 0))
    parts = dims[-1].dim_value if dims[-1].HasField("dim_value") else None
    if onesided and parts not in (None, 2 if inverse else 1):
        wanted = "inverse one-sided DFT requires complex" if inverse else "one-sided DFT requires real"
        raise refuse_shape(f"{wanted} input: the last dimension is {parts}")
    given = 1 if onesided and inverse else 2
    named, sized = schema.version >= 20 and ctx.has_input(2), ctx.has_input(1)
    axis = -2 if schema.version >= 20 else option(ctx, "axis", 1)
    if named:
        where = data_of(ctx, 2)
        if where is None:
            say_shape(ctx, 0, [*([None] * (rank - 1) if onesided or sized else dims[:-1]), given])
            return
        axis = scalar_in(where, "axis")
    if not -rank <= axis < rank - 1 or axis == -1:
        raise refuse_shape(f"axis attribute value {axis} is invalid for a tensor of rank {rank}")
    length = data_of(ctx, 1) if sized else None
    if sized and length is None and schema.version < 20:
        return
    made: list[TensorShapeProto.Dimension | int | None] = [*dims[:-1], given]
    made[axis] = _transformed(dims[axis], length, sized=sized, onesided=onesided, inverse=inverse)
    say_shape(ctx, 0, made)


def _transformed(
    before: TensorShapeProto.Dimension, length: TensorProto | None, *, sized: bool, onesided: bool, inverse: bool
) -> TensorShapeProto.Dimension | int | None:
    """The extent along the axis; a name stays where a length is given that nobody knows."""
    if length is not None:
        count = scalar_in(length, "dft_length")
        return count // 2 + 1 if onesided and not inverse else count
    if sized:
        return None if before.HasField("dim_value") else before
    if not onesided:
        return before
    if not before.HasField("dim_value"):
        return None
    return 2 * (before.dim_value - 1) if inverse else before.dim_value // 2 + 1


def _frames(ctx: InferenceContext, schema: Schema) -> None:
    """Transforms of as many frames as fit; where the node does not ask for one side, both are counted."""
    keep_element(ctx)
    signal = shape_of(ctx, 0)
    if signal is None:
        return
    if len(signal.dim) < 2:
        raise refuse_shape(f"First input should have at least 2 dimensions in {ctx.get_display_name()}.")
    batch, whole = signal.dim[0], signal.dim[1]
    step = data_of(ctx, 1) if whole.HasField("dim_value") else None
    if step is None:
        return
    hop = scalar_in(step)
    length = data_of(ctx, 3) if ctx.has_input(3) else None
    if ctx.has_input(3) and length is None:
        return
    window = _given_shape(ctx, 2)
    size = None if length is None else scalar_in(length, "frame_length")
    if window is not None:
        if len(window.dim) != 1:
            raise refuse_shape("window input must have rank = 1.")
        given = window.dim[0].dim_value if window.dim[0].HasField("dim_value") else None
        if size is not None and given not in (None, size):
            raise refuse_type(f"The window is {given} long, but frame_length is {size}: they must match")
        size = given if size is None else size
    if size is None:
        return
    bins = size // 2 + 1 if option(ctx, "onesided", 0) else size
    rows = batch.dim_value if batch.HasField("dim_value") else None
    say_shape(ctx, 0, [rows, _fitting(whole.dim_value - size, hop) + 1, bins, 2])


def _given_shape(ctx: InferenceContext, index: int) -> TensorShapeProto | None:
    """The shape of an input that may be left out; one whose shape nobody knows counts as a scalar."""
    type = ctx.get_input_type(index) if index < ctx.get_num_inputs() else None
    if type is None:
        return None
    tensor = tensor_of(type)
    if tensor is None:
        raise refuse_type(f"Input {index} expected to have tensor or sparse tensor type")
    return tensor.shape


def _fitting(room: int, step: int) -> int:
    """How many steps fit, counted in single precision and cut towards zero; no step fits the least integer of times."""
    return int(np.float32(room) / np.float32(step)) if step else -(2**63)


def _centred(ctx: InferenceContext, schema: Schema) -> None:
    """The extents that are asked for on some axes, the input's on the others."""
    if ctx.get_num_inputs() != 2:
        raise refuse_type("CenterCropPad op must have 2 inputs.")
    keep_element(ctx)
    shape = shape_of(ctx, 0)
    target = None if shape is None else data_of(ctx, 1)
    if shape is None or target is None or not target.data_type:
        return
    if target.data_type not in (TensorProto.INT32, TensorProto.INT64):
        raise refuse_shape("`shape` only supports `int32_t` or `int64_t` inputs")
    rank, attribute, wanted = len(shape.dim), ctx.get_attribute("axes"), numbers_in(target)
    axes = list(range(rank)) if attribute is None else [int(a) for a in attribute.ints]
    if any(not -rank <= a < rank for a in axes):
        raise refuse_shape(f"axes must be in [-rank, rank-1]. input rank was {rank}, axes {axes}")
    axes = [a % rank for a in axes]
    if len(set(axes)) != len(axes):
        raise refuse_shape(f"axes {axes} are not unique")
    if len(wanted) != len(axes):
        shown = f"({len(wanted)}) does not match the number of axes ({len(axes)})"
        raise refuse_shape(f"Number of elements of input 'shape' {shown}.")
    by = dict(zip(axes, wanted, strict=True))
    say_shape(ctx, 0, [by.get(i, d) for i, d in enumerate(extents(shape))])


SIGNALS: dict[tuple[str, str], Rule] = {
    **{("", name): _window for name in ("BlackmanWindow", "HammingWindow", "HannWindow")},
    ("", "CenterCropPad"): _centred,
    ("", "DFT"): _transform,
    ("", "MelWeightMatrix"): _mel_weights,
    ("", "STFT"): _frames,
}
