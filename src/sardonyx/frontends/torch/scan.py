"""Running results along an axis, orders, and places in sorted lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.cast import cast
from sardonyx.frontends.torch.dtypes import limits
from sardonyx.frontends.torch.promotion import DEFAULT
from sardonyx.frontends.torch.registry import aten
from sardonyx.frontends.torch.shape import shape_of
from sardonyx.ir import TensorType, Value
from sardonyx.ops.builder import Builder

__all__ = ["length", "steps"]


def steps(g: Builder, count: Dim) -> Any:
    """0, 1, ..., count - 1."""
    if isinstance(count, int):
        return np.arange(count)
    return g.Range(np.int64(0), g.extents.scalar(count), np.int64(1))


def length(x: Value, dim: int) -> Dim:
    return shape_of(x)[dim]


# -- sums ------------------------------------------------------------------------------------------------------------------


@aten("cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor")
def cumsum(g: Builder, self: Value, dim: int, *, out: TensorType, dtype: DType | None) -> Value:
    x = cast(g, self, out.dtype)
    return x if x.rank == 0 else g.CumSum(x, np.int64(dim))


# -- others: the standard has no scans for them, so each result looks at all that came before ---------------------------------


def _before(g: Builder, x: Value, dim: int, hidden: Any) -> tuple[Value, int]:
    """A new last axis over which the prefix of each element lies; behind the prefix stands `hidden`. And its axis."""
    rank = x.rank or 1
    axis = dim % rank
    count = length(x, axis)
    last = g.Transpose(x, perm=[*(i for i in range(rank) if i != axis), axis])
    row = g.Unsqueeze(last, [rank - 1])
    places = g.value(steps(g, count))
    shown = g.GreaterOrEqual(g.Unsqueeze(places, [1]), g.Unsqueeze(places, [0]))
    assert x.dtype is not None
    return g.Where(shown, row, np.asarray(hidden, x.dtype.numpy)), axis


def _back(g: Builder, y: Value, rank: int, axis: int) -> Value:
    """Put the last axis back where it was."""
    order = [*range(axis), rank - 1, *range(axis, rank - 1)]
    return y if order == sorted(order) else g.Transpose(y, perm=order)


@aten("cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor")
def cumprod(g: Builder, self: Value, dim: int, *, out: TensorType, dtype: DType | None) -> Value:
    return _reduced(g, "ReduceProd", cast(g, self, out.dtype), dim, 1)


@aten("logcumsumexp(Tensor self, int dim) -> Tensor")
def logcumsumexp(g: Builder, self: Value, dim: int) -> Value:
    return _reduced(g, "ReduceLogSumExp", self, dim, -np.inf)


def _reduced(g: Builder, operator: str, x: Value, dim: int, hidden: Any) -> Value:
    if x.rank == 0:
        return g.Identity(x)
    prefixes, axis = _before(g, x, dim, hidden)
    return _back(g, g.op(operator, prefixes, [-1], keepdims=False), x.rank or 1, axis)


def _record(name: str, largest: bool) -> None:
    @aten(f"cum{name}(Tensor self, int dim) -> (Tensor values, Tensor indices)")
    def rule(g: Builder, self: Value, dim: int) -> tuple[Value, Value]:
        """Among equals the last place counts."""
        if self.rank == 0:
            return g.Identity(self), g.value(np.int64(0))
        x = cast(g, self, d.INT32) if self.dtype is d.BOOL else self
        assert x.dtype is not None
        prefixes, axis = _before(g, x, dim, limits(x.dtype)[not largest])
        operator = "ArgMax" if largest else "ArgMin"
        values = g.op("ReduceMax" if largest else "ReduceMin", prefixes, [-1], keepdims=False)
        places = g.op(operator, prefixes, axis=-1, keepdims=False, select_last_index=1)
        # Behind a prefix stands the limit itself; where an element equals it, the place must not leave the prefix.
        own = g.value(steps(g, length(x, axis)))
        rank = x.rank or 1
        return cast(g, _back(g, values, rank, axis), self.dtype), _back(g, g.Min(places, own), rank, axis)


_record("max", largest=True)
_record("min", largest=False)


# -- orders ----------------------------------------------------------------------------------------------------------------


@aten("topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)")
def topk(g: Builder, self: Value, k: Dim, dim: int, largest: bool, sorted: bool) -> tuple[Value, Value]:
    if self.rank == 0:
        return g.Identity(self), g.value(np.int64(0))
    return g.TopK(self, g.extents.vector([k]), axis=dim, largest=largest, sorted=sorted, outputs=2)


@aten("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)")
@aten("sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)")
def sort(g: Builder, self: Value, dim: int, descending: bool, stable: bool | None = None) -> tuple[Value, Value]:
    """TopK of all; among equals it takes the lower place first, so that it is stable."""
    if self.rank == 0:
        return g.Identity(self), g.value(np.int64(0))
    x = cast(g, self, d.UINT8) if self.dtype is d.BOOL else self
    values, places = g.TopK(x, g.extents.vector([length(self, dim)]), axis=dim, largest=descending, outputs=2)
    return cast(g, values, self.dtype), places


@aten("kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)")
def kthvalue(g: Builder, self: Value, k: Dim, dim: int, keepdim: bool) -> tuple[Value, Value]:
    values, places = sort(g, self, dim, descending=False)
    return _picked(g, values, k - 1, dim, keepdim), _picked(g, places, k - 1, dim, keepdim)


def _picked(g: Builder, x: Value, place: Dim, dim: int, keepdim: bool) -> Value:
    if x.rank == 0:
        return x
    return g.Gather(x, g.extents.vector([place]) if keepdim else g.extents.scalar(place), axis=dim)


@aten("median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)")
def median(g: Builder, self: Value, dim: int, keepdim: bool) -> tuple[Value, Value]:
    """The lower of the two in the middle."""
    middle: Dim = 1 if self.rank == 0 else (length(self, dim) + 1) // 2
    return kthvalue(g, self, middle, dim, keepdim)


@aten("median(Tensor self) -> Tensor")
def median_all(g: Builder, self: Value) -> Value:
    return median(g, g.Reshape(self, [-1]), 0, keepdim=False)[0]


# -- places in sorted lists ---------------------------------------------------------------------------------------------------


@aten(
    "bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
    promote=DEFAULT.of("self", "boundaries"),
)
def bucketize(g: Builder, self: Value, boundaries: Value, *, out_int32: bool, right: bool, out: TensorType) -> Value:
    return _counted(g, self, boundaries, right, out)


@aten(
    "searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor",
    promote=DEFAULT.of("sorted_sequence", "self"),
)
def searchsorted(
    g: Builder, sorted_sequence: Value, self: Value, *, out_int32: bool, right: bool, side: str | None, sorter: Value | None, out: TensorType
) -> Value:  # fmt: skip
    row = sorted_sequence if sorter is None else g.GatherElements(sorted_sequence, sorter, axis=-1)
    if sorted_sequence.rank != 1:
        row = g.Unsqueeze(row, [-2])
    return _counted(g, self, row, right or side == "right", out)


def _counted(g: Builder, x: Value, bounds: Value, right: bool, out: TensorType) -> Value:
    """How many bounds are less than each element (or as large, on the right)."""
    below = g.op("LessOrEqual" if right else "Less", bounds, g.Unsqueeze(x, [-1]))
    return g.ReduceSum(cast(g, below, out.dtype), [-1], keepdims=False)


@aten("_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)")  # fmt: skip
def unique(
    g: Builder, self: Value, sorted: bool, return_inverse: bool, return_counts: bool, *, outs: Sequence[TensorType]
) -> tuple[Value, Value | None, Value | None]:
    values, _, inverse, counts = g.Unique(self, sorted=1, outputs=4)
    if not return_inverse:
        return values, None, counts if return_counts else None
    rank = self.rank or 0
    back = inverse if rank == 1 else g.Reshape(inverse, g.Shape(self) if rank else np.zeros(0, np.int64))
    return values, back, counts if return_counts else None


@aten("bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor")
def bincount(g: Builder, self: Value, weights: Value | None, minlength: Dim, *, out: TensorType) -> Value:
    """As many bins as the largest number needs."""
    numbers = cast(g, self, d.INT64)
    most = g.Add(g.ReduceMax(g.Concat(numbers, np.full(1, -1), axis=0), keepdims=False), 1)
    bins = g.Reshape(g.Max(most, g.extents.scalar(minlength)), [1])
    added = cast(g, weights, out.dtype) if weights is not None else g.Expand(np.ones((), np.int64), g.Shape(numbers))
    assert out.dtype is not None
    empty = g.Expand(np.zeros((), out.dtype.numpy), bins)
    return g.ScatterElements(empty, numbers, added, axis=0, reduction="add")


@aten("repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor")
def repeat_interleave(g: Builder, repeats: Value, *, output_size: Dim | None) -> Value:
    """The n-th place belongs to as many as the running sum of repeats has not passed it."""
    ends = g.CumSum(cast(g, repeats, d.INT64), np.int64(0))
    total = g.extents.scalar(output_size) if output_size is not None else g.ReduceSum(cast(g, repeats, d.INT64), keepdims=False)  # fmt: skip
    places = g.Range(np.int64(0), total, np.int64(1))
    passed = g.LessOrEqual(g.Unsqueeze(ends, [0]), g.Unsqueeze(places, [1]))
    return cast(g, g.ReduceSum(cast(g, passed, d.INT64), [1], keepdims=False), repeats.dtype)


@aten("mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)")
def mode(g: Builder, self: Value, dim: int, keepdim: bool) -> tuple[Value, Value]:
    """The smallest of those that appear most often, and the last place where it stands."""
    if self.rank == 0:
        return g.Identity(self), g.value(np.int64(0))
    if self.dtype is d.BOOL:
        raise UnsupportedError("the most frequent of truth values")
    axis = dim % (self.rank or 1)
    values, _ = sort(g, self, axis, descending=False)
    same = g.Equal(g.Unsqueeze(values, [axis + 1]), g.Unsqueeze(values, [axis]))
    often = g.ReduceSum(cast(g, same, d.INT64), [axis + 1], keepdims=False)
    first = g.ArgMax(often, axis=axis)
    found = g.GatherElements(values, first, axis=axis)
    place = g.ArgMax(cast(g, g.Equal(self, found), d.INT32), axis=axis, select_last_index=1)
    return (found, place) if keepdim else (g.Squeeze(found, [axis]), g.Squeeze(place, [axis]))
