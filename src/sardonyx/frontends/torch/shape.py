"""Moving elements without computing: views, joins and permutations."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, dmax, dmin
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.cast import cast
from sardonyx.frontends.torch.promotion import DEFAULT
from sardonyx.frontends.torch.registry import aten
from sardonyx.ir import Shape, TensorType, Value
from sardonyx.ops.builder import Builder

__all__ = ["expand_to", "reshape", "slice_axis"]

WHOLE = sys.maxsize


def shape_of(x: Value | TensorType) -> tuple[Dim, ...]:
    assert x.shape is not None
    return tuple(d for d in x.shape if d is not None)


# -- views ---------------------------------------------------------------------------------------------------------------


def reshape(g: Builder, x: Value, shape: Shape) -> Value:
    """`x` in that shape, with as little arithmetic on extents as possible: 0 keeps one, a single -1 takes what is left."""
    wanted = [d for d in shape if d is not None]
    given = shape_of(x)
    if tuple(wanted) == given:
        return x
    if any(d == 0 for d in wanted):
        return g.Reshape(x, g.extents.vector(wanted), allowzero=1)
    kept: list[Dim] = [
        0 if not isinstance(d, int) and i < len(given) and d == given[i] else d for i, d in enumerate(wanted)
    ]
    left = [i for i, d in enumerate(kept) if not isinstance(d, int)]
    if len(left) == 1:
        kept[left[0]] = -1
    return g.Reshape(x, g.extents.vector(kept))


@aten("view(Tensor(a) self, SymInt[] size) -> Tensor(a)")
@aten("_unsafe_view(Tensor self, SymInt[] size) -> Tensor")
@aten("reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)")
@aten("squeeze(Tensor(a) self) -> Tensor(a)")
@aten("squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)")
@aten("squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)")
@aten("flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)")
def view(g: Builder, self: Value, *, out: TensorType, **sizes: Any) -> Value:
    assert out.shape is not None
    return reshape(g, self, out.shape)


@aten("unsqueeze(Tensor(a) self, int dim) -> Tensor(a)")
def unsqueeze(g: Builder, self: Value, dim: int) -> Value:
    return g.Unsqueeze(self, [dim])


@aten("permute(Tensor(a) self, int[] dims) -> Tensor(a)")
def permute(g: Builder, self: Value, dims: Sequence[int]) -> Value:
    order = [d % len(dims) for d in dims]
    return self if order == sorted(order) else g.Transpose(self, perm=order)


@aten("transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)")
def transpose(g: Builder, self: Value, dim0: int, dim1: int) -> Value:
    rank = self.rank or 0
    order = list(range(rank))
    if rank:
        order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(g, self, order)


@aten("t(Tensor(a) self) -> Tensor(a)")
def t(g: Builder, self: Value) -> Value:
    return transpose(g, self, 0, 1) if self.rank == 2 else self


# -- larger --------------------------------------------------------------------------------------------------------------


def expand_to(g: Builder, x: Value, shape: Shape) -> Value:
    """`x` broadcast to that shape. Only the extents that grow are computed."""
    wanted = [d for d in shape if d is not None]
    given = (*[1] * (len(wanted) - len(shape_of(x))), *shape_of(x))
    if tuple(wanted) == shape_of(x):
        return x
    if tuple(wanted) == given:
        return g.Unsqueeze(x, list(range(len(wanted) - len(shape_of(x)))))
    return g.Expand(x, g.extents.vector([1 if a == b else b for a, b in zip(given, wanted, strict=True)]))


@aten("expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)")
def expand(g: Builder, self: Value, size: Sequence[Dim], *, out: TensorType) -> Value:
    assert out.shape is not None
    return expand_to(g, self, out.shape)


@aten("repeat(Tensor self, SymInt[] repeats) -> Tensor")
@aten("tile(Tensor self, SymInt[] dims) -> Tensor")
def repeat(g: Builder, self: Value, repeats: Sequence[Dim] = (), dims: Sequence[Dim] = ()) -> Value:
    times = list(repeats or dims)
    rank = self.rank or 0
    times = [*[1] * (rank - len(times)), *times]
    if len(times) > rank:
        self = g.Unsqueeze(self, list(range(len(times) - rank)))
    return g.Tile(self, g.extents.vector(times))


@aten("cat(Tensor[] tensors, int dim=0) -> Tensor", promote=DEFAULT)
def cat(g: Builder, tensors: Sequence[Value], dim: int) -> Value:
    rank = max(x.rank or 0 for x in tensors)
    joined = [
        x for x in tensors if x.rank == rank and not (rank == 1 and shape_of(x) == (0,))
    ]  # torch skips empty vectors
    if not joined:
        return tensors[0]
    return joined[0] if len(joined) == 1 else g.Concat(*joined, axis=dim)


@aten("stack(Tensor[] tensors, int dim=0) -> Tensor", promote=DEFAULT)
def stack(g: Builder, tensors: Sequence[Value], dim: int) -> Value:
    return g.Concat(*(g.Unsqueeze(x, [dim]) for x in tensors), axis=dim)


_PAD = {"reflection": "reflect", "replication": "edge", "circular": "wrap"}


@aten("constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor")
def constant_pad_nd(g: Builder, self: Value, pad: Sequence[Dim], value: Any) -> Value:
    return padded(g, self, pad, value=value)


def padded(g: Builder, x: Value, pad: Sequence[Dim], *, mode: str = "constant", value: Any = None) -> Value:
    """Torch lists (before, after) of the last axis first; the standard all befores, then all afters."""
    if all(n == 0 for n in pad):
        return x
    rank = x.rank or 0
    outer: list[Dim] = [0] * (rank - len(pad) // 2)
    before, after = [*outer, *pad[0::2][::-1]], [*outer, *pad[1::2][::-1]]
    filler = value if value is None or isinstance(value, Value) or value != 0 else None
    if filler is not None and not isinstance(filler, Value):
        assert x.dtype is not None
        filler = np.asarray(filler, x.dtype.numpy)
    return g.Pad(x, g.extents.vector([*before, *after]), filler, mode=mode)


def _padding(spatial: int, name: str) -> None:
    @aten(f"{name}_pad{spatial}d(Tensor self, SymInt[{2 * spatial}] padding) -> Tensor")
    def rule(g: Builder, self: Value, padding: Sequence[Dim]) -> Value:
        return padded(g, self, padding, mode=_PAD[name])


for _spatial in (1, 2, 3):
    _padding(_spatial, "reflection")
    _padding(_spatial, "replication")


# -- smaller -------------------------------------------------------------------------------------------------------------


def slice_axis(g: Builder, x: Value, axis: int, start: Dim, end: Dim, step: int = 1) -> Value:
    """x[start:end:step] along one axis."""
    extent = shape_of(x)[axis]
    if start == 0 and step == 1 and (end == extent or (isinstance(end, int) and end == WHOLE)):
        return x
    vector = g.extents.vector
    return g.Slice(x, vector([start]), vector([end]), [axis], None if step == 1 else [step])


@aten("slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)")
def slice_tensor(g: Builder, self: Value, dim: int, start: Dim | None, end: Dim | None, step: int) -> Value:
    return slice_axis(g, self, dim, 0 if start is None else start, WHOLE if end is None else end, step)


@aten("narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)")
def narrow(g: Builder, self: Value, dim: int, start: Dim, length: Dim) -> Value:
    return slice_axis(g, self, dim, start, start + length)


@aten("select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)")
def select(g: Builder, self: Value, dim: int, index: Dim) -> Value:
    return g.Gather(self, g.extents.scalar(index), axis=dim)


@aten("split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]")
def split_with_sizes(g: Builder, self: Value, split_sizes: Sequence[Dim], dim: int) -> tuple[Value, ...]:
    if len(split_sizes) == 1:
        return (self,)
    if len(set(split_sizes)) == 1 and g.opset >= 18:
        return g.Split(self, axis=dim, num_outputs=len(split_sizes), outputs=len(split_sizes))
    return g.Split(self, g.extents.vector(split_sizes), axis=dim, outputs=len(split_sizes))


@aten("split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]")
@aten("chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]")
def split(g: Builder, self: Value, dim: int, *, outs: Sequence[TensorType], **sizes: Any) -> tuple[Value, ...]:
    return split_with_sizes(g, self, [shape_of(o)[dim] for o in outs], dim)


@aten("unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]")
def unbind(g: Builder, self: Value, dim: int, *, outs: Sequence[TensorType]) -> tuple[Value, ...]:
    return tuple(g.Gather(self, np.int64(i), axis=dim) for i in range(len(outs)))


# -- rearranged ------------------------------------------------------------------------------------------------------------


@aten("flip(Tensor self, int[] dims) -> Tensor")
def flip(g: Builder, self: Value, dims: Sequence[int]) -> Value:
    if not dims or self.rank == 0:
        return g.Identity(self)
    return g.Slice(self, [-1] * len(dims), [-WHOLE] * len(dims), list(dims), [-1] * len(dims))


@aten("roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor")
def roll(g: Builder, self: Value, shifts: Sequence[Dim], dims: Sequence[int]) -> Value:
    if not dims:
        flat = g.Reshape(self, [-1])
        return reshape(g, roll(g, flat, shifts, [0]), shape_of(self))
    result = self
    for shift, axis in zip(shifts, dims, strict=True):
        extent = shape_of(self)[axis]
        cut = -shift % extent if isinstance(shift, int) and isinstance(extent, int) and extent else shift * -1
        if cut != 0:
            tail, head = slice_axis(g, result, axis, cut, WHOLE), slice_axis(g, result, axis, 0, cut)
            result = g.Concat(tail, head, axis=axis)
    return result


def _triangle(name: str, upper: int) -> None:
    @aten(f"{name}(Tensor self, SymInt diagonal=0) -> Tensor")
    def rule(g: Builder, self: Value, diagonal: Dim) -> Value:
        return g.Trilu(self, None if diagonal == 0 else g.extents.scalar(diagonal), upper=upper)


_triangle("tril", 0)
_triangle("triu", 1)


@aten(
    "slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor"
)
def slice_scatter(
    g: Builder, self: Value, src: Value, dim: int, start: Dim | None, end: Dim | None, step: int
) -> Value:
    """The first part, then `src`, then the last part; with a step, places are listed and scattered to."""
    extent = shape_of(self)[dim]
    first: Dim = 0 if start is None else start
    last: Dim = extent if end is None or end == WHOLE else end
    first, last = (extent + p if isinstance(p, int) and p < 0 else p for p in (first, last))
    src = cast(g, src, self.dtype)
    if step == 1:
        pieces = [src]
        if first != 0:
            pieces.insert(0, slice_axis(g, self, dim, 0, first))
        if last != extent and not (isinstance(last, int) and isinstance(extent, int) and last >= extent):
            pieces.append(slice_axis(g, self, dim, last, WHOLE))
        return pieces[0] if len(pieces) == 1 else g.Concat(*pieces, axis=dim)
    places = slice_axis(g, g.Range(np.int64(0), g.extents.scalar(extent), np.int64(1)), 0, first, last, step)
    at = dim % (self.rank or 1)
    line = g.Reshape(places, [-1 if i == at else 1 for i in range(self.rank or 1)])
    return g.ScatterElements(self, expand_to(g, line, shape_of(src)), src, axis=dim)


@aten("select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor")
def select_scatter(g: Builder, self: Value, src: Value, dim: int, index: Dim) -> Value:
    extent = shape_of(self)[dim]
    at = extent + index if isinstance(index, int) and index < 0 else index
    return slice_scatter(g, self, g.Unsqueeze(src, [dim]), dim, at, at + 1, 1)


# -- along diagonals and in windows -------------------------------------------------------------------------------------------


def _steps(g: Builder, count: Dim) -> Any:
    return np.arange(count) if isinstance(count, int) else g.Range(np.int64(0), g.extents.scalar(count), np.int64(1))


def _diagonal_places(g: Builder, x: Value, offset: int, dim1: int, dim2: int) -> tuple[Any, Any, list[int]]:
    """Rows and columns of the diagonal, and the axes that it does not run along."""
    rank = x.rank or 0
    first, second = dim1 % rank, dim2 % rank
    rows, columns = shape_of(x)[first], shape_of(x)[second]
    down, right = max(0, -offset), max(0, offset)
    count = dmax(0, dmin(rows - down, columns - right))
    places = _steps(g, count)
    return _shifted(g, places, down), _shifted(g, places, right), [i for i in range(rank) if i not in (first, second)]


def _shifted(g: Builder, places: Any, by: int) -> Any:
    return places if by == 0 else places + by if isinstance(places, np.ndarray) else g.Add(places, by)


@aten("diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)")
def diagonal(g: Builder, self: Value, offset: int, dim1: int, dim2: int) -> Value:
    """The diagonal becomes the last axis."""
    rows, columns, rest = _diagonal_places(g, self, offset, dim1, dim2)
    rank = self.rank or 0
    front = g.Transpose(self, perm=[dim1 % rank, dim2 % rank, *rest])
    picked = g.GatherND(front, _pairs(g, rows, columns))
    return g.Transpose(picked, perm=[*range(1, rank - 1), 0])


def _pairs(g: Builder, rows: Any, columns: Any) -> Any:
    if isinstance(rows, np.ndarray) and isinstance(columns, np.ndarray):
        return np.stack([rows, columns], -1)
    return g.Concat(g.Unsqueeze(rows, [-1]), g.Unsqueeze(columns, [-1]), axis=-1)


@aten("diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor")
def diagonal_scatter(g: Builder, self: Value, src: Value, offset: int, dim1: int, dim2: int) -> Value:
    rows, columns, rest = _diagonal_places(g, self, offset, dim1, dim2)
    rank = self.rank or 0
    order = [dim1 % rank, dim2 % rank, *rest]
    lines = g.Transpose(cast(g, src, self.dtype), perm=[rank - 2, *range(rank - 2)])
    written = g.ScatterND(g.Transpose(self, perm=order), _pairs(g, rows, columns), lines)
    return g.Transpose(written, perm=[order.index(i) for i in range(rank)])


@aten("unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)")
def unfold(g: Builder, self: Value, dimension: int, size: int, step: int) -> Value:
    """Every window along an axis; what lies in it becomes the last axis."""
    if self.rank == 0:
        return g.Reshape(self, [size])
    rank = self.rank or 0
    axis = dimension % rank
    count = (shape_of(self)[axis] - size) // step + 1
    starts = _steps(g, count)
    if isinstance(starts, np.ndarray):
        places: Any = starts[:, None] * step + np.arange(size)
    else:
        places = g.Add(g.Unsqueeze(g.Mul(starts, step), [1]), np.arange(size))
    windows = g.Gather(self, places, axis=axis)
    return g.Transpose(windows, perm=[*(i for i in range(rank + 1) if i != axis + 1), axis + 1])


@aten("as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)")
def as_strided(
    g: Builder, self: Value, size: Sequence[Dim], stride: Sequence[Dim], storage_offset: Dim | None
) -> Value:
    """Places in the elements as they lie in a tensor without gaps."""
    if not all(isinstance(n, int) for n in (*size, *stride, storage_offset or 0)):
        raise UnsupportedError("as_strided with dynamic sizes")
    places = np.full((), storage_offset or 0, np.int64)
    for n, step in zip(size, stride, strict=True):
        places = places[..., None] + np.arange(int(n)) * int(step)  # pyright: ignore[reportArgumentType]
    return g.Gather(g.Reshape(self, [-1]), places, axis=0)
