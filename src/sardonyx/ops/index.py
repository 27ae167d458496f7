"""Picking elements by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.ir import Array
from sardonyx.ops.declare import Input, Int, Output, infers, operator, reference, types
from sardonyx.ops.known import Dims, Known, axis_of
from sardonyx.ops.typesets import CLASSIC, CLASSIC_BF, INDICES


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
        axis_of(axis, data.rank)
        return indices.shape

    @reference
    def run(data: Array, indices: Array, *, axis: int) -> Array:
        places: list[Any] = list(np.indices(indices.shape, sparse=True))
        places[axis] = indices
        return data[tuple(places)]


__all__: list[str] = []
