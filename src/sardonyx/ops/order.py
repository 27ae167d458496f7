"""Putting elements in order: the largest few, each one once."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array
from sardonyx.ops.declare import Flag, Input, Int, Output, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Known, axis_of, known
from sardonyx.ops.shape import product
from sardonyx.ops.typesets import CLASSIC, CLASSIC_BF, FLOATS, I64, NUMBERS, NUMBERS_BF


@operator("TopK", since=(1, 10, 11, 24))
class TopK:
    """The K largest (or smallest) elements along `axis`, and where they are; of equal ones, the first come first."""

    T = types({1: FLOATS, 11: NUMBERS, 24: NUMBERS_BF})
    I = types(I64)  # noqa: E741 the standard's name
    X = Input(T)
    K = Input("tensor(int64)", since=10, was=Int(required=True, spelled="k"))
    Values, Indices = Output(T), Output(I)
    axis, largest, sorted = Int(-1), Flag(1, since=11), Flag(1, since=11)

    @infers
    def infer(X: Known, K: Known, *, axis: int) -> list[Known]:
        at, count = axis_of(axis, X.rank), K.scalar()
        extent = X.shape[at]
        if isinstance(count, int) and isinstance(extent, int) and not 0 <= count <= extent:
            raise ShapeError(f"axis {axis} has no {count} elements", why=f"it has {extent}")
        shape: tuple[Dim | None, ...] = (*X.shape[:at], count, *X.shape[at + 1 :])
        return [known(X.dtype, shape), known(d.INT64, shape)]

    @reference
    def run(X: Array, K: Array, *, axis: int, largest: bool) -> tuple[Array, Array]:
        x, count, extent = wide(X), int(K.item()), X.shape[axis]
        if count > extent:
            raise ShapeError(f"axis {axis} has no {count} elements", why=f"it has {extent}")
        if largest:  # a stable sort of the reversed axis, read backwards, keeps equal elements in their order
            order = np.flip(extent - 1 - np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
        else:
            order = np.argsort(x, axis, kind="stable")
        first = np.take(order, np.arange(count), axis)
        return np.take_along_axis(X, first, axis), first.astype(np.int64)


@operator("Unique", since=(11, 28))
class Unique:
    """Each element (or slice along `axis`) once: in ascending order, or as they come; with where, which and how often."""

    T = types({11: CLASSIC, 28: CLASSIC_BF})
    X = Input(T)
    Y = Output(T)
    indices = Output("tensor(int64)", optional=True)
    inverse_indices = Output("tensor(int64)", optional=True)
    counts = Output("tensor(int64)", optional=True)
    axis, sorted = Int(), Flag(1)

    @infers
    def infer(X: Known, *, axis: int | None) -> list[Known]:
        if axis is None and not X.has_shape:
            return [known(X.dtype, (None,)), *[known(d.INT64, (None,))] * 3]
        at = None if axis is None else axis_of(axis, X.rank)
        shape = (None,) if at is None else (*X.shape[:at], None, *X.shape[at + 1 :])
        whole = product(X.shape) if at is None else X.shape[at]
        return [known(X.dtype, shape), *(known(d.INT64, (n,)) for n in (None, whole, None))]

    @reference
    def run(X: Array, *, axis: int | None, sorted: bool) -> tuple[Array, ...]:
        _, first, which, often = np.unique(wide(X), True, True, True, axis=axis)
        which = which.reshape(-1)
        order: Any = slice(None)
        if not sorted:
            order = np.argsort(first)
            which = np.argsort(order)[which]
        first, often = first[order], often[order]
        y = X.reshape(-1)[first] if axis is None else np.take(X, first, axis)
        return y, first.astype(np.int64), which.astype(np.int64), often.astype(np.int64)


__all__: list[str] = []
