"""Picking slices by index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, Expr, dmax, floordiv
from sardonyx.core.dtypes import INT32, INT64, DType
from sardonyx.engine.fuse import Steps, fuse, low_value
from sardonyx.engine.kernels.gather import GatherSpec, gather_kernel
from sardonyx.engine.kernels.pick import (
    ElementsSpec,
    Join,
    PutSpec,
    TuplesSpec,
    elements_kernel,
    put_kernel,
    tuples_kernel,
)
from sardonyx.engine.lowering import Lowering, NotNative, access, kind_of, lower
from sardonyx.engine.program import Address, Argument, Call
from sardonyx.engine.space import collapse
from sardonyx.engine.views import View, product
from sardonyx.ir import Node


def _check(node: Node, dtype: DType, index: DType) -> None:
    if index not in (INT32, INT64) or dtype.kind == "string" or dtype.itemsize > 8:
        raise NotNative(f"{node.op_type} of {dtype} by {index}")


def _bits(dtype: DType) -> str:
    """The kind that moves elements of a type without looking at them."""
    return f"u{8 * dtype.itemsize}"


@lower("Gather")
def gather(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """A known scalar index is a view; an index tensor copies slices."""
    data, indices = node.inputs
    assert data is not None and indices is not None
    view, shape = low.view(data), low.shape(node.output)
    axis = attrs["axis"] % view.rank
    known = low.ints(indices)
    if known is not None and low.shape(indices) == () and not isinstance(known[0], Expr):
        start = known[0] if known[0] >= 0 else view.shape[axis] + known[0]
        low.at_least(view.shape[axis], max(known[0] + 1, -known[0]), f"{node!r} picks what is there")
        low.give(node.output, view.narrowed(axis, start, 1).squeezed([axis]))
        return
    _check(node, view.dtype, low.dtype(indices))
    out = low.temp(view.dtype, shape, name=node.output.name)
    gather_slices(low, view, low.view(indices), axis, out, (node.name or "Gather",))
    low.give(node.output, out)


def gather_slices(low: Lowering, view: View, where: View, axis: int, out: View, nodes: tuple[str, ...]) -> None:
    """Copy the slices of `view` along `axis` that `where` names into `out`, which lies in C order."""
    dense, where = low.contiguous(view), low.contiguous(where)
    n, count, outer = product(view.shape[axis + 1 :]), where.size, product(view.shape[:axis])
    spec = GatherSpec(_bits(view.dtype), kind_of(where.dtype))
    args = [Address(out.buffer, 0, True), Address(dense.buffer, dense.offset), Address(where.buffer, where.offset)]
    grain = dmax(floordiv(4096, dmax(n, 1)), 1)
    kernel = gather_kernel(spec, low.target)
    low.call(Call(kernel, [*args, n, view.shape[axis], count, outer], outer * count, nodes, grain=grain))


@lower("GatherElements")
def gather_elements(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    data, indices = node.inputs
    assert data is not None and indices is not None
    view, where = low.view(data), low.view(indices)
    _check(node, view.dtype, where.dtype)
    axis = attrs["axis"] % view.rank
    for i, (have, asked) in enumerate(zip(view.shape, where.shape, strict=True)):
        if i != axis:
            low.at_least(have, asked, f"{node!r} has no more indices than elements along axis {i}")
    out = low.temp(view.dtype, where.shape, name=node.output.name)
    steps = tuple(0 if i == axis else s for i, s in enumerate(view.strides))
    others = replace(view, shape=where.shape, strides=steps)
    space = collapse(where.shape, [out, where, others], range(view.rank))
    spec = ElementsSpec(_bits(view.dtype), kind_of(where.dtype), access(space.strides[1][-1]), len(space.outer))
    args: list[Argument | None] = [Address(v.buffer, v.offset, v is out) for v in (out, where, view)]
    args += [view.shape[axis], view.strides[axis], space.inner, space.strides[1][-1], space.strides[2][-1]]
    for i, extent in enumerate(space.outer):
        args += [extent, *(s[i] for s in space.strides)]
    low.call(
        Call(elements_kernel(spec, low.target), args, product(space.outer), (node.name or node.op_type,), grain=16)
    )
    low.give(node.output, out)


def _tuples(
    low: Lowering, node: Node, lines: View, data: View, where: View, first: int, *, scatter: bool, join: Join = "none"
) -> None:
    """Copy slices of `data`, which index tuples name from axis `first` on, to or from `lines`."""
    depth = where.shape[-1]
    if not isinstance(depth, int):
        raise NotNative(f"{node.op_type} by tuples of symbolic length")
    kind = kind_of(data.dtype) if join != "none" else _bits(data.dtype)
    spec = TuplesSpec(kind, kind_of(where.dtype), depth, scatter, join)
    count: Dim = product(where.shape[first:-1])
    args: list[Argument | None] = [Address(v.buffer, v.offset, (v is data) == scatter) for v in (lines, data)]
    args.append(Address(where.buffer, where.offset))
    args += [product(data.shape[first + depth :]), count, product(data.shape[first:])]
    for axis in range(first, first + depth):
        args += [data.shape[axis], data.strides[axis]]
    tasks: Dim = 1 if scatter else product(where.shape[:-1])
    low.call(Call(tuples_kernel(spec, low.target), args, tasks, (node.name or node.op_type,), grain=16))


@lower("GatherND")
def gather_nd(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    data, indices = node.inputs
    assert data is not None and indices is not None
    _check(node, low.dtype(data), low.dtype(indices))
    out = low.temp(low.dtype(data), low.shape(node.output), name=node.output.name)
    dense, where = low.contiguous(low.view(data)), low.contiguous(low.view(indices))
    batch = attrs.get("batch_dims", 0)
    low.claim_all(dense.shape[:batch], where.shape[:batch], f"{node!r} has indices for each batch")
    _tuples(low, node, out, dense, where, batch, scatter=False)
    low.give(node.output, out)


@lower("ScatterND")
def scatter_nd(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """The data are copied, then the slices are written in order."""
    data, indices, updates = node.inputs
    assert data is not None and indices is not None and updates is not None
    _check(node, low.dtype(data), low.dtype(indices))
    join = attrs.get("reduction") or "none"
    if join != "none" and kind_of(low.dtype(data)) == "i1":
        raise NotNative("ScatterND that joins truth values")
    out = low.temp(low.dtype(data), low.shape(data), name=node.output.name)
    low.copy(low.view(data), out, (node.name or node.op_type,))
    lines, where = low.contiguous(low.view(updates)), low.contiguous(low.view(indices))
    depth = where.shape[-1]
    if isinstance(depth, int):
        sizes = (*where.shape[:-1], *out.shape[depth:])
        low.claim_all(lines.shape, sizes, f"{node!r} has an update for each place")
    _tuples(low, node, lines, out, where, 0, scatter=True, join=join)
    low.give(node.output, out)


@lower("ScatterElements")
def scatter_elements(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """The data are copied, then the elements of each line along the axis are written in order."""
    data, indices, updates = node.inputs
    assert data is not None and indices is not None and updates is not None
    dtype, shape, places = low.dtype(data), low.shape(data), low.shape(indices)
    _check(node, dtype, low.dtype(indices))
    axis, join = attrs["axis"] % len(shape), attrs.get("reduction") or "none"
    if any(a != b for i, (a, b) in enumerate(zip(shape, places, strict=True)) if i != axis):
        raise NotNative("ScatterElements by indices that leave places out")
    if join != "none" and kind_of(dtype) == "i1":
        raise NotNative("ScatterElements that joins truth values")
    names = (node.name or node.op_type,)
    out = low.temp(dtype, shape, name=node.output.name)
    low.copy(low.view(data), out, names)
    new, where = low.contiguous(low.view(updates)), low.contiguous(low.view(indices))
    low.claim_all(new.shape, where.shape, f"{node!r} has an update for each index")
    kind = kind_of(dtype) if join != "none" else _bits(dtype)
    args: list[Argument | None] = [Address(v.buffer, v.offset, v is out) for v in (out, new, where)]
    inner, outer = product(shape[axis + 1 :]), product(shape[:axis])
    kernel = put_kernel(PutSpec(kind, kind_of(where.dtype), join), low.target)
    low.call(Call(kernel, [*args, shape[axis], places[axis], inner], outer * inner, names, grain=64))
    low.give(node.output, out)


@lower("OneHot")
def one_hot(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Indices against the numbers of the new axis: a comparison and a choice, which join what reads them."""
    indices, depth, values = node.inputs
    assert indices is not None and depth is not None and values is not None
    known = low.const(depth)
    if known is None or low.dtype(indices) not in (INT32, INT64):
        raise NotNative("OneHot of a depth that is data, or by indices that are no integers")
    count, shape = int(known.reshape(-1)[0]), low.shape(node.output)
    axis = attrs["axis"] % len(shape)
    number = np.arange(count, dtype=low.dtype(indices).numpy).reshape(count, *(1,) * (len(shape) - 1 - axis))
    pair = low.view(values)
    off, on = (pair.narrowed(0, i, 1).squeezed([0]) for i in (0, 1))

    def recipe(s: Steps, x: list[int], _: dict[str, Any], kind: str) -> int:
        at, numbers, no, yes = x
        own = s.kinds[at]
        behind = s.step("add", at, s.number(count, own))
        below = s.step("lt", at, s.number(0, own), kind="i1")
        front = s.step("where", below, behind, at, kind=own)
        return s.step("where", s.step("eq", front, numbers, kind="i1"), yes, no, kind=kind)

    operands = [low.view(indices).unsqueezed([axis]), low.constant(number), off, on]
    low.give(node.output, fuse(low, node, attrs, recipe, [low_value(low, v) for v in operands]))
