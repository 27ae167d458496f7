"""Picking elements by index, and putting them."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Flag, Input, Int, Output, String, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, axis_of, known, same, unified
from sardonyx.ops.typesets import BOOL, CLASSIC, CLASSIC_BF, INDICES, NUMBERS


def whole_numbers(indices: Array) -> Array:
    """Indices as NumPy wants them, also when inference carries them as objects."""
    return indices.astype(np.int64)


@operator("Gather", since=(1, 11, 13), carries=True)
class Gather:
    """The slices of `data` along `axis` that `indices` names; negative indices count from the end."""

    T = types({1: CLASSIC, 13: CLASSIC_BF})
    Tind = types(INDICES)
    data, indices = Input(T), Input(Tind)
    output = Output(T)
    axis = Int(0)

    @infers
    def infer(data: Known, indices: Known, *, axis: int) -> Dims:
        if data.rank == 0:
            raise ShapeError("Gather picks along an axis", why="its data is a scalar")
        at = axis_of(axis, data.rank)
        return *data.shape[:at], *indices.shape, *data.shape[at + 1 :]

    @reference
    def run(data: Array, indices: Array, *, axis: int) -> Array:
        return np.asarray(np.take(data, whole_numbers(indices), axis))


@operator("GatherElements", since=(11, 13))
class GatherElements:
    """Each element of the result is the one of `data` at the same place, but for `axis`, where `indices` says."""

    T = types({11: CLASSIC, 13: CLASSIC_BF})
    Tind = types(INDICES)
    data, indices = Input(T), Input(Tind)
    output = Output(T)
    axis = Int(0)

    @infers
    def infer(data: Known, indices: Known, *, axis: int) -> Dims:
        if data.has_shape:
            axis_of(axis, data.rank)
        return indices.shape

    @reference
    def run(data: Array, indices: Array, *, axis: int) -> Array:
        return data[along(indices, axis)]


def along(indices: Array, axis: int) -> tuple[Any, ...]:
    """Where `indices` points to: at the place of each index itself, but for `axis`, where the index says."""
    places: list[Any] = list(np.indices(indices.shape, sparse=True))
    places[axis] = whole_numbers(indices)
    return tuple(places)


@operator("GatherND", since=(11, 12, 13), carries=True)
class GatherND:
    """The slices of `data` at the coordinates that each last row of `indices` gives; the first batch_dims axes go in step."""

    T = types({11: CLASSIC, 13: CLASSIC_BF})
    data, indices = Input(T), Input("tensor(int64)")
    output = Output(T)
    batch_dims = Int(0, since=12)

    @infers
    def infer(data: Known, indices: Known, *, batch_dims: int) -> Dims | None:
        depth = _depth(data, indices, batch_dims)
        for i in range(batch_dims):
            same(data.shape[i], indices.shape[i], f"extents of batch axis {i}")
        return None if depth is None else (*indices.shape[:-1], *data.shape[batch_dims + depth :])

    @reference
    def run(data: Array, indices: Array, *, batch_dims: int) -> Array:
        batch, depth = data.shape[:batch_dims], indices.shape[-1]
        count = int(np.prod(batch))
        rows = whole_numbers(indices).reshape(count, int(np.prod(indices.shape[batch_dims:-1])), depth)
        flat = data.reshape(count, *data.shape[batch_dims:])
        picked = flat[(np.arange(count)[:, None], *np.moveaxis(rows, -1, 0))]
        return picked.reshape(*indices.shape[:-1], *data.shape[batch_dims + depth :])


def _depth(data: Known, indices: Known, batch_dims: int = 0) -> int | None:
    """How many coordinates each row of `indices` holds."""
    if indices.rank == 0:
        raise ShapeError("indices is a scalar", why="its last axis must hold the coordinates")
    depth = indices.shape[-1]
    if not isinstance(depth, int):
        return None
    if depth + batch_dims > data.rank:
        raise ShapeError(
            f"{depth} coordinates do not fit {show_shape(data.shape)}",
            why=f"behind {batch_dims} batch axes there are {data.rank - batch_dims}",
        )
    return depth


_COMBINE: dict[str, Any] = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


def scattered(data: Array, where: tuple[Any, ...], updates: Array, reduction: str) -> Array:
    """A copy of `data` with `updates` put `where` they belong, or combined with what is there."""
    if reduction == "none":
        result = data.copy()
        result[where] = updates
        return result
    result = np.array(wide(data))
    _COMBINE[reduction].at(result, where, wide(updates))
    return result.astype(data.dtype)


@operator("ScatterElements", since=(11, 13, 16, 18))
class ScatterElements:
    """`data` with each element of `updates` put at its own place, but for `axis`, where `indices` says."""

    T = types({11: CLASSIC, 13: CLASSIC_BF})
    Tind = types(INDICES)
    data, indices, updates = Input(T), Input(Tind), Input(T)
    output = Output(T)
    axis, reduction = Int(0), String("none", since=16)

    @infers
    def infer(data: Known, indices: Known, updates: Known, *, axis: int) -> Dims:
        axis_of(axis, data.rank)
        if indices.has_shape and updates.has_shape:
            unified(indices.shape, updates.shape, "indices and updates")
        return data.shape

    @reference
    def run(data: Array, indices: Array, updates: Array, *, axis: int, reduction: str) -> Array:
        return scattered(data, along(indices, axis), updates, reduction)


@operator("Scatter", since=(9, 11), deprecated=11)
class Scatter:
    """ScatterElements, which took its place in opset 11."""

    T = types(CLASSIC)
    Tind = types(INDICES)
    data, indices, updates = Input(T), Input(Tind), Input(T)
    output = Output(T)
    axis = Int(0)

    @infers
    def infer(data: Known, indices: Known, updates: Known, *, axis: int) -> Dims:
        axis_of(axis, data.rank)
        if indices.has_shape and updates.has_shape:
            unified(indices.shape, updates.shape, "indices and updates")
        return data.shape

    @reference
    def run(data: Array, indices: Array, updates: Array, *, axis: int) -> Array:
        return scattered(data, along(indices, axis), updates, "none")


@operator("ScatterND", since=(11, 13, 16, 18))
class ScatterND:
    """`data` with each slice of `updates` put at the coordinates that the last axis of `indices` gives."""

    T = types({11: CLASSIC, 13: CLASSIC_BF})
    data, indices, updates = Input(T), Input("tensor(int64)"), Input(T)
    output = Output(T)
    reduction = String("none", since=16)

    @infers
    def infer(data: Known, indices: Known, updates: Known) -> Dims:
        depth = _depth(data, indices) if indices.has_shape else None
        if depth is not None and updates.has_shape:
            unified(updates.shape, (*indices.shape[:-1], *data.shape[depth:]), "updates and the places for them")
        return data.shape

    @reference
    def run(data: Array, indices: Array, updates: Array, *, reduction: str) -> Array:
        return scattered(data, tuple(np.moveaxis(indices, -1, 0)), updates, reduction)


@operator("Compress", since=(9, 11, 28))
class Compress:
    """The slices along `axis` for which the condition holds; without an axis, the elements. A short condition ends early."""

    T = types({9: CLASSIC, 28: CLASSIC_BF})
    T1 = types(BOOL)
    input, condition = Input(T), Input(T1)
    output = Output(T)
    axis = Int()

    @infers
    def infer(input: Known, condition: Known, *, axis: int | None) -> Dims:
        if axis is None:
            return (None,)
        at = axis_of(axis, input.rank)
        return *input.shape[:at], None, *input.shape[at + 1 :]

    @reference
    def run(input: Array, condition: Array, *, axis: int | None) -> Array:
        return np.compress(condition, input, axis)


@operator("NonZero", since=(9, 13))
class NonZero:
    """The coordinates of the elements that are not zero: one column each."""

    T = types({9: CLASSIC, 13: CLASSIC_BF})
    X = Input(T)
    Y = Output("tensor(int64)")

    @infers
    def infer(X: Known) -> Known:
        return known(d.INT64, (X.rank if X.has_shape else None, None))

    @reference
    def run(X: Array) -> Array:
        if X.ndim == 0:
            return np.zeros((0, int(bool(X))), np.int64)
        return np.array(np.nonzero(X), np.int64)


@operator("OneHot", since=(9, 11, 28))
class OneHot:
    """A new axis with the second of `values` at each index and the first elsewhere; negative indices count from the end."""

    T1 = types(NUMBERS)
    T2 = types(NUMBERS)
    T3 = types({9: CLASSIC, 28: CLASSIC_BF})
    indices, depth, values = Input(T1), Input(T2), Input(T3)
    output = Output(T3)
    axis = Int(-1)

    @infers
    def infer(indices: Known, depth: Known, values: Known, *, axis: int) -> Dims:
        if depth.has_shape and (depth.rank > 1 or any(isinstance(n, int) and n != 1 for n in depth.shape)):
            raise ShapeError("depth is one number", why=f"its shape is {show_shape(depth.shape)}")
        if values.has_shape and values.rank != 1:
            raise ShapeError("values holds two numbers, off and on", why=f"its rank is {values.rank}")
        at = axis_of(axis, indices.rank + 1)
        number = depth.reals()
        new: Dim | None = int(number[0]) if number else depth.scalar()
        return *indices.shape[:at], new, *indices.shape[at:]

    @reference
    def run(indices: Array, depth: Array, values: Array, *, axis: int) -> Array:
        count = int(depth.item())
        at = axis % (indices.ndim + 1)
        places = np.expand_dims(whole_numbers(indices), at)
        classes = np.arange(count).reshape(-1, *(1,) * (indices.ndim - at))
        return np.where((places == classes) | (places + count == classes), values[1], values[0]).astype(values.dtype)


@operator("Trilu", since=(14,))
class Trilu:
    """The elements on and above (or below) the k-th diagonal of each matrix; zeros elsewhere."""

    T = types(CLASSIC_BF)
    input, k = Input(T), Input("tensor(int64)", optional=True)
    output = Output(T)
    upper = Flag(1)

    @infers
    def infer(input: Known, k: Known | None) -> Dims:
        if input.rank < 2:
            raise ShapeError(f"{show_shape(input.shape)} holds no matrices", why="Trilu works on the last two axes")
        return input.shape

    @reference
    def run(input: Array, k: Array | None, *, upper: bool) -> Array:
        diagonal = 0 if k is None else int(k.item())
        rows, columns = np.arange(input.shape[-2])[:, None], np.arange(input.shape[-1])
        kept = columns - rows >= diagonal if upper else columns - rows <= diagonal
        nothing = np.zeros((), input.dtype) if input.dtype.kind != "O" else np.array("", object)
        return np.where(kept, input, nothing)


@operator("ReverseSequence", since=(10, 28))
class ReverseSequence:
    """Each sequence of a batch with its first sequence_lens elements in reverse order."""

    T = types({10: CLASSIC, 28: CLASSIC_BF})
    input, sequence_lens = Input(T), Input("tensor(int64)")
    Y = Output(T)
    batch_axis, time_axis = Int(1), Int(0)

    @infers
    def infer(input: Known, sequence_lens: Known, *, batch_axis: int) -> Dims:
        at = axis_of(batch_axis, input.rank)
        if sequence_lens.has_shape:
            if sequence_lens.rank != 1:
                raise ShapeError("sequence_lens is a vector", why=f"its rank is {sequence_lens.rank}")
            same(input.shape[at], sequence_lens.shape[0], "the batch and the number of lengths")
        return input.shape

    @reference
    def run(input: Array, sequence_lens: Array, *, batch_axis: int, time_axis: int) -> Array:
        x = np.moveaxis(input, (time_axis, batch_axis), (0, 1))
        time = np.arange(x.shape[0])[:, None]
        source = np.where(time < sequence_lens, sequence_lens - 1 - time, time)
        return np.moveaxis(x[source, np.arange(x.shape[1])], (0, 1), (time_axis, batch_axis))


__all__: list[str] = []
