"""Moving elements without computing: views, joins and permutations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Flag, Input, Int, Ints, Output, String, carries, infers, operator, reference, types
from sardonyx.ops.known import Dims, Known, axes_of, axis_of, broadcast, known, same
from sardonyx.ops.typesets import CLASSIC, CLASSIC_BF, FLOATS, I64, IR9, IR10, IR11, IR12, IR13, optionals, seqs

WIDENED = {1: CLASSIC, 13: CLASSIC_BF}
VIEWS = {1: CLASSIC, 13: CLASSIC_BF, 19: IR9, 21: IR10, 23: IR11, 24: IR12, 25: IR13}


def product(extents: Sequence[Dim]) -> Dim:
    result: Dim = 1
    for extent in extents:
        result = result * extent
    return result


def must_be_vector(x: Known, name: str) -> None:
    """Refuse an input that holds extents or the like in another form."""
    if x.has_shape and x.rank != 1:
        raise ShapeError(f"{name} must be a vector", why=f"its rank is {x.rank}")


@operator("Shape", since=(1, 13, 15, 19, 21, 23, 24, 25))
class Shape:
    """The shape of a tensor as a vector, from axis `start` up to `end`."""

    T = types(VIEWS)
    T1 = types(I64)
    data = Input(T)
    shape = Output(T1)
    start = Int(0, since=15)
    end = Int(since=15)

    @infers
    def infer(data: Known, *, start: int | None, end: int | None) -> Known:
        return known(d.INT64, (len(data.shape[slice(start or 0, end)]) if data.has_shape else None,))

    @carries
    def carry(data: Known, *, start: int | None = 0, end: int | None = None) -> Any:
        return list(data.shape[slice(start or 0, end)]) if data.has_shape else None

    @reference
    def run(data: Array, *, start: int | None, end: int | None) -> Array:
        return np.array(data.shape[slice(start or 0, end)], np.int64)


@operator("Size", since=(1, 13, 19, 21, 23, 24, 25))
class Size:
    """The number of elements."""

    T = types(VIEWS)
    T1 = types(I64)
    data = Input(T)
    size = Output(T1)

    @infers
    def infer(data: Known) -> Known:
        return known(d.INT64, (), product(data.shape) if data.has_shape else None)

    @reference
    def run(data: Array) -> Array:
        return np.array(data.size, np.int64)


@operator("Reshape", since=(1, 5, 13, 14, 19, 21, 23, 24, 25), carries=True)
class Reshape:
    """The same elements in another shape: 0 keeps an extent (unless allowzero is set), one -1 takes what is left."""

    T = types({**VIEWS, 1: FLOATS, 5: CLASSIC})
    data = Input(T)
    shape = Input("tensor(int64)", since=5, was=Ints())
    reshaped = Output(T)
    allowzero = Flag(0, since=14)
    consumed_inputs = Ints(until=5)

    @infers
    def infer(data: Known, shape: Known | None, *, allowzero: bool) -> Dims | Known | None:
        if shape is not None:
            must_be_vector(shape, "shape")
        wanted = None if shape is None else shape.ints()
        if wanted is None:
            rank = shape.shape[0] if shape is not None else None
            return (None,) * rank if isinstance(rank, int) else None
        if list(wanted).count(-1) > 1:
            raise ShapeError(f"{show_shape(wanted)} leaves two extents open", why="only one -1 can be filled in")
        if any(isinstance(x, int) and x < -1 for x in wanted):
            raise ShapeError(
                f"{show_shape(wanted)} is no shape", why="the only negative number that has a meaning is -1"
            )
        if not data.has_shape:
            return tuple(None if x == -1 or (x == 0 and not allowzero) else x for x in wanted)
        return reshaped(data.shape, wanted, allowzero=allowzero)

    @reference
    def run(data: Array, shape: Array, *, allowzero: bool) -> Array:
        extents = [int(x) for x in shape]
        if not allowzero:
            extents = [data.shape[i] if x == 0 else x for i, x in enumerate(extents)]
        return data.reshape(extents)


def reshaped(shape: Sequence[Dim], wanted: Sequence[Dim], *, allowzero: bool) -> Dims:
    """The shape that Reshape gives, with its zeros and its -1 filled in."""
    result: list[Dim] = []
    for i, extent in enumerate(wanted):
        if extent == 0 and not allowzero:
            if i >= len(shape):
                raise ShapeError(
                    f"0 at position {i} keeps no extent", why=f"the input {show_shape(shape)} has only {len(shape)}"
                )
            extent = shape[i]
        result.append(extent)
    total = product(shape)
    if -1 in result:
        rest = product([x for x in result if x != -1])
        left = 0 if rest == 0 else dims.floordiv(total, rest)
        if isinstance(left, int) and isinstance(rest, int) and isinstance(total, int) and left * rest != total:
            raise ShapeError(
                f"{total} elements do not fill {show_shape(wanted)}", why=f"{total} is no multiple of {rest}"
            )
        result[result.index(-1)] = left
    elif isinstance(found := product(result), int) and isinstance(total, int) and found != total:
        raise ShapeError(f"{show_shape(shape)} has {total} elements, {show_shape(result)} has {found}")
    return tuple(result)


@operator("Flatten", since=(1, 9, 11, 13, 21, 23, 24, 25))
class Flatten:
    """A matrix: the extents before `axis` become its rows, the others its columns."""

    T = types({1: FLOATS, 9: CLASSIC, 13: CLASSIC_BF, 21: IR10, 23: IR11, 24: IR12, 25: IR13})
    input = Input(T)
    output = Output(T)
    axis = Int(1)

    @infers
    def infer(input: Known, *, axis: int) -> Dims:
        if not -input.rank <= axis <= input.rank:
            raise ShapeError(f"axis {axis} is out of range", why=f"the rank is {input.rank}")
        at = axis + input.rank if axis < 0 else axis
        return product(input.shape[:at]), product(input.shape[at:])

    @reference
    def run(input: Array, *, axis: int) -> Array:
        at = axis + input.ndim if axis < 0 else axis
        return input.reshape(math.prod(input.shape[:at]), math.prod(input.shape[at:]))


@operator("Transpose", since=(1, 13, 21, 23, 24, 25), carries=True)
class Transpose:
    """The axes in the order of `perm`; reversed when it is not given."""

    T = types({1: CLASSIC, 13: CLASSIC_BF, 21: IR10, 23: IR11, 24: IR12, 25: IR13})
    data = Input(T)
    transposed = Output(T)
    perm = Ints()

    @infers
    def infer(data: Known, *, perm: tuple[int, ...] | None) -> Dims:
        order = tuple(reversed(range(data.rank))) if perm is None else axes_of(perm, data.rank)
        if len(order) != data.rank:
            raise ShapeError(f"perm {list(order)} does not permute {data.rank} axes")
        return tuple(data.shape[i] for i in order)

    @reference
    def run(data: Array, *, perm: tuple[int, ...] | None) -> Array:
        return np.transpose(data, perm)


@operator("Concat", since=(1, 4, 11, 13), carries=True)
class Concat:
    """Tensors joined along `axis`; all other extents agree."""

    T = types({1: FLOATS, 4: CLASSIC, 13: CLASSIC_BF})
    inputs = Input(T, variadic=True)
    concat_result = Output(T)
    axis = Int(required_since=4)  # before, it was 1 unless given

    @infers
    def infer(*inputs: Known, axis: int | None) -> Dims:
        first = inputs[0]
        at = axis_of(1 if axis is None else axis, first.rank)
        result = list(first.shape)
        for other in inputs[1:]:
            if other.rank != first.rank:
                raise ShapeError(f"the ranks of {show_shape(first.shape)} and {show_shape(other.shape)} differ")
            result = [
                a + b if i == at else same(a, b, f"extents of axis {i}")
                for i, (a, b) in enumerate(zip(result, other.shape, strict=True))
            ]
        return tuple(result)

    @reference
    def run(*inputs: Array, axis: int | None) -> Array:
        return np.concatenate(inputs, 1 if axis is None else axis)


@operator("Squeeze", since=(1, 11, 13, 21, 23, 24, 25), carries=True)
class Squeeze:
    """The named axes of extent 1 removed; all of them when none is named."""

    T = types({1: CLASSIC, 13: CLASSIC_BF, 21: IR10, 23: IR11, 24: IR12, 25: IR13})
    data = Input(T)
    axes = Input("tensor(int64)", optional=True, since=13, was=Ints())
    squeezed = Output(T)

    @infers
    def infer(data: Known, axes: Known | None) -> Dims | None:
        if axes is None:
            return tuple(x for x in data.shape if x != 1) if all(isinstance(x, int) for x in data.shape) else None
        numbers = axes.numbers()
        if numbers is None:
            return None
        gone = axes_of(numbers, data.rank)
        for i in gone:
            same(data.shape[i], 1, f"extent of squeezed axis {i} and 1")
        return tuple(x for i, x in enumerate(data.shape) if i not in gone)

    @reference
    def run(data: Array, axes: Array | None) -> Array:
        return np.squeeze(data, None if axes is None else tuple(int(a) for a in axes))


@operator("Unsqueeze", since=(1, 11, 13, 21, 23, 24, 25), carries=True)
class Unsqueeze:
    """New axes of extent 1 where the result's axes are named."""

    T = types({1: CLASSIC, 13: CLASSIC_BF, 21: IR10, 23: IR11, 24: IR12, 25: IR13})
    data = Input(T)
    axes = Input("tensor(int64)", since=13, was=Ints(required=True))
    expanded = Output(T)

    @infers
    def infer(data: Known, axes: Known | None) -> Dims | None:
        numbers = None if axes is None else axes.numbers()
        if numbers is None:
            return None
        new = axes_of(numbers, data.rank + len(numbers))
        rest = iter(data.shape)
        return tuple(1 if i in new else next(rest) for i in range(data.rank + len(new)))

    @reference
    def run(data: Array, axes: Array) -> Array:
        return np.expand_dims(data, tuple(int(a) for a in np.reshape(axes, -1)))


@operator("Expand", since=(8, 13), carries=True)
class Expand:
    """The tensor broadcast against a shape."""

    T = types({8: CLASSIC, 13: CLASSIC_BF})
    input = Input(T)
    shape = Input("tensor(int64)")
    output = Output(T)

    @infers
    def infer(input: Known, shape: Known) -> Dims | None:
        must_be_vector(shape, "shape")
        wanted = shape.ints()
        if wanted is not None:
            return broadcast(input.shape, wanted)
        count = shape.shape[0]
        if not isinstance(count, int):
            return None
        rank = max(count, input.rank)  # an extent other than 1 stays; anything may become of the others
        extents = (1,) * (rank - input.rank) + input.shape
        return tuple(x if isinstance(x, int) and (x != 1 or i < rank - count) else None for i, x in enumerate(extents))

    @reference
    def run(input: Array, shape: Array) -> Array:
        return np.broadcast_to(input, np.broadcast_shapes(input.shape, tuple(int(x) for x in shape))).copy()


def _block_shape(shape: Sequence[Dim], size: int) -> Sequence[Dim]:
    """The extents of images, [batch, channels, height, width]."""
    if len(shape) != 4:
        raise ShapeError(f"{show_shape(shape)} holds no images", why="it must be [batch, channels, height, width]")
    if size < 1:
        raise ShapeError(f"blocks of {size} x {size} hold nothing")
    return shape


@operator("DepthToSpace", since=(1, 11, 13, 28))
class DepthToSpace:
    """Channels spread into blocks of pixels: the block's place is the slower part of the channel (DCR), or the faster (CRD)."""

    T = types(WIDENED)
    input = Input(T)
    output = Output(T)
    blocksize, mode = Int(required=True), String("DCR", since=11)

    @infers
    def infer(input: Known, *, blocksize: int) -> Dims:
        n, c, h, w = _block_shape(input.shape, blocksize)
        depth = blocksize * blocksize
        if isinstance(c, int) and c % depth:
            raise ShapeError(f"{c} channels do not fill blocks of {depth}")
        return n, dims.floordiv(c, depth), h * blocksize, w * blocksize

    @reference
    def run(input: Array, *, blocksize: int, mode: str) -> Array:
        n, c, h, w = input.shape
        depth, s = c // (blocksize * blocksize), blocksize
        if mode == "DCR":
            blocks = input.reshape(n, s, s, depth, h, w).transpose(0, 3, 4, 1, 5, 2)
        else:
            blocks = input.reshape(n, depth, s, s, h, w).transpose(0, 1, 4, 2, 5, 3)
        return blocks.reshape(n, depth, h * s, w * s)


@operator("SpaceToDepth", since=(1, 13, 28))
class SpaceToDepth:
    """Blocks of pixels gathered into channels: what DepthToSpace undoes."""

    T = types(WIDENED)
    input = Input(T)
    output = Output(T)
    blocksize, mode = Int(required=True), String("DCR", since=28)

    @infers
    def infer(input: Known, *, blocksize: int) -> Dims:
        n, c, h, w = _block_shape(input.shape, blocksize)
        if any(isinstance(x, int) and x % blocksize for x in (h, w)):
            raise ShapeError(f"an image of {h} x {w} does not divide into blocks of {blocksize} x {blocksize}")
        return n, c * (blocksize * blocksize), dims.floordiv(h, blocksize), dims.floordiv(w, blocksize)

    @reference
    def run(input: Array, *, blocksize: int, mode: str) -> Array:
        n, c, h, w = input.shape
        s = blocksize
        blocks = input.reshape(n, c, h // s, s, w // s, s)
        order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
        return blocks.transpose(order).reshape(n, c * s * s, h // s, w // s)


@operator("Identity", since=(1, 13, 14, 16, 19, 21, 23, 24, 25), carries=True)
class Identity:
    """The value itself, whatever it is."""

    V = types({
        **VIEWS, 14: CLASSIC_BF | seqs(CLASSIC), 16: CLASSIC_BF | seqs(CLASSIC) | optionals(CLASSIC) | optionals(seqs(CLASSIC)),
        19: IR9 | seqs(CLASSIC) | optionals(CLASSIC) | optionals(seqs(CLASSIC)),
        21: IR10 | seqs(CLASSIC) | optionals(CLASSIC) | optionals(seqs(CLASSIC)),
        23: IR11 | seqs(CLASSIC) | optionals(CLASSIC) | optionals(seqs(CLASSIC)),
        24: IR12 | seqs(CLASSIC) | optionals(CLASSIC) | optionals(seqs(CLASSIC)),
        25: IR13 | seqs(CLASSIC) | optionals(CLASSIC) | optionals(seqs(CLASSIC)),
    }, names={1: "T", 14: "V"})  # fmt: skip
    input = Input(V)
    output = Output(V)

    @infers
    def infer(input: Known) -> Known:
        return input

    @reference
    def run(input: Any) -> Any:
        return input


__all__: list[str] = []
