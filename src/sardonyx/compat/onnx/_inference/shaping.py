"""Shapes that are stated, turned around, joined and indexed, as the official package infers it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import counted, refuse_shape, refuse_type
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
    say_shape,
    shape_of,
    type_of,
)
from sardonyx.compat.onnx._inference.types import fill_dim
from sardonyx.ops import Schema
from sardonyx.proto import TensorProto, TensorShapeProto

__all__ = ["SHAPING"]

Dimension = TensorShapeProto.Dimension


def _value(dim: Dimension) -> int | None:
    return dim.dim_value if dim.HasField("dim_value") else None


def _numbers(tensor: TensorProto) -> list[int]:
    if tensor.data_type != TensorProto.INT64:
        raise refuse_shape(f"the constant '{tensor.name}' has elements of type {tensor.data_type}, not of 64 bits")
    return numbers_in(tensor)


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise refuse_shape(f"axis must be in [-rank, rank-1]. input rank was {rank}, axis {axis}")
    return axis % rank


# -- stated --------------------------------------------------------------------------------------------------------------


def _stated(ctx: InferenceContext, index: int, *, followed: bool) -> list[Dimension] | None:
    """The extents that an input holds: a constant's elements, or what was followed."""
    tensor = data_of(ctx, index)
    if tensor is not None:
        return [Dimension(dim_value=n) for n in _numbers(tensor)]
    values = ctx.get_symbolic_input(index) if followed else None
    return None if values is None else extents(values)


def _counted(ctx: InferenceContext, index: int) -> list[Dimension] | None:
    """As many unknown extents as a vector has elements."""
    shape = must_have_rank(ctx, index, 1)
    count = None if shape is None else _value(shape.dim[0])
    return None if count is None or not 0 <= count <= MOST_AXES else [Dimension() for _ in range(count)]


def _reshaped(ctx: InferenceContext, schema: Schema) -> None:
    """The extents that are stated; a 0 keeps the input's, and a -1 takes what is left, if numbers tell."""
    keep_element(ctx)
    shape, followed = shape_of(ctx, 0), schema.version >= 14
    target = _stated(ctx, 1, followed=followed)
    if target is None and followed:
        target = _counted(ctx, 1)
    if target is None:
        return
    made: list[Dimension] = []
    empty = schema.version >= 14 and option(ctx, "allowzero", 0)  # whether a 0 is an extent
    kept: set[int] = set()  # where a 0 keeps an extent that is no number
    product: int | None = 1
    for i, dim in enumerate(target):
        extent = _value(dim)
        if extent == 0 and not empty:
            if shape is not None and i >= len(shape.dim):
                raise refuse_shape("Invalid position of 0")
            dim = shape.dim[i] if shape is not None else Dimension()
            extent = _value(dim)
            if extent is None:
                kept.add(i)
                extent = 1
        elif extent is not None and extent < -1:
            raise refuse_shape(f"Invalid dimension value: {extent}")
        if extent != -1:
            product = None if extent is None or product is None else counted(product * extent)
        made.append(dim)
    open_axes = [i for i, dim in enumerate(target) if _value(dim) == -1]
    if len(open_axes) > 1:
        raise refuse_shape("Target shape may not have multiple -1 dimensions.")
    if open_axes:
        made[open_axes[0]] = _left(shape, product, kept)
    say_shape(ctx, 0, made)


def _left(shape: TensorShapeProto | None, product: int | None, kept: set[int]) -> Dimension:
    """The extent of the open axis."""
    if product == 0:
        raise refuse_shape("Invalid Target shape product of 0. Product cannot be 0 in combination with -1")
    if shape is None or product is None:
        return Dimension()
    count = 1
    for i, dim in enumerate(shape.dim):
        extent = _value(dim)
        if extent is None and i not in kept:
            return Dimension()
        count = counted(count * (1 if extent is None else extent))
    if count % product:
        raise refuse_shape("Dimension could not be inferred: incompatible shapes")
    return Dimension(dim_value=count // product)


def _expanded(ctx: InferenceContext, schema: Schema) -> None:
    keep_element(ctx)
    if schema.version < 13:
        type_of(ctx, 1)  # which must have a place there
    shape, target_shape = shape_of(ctx, 0), shape_of(ctx, 1)
    if shape is None or target_shape is None:
        return
    if schema.version < 13:
        must_have_rank(ctx, 1, 1)
    target = _stated(ctx, 1, followed=schema.version >= 13)
    if target is None:
        target = _counted(ctx, 1)
    if target is not None:
        say_shape(ctx, 0, _spread(extents(shape), target))


def _spread(a: Sequence[Dimension], b: Sequence[Dimension]) -> list[Dimension]:
    """What two shapes are broadcast to."""
    rank = max(len(a), len(b))
    ones = [Dimension(dim_value=1)]
    padded = [ones * (rank - len(s)) + list(s) for s in (a, b)]
    return [_wider(x, y) for x, y in zip(*padded, strict=True)]


def _wider(a: Dimension, b: Dimension) -> Dimension:
    numbers = {n for d in (a, b) if (n := _value(d)) is not None and n != 1}
    if len(numbers) > 1:
        raise refuse_shape(f"Incompatible dimensions {a.dim_value} and {b.dim_value}")
    if numbers:
        return Dimension(dim_value=numbers.pop())
    names = [d for d in (a, b) if _value(d) is None]
    if not names:
        return Dimension(dim_value=1)
    return names[0] if len(names) == 1 or names[0] == names[1] else Dimension()


# -- turned around -------------------------------------------------------------------------------------------------------


def _transposed(ctx: InferenceContext, schema: Schema) -> None:
    """The extents in the order of `perm`, as many as it names."""
    keep_element(ctx)
    shape, given = shape_of(ctx, 0), ctx.get_attribute("perm")
    if shape is None:
        return
    rank = len(shape.dim)
    perm = list(reversed(range(rank))) if given is None else [int(a) for a in given.ints]
    for i, axis in enumerate(perm):
        if not 0 <= axis < rank:
            raise refuse_type(f"Invalid attribute perm {perm}, input shape has {rank} dimensions")
        if axis in perm[:i]:
            raise refuse_type(f"Attribute perm for Transpose has repeated value: {axis}")
    if perm or schema.version >= 13:
        say_shape(ctx, 0, [shape.dim[axis] for axis in perm])


# -- joined --------------------------------------------------------------------------------------------------------------


def _joined(ctx: InferenceContext, schema: Schema) -> None:
    """Each extent as far as any input tells it, and along the axis their sum, if all are numbers."""
    keep_element(ctx)
    shapes = [shape_of(ctx, i) for i in range(ctx.get_num_inputs())]
    known = [s for s in shapes if s is not None]
    if len(known) < len(shapes):
        return
    given, rank = ctx.get_attribute("axis"), len(known[0].dim)
    if given is None:
        raise refuse_shape("Required attribute axis is missing")
    if not (-rank if schema.version >= 11 else 0) <= given.i < rank:
        if schema.version < 11 and given.i < 0:
            return
        raise refuse_shape("axis must be in [-rank, rank-1].")
    if len(known) == 1 and schema.version >= 11:
        keep_shape(ctx)
        return
    axis = _axis(int(given.i), rank)
    made = [Dimension() for _ in range(rank)]
    for i, shape in enumerate(known):
        if len(shape.dim) != rank:
            raise refuse_shape(
                f"All inputs to Concat must have same rank. Input {i} has rank {len(shape.dim)} != {rank}"
            )
        for j, (dim, target) in enumerate(zip(shape.dim, made, strict=True)):
            if j != axis:
                fill_dim(dim, target, j)
    parts = [_value(shape.dim[axis]) for shape in known]
    numbers = [n for n in parts if n is not None]
    if len(numbers) == len(parts):
        made[axis] = Dimension(dim_value=counted(sum(numbers)))
    say_shape(ctx, 0, made)


# -- indexed -------------------------------------------------------------------------------------------------------------


def _gathered(ctx: InferenceContext, schema: Schema) -> None:
    """The indices' extents in the place of the axis."""
    keep_element(ctx)
    data, indices = shape_of(ctx, 0), shape_of(ctx, 1)
    if data is None or indices is None:
        return
    axis = _axis(option(ctx, "axis", 0), len(data.dim))
    say_shape(ctx, 0, [*data.dim[:axis], *indices.dim, *data.dim[axis + 1 :]])


def _unchanged(ctx: InferenceContext, schema: Schema) -> None:
    keep_element(ctx)
    keep_shape(ctx)


# -- scaled --------------------------------------------------------------------------------------------------------------


def _scaled(ctx: InferenceContext, schema: Schema) -> None:
    """Numbers times what a list says, or since version 9 a constant, in double precision."""
    shape = shape_of(ctx, 0)
    if schema.version >= 9 or shape is not None:
        keep_element(ctx)
    if shape is None or schema.version < 7:
        return
    rank = len(shape.dim)
    if schema.version < 9:
        attribute = ctx.get_attribute("scales")
        if attribute is None:
            raise refuse_shape("Attribute 'scales' is required.")
        factors = [float(f) for f in attribute.floats]
    else:
        scales = data_of(ctx, 1)
        if scales is None:
            say_shape(ctx, 0, [None] * rank)
            return
        if scales.data_type != TensorProto.FLOAT:
            raise refuse_shape("Input 'scales' must have float element type.")
        factors = numbers_in(scales)
    if len(factors) != rank:
        raise refuse_shape(
            f"Number of elements of 'scales' ({len(factors)}) must be same as rank of input 'X' ({rank})"
        )
    extents = [_value(dim) for dim in shape.dim]
    say_shape(ctx, 0, [None if n is None else math.floor(n * f) for n, f in zip(extents, factors, strict=True)])


# -- columns -------------------------------------------------------------------------------------------------------------


def _columns(ctx: InferenceContext, schema: Schema) -> None:
    """As many axes as image, block or attributes have entries; their extents from a constant image."""
    keep_element(ctx)
    if any(shape_of(ctx, i) is None for i in range(3)):
        return
    count = Dimension()
    for i in (1, 2):
        stated = must_have_rank(ctx, i, 1)
        if stated is not None:
            _agree(stated.dim[0], count)
    image, block = data_of(ctx, 1), data_of(ctx, 2)
    for tensor in (image, block):
        if tensor is not None:
            _agree(Dimension(dim_value=len(_numbers(tensor))), count)
    for name, each in (("pads", 2), ("dilations", 1), ("strides", 1)):
        attribute = ctx.get_attribute(name)
        if attribute is not None:
            if len(attribute.ints) % each:
                raise refuse_shape(f"Attribute {name} must have an even size")
            _agree(Dimension(dim_value=len(attribute.ints) // each), count)
    number, shape = _value(count), must_have_rank(ctx, 0, 3)
    sizes = _numbers(block) if block is not None else []
    if any(n <= 0 for n in sizes):
        raise refuse_shape("'block_shape' input must contain only positive values")
    if number is None or number > MOST_AXES or shape is None:
        return
    size = 1
    for n in sizes:
        size = counted(size * n)
    batch, channels = _value(shape.dim[0]), _value(shape.dim[1])
    made = [batch, channels // size if sizes and channels is not None else None]
    say_shape(ctx, 0, [*made, *(_numbers(image) if image is not None else [None] * number)])


def _agree(stated: Dimension, count: Dimension) -> None:
    number, known = _value(stated), _value(count)
    if number is not None and known is not None and number != known:
        raise refuse_shape(f"Dimension mismatch in unification between {known} and {number}")
    fill_dim(stated, count)


SHAPING: dict[tuple[str, str], Rule] = {
    **{("", name): _unchanged for name in ("Scatter", "ScatterElements", "ScatterND")},
    ("", "Col2Im"): _columns,
    ("", "Concat"): _joined,
    ("", "Expand"): _expanded,
    ("", "Gather"): _gathered,
    ("", "Reshape"): _reshaped,
    ("", "Transpose"): _transposed,
    ("", "Upsample"): _scaled,
}
