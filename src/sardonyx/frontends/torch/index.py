"""Picking and putting elements by index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.cast import cast
from sardonyx.frontends.torch.dtypes import limits
from sardonyx.frontends.torch.promotion import DEFAULT
from sardonyx.frontends.torch.registry import aten
from sardonyx.frontends.torch.shape import expand_to, reshape, shape_of
from sardonyx.ir import Value
from sardonyx.ops.builder import Builder

__all__: list[str] = []

Number = bool | int | float


@aten(
    "embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor"
)
def embedding(
    g: Builder, weight: Value, indices: Value, padding_idx: int, scale_grad_by_freq: bool, sparse: bool
) -> Value:
    return g.Gather(weight, indices)


@aten("index_select(Tensor self, int dim, Tensor index) -> Tensor")
def index_select(g: Builder, self: Value, dim: int, index: Value) -> Value:
    if self.rank == 0:
        return g.Identity(self)
    return g.Gather(self, g.Reshape(index, [1]) if index.rank == 0 else index, axis=dim)


@aten("gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor")
def gather(g: Builder, self: Value, dim: int, index: Value, *, sparse_grad: bool) -> Value:
    if self.rank == 0 or index.rank == 0:
        flat = g.GatherElements(_line(g, self), _line(g, index), axis=0)
        return flat if index.rank else g.Squeeze(flat, [0])
    return g.GatherElements(self, index, axis=dim)


def _line(g: Builder, x: Value) -> Value:
    return x if x.rank else g.Reshape(x, [1])


# -- index lists -----------------------------------------------------------------------------------------------------------


def _places(g: Builder, indices: Sequence[Value | None]) -> list[Value | None]:
    """Masks as the lists of places where they are true, one per axis they cover."""
    found: list[Value | None] = []
    for index in indices:
        if index is None or index.dtype not in (d.BOOL, d.UINT8):
            found.append(index if index is None or index.dtype in (d.INT32, d.INT64) else g.Cast(index, to=d.INT64))
            continue
        rows = g.NonZero(cast(g, index, d.BOOL))
        found += [g.Gather(rows, np.int64(axis)) for axis in range(index.rank or 0)]
    return found


def _tuples(g: Builder, places: Sequence[Value]) -> Value:
    """Index lists that broadcast against each other as one list of index tuples, along a new last axis."""
    rank = max(p.rank or 0 for p in places)
    wide = [cast(g, p, d.INT64) for p in places]
    if len({shape_of(p) for p in wide}) > 1:
        shape: Any = None
        for p in wide:
            own = g.Shape(p if p.rank == rank else g.Unsqueeze(p, list(range(rank - (p.rank or 0)))))
            shape = own if shape is None else g.Max(shape, own)
        wide = [g.Expand(p, shape) for p in wide]
    return g.Concat(*(g.Unsqueeze(p, [-1]) for p in wide), axis=-1)


@aten("index.Tensor(Tensor self, Tensor?[] indices) -> Tensor")
def index(g: Builder, self: Value, indices: Sequence[Value | None]) -> Value:
    places = _places(g, indices)
    used = [i for i, p in enumerate(places) if p is not None]
    if not used:
        return self
    if len(used) == 1:
        return g.Gather(self, places[used[0]], axis=used[0])
    rank = self.rank or 0
    rest = [i for i in range(rank) if i not in used]
    front = g.Transpose(self, perm=[*used, *rest]) if used != list(range(len(used))) else self
    tuples = _tuples(g, [p for p in places if p is not None])
    picked = g.GatherND(front, tuples)
    together = used == list(range(used[0], used[-1] + 1))
    if not together or used[0] == 0:
        return picked
    # Neighbouring index lists leave their axes where the first of them was.
    n = (tuples.rank or 1) - 1
    order = [*range(n, n + used[0]), *range(n), *range(n + used[0], n + len(rest))]
    return g.Transpose(picked, perm=order)


@aten("index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor")
def index_put(g: Builder, self: Value, indices: Sequence[Value | None], values: Value, accumulate: bool) -> Value:
    mask = indices[0]
    single = len(indices) == 1 and mask is not None and mask.dtype is d.BOOL
    if single and not accumulate and values.rank == 0:
        assert mask is not None
        extra = (self.rank or 0) - (mask.rank or 0)
        whole = g.Unsqueeze(mask, list(range(-extra, 0))) if extra else mask
        return g.Where(whole, values, self)
    places = _places(g, indices)
    used = [i for i, p in enumerate(places) if p is not None]
    rank = self.rank or 0
    rest = [i for i in range(rank) if i not in used]
    order = [*used, *rest]
    front = g.Transpose(self, perm=order) if order != sorted(order) else self
    tuples = _tuples(g, [p for p in places if p is not None])
    lists = (tuples.rank or 1) - 1
    ahead = used[0]
    if ahead and used == list(range(ahead, used[-1] + 1)) and (values.rank or 0) > len(rest) - ahead:
        # Torch keeps the axes of neighbouring index lists where the first of them was; here they come first.
        full = lists + len(rest)
        if (values.rank or 0) < full:
            values = g.Unsqueeze(values, list(range(full - (values.rank or 0))))
        places_first = [*range(ahead, ahead + lists), *range(ahead), *range(ahead + lists, full)]
        values = g.Transpose(values, perm=places_first)
    heads = g.Shape(tuples, end=-1)
    shape = g.Concat(heads, g.Shape(front, start=len(used)), axis=0) if rest else heads
    updated = g.ScatterND(front, tuples, g.Expand(values, shape), reduction="add" if accumulate else "none")
    return g.Transpose(updated, perm=[order.index(i) for i in range(rank)]) if order != sorted(order) else updated


@aten("nonzero(Tensor self) -> Tensor")
def nonzero(g: Builder, self: Value) -> Value:
    return g.Transpose(g.NonZero(self), perm=[1, 0])


@aten("masked_select(Tensor self, Tensor mask) -> Tensor")
def masked_select(g: Builder, self: Value, mask: Value) -> Value:
    both = g.Shape(g.Or(g.Equal(self, self), mask))
    return g.Compress(g.Reshape(g.Expand(self, both), [-1]), g.Reshape(g.Expand(mask, both), [-1]), axis=0)


@aten("masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor")
@aten("masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor")
def masked_fill(g: Builder, self: Value, mask: Value, value: Value | Number) -> Value:
    filler = cast(g, value, self.dtype) if isinstance(value, Value) else g.value(value, self.dtype)
    return g.Where(mask, filler, self)


@aten("masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor")
def masked_scatter(g: Builder, self: Value, mask: Value, source: Value) -> Value:
    """The n-th true place takes the n-th element of `source`."""
    places = g.Transpose(g.NonZero(expand_to(g, mask, shape_of(self))), perm=[1, 0])
    count = g.Shape(places, start=0, end=1)
    return g.ScatterND(self, places, g.Slice(g.Reshape(source, [-1]), [0], count, [0]))


# -- scatter ---------------------------------------------------------------------------------------------------------------


def scatter_elements(g: Builder, x: Value, dim: int, index: Value, source: Value, reduction: str = "none") -> Value:
    """Torch lets the index be smaller than the source; the standard wants them alike."""
    if x.rank == 0:
        return g.Squeeze(scatter_elements(g, _line(g, x), 0, _line(g, index), _line(g, source), reduction), [0])
    if shape_of(source) != shape_of(index):
        source = g.Slice(source, [0] * (index.rank or 0), g.Shape(index))
    return g.ScatterElements(x, index, source, axis=dim, reduction=reduction)


@aten("scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor")
def scatter_src(g: Builder, self: Value, dim: int, index: Value, src: Value) -> Value:
    return scatter_elements(g, self, dim, index, src)


@aten("scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor")
def scatter_value(g: Builder, self: Value, dim: int, index: Value, value: Value | Number) -> Value:
    scalar = cast(g, value, self.dtype) if isinstance(value, Value) else g.value(value, self.dtype)
    return scatter_elements(g, self, dim, index, expand_to(g, scalar, shape_of(index)))


@aten("scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor")
def scatter_add(g: Builder, self: Value, dim: int, index: Value, src: Value) -> Value:
    return scatter_elements(g, self, dim, index, src, "add")


_REDUCTIONS = {
    "sum": "add",
    "add": "add",
    "prod": "mul",
    "multiply": "mul",
    "mean": "add",
    "amax": "max",
    "amin": "min",
}


@aten("scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor")
def scatter_reducing(g: Builder, self: Value, dim: int, index: Value, src: Value, *, reduce: str) -> Value:
    return scatter_elements(g, self, dim, index, src, _REDUCTIONS[reduce])


@aten("scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor")
def scatter_value_reducing(
    g: Builder, self: Value, dim: int, index: Value, value: Value | Number, *, reduce: str
) -> Value:
    scalar = cast(g, value, self.dtype) if isinstance(value, Value) else g.value(value, self.dtype)
    return scatter_elements(g, self, dim, index, expand_to(g, scalar, shape_of(index)), _REDUCTIONS[reduce])


@aten(
    "scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor"
)
def scatter_reduce(
    g: Builder, self: Value, dim: int, index: Value, src: Value, reduce: str, *, include_self: bool
) -> Value:
    return _reduced(g, self, dim, index, src, reduce, include_self)


@aten(
    "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor"
)
def index_reduce(
    g: Builder, self: Value, dim: int, index: Value, source: Value, reduce: str, *, include_self: bool
) -> Value:
    return _reduced(g, self, dim, _along(g, index, dim, source), source, reduce, include_self)


def _reduced(g: Builder, x: Value, dim: int, index: Value, source: Value, reduce: str, include_self: bool) -> Value:
    """Without the old element, places that are written begin from what the reduction leaves alone."""
    start = x
    if not include_self:
        neutral = expand_to(g, g.value(_neutral(x, reduce), x.dtype), shape_of(index))
        start = scatter_elements(g, x, dim, index, neutral)
    result = scatter_elements(g, start, dim, index, source, _REDUCTIONS[reduce])
    if reduce != "mean":
        return result
    assert x.dtype is not None
    ones = expand_to(g, g.value(1, x.dtype), shape_of(index))
    first = g.Expand(np.ones((), x.dtype.numpy), g.Shape(x)) if include_self else g.Sub(x, x)
    count = scatter_elements(g, first, dim, index, ones, "add")
    if not x.dtype.is_float:
        raise UnsupportedError(f"the mean of {x.dtype} by place")
    return g.Div(result, g.Max(count, 1.0))


def _neutral(x: Value, reduce: str) -> Number:
    assert x.dtype is not None
    if reduce in ("sum", "mean", "prod"):
        return int(reduce == "prod")
    return limits(x.dtype)[reduce == "amin"]


@aten("put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor")
def put(g: Builder, self: Value, index: Value, source: Value, accumulate: bool) -> Value:
    flat = [g.Reshape(x, [-1]) for x in (self, index, source)]
    written = scatter_elements(g, flat[0], 0, flat[1], flat[2], "add" if accumulate else "none")
    return reshape(g, written, shape_of(self))


@aten("index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor")
def index_add(g: Builder, self: Value, dim: int, index: Value, source: Value, *, alpha: Number) -> Value:
    scaled = source if alpha == 1 else g.Mul(source, alpha)
    return scatter_elements(g, self, dim, _along(g, index, dim, source), scaled, "add")


@aten("index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor")
def index_copy(g: Builder, self: Value, dim: int, index: Value, source: Value) -> Value:
    return scatter_elements(g, self, dim, _along(g, index, dim, source), source)


def _along(g: Builder, index: Value, dim: int, like: Value) -> Value:
    """A list of places along one axis, repeated over the others."""
    rank = like.rank or 1
    line = g.Reshape(index, [-1 if i == dim % rank else 1 for i in range(rank)])
    return expand_to(g, line, shape_of(like)) if like.rank else line


@aten(
    "isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
    promote=DEFAULT.of("elements", "test_elements"),
)
def isin(g: Builder, elements: Value, test_elements: Value, *, assume_unique: bool, invert: bool) -> Value:
    same = g.Equal(g.Unsqueeze(elements, [-1]), g.Reshape(test_elements, [-1]))
    found = g.Cast(g.ReduceMax(g.Cast(same, to=d.INT32), [-1], keepdims=False), to=d.BOOL)
    return g.Not(found) if invert else found


# -- bags ------------------------------------------------------------------------------------------------------------------

_SUM, _MEAN, _MAX = range(3)


@aten(
    "_embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)"
)
def embedding_bag(
    g: Builder, weight: Value, indices: Value, offsets: Value, scale_grad_by_freq: bool, mode: int, sparse: bool,
    per_sample_weights: Value | None, include_last_offset: bool, padding_idx: int,
) -> tuple[Value, None, None, None]:  # fmt: skip
    """A matrix says which index is in which bag: it adds up the rows, or hides those of other bags from their maximum."""
    assert weight.dtype is not None
    if include_last_offset:
        offsets = g.Slice(offsets, [0], [-1], [0])
    count = g.Shape(indices)
    places = g.Range(np.int64(0), g.Squeeze(count, [0]), np.int64(1))
    starts = cast(g, offsets, d.INT64)
    begun = cast(g, g.LessOrEqual(g.Unsqueeze(starts, [0]), g.Unsqueeze(places, [1])), d.INT64)
    bag = g.Sub(g.ReduceSum(begun, [1], keepdims=False), 1)
    bags = g.Range(np.int64(0), g.Squeeze(g.Shape(offsets), [0]), np.int64(1))
    member = g.Equal(g.Unsqueeze(bags, [1]), g.Unsqueeze(bag, [0]))
    if padding_idx >= 0:
        member = g.And(member, g.Not(g.Equal(cast(g, indices, d.INT64), padding_idx)))
    rows = g.Gather(weight, indices)
    share = cast(g, member, weight.dtype)
    if mode == _MAX:
        hidden = g.Where(g.Unsqueeze(member, [2]), g.Unsqueeze(rows, [0]), np.asarray(-np.inf, weight.dtype.numpy))
        best = g.ReduceMax(hidden, [1], keepdims=False)
        return g.Where(g.Greater(g.ReduceSum(share, [1]), 0.0), best, 0.0), None, None, None
    if per_sample_weights is not None:
        rows = g.Mul(rows, g.Unsqueeze(per_sample_weights, [1]))
    total = g.MatMul(share, rows)
    return total if mode == _SUM else g.Div(total, g.Max(g.ReduceSum(share, [1]), 1.0)), None, None, None
