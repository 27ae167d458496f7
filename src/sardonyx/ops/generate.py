"""Tensors made from a few numbers: ranges, fillings, identities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, Tensor, show_shape
from sardonyx.ops.declare import Input, Int, Output, TensorAttr, carries, infers, operator, reference, types
from sardonyx.ops.known import Dims, Known, known
from sardonyx.ops.shape import must_be_vector
from sardonyx.ops.typesets import (
    BOOL,
    FLOAT8,
    FLOATS_BF,
    I64,
    INT2,
    INT4,
    NUMBERS,
    NUMBERS_BF,
)

LONGEST = 1024  # what inference carries


@operator("ConstantOfShape", since=(9, 20, 21, 23, 24, 25))
class ConstantOfShape:
    """A tensor of the given shape, filled with `value`; float32 zeros unless it is given."""

    T1 = types(I64)
    _20 = NUMBERS_BF | BOOL | FLOAT8
    _23 = _20 | INT4 | {d.FLOAT4E2M1}
    T2 = types({
        9: NUMBERS | BOOL, 20: _20, 21: _20 | INT4, 23: _23, 24: _23 | {d.FLOAT8E8M0}, 25: _23 | {d.FLOAT8E8M0} | INT2,
    })  # fmt: skip
    input = Input(T1)
    output = Output(T2)
    value = TensorAttr()

    @infers
    def infer(input: Known, *, value: Tensor | None) -> Known:
        kind = d.FLOAT32 if value is None else value.dtype
        must_be_vector(input, "the shape")
        extents: Sequence[Dim | None] | None = input.ints()
        if any(isinstance(x, int) and x < 0 for x in extents or ()):
            raise ShapeError("no extent is negative", why=f"the shape asked for is {show_shape(extents or ())}")
        if extents is None and input.has_shape and isinstance(count := input.shape[0], int):
            extents = (None,) * count
        return known(kind, extents)

    @carries
    def carry(input: Known, *, value: Tensor | None) -> Any:
        extents = input.numbers()
        if value is None or extents is None or math.prod(extents) > LONGEST:
            return None
        return np.full(extents, int(value.item()), object)

    @reference
    def run(input: Array, *, value: Tensor | None) -> Array:
        shape = [int(extent) for extent in input]
        return np.zeros(shape, np.float32) if value is None else np.full(shape, value.numpy().reshape(()))


def _count(start: float, limit: float, delta: float) -> int:
    """How many numbers a Range holds."""
    if isinstance(start, int) and isinstance(limit, int) and isinstance(delta, int):
        return len(range(start, limit, delta))
    return max(math.ceil((limit - start) / delta), 0)


@operator("Range", since=(11, 27))
class Range:
    """The numbers from `start` up to `limit`, which is left out, in steps of `delta`."""

    T = types({
        11: frozenset({d.FLOAT32, d.FLOAT64, d.INT16, d.INT32, d.INT64}), 27: FLOATS_BF | {d.INT16, d.INT32, d.INT64},
    })  # fmt: skip
    start, limit, delta = Input(T), Input(T), Input(T)
    output = Output(T)
    stash_type = Int(1, since=27)

    @infers
    def infer(start: Known, limit: Known, delta: Known) -> Dims:
        reals = [x.reals() for x in (start, limit, delta)]
        if all(r is not None and len(r) == 1 for r in reals):
            first, end, step = (r[0] for r in reals if r is not None)
            return (_count(first, end, step),)
        first, end, step = start.scalar(), limit.scalar(), delta.scalar()
        if first is None or end is None or not isinstance(step, int) or step == 0:
            return (None,)
        length = end - first if step > 0 else first - end
        return (dims.dmax(dims.ceildiv(length, abs(step)), 0),)

    @carries
    def carry(start: Known, limit: Known, delta: Known) -> Any:
        numbers = [x.numbers() for x in (start, limit, delta)]
        if any(n is None for n in numbers):
            return None
        (first,), (end,), (step,) = numbers  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
        found = range(first, end, step)
        return list(found) if len(found) <= LONGEST else None

    @reference
    def run(start: Array, limit: Array, delta: Array, *, stash_type: int) -> Array:
        kind = start.dtype
        if kind.kind not in "iu":
            # Each element is computed for itself, in the wider type, so that no error adds up.
            stash = d.dtype(stash_type).numpy if kind.itemsize == 2 else kind
            start, limit, delta = (x.astype(stash) for x in (start, limit, delta))
        first, end, step = start.item(), limit.item(), delta.item()
        return (
            np.arange(_count(first, end, step)).astype(start.dtype) * start.dtype.type(step) + start.dtype.type(first)
        ).astype(kind)


@operator("EyeLike", since=(9, 22))
class EyeLike:
    """A matrix of the input's shape with ones on its k-th diagonal, zeros elsewhere."""

    T1 = types({9: NUMBERS | BOOL, 22: NUMBERS_BF | BOOL})
    T2 = types({9: NUMBERS | BOOL, 22: NUMBERS_BF | BOOL})
    input = Input(T1)
    output = Output(T2)
    dtype, k = Int(), Int(0)

    @infers
    def infer(input: Known, *, dtype: int | None) -> Known:
        if input.has_shape and input.rank != 2:
            raise ShapeError("EyeLike makes a matrix", why=f"the rank of its input is {input.rank}")
        return known(input.dtype if dtype is None else d.dtype(dtype), input.dims)

    @reference
    def run(input: Array, *, dtype: int | None, k: int) -> Array:
        rows, columns = input.shape
        return np.eye(rows, columns, k).astype(input.dtype if dtype is None else d.dtype(dtype).numpy)


__all__: list[str] = []
