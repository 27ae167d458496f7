"""Operators that only say where elements lie: views, and copies where a view cannot say it."""

from __future__ import annotations

from typing import Any

from sardonyx.core.dims import Dim, Expr
from sardonyx.engine.lowering import Lowering, NotNative, lower
from sardonyx.engine.space import physical_order
from sardonyx.engine.views import View
from sardonyx.ir import Node, Value


def source(low: Lowering, node: Node) -> View:
    first = node.inputs[0]
    assert first is not None
    return low.view(first)


@lower("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def reshape(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """The same elements in the shape that inference found."""
    view, shape = source(low, node), low.shape(node.output)
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
    if len(node.outputs) > 1 or attrs.get("training_mode"):
        raise NotNative("Dropout with a mask")
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
            first: Dim = extent + start
            if isinstance(first, int):
                first = max(first, 0)
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


@lower("Concat")
def concat(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Each input is copied, or computed, into its place."""
    out = _joined(low, node)
    axis = attrs["axis"] % out.rank
    at: Dim = 0
    for value in node.inputs:
        assert value is not None
        extent = low.shape(value)[axis]
        low.copy(low.view(value), out.narrowed(axis, at, extent), (node.name or "Concat",))
        at = at + extent
    low.give(node.output, out)


def _joined(low: Lowering, node: Node) -> View:
    """Room for the result, in the order in which the first input lies."""
    first = node.inputs[0]
    assert first is not None
    view = low.view(first)
    return low.temp(low.dtype(node.output), low.shape(node.output), physical_order(view.shape, [view]), node.output.name)

