"""Operators that only say where elements lie: views, and copies where a view cannot say it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, Expr, dmax
from sardonyx.core.dtypes import FLOAT32, FLOAT64, INT32, INT64
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.fuse import Steps, fuse, low_value
from sardonyx.engine.kernels.series import RunningSpec, range_kernel, running_kernel
from sardonyx.engine.lowering import Lowering, NotNative, kind_of, lower
from sardonyx.engine.program import Address, Call
from sardonyx.engine.space import collapse, physical_order
from sardonyx.engine.views import View, product
from sardonyx.ir import Node, Value


def source(low: Lowering, node: Node) -> View:
    first = node.inputs[0]
    assert first is not None
    return low.view(first)


@lower("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def reshape(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """The same elements in the shape that inference found."""
    view, shape = source(low, node), low.shape(node.output)
    low.claim(view.size, product(shape), f"{node!r} keeps the number of elements")
    found = view.reshaped(shape)
    if found is None:
        found = low.contiguous(view).reshaped(shape)
        if found is None:  # the extents are equal, but their symbols do not show it
            dense = low.contiguous(view)
            found = low.temp(view.dtype, shape)
            found = View(dense.buffer, shape, found.strides, dense.offset)
    low.give(node.output, found)


@lower("Identity", "Dropout")
def identity(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    training = node.inputs[2] if len(node.inputs) > 2 else None
    known = low.const(training)
    if len(node.outputs) > 1 or (training is not None and (known is None or known.any())):
        raise NotNative("Dropout while training, or with a mask")
    low.give(node.output, source(low, node))


@lower("Transpose")
def transpose(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    view = source(low, node)
    low.give(node.output, view.permuted(attrs["perm"] or tuple(reversed(range(view.rank)))))


@lower("Expand")
def expand(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    low.give(node.output, source(low, node).broadcast_to(low.shape(node.output)))


def _numbers(low: Lowering, value: Value | None) -> list[int] | None:
    found = low.ints(value)
    if found is None or any(isinstance(x, Expr) for x in found):
        return None
    return [int(x) for x in found]  # pyright: ignore[reportArgumentType] no Expr in it


@lower("Slice")
def slice_(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Starts may be symbolic; the extents are those that inference found."""
    view, shape = source(low, node), low.shape(node.output)
    starts = low.ints(node.inputs[1]) if len(node.inputs) > 1 else None
    axes = _numbers(low, node.inputs[3]) if len(node.inputs) > 3 and node.inputs[3] else None
    steps = _numbers(low, node.inputs[4]) if len(node.inputs) > 4 and node.inputs[4] else None
    if starts is None:
        raise NotNative("Slice by bounds that are data")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    for start, axis, step in zip(starts, axes, steps, strict=True):
        axis %= view.rank
        extent = view.shape[axis]
        if step <= 0 or isinstance(start, Expr):
            raise NotNative("Slice backwards or from a symbolic start")
        if start < 0:
            first: Dim = dmax(extent + start, 0)
        else:
            first = start if not isinstance(extent, int) else min(start, extent)
        view = view.narrowed(axis, first, shape[axis], step)
    low.give(node.output, view)


@lower("Split")
def split(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    view = source(low, node)
    axis = attrs["axis"] % view.rank
    at: Dim = 0
    for value in node.outputs:
        extent = low.shape(value)[axis]
        low.give(value, view.narrowed(axis, at, extent))
        at = at + extent
    low.claim(at, view.shape[axis], f"{node!r} gives all of what it cuts")


@lower("Concat")
def concat(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Each input is copied, or computed, into its place."""
    out = _joined(low, node)
    axis = attrs["axis"] % out.rank
    at: Dim = 0
    for value in node.inputs:
        assert value is not None
        extent = low.shape(value)[axis]
        beside = [i for i in range(out.rank) if i != axis]
        have, want = ([shape[i] for i in beside] for shape in (low.shape(value), out.shape))
        low.claim_all(have, want, f"{node!r} joins what agrees but for axis {axis}")
        low.copy(low.view(value), out.narrowed(axis, at, extent), (node.name or "Concat",))
        at = at + extent
    low.give(node.output, out)


def _joined(low: Lowering, node: Node) -> View:
    """Room for the result, in the order in which the first input lies."""
    first = node.inputs[0]
    assert first is not None
    view = low.view(first)
    return low.temp(
        low.dtype(node.output), low.shape(node.output), physical_order(view.shape, [view]), node.output.name
    )


@lower("Tile")
def tile(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Each axis repeated by a stride of 0, then copied once."""
    view, counts = source(low, node), low.ints(node.inputs[1])
    if counts is None:
        raise NotNative("Tile by counts that are data")
    wide = view.unsqueezed(range(0, 2 * view.rank, 2))
    repeated = wide.broadcast_to([d for pair in zip(counts, view.shape, strict=True) for d in pair])
    low.give(node.output, _as_shape(low, repeated, low.shape(node.output)))


def _as_shape(low: Lowering, view: View, shape: tuple[Dim, ...]) -> View:
    dense = low.contiguous(view)
    return View(dense.buffer, shape, low.temp(view.dtype, shape).strides, dense.offset)


@lower("ConstantOfShape")
def constant_of_shape(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """One element, seen at every place."""
    value = attrs.get("value")
    array = np.zeros(1, np.float32) if value is None else value.numpy()
    low.give(node.output, low.constant(array.reshape(())).broadcast_to(low.shape(node.output)))


@lower("Pad")
def pad(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """The data are copied into the middle of the result, which is filled before, or afterwards from what lies in it."""
    view, shape = source(low, node), low.shape(node.output)
    pads = low.ints(node.inputs[1])
    axes = _numbers(low, node.inputs[3]) if len(node.inputs) > 3 and node.inputs[3] else list(range(view.rank))
    mode = attrs.get("mode") or "constant"
    if pads is None or axes is None:
        raise NotNative("Pad by amounts that are data")
    inner = out = low.temp(view.dtype, shape, physical_order(view.shape, [view]), node.output.name)
    for i, axis in enumerate(axes):
        front, back = pads[i], pads[i + len(axes)]
        if not isinstance(front, int) or not isinstance(back, int):
            raise NotNative("Pad by symbolic amounts")
        if mode != "constant" and min(front, back) < 0:
            raise NotNative("Pad that cuts off, and fills from what is there")
        axis %= view.rank
        start, cut = max(front, 0), max(-front, 0)
        kept = view.shape[axis] - cut - max(-back, 0)
        low.at_least(kept, 0, f"{node!r} cuts no more than there is")
        inner = inner.narrowed(axis, start, kept)
        view = view.narrowed(axis, cut, kept)
    names = (node.name or "Pad",)
    if mode != "constant":
        low.copy(view, inner, names)
        amounts = [(a % view.rank, int(pads[i]), int(pads[i + len(axes)])) for i, a in enumerate(axes)]  # pyright: ignore
        for way in amounts:
            inner = _borders(low, mode, inner, way, names)
        low.give(node.output, out)
        return
    kind = kind_of(view.dtype)
    order = physical_order(out.shape, [out])
    given = node.inputs[2] if len(node.inputs) > 2 else None
    if given is None:
        zero = Formula((), (Step("const", (), kind, (0,)),))
        low.map(zero, [], out, order, names)
    else:
        low.map(Formula((kind,)), [low.view(given).broadcast_to(shape)], out, order, names)
    low.copy(view, inner, names)
    low.give(node.output, out)


def _borders(low: Lowering, mode: str, inner: View, way: tuple[int, int, int], names: tuple[str, ...]) -> View:
    """Fill what lies in front of and behind a view, along one axis, from what is in it; gives all of that.

    Args:
        way: the axis, and how much is in front and behind.
    """
    axis, front, back = way
    extent = inner.shape[axis]
    whole = inner.narrowed(axis, -front, front + extent + back)

    def along(start: Dim, count: int, step: int) -> View:
        return inner.narrowed(axis, start, count, step)

    if max(front, back):
        need = {"edge": 1, "wrap": max(front, back)}.get(mode, max(front, back) + 1)
        low.at_least(extent, need, f"{names[0]} fills by '{mode}' from what there is")
    for start, count in ((0, front), (front + extent, back)):
        if not count:
            continue
        place = whole.narrowed(axis, start, count)
        if mode == "edge":
            source = along(0 if start == 0 else extent - 1, 1, 1).broadcast_to(place.shape)
        elif mode == "wrap":
            source = along(extent - front if start == 0 else 0, count, 1)
        else:
            source = along(front if start == 0 else extent - 2, count, -1)
        low.copy(source, place, names)
    return whole


@lower("DepthToSpace", "SpaceToDepth")
def blocks(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Blocks of places become channels, or the other way round: axes split, permuted and joined."""
    view, shape, size = source(low, node), low.shape(node.output), attrs["blocksize"]
    n, c, h, w = view.shape
    if node.op_type == "SpaceToDepth":
        parts: tuple[Dim, ...] = (n, c, shape[2], size, shape[3], size)
        order = (0, 1, 3, 5, 2, 4) if attrs.get("mode") == "CRD" else (0, 3, 5, 1, 2, 4)
    elif attrs["mode"] == "CRD":
        parts, order = (n, shape[1], size, size, h, w), (0, 1, 4, 2, 5, 3)
    else:
        parts, order = (n, size, size, shape[1], h, w), (0, 3, 4, 1, 5, 2)
    split = view.reshaped(parts)
    if split is None:
        split = low.contiguous(view).reshaped(parts)
    if split is None:
        raise NotNative(f"{node.op_type} of extents whose products do not show")
    blocks = split.permuted(order)
    innermost = view.strides[1] == 1
    out = low.temp(view.dtype, shape, (0, 2, 3, 1) if innermost else None, node.output.name)
    places = out.reshaped(blocks.shape)
    if places is None:
        low.give(node.output, _as_shape(low, blocks, shape))
        return
    low.copy(blocks, places, (node.name or node.op_type,))
    low.give(node.output, out)


@lower("Trilu")
def trilu(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """A choice between the data and 0, by a constant triangle."""
    data = node.inputs[0]
    assert data is not None
    rows, columns = low.shape(data)[-2:]
    offset = low.const(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else np.zeros(1, np.int64)
    if not isinstance(rows, int) or not isinstance(columns, int) or offset is None or rows * columns > MOST_TRIANGLE:
        raise NotNative("Trilu of symbolic or huge extents, or by an offset that is data")
    whole = np.ones((rows, columns), np.bool_)
    k = int(offset.reshape(-1)[0])
    keep = np.triu(whole, k) if attrs["upper"] else np.tril(whole, k)

    def recipe(s: Steps, x: list[int], _: dict[str, Any], kind: str) -> int:
        if kind == "i1":
            return s.step("and", *x, kind=kind)
        return s.step("where", x[1], x[0], s.number(0, kind), kind=kind)

    low.give(node.output, fuse(low, node, attrs, recipe, [data, low_value(low, low.constant(keep))]))


MOST_TRIANGLE = 1 << 24  # elements of a constant mask


@lower("Range")
def range_(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    start, _, delta = node.inputs
    assert start is not None and delta is not None
    dtype = low.dtype(node.output)
    if dtype not in (FLOAT32, FLOAT64, INT32, INT64):
        raise NotNative(f"Range of {dtype}")
    out = low.temp(dtype, low.shape(node.output), name=node.output.name)
    first, step = low.view(start), low.view(delta)
    args = [Address(v.buffer, v.offset, v is out) for v in (out, first, step)]
    low.call(Call(range_kernel(kind_of(dtype), low.target), [*args, out.size], 1, (node.name or "Range",)))
    low.give(node.output, out)


@lower("CumSum")
def cumsum(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    axis = _numbers(low, node.inputs[1]) or (
        None if (a := low.const(node.inputs[1])) is None else [int(a.reshape(-1)[0])]
    )
    if axis is None:
        raise NotNative("CumSum along an axis that is data")
    x = source(low, node)
    if x.dtype not in (FLOAT32, FLOAT64, INT32, INT64):
        raise NotNative(f"CumSum of {x.dtype}")
    along = axis[0] % x.rank
    out = low.temp(x.dtype, x.shape, name=node.output.name)
    outer = collapse(x.shape, [out, x], [i for i in range(x.rank) if i != along])
    args = [Address(out.buffer, out.offset, True), Address(x.buffer, x.offset)]
    spec = RunningSpec(kind_of(x.dtype), bool(attrs["exclusive"]), bool(attrs["reverse"]), len(outer.extents))
    steps = [x.shape[along], out.strides[along], x.strides[along]]
    for i, extent in enumerate(outer.extents):
        steps += [extent, *(s[i] for s in outer.strides)]
    tasks = product(outer.extents)
    low.call(Call(running_kernel(spec, low.target), [*args, *steps], tasks, (node.name or "CumSum",), grain=16))
    low.give(node.output, out)
