"""Convolution as a product: a row of A is what one place of the window sees, for every place of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import FLOAT32, FLOAT64, DType
from sardonyx.engine.contract import Axes, ContractHead, Left, pack_right, split
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.lower.depthwise import depthwise
from sardonyx.engine.lower.pool import Windows
from sardonyx.engine.lower.winograd import winograd_heads
from sardonyx.engine.lowering import Deferred, Lowering, NotNative, kind_of, lower
from sardonyx.engine.program import Table
from sardonyx.engine.space import collapse
from sardonyx.engine.tables import window_table
from sardonyx.engine.views import View, product
from sardonyx.ir import Node, Value

__all__ = ["by_channel", "sliding"]

FEW = 32  # channels below which neighbouring places of a window are read together


@lower("Conv")
def conv(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    if depthwise(low, node, attrs):
        return
    source, filters, bias = [*node.inputs, None][:3]
    assert source is not None and filters is not None
    if low.dtype(source) not in (FLOAT32, FLOAT64):
        raise NotNative(f"Conv of {low.dtype(source)}")
    heads: list[ContractHead] = [*winograd_heads(low, node, attrs, source, filters)]
    if not heads:
        found = sliding(low, node, attrs, source, filters, None)
        places = product((found.shape[0], *found.shape[2:]))
        right = pack_right(low, found.right, found.outer, found.nodes, found.taps, rows=places)
        heads = [ContractHead(found.shape, found.order, found.axes, found.left, right, found.groups, 1)]
    *others, head = heads
    dtype, shape = head.left.view.dtype, head.shape
    kind, nodes = kind_of(dtype), (node.name or node.op_type,)
    added: list[View] = []
    if bias is not None:
        low.claim_all(low.shape(bias), shape[1:2], f"{node!r} has a bias per filter")
        added = [by_channel(low.contiguous(low.view(bias)), shape)]
    for other in others:
        added = [low.force(_sum(kind, other, dtype, added, nodes))]
    low.give(node.output, _sum(kind, head, dtype, added, nodes))


def _sum(kind: str, head: ContractHead, dtype: DType, added: list[View], nodes: tuple[str, ...]) -> Deferred:
    """What a head gives, and what is added to it, if anything."""
    formula = Formula((kind, kind), (Step("add", (0, 1), kind),)) if added else Formula((kind,))
    return Deferred(head.shape, dtype, formula, added, head, head.order, nodes)


def by_channel(line: View, shape: Sequence[Dim]) -> View:
    """A vector with an element per channel, as it meets a result of that shape."""
    return replace(line, shape=(shape[1],)).unsqueezed(range(1, len(shape) - 1)).broadcast_to(shape)


@dataclass(frozen=True, eq=False)
class Sliding:
    """A convolution as a product.

    Attributes:
        right: [group (if more than one), tap (if more than one), k, n].
        outer: the extents of the outer axes: of the groups, if there are several.
    """

    shape: tuple[Dim, ...]
    order: tuple[int, ...]
    axes: Axes
    left: Left
    right: View
    outer: tuple[int, ...]
    taps: int
    groups: int
    nodes: tuple[str, ...]


def sliding(
    low: Lowering, node: Node, attrs: dict[str, Any], source: Value, filters: Value, outside: View | None
) -> Sliding:
    """What a convolution multiplies.

    Args:
        outside: what stands in the padding where the image is copied; None means zero.
    """
    x_shape, w_shape, shape = low.shape(source), low.shape(filters), low.shape(node.output)
    groups = attrs["group"]
    if not all(isinstance(d, int) for d in w_shape):
        raise NotNative(f"{node.op_type} with a window of symbolic extents")
    low.claim(x_shape[1], w_shape[1] * groups, f"{node!r} needs as many channels as its filters have")
    low.claim(shape[1], w_shape[0], f"{node!r} gives a channel per filter")
    channels = int(w_shape[1]) * groups  # pyright: ignore[reportArgumentType] ints, see above
    shape = (shape[0], w_shape[0], *shape[2:])  # numbers in place of symbols that were just claimed to be equal
    kernel = tuple(int(d) for d in w_shape[2:])  # pyright: ignore[reportArgumentType] ints, see above
    w = Windows.of(attrs, kernel, x_shape[2:])
    rank = len(kernel)
    order = (0, *range(2, rank + 2), 1)
    nodes = (node.name or node.op_type,)
    x, weights = low.view(source), low.view(filters)
    x = replace(x, shape=(x.shape[0], channels, *x.shape[2:]))
    if groups == 1 and kernel[-1] > 1 and w.dilations[-1] == 1 and channels < FEW:
        left = _joined(low, x, w, shape, nodes, outside)
        # [m, c, window...] -> [window but its last axis, (last axis, c), m]
        spread = weights.permuted((*range(2, rank + 2), 1, 0))
        taps = product(kernel[:-1])
        depth: Dim = kernel[-1] * int(w_shape[1])  # pyright: ignore[reportArgumentType] as above
    else:
        x = x if x.strides[1] == 1 else low.contiguous(x, order)
        left = _windows(split(x, 1, groups), w, shape, groups)
        spread = split(weights, 0, groups).permuted(_TAPS_FIRST[groups > 1](rank))
        taps, depth = product(kernel), w_shape[1]
    assert isinstance(taps, int)
    last = spread.shape[-1]
    outer = (groups,) if groups > 1 else ()
    right = _reshaped(low, spread, (*outer, *((taps,) if taps > 1 else ()), depth, last))
    # with groups, of the split shape [n, group, m, spatial...]
    split_axes, plain = Axes((1,), (0, *range(3, rank + 3)), 2), Axes((), (0, *range(2, rank + 2)), 1)
    axes = split_axes if groups > 1 else plain
    return Sliding(shape, order, axes, left, right, outer, taps, groups, nodes)


# how a filter's axes are put for B: [m, c, window...] -> [window..., c, m]; [group, m, c, ...] -> [group, window..., c, m]
_TAPS_FIRST = {
    False: lambda rank: (*range(2, rank + 2), 1, 0),
    True: lambda rank: (0, *range(3, rank + 3), 2, 1),
}


def _reshaped(low: Lowering, view: View, shape: tuple[Dim, ...]) -> View:
    """The view in another shape, by way of a copy if need be; constants are copied here and now."""
    found = view.reshaped(shape)
    if found is not None:
        return found
    array = view.const
    dense = low.contiguous(view) if array is None else low.constant(np.ascontiguousarray(array), view.buffer.name)
    found = dense.reshaped(shape)
    assert found is not None
    return found


def _facts(x: View, axes: list[int], w: Windows, places: tuple[Dim, ...]) -> list[Dim]:
    facts: list[Dim] = []
    window = zip(w.kernel, w.strides, w.dilations, w.fronts, strict=True)
    for axis, extent, numbers in zip(axes, places, window, strict=True):
        facts += [x.shape[axis], x.strides[axis], extent, *numbers]
    return facts


def _windows(x: View, w: Windows, shape: tuple[Dim, ...], groups: int) -> Left:
    """A tap per place of the window; x is [n, (group,) c, spatial...] with its channels innermost."""
    first = x.rank - len(w.kernel)
    axes = list(range(first, x.rank))
    facts = [x.shape[0], x.strides[0], *_facts(x, axes, w, shape[2:])]
    outer = (x.strides[1],) if groups > 1 else ()
    taps = product(w.kernel)
    assert isinstance(taps, int)
    table, pitch = Table(window_table, tuple(facts)), x.strides[-1] * w.strides[-1]
    return Left(x, outer, table, x.shape[first - 1], taps, pitch, _even(x, axes, w, shape[2:]))


def _even(x: View, axes: list[int], w: Windows, places: tuple[Dim, ...]) -> bool:
    """Whether the pixels behind all places lie equally far apart, for windows of one."""
    if product(w.kernel) != 1 or any(w.fronts) or any(w.backs):
        return False
    steps = [x.strides[axis] * hop for axis, hop in zip(axes, w.strides, strict=True)]
    seen = View(x.buffer, (x.shape[0], *places), (x.strides[0], *steps))
    return len(collapse(seen.shape, [seen], range(seen.rank)).extents) == 1


def _joined(
    low: Lowering, x: View, w: Windows, shape: tuple[Dim, ...], nodes: tuple[str, ...], outside: View | None
) -> Left:
    """A tap per row of the window, which lies in one piece in a copy of the image with its padding and channels innermost."""
    rank, channels = len(w.kernel), x.shape[1]
    order = (0, *range(2, rank + 2), 1)
    spatial = [d + a + b for d, a, b in zip(x.shape[2:], w.fronts, w.backs, strict=True)]
    image = low.temp(x.dtype, (x.shape[0], channels, *spatial), order, x.buffer.name)
    inner = image
    if any(w.fronts) or any(w.backs):
        kind = kind_of(x.dtype)
        if outside is None:
            low.map(Formula((), (Step("const", (), kind, (0.0,)),)), [], image, order, nodes)
        else:
            low.map(Formula((kind,)), [outside], image, order, nodes)
        for i in range(rank):
            inner = inner.narrowed(2 + i, w.fronts[i], x.shape[2 + i])
    low.copy(x, inner, nodes)
    # the last axis of the window is read as channels
    rows = Windows((*w.kernel[:-1], 1), w.strides, w.dilations, (0,) * rank, (0,) * rank)
    facts = [image.shape[0], image.strides[0], *_facts(image, list(range(2, rank + 2)), rows, shape[2:])]
    taps = product(w.kernel[:-1])
    assert isinstance(taps, int)
    return Left(
        image, (), Table(window_table, tuple(facts)), channels * w.kernel[-1], taps, image.strides[-1] * w.strides[-1]
    )
