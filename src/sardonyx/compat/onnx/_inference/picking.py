"""Elements picked, repeated, padded and counted out, as the official package infers it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import counted, refuse_shape
from sardonyx.compat.onnx._inference.messages import (
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

__all__ = ["PICKING", "agreed"]

FLOAT, DOUBLE, INT32, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64
COUNTED = {FLOAT: np.float32, DOUBLE: np.float64, INT32: np.int32, INT64: np.int64}  # element types of ranges
Dimension = TensorShapeProto.Dimension


# -- what rules here share -----------------------------------------------------------------------------------------------


def _values(tensor: TensorProto, code: int) -> list[Any]:
    """The elements of a constant, which must be of this type."""
    if tensor.data_type != code:
        raise refuse_shape(f"the constant '{tensor.name}' has elements of type {tensor.data_type}, not {code}")
    return numbers_in(tensor)


def _value(dim: Dimension) -> int | None:
    return dim.dim_value if dim.HasField("dim_value") else None


def agreed(*dims: Dimension) -> Dimension:
    """One extent that several inputs state: a number, else a name, if any has one; unknown where nobody states it."""
    numbers = [d for d in dims if _value(d) is not None]
    for d in numbers[1:]:
        if d.dim_value != numbers[0].dim_value:
            raise refuse_shape(f"Dimension mismatch in unification between {numbers[0].dim_value} and {d.dim_value}")
    return next((d for d in (*numbers, *dims) if d.WhichOneof("value") is not None), Dimension())


# -- picked --------------------------------------------------------------------------------------------------------------


def _at_tuples(ctx: InferenceContext, schema: Schema) -> None:
    """What the last axis of the indices leaves of the data, for each of the other axes; of a scalar nothing is said."""
    keep_element(ctx)
    data, indices = shape_of(ctx, 0), shape_of(ctx, 1)
    if data is None or indices is None:
        return
    if not data.dim or not indices.dim:
        raise refuse_shape("Both `data` and `indices` input tensors in GatherND op need to have rank larger than 0.")
    count = _value(indices.dim[-1])
    if count is None:
        return
    first = count + option(ctx, "batch_dims", 0) if schema.version >= 12 else count
    if first > len(data.dim):
        raise refuse_shape("Last dimension of `indices` must not be larger than the rank of `data`")
    made = [*extents(indices)[:-1], *extents(data)[max(first, 0) :]]
    if made:
        say_shape(ctx, 0, made)


def _at_each(ctx: InferenceContext, schema: Schema) -> None:
    """As many elements as there are indices."""
    keep_element(ctx)
    keep_shape(ctx, 1)


def _unchanged(ctx: InferenceContext, schema: Schema) -> None:
    keep_element(ctx)
    keep_shape(ctx)


def _reversed(ctx: InferenceContext, schema: Schema) -> None:
    keep_element(ctx)
    data, lengths = shape_of(ctx, 0), shape_of(ctx, 1)
    if data is None or lengths is None:
        return
    if len(data.dim) < 2:
        raise refuse_shape("'input' must have rank >= 2")
    must_have_rank(ctx, 1, 1)
    keep_shape(ctx)


def _regions(ctx: InferenceContext, schema: Schema) -> None:
    keep_element(ctx)
    images, regions, batches = (must_have_rank(ctx, i, rank) for i, rank in enumerate((4, 2, 1)))
    if schema.version >= 22 and regions is not None:
        agreed(regions.dim[1], Dimension(dim_value=4))
    stated = [shape.dim[0] for shape in (regions, batches) if shape is not None]
    count = agreed(*stated) if stated else None
    channels = None if images is None else images.dim[1]
    say_shape(ctx, 0, [count, channels, option(ctx, "output_height", 1), option(ctx, "output_width", 1)])


# -- repeated and padded -------------------------------------------------------------------------------------------------


def _tiled(ctx: InferenceContext, schema: Schema) -> None:
    keep_element(ctx)
    shape = shape_of(ctx, 0)
    if shape is None or schema.version < 6:
        return
    repeats, counts = data_of(ctx, 1), shape_of(ctx, 1)
    if repeats is None or counts is None:
        say_shape(ctx, 0, [None] * len(shape.dim))
        return
    if len(counts.dim) != 1:
        raise refuse_shape("'Repeats' input must be 1D tensor of type int64")
    times = _values(repeats, INT64)
    if len(times) != len(shape.dim):
        raise refuse_shape(f"'Repeats' has {len(times)} values for {len(shape.dim)} dimensions")
    if any(n < 0 for n in times):
        raise refuse_shape("'Repeats' input must not contain negative values")
    say_shape(ctx, 0, [None if (d := _value(dim)) is None else d * n for dim, n in zip(shape.dim, times, strict=True)])


def _padded(ctx: InferenceContext, schema: Schema) -> None:
    """Extents grow by what is added on both sides; names stay where that is nothing."""
    keep_element(ctx)
    shape = shape_of(ctx, 0)
    if shape is None:
        return
    rank = len(shape.dim)
    if schema.version < 11:
        attribute = ctx.get_attribute("pads")
        if attribute is None:
            raise refuse_shape("Attribute value for pads is required")
        made = _grown(shape, list(range(rank)), [int(n) for n in attribute.ints])
        if made:
            say_shape(ctx, 0, made)
        return
    axes = list(range(rank))
    if schema.version >= 18 and shape_of(ctx, 3) is not None:
        named = data_of(ctx, 3)
        if named is None:
            return
        axes = _each_once(_values(named, INT64), rank)
    pads = data_of(ctx, 1)
    if pads is None or (schema.version >= 18 and not axes):
        say_shape(ctx, 0, [None] * rank)
        return
    if len(pads.dims) != 1:
        raise refuse_shape("'pads' input must be a 1D tensor of type int64")
    say_shape(ctx, 0, _grown(shape, axes, _values(pads, INT64)))


def _each_once(axes: list[int], rank: int) -> list[int]:
    if any(not -rank <= a < rank for a in axes):
        raise refuse_shape(f"axes must be in [-rank, rank-1]. input rank was {rank}, axes {axes}")
    found = [a % rank for a in axes]
    if len(set(found)) != len(found):
        raise refuse_shape(f"axes {axes} are not unique")
    return found


def _grown(shape: TensorShapeProto, axes: list[int], pads: list[int]) -> list[Dimension | int | None]:
    if len(pads) != 2 * len(axes):
        raise refuse_shape(
            f"Pads has incorrect number of values. Expected 2 * {len(axes)} values. Got {len(pads)} values."
        )
    made: list[Dimension | int | None] = [_value(dim) for dim in shape.dim]
    for axis, before, after in zip(axes, pads, pads[len(axes) :], strict=False):
        counted(before + after)
        extent = _value(shape.dim[axis])
        if extent is not None:
            made[axis] = extent + before + after
        elif before + after == 0:
            made[axis] = shape.dim[axis]
    return made


# -- counted out ---------------------------------------------------------------------------------------------------------


def _counted(ctx: InferenceContext, schema: Schema) -> None:
    """A vector, counted where all three numbers are constants of one of the four usual types."""
    keep_element(ctx)
    numbers = [data_of(ctx, i) for i in range(3)]
    given = [n for n in numbers if n is not None]
    if len(given) < 3:
        say_shape(ctx, 0, [None])
        return
    code = given[0].data_type
    if any(n.data_type != code for n in given):
        raise refuse_shape("All inputs to 'Range' op must be of the same type")
    if code not in COUNTED:
        say_shape(ctx, 0, [None])
        return
    if any(n.dims for n in given):
        raise refuse_shape("Input to 'Range' op should be scalars (Tensor with only one element and shape empty)")
    start, limit, step = (COUNTED[code](numbers_in(n)[0]) for n in given)
    with np.errstate(over="ignore"):
        distance = float(limit - start)
    say_shape(ctx, 0, [_steps(distance, float(step))])


def _steps(distance: float, step: float) -> int:
    """How many steps are begun; what no integer of 64 bits holds, and what no step gets anywhere with, counts as none."""
    count = distance / step if step else math.nan
    return max(math.ceil(count), 0) if abs(count) < 2**63 else 0


# -- rounded -------------------------------------------------------------------------------------------------------------


def _rounded(ctx: InferenceContext, schema: Schema) -> None:
    """The bytes, their scale and their zero point; the node must have a place for each."""
    for i, code in enumerate((TensorProto.UINT8, FLOAT, TensorProto.UINT8)):
        say_element(ctx, i, code)
        if i:
            say_shape(ctx, i, [])
    keep_shape(ctx)


PICKING: dict[tuple[str, str], Rule] = {
    **{("", name): _unchanged for name in ("CumProd", "CumSum")},
    ("", "DynamicQuantizeLinear"): _rounded,
    ("", "GatherElements"): _at_each,
    ("", "GatherND"): _at_tuples,
    ("", "Pad"): _padded,
    ("", "Range"): _counted,
    ("", "ReverseSequence"): _reversed,
    ("", "RoiAlign"): _regions,
    ("", "Tile"): _tiled,
}
