"""Reductions: one number for all elements along some axes, or for all up to each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.ir import Array
from sardonyx.ops.declare import Flag, Input, Int, Ints, Output, infers, operator, reference, types
from sardonyx.ops.elementwise import truncated, wide
from sardonyx.ops.known import Dims, Known, axes_of, axis_of, known
from sardonyx.ops.typesets import BOOL, FLOATS, FLOATS_BF, INDICES, NUMBERS, NUMBERS_BF, WIDE_INTS

SUMS = {1: FLOATS | WIDE_INTS, 13: FLOATS_BF | WIDE_INTS}
LOGS = {**SUMS, 28: FLOATS_BF}
_BYTES = frozenset({d.INT8, d.UINT8})
EXTREMES = {
    1: SUMS[1],
    12: SUMS[1] | _BYTES,
    13: SUMS[13] | _BYTES,
    20: SUMS[13] | _BYTES | BOOL,
}


def chosen(axes: Sequence[int] | None, rank: int, *, noop: bool) -> tuple[int, ...]:
    """The axes to reduce: those named; where none is, all of them, or none when `noop` says so."""
    if rank == 0:
        return ()
    return axes_of(axes or (), rank) if axes or noop else tuple(range(rank))


def without(shape: Sequence[Dim], gone: Sequence[int], *, keepdims: bool) -> Dims:
    """`shape` with the axes `gone` removed, or kept as 1."""
    if keepdims:
        return tuple(1 if i in gone else x for i, x in enumerate(shape))
    return tuple(x for i, x in enumerate(shape) if i not in gone)


def exact(x: Array) -> Array:
    """`x` for summing: floats are summed in float64 and rounded once; integers wrap around in their own type."""
    return x if x.dtype.kind in "iubO" else x.astype(np.float64)


def _total(x: Array, **where: Any) -> Array:
    return np.sum(exact(x), **where)


def _product(x: Array, **where: Any) -> Array:
    return np.prod(exact(x), **where)


def _mean(x: Array, **where: Any) -> Array:
    count = np.sum(np.ones_like(x, np.int64), **where)
    total = _total(x, **where)
    return truncated(total, count.astype(total.dtype)) if x.dtype.kind in "iu" else total / count


def _extreme(pick: Any, symbolic: Callable[..., Dim], last: str) -> Callable[..., Array]:
    """The largest or smallest; of nothing, the type's other end."""

    def fold(x: Array, *, axis: tuple[int, ...], keepdims: bool) -> Array:
        if x.dtype == object:
            for i in sorted(axis, reverse=True):
                x = np.asarray(np.frompyfunc(symbolic, 2, 1).reduce(x, axis=i, keepdims=keepdims), object)
            return x
        y = wide(x)
        if y.dtype.kind == "b":
            end: Any = last == "max"
        else:
            end = getattr(np.iinfo(y.dtype), last) if y.dtype.kind in "iu" else np.inf if last == "max" else -np.inf
        return pick(y, axis=axis, keepdims=keepdims, initial=end)

    return fold


def _log_total_exp(x: Array, *, axis: tuple[int, ...], keepdims: bool) -> Array:
    x = exact(x).astype(np.float64)
    peak = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(peak), peak, 0)  # keeps exp in range; infinities need none
    return np.log(np.sum(np.exp(x - shift), axis=axis, keepdims=keepdims)) + shift.reshape(
        np.sum(x, axis=axis, keepdims=keepdims).shape
    )


def _reduction(
    name: str, fold: Callable[..., Array], doc: str, *, sets: Any = SUMS, since: Sequence[int], carries: bool = False
) -> None:
    def infer(data: Known, axes: Known | None, *, keepdims: bool, noop_with_empty_axes: bool) -> Dims | None:
        numbers = [] if axes is None else axes.numbers()
        if numbers is not None:
            return without(data.shape, chosen(numbers, data.rank, noop=noop_with_empty_axes), keepdims=keepdims)
        count = axes.shape[0] if axes is not None and axes.rank == 1 else None
        if keepdims:
            return (None,) * data.rank
        return (None,) * (data.rank - count) if isinstance(count, int) and count else None

    def run(data: Array, axes: Array | None, *, keepdims: bool, noop_with_empty_axes: bool) -> Array:
        numbers = None if axes is None else [int(a) for a in axes.reshape(-1)]
        axis = chosen(numbers, data.ndim, noop=noop_with_empty_axes)
        result = np.asarray(fold(data, axis=axis, keepdims=keepdims))
        return result.astype(data.dtype)

    T, inputs_since = types(sets), 13 if name == "ReduceSum" else 18
    block: dict[str, Any] = {
        "__doc__": doc,
        "T": T,
        "data": Input(T),
        "axes": Input("tensor(int64)", optional=True, since=inputs_since, was=Ints()),
        "reduced": Output(T),
        "keepdims": Flag(1),
        "noop_with_empty_axes": Flag(0, since=inputs_since),
        "infer": infers(infer),
        "run": reference(run),
    }
    operator(name, since=since, carries=carries)(type(name, (), block))


# fmt: off
_reduction("ReduceSum", _total, "The sum.", since=(1, 11, 13), carries=True)
_reduction("ReduceMean", _mean, "The mean; integers are cut towards zero.", since=(1, 11, 13, 18))
_reduction("ReduceProd", _product, "The product.", since=(1, 11, 13, 18), carries=True)
_reduction("ReduceMax", _extreme(np.max, dims.dmax, "min"), "The largest; NaN if there is one.", sets=EXTREMES, since=(1, 11, 12, 13, 18, 20), carries=True)
_reduction("ReduceMin", _extreme(np.min, dims.dmin, "max"), "The smallest; NaN if there is one.", sets=EXTREMES, since=(1, 11, 12, 13, 18, 20), carries=True)
_reduction("ReduceL1", lambda x, **where: _total(np.abs(x), **where), "The sum of the absolute values.", since=(1, 11, 13, 18))
_reduction("ReduceL2", lambda x, **where: np.sqrt(_total(np.square(x.astype(np.float64)), **where)), "The root of the sum of the squares.", since=(1, 11, 13, 18))
_reduction("ReduceSumSquare", lambda x, **where: _total(np.square(exact(x)), **where), "The sum of the squares.", since=(1, 11, 13, 18))
_reduction("ReduceLogSum", lambda x, **where: np.log(_total(x, **where)), "The logarithm of the sum.", sets=LOGS, since=(1, 11, 13, 18, 28))
_reduction("ReduceLogSumExp", _log_total_exp, "The logarithm of the sum of the exponentials, without overflow.", sets=LOGS, since=(1, 11, 13, 18, 28))
# fmt: on


def _arg_extreme(name: str, pick: Callable[..., Any], doc: str) -> None:
    """ArgMax and ArgMin: of equal elements the first, or the last when select_last_index is set."""

    def infer(data: Known, *, axis: int, keepdims: bool) -> Known:
        return known(d.INT64, without(data.shape, (axis_of(axis, data.rank),), keepdims=keepdims))

    def run(data: Array, *, axis: int, keepdims: bool, select_last_index: bool) -> Array:
        x = wide(data)
        if not select_last_index:
            return np.asarray(pick(x, axis=axis, keepdims=keepdims), np.int64)
        return np.asarray(x.shape[axis] - 1 - pick(np.flip(x, axis), axis=axis, keepdims=keepdims), np.int64)

    T = types({1: NUMBERS, 13: NUMBERS_BF})
    block: dict[str, Any] = {"__doc__": doc, "T": T, "data": Input(T), "reduced": Output("tensor(int64)")}
    block |= {"axis": Int(0), "keepdims": Flag(1), "select_last_index": Flag(0, since=12)}
    operator(name, since=(1, 11, 12, 13))(type(name, (), block | {"infer": infers(infer), "run": reference(run)}))


_arg_extreme("ArgMax", np.argmax, "The index of the largest element along `axis`.")
_arg_extreme("ArgMin", np.argmin, "The index of the smallest element along `axis`.")


def _cumulative(name: str, since: tuple[int, ...], sets: Any, ufunc: np.ufunc, doc: str) -> None:
    """CumSum and CumProd: each element combined with those before it; without itself if exclusive, from the end if reverse."""

    def infer(x: Known, axis: Known) -> Dims:
        if (at := axis.scalar()) is not None and isinstance(at, int):
            axis_of(at, x.rank)
        return x.shape

    def run(x: Array, axis: Array, *, exclusive: bool, reverse: bool) -> Array:
        y = np.moveaxis(exact(x), int(axis.item()), 0)
        if reverse:
            y = y[::-1]
        y = ufunc.accumulate(y, axis=0, dtype=y.dtype)
        if exclusive:
            y = np.concatenate([np.full_like(y[:1], ufunc.identity), y[:-1]])
        if reverse:
            y = y[::-1]
        return np.moveaxis(y, 0, int(axis.item())).astype(x.dtype)

    T, T2 = types(sets), types(INDICES)
    block: dict[str, Any] = {"__doc__": doc, "T": T, "T2": T2, "x": Input(T), "axis": Input(T2), "y": Output(T)}
    block |= {"exclusive": Flag(0), "reverse": Flag(0), "infer": infers(infer), "run": reference(run)}
    operator(name, since=since, carries=True)(type(name, (), block))


_cumulative(
    "CumSum",
    (11, 14),
    {11: WIDE_INTS | {d.FLOAT32, d.FLOAT64}, 14: SUMS[13]},
    np.add,
    "The sums of the elements up to each, along `axis`.",
)
_cumulative("CumProd", (26,), SUMS[13], np.multiply, "The products of the elements up to each, along `axis`.")

__all__: list[str] = []
