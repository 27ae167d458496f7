"""Cutting out and adding on: parts, paddings and repetitions of a tensor along its axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core.dims import Dim
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array
from sardonyx.ops.declare import Float, Input, Int, Ints, Output, String, infers, operator, reference, types
from sardonyx.ops.known import Dims, Known, axes_of, axis_of, known
from sardonyx.ops.typesets import CLASSIC, CLASSIC_BF, FLOATS, I64, INDICES, IR10, IR11, IR12, IR13, NUMBERS

FAR = 1 << 31  # slices to the end of an axis are written with numbers from here on


def _is_negative(position: Dim) -> bool:
    """Whether a start or end counts from the back: a negative number, or a symbolic one that is visibly negative."""
    return position < 0 if isinstance(position, int) else all(c < 0 for c in position.terms.values())


def _from_front(position: Dim, extent: Dim, least: int, most: Dim) -> Dim:
    """A start or end of a slice, counted from the front and moved between `least` and `most`."""
    if isinstance(position, int) and abs(position) >= FAR - 1:
        return most if position > 0 else least
    return dims.dmax(extent + position, least) if _is_negative(position) else dims.dmin(position, most)


def sliced(extent: Dim, start: Dim, end: Dim, step: int) -> Dim:
    """How many elements a slice takes of an axis of that extent.

    As ``x[start:end:step]``, but that a backward slice never starts in front of the first element.
    """
    if step < 0:
        begin = extent - 1 if start == -1 else _from_front(start, extent, 0, extent - 1)
        length = dims.dmax(begin - _from_front(end, extent, -1, extent - 1), 0)
        return dims.ceildiv(dims.dmin(length, extent), -step)
    stop = _from_front(end, extent, 0, extent)
    if start == 0:
        length = stop
    elif _is_negative(start) and stop == extent:  # the last few: of a shorter axis, all
        length = dims.dmin(-start, extent)
    else:
        begin = _from_front(start, extent, 0, extent) if _is_negative(start) else start
        length = dims.dmax(stop - begin, 0)
    return dims.ceildiv(length, step)


def taken(extent: int, start: int, end: int, step: int) -> slice:
    """The slice itself, as NumPy has it."""
    return slice(max(start, -extent) if step < 0 else start, end, step)


@operator("Slice", since=(1, 10, 11, 13), carries=True)
class Slice:
    """data[starts:ends:steps] on each named axis; without axes, on the first ones. No slice starts in front of an axis."""

    T = types({1: CLASSIC, 13: CLASSIC_BF})
    Tind = types(INDICES)
    data = Input(T)
    starts = Input(Tind, since=10, was=Ints(required=True))
    ends = Input(Tind, since=10, was=Ints(required=True))
    axes = Input(Tind, optional=True, since=10, was=Ints())
    steps = Input(Tind, optional=True, since=10)
    output = Output(T)

    @infers
    def infer(data: Known, starts: Known, ends: Known, axes: Known | None, steps: Known | None) -> Dims | None:
        count = starts.shape[0] if starts.has_shape and starts.rank else None
        numbers = list(range(count)) if axes is None and isinstance(count, int) else axes and axes.numbers()
        if numbers is None:
            return (None,) * data.rank
        where = axes_of(numbers, data.rank)
        unknown = [None] * len(where)
        begins, stops = starts.ints() or unknown, ends.ints() or unknown
        strides = [1] * len(where) if steps is None else steps.numbers() or unknown
        if not len(begins) == len(stops) == len(strides) == len(where):
            raise ShapeError("starts, ends, axes and steps of a Slice differ in length")
        shape: list[Dim | None] = list(data.shape)
        for axis, begin, stop, stride in zip(where, begins, stops, strides, strict=True):
            if stride == 0:
                raise ShapeError("a step of 0 never arrives", fix="use 1 for every element, -1 for the reverse order")
            if begin is None or stop is None or stride is None:
                shape[axis] = None
            else:
                shape[axis] = sliced(data.shape[axis], begin, stop, stride)
        return tuple(shape)

    @reference
    def run(data: Array, starts: Array, ends: Array, axes: Array | None, steps: Array | None) -> Array:
        where = range(starts.size) if axes is None else axes_of(axes.reshape(-1), data.ndim)
        strides = np.ones(starts.size, np.int64) if steps is None else steps
        cut = [slice(None)] * data.ndim
        for axis, begin, stop, stride in zip(where, starts, ends, strides, strict=True):
            cut[axis] = taken(data.shape[axis], int(begin), int(stop), int(stride))
        return data[tuple(cut)]


def parts(extent: Dim, count: int) -> list[Dim]:
    """`extent` in `count` equal parts; where it does not divide, the last are smaller."""
    if isinstance(extent, int):
        most = -(-extent // count)
        return [min(max(extent - i * most, 0), most) for i in range(count)]
    size = dims.ceildiv(extent, count)
    return [size] * (count - 1) + [extent - size * (count - 1)]


@operator("Split", since=(1, 2, 11, 13, 18))
class Split:
    """The parts of a tensor along `axis`: of the sizes that `split` gives, or else equal ones."""

    T = types({1: FLOATS, 2: CLASSIC, 13: CLASSIC_BF})
    input = Input(T)
    split_1 = Input(T, optional=True, until=2, names={1: "split"})
    split = Input("tensor(int64)", optional=True, since=13, was=Ints())
    outputs = Output(T, variadic=True, names={1: "outputs...", 2: "outputs"})
    axis = Int(0, defaults={1: None, 2: 0})
    num_outputs = Int(since=18)

    @infers
    def infer(
        input: Known, split: Known | None, *, axis: int | None, num_outputs: int | None, n_outputs: int
    ) -> list[Known]:
        at, count = axis_of(axis or 0, input.rank), num_outputs or n_outputs
        sizes: Sequence[Dim | None] | None = None if split is None else split.ints()
        if sizes is None:
            sizes = parts(input.shape[at], count) if split is None else [None] * count
        if len(sizes) < n_outputs:
            raise ShapeError(f"a Split into {len(sizes)} parts has no {n_outputs} outputs")
        total: Any = sum(sizes) if None not in sizes else None  # pyright: ignore[reportArgumentType, reportCallIssue]
        extent = input.shape[at]
        if isinstance(total, int) and isinstance(extent, int) and total != extent:
            raise ShapeError(f"the parts {list(sizes)} do not make up axis {at}", why=f"the axis is {extent}")
        values: list[Any] = [None] * len(sizes)
        if input.value is not None and all(isinstance(x, int) for x in sizes):
            values = np.split(input.value, np.cumsum(np.array(sizes, np.int64))[:-1], at)
        shapes = [(*input.shape[:at], size, *input.shape[at + 1 :]) for size in sizes]
        return [known(input.dtype, shape, value) for shape, value in zip(shapes, values, strict=True)]

    @reference
    def run(
        input: Array, split: Array | None, *, axis: int | None, num_outputs: int | None, n_outputs: int
    ) -> list[Array]:
        extent = input.shape[axis or 0]
        sizes = parts(extent, num_outputs or n_outputs) if split is None else [int(x) for x in split]
        if sum(sizes) != extent:  # pyright: ignore[reportArgumentType, reportCallIssue] of a number, the parts are numbers
            raise ShapeError(f"the parts {sizes} do not make up axis {axis}", why=f"the axis is {extent}")
        return np.split(input, np.cumsum(np.array(sizes, np.int64))[:-1], axis or 0)


def zero(kind: np.dtype[Any]) -> Any:
    """What stands for nothing in an array of that type: 0, False or the empty string."""
    return "" if kind.kind == "O" else kind.type(0)


def padded(data: Array, amounts: Sequence[tuple[int, int]], mode: str, value: Any) -> Array:
    """`data` with so many elements before and after on each axis; negative amounts cut them off."""
    data = data[
        tuple(
            slice(max(-before, 0), max(extent - max(-after, 0), 0))
            for extent, (before, after) in zip(data.shape, amounts, strict=True)
        )
    ]
    grown = [(max(before, 0), max(after, 0)) for before, after in amounts]
    if mode != "constant":
        return np.pad(data, grown, mode)  # pyright: ignore[reportCallIssue, reportArgumentType] NumPy's names are ours
    shape = [before + extent + after for extent, (before, after) in zip(data.shape, grown, strict=True)]
    result = np.full(shape, value, data.dtype)
    result[tuple(slice(b, b + extent) for extent, (b, _) in zip(data.shape, grown, strict=True))] = data
    return result


@operator("Pad", since=(1, 2, 11, 13, 18, 19, 21, 23, 24, 25))
class Pad:
    """Elements added before and after on each axis: a constant, or the tensor's own, mirrored, repeated or wrapped around."""

    T = types({1: FLOATS, 11: NUMBERS, 13: CLASSIC_BF, 21: IR10, 23: IR11, 24: IR12, 25: IR13})
    Tind = types({18: INDICES})
    data = Input(T)
    pads = Input("tensor(int64)", since=11, was=Ints(required=True, since=2))
    constant_value = Input(T, optional=True, since=11, was=Float(0.0, spelled="value"))
    axes = Input(Tind, optional=True, since=18)
    output = Output(T)
    mode = String("constant")
    paddings = Ints(required=True, until=2)

    @infers
    def infer(data: Known, pads: Known | None, constant_value: Known | None, axes: Known | None) -> Dims:
        numbers = list(range(data.rank)) if axes is None else axes.numbers()
        if numbers is None:
            return (None,) * data.rank
        where = axes_of(numbers, data.rank)
        amounts = None if pads is None else pads.ints()
        shape: list[Dim | None] = list(data.shape)
        if amounts is not None and len(amounts) != 2 * len(where):
            raise ShapeError(
                f"{len(amounts)} pads do not fit {len(where)} axes", why="each axis takes one before and one after"
            )
        for i, axis in enumerate(where):
            if amounts is None:
                shape[axis] = None
                continue
            grown = data.shape[axis] + amounts[i] + amounts[i + len(where)]
            if isinstance(grown, int) and grown < 0:
                raise ShapeError(f"more is cut off axis {axis} than it has", why=f"{data.shape[axis]} becomes {grown}")
            shape[axis] = grown
        return tuple(shape)

    @reference
    def run(data: Array, pads: Array, constant_value: Array | None, axes: Array | None, *, mode: str) -> Array:
        where = range(data.ndim) if axes is None else axes_of(axes.reshape(-1), data.ndim)
        amounts = [(0, 0)] * data.ndim
        for i, axis in enumerate(where):
            amounts[axis] = int(pads[i]), int(pads[i + len(where)])
        value = zero(data.dtype) if constant_value is None else constant_value.item()
        return padded(data, amounts, mode, value)


@operator("Tile", since=(1, 6, 13), carries=True)
class Tile:
    """The tensor repeated along each axis."""

    T = types({1: FLOATS, 6: CLASSIC, 13: CLASSIC_BF})
    T1 = types(I64)
    input = Input(T)
    tiles, axis = Input(T, until=6), Input(T, until=6)
    repeats = Input(T1, since=6)
    output = Output(T)

    @infers
    def infer(input: Known, repeats: Known | None) -> Dims:
        counts = None if repeats is None else repeats.ints()
        if counts is None:
            return (None,) * input.rank
        if len(counts) != input.rank:
            raise ShapeError(f"{len(counts)} repeats do not fit {input.rank} axes", why="each axis takes one")
        return tuple(extent * count for extent, count in zip(input.shape, counts, strict=True))

    @reference
    def run(input: Array, repeats: Array) -> Array:
        return np.tile(input, [int(n) for n in repeats])


@operator("CenterCropPad", since=(18,))
class CenterCropPad:
    """Each named axis brought to an extent, by cutting off or adding zeros on both sides alike."""

    T = types(CLASSIC_BF)
    Tind = types(INDICES)
    input_data, shape = Input(T), Input(Tind)
    output_data = Output(T)
    axes = Ints()

    @infers
    def infer(input_data: Known, shape: Known, *, axes: tuple[int, ...] | None) -> Dims:
        where = range(input_data.rank) if axes is None else axes_of(axes, input_data.rank)
        wanted: Sequence[Dim | None] = shape.ints() or [None] * len(where)
        result: list[Dim | None] = list(input_data.shape)
        for axis, extent in zip(where, wanted, strict=True):
            result[axis] = extent
        return tuple(result)

    @reference
    def run(input_data: Array, shape: Array, *, axes: tuple[int, ...] | None) -> Array:
        where = range(input_data.ndim) if axes is None else axes_of(axes, input_data.ndim)
        amounts = [(0, 0)] * input_data.ndim
        for axis, extent in zip(where, shape, strict=True):
            more = int(extent) - input_data.shape[axis]
            # An odd element is cut off the end, and added to the end.
            before = more // 2 if more >= 0 else -(-more // 2)
            amounts[axis] = before, more - before
        return padded(input_data, amounts, "constant", zero(input_data.dtype))


__all__: list[str] = []
