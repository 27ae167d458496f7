"""Transposed convolution as convolutions that give the phases of the result, which are then put side by side.

With stride s, the element q * s + r of the result is a sum over t of x[q - t] * w[t * s + r]: for every phase r a convolution
of x with every s-th weight. Either one convolution, without a stride, gives the phases as channels, at every place where any
of them has something; or each phase is computed alone, with its own taps at its own places, which are fewer, but fill lanes
with its own channels only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, ceildiv
from sardonyx.core.dtypes import FLOAT32, FLOAT64
from sardonyx.engine.contract import Axes, ContractHead, Left, pack_right, split
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.lower.conv import by_channel
from sardonyx.engine.lowering import Deferred, Lowering, NotNative, kind_of, lower
from sardonyx.engine.program import Table
from sardonyx.engine.tables import window_table
from sardonyx.engine.views import View, product
from sardonyx.ir import Array, Node
from sardonyx.ops.nn import transposed_extents
from sardonyx.tile import Type


@dataclass(frozen=True)
class _Axis:
    """One spatial axis.

    Attributes:
        stride: how many phases there are.
        taps: of the convolution that gives them all.
        reach: the extent of the window, dilated.
        grid: how many places it has.
        start, extent: what is kept of the grid times the stride.
    """

    stride: int
    taps: int
    reach: int
    grid: Dim
    start: Dim
    extent: Dim


@lower("ConvTranspose")
def conv_transpose(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source, filters, bias = [*node.inputs, None][:3]
    assert source is not None and filters is not None
    weights, groups = low.const(filters), attrs["group"]
    if low.dtype(source) not in (FLOAT32, FLOAT64) or weights is None:
        raise NotNative("ConvTranspose of other than floats, or by weights that are computed")
    x = low.view(source)
    low.claim(x.shape[1], weights.shape[0], f"{node!r} needs as many channels as its filters have")
    rank, nodes = x.rank - 2, (node.name or node.op_type,)
    order = (0, *range(2, rank + 2), 1)
    x = replace(x, shape=(x.shape[0], weights.shape[0], *x.shape[2:]))
    x = x if x.strides[1] == 1 else low.contiguous(x, order)
    axes = _axes(low, node, attrs, x, weights)
    phases = math.prod(a.stride for a in axes)
    own = weights.shape[1]  # channels of the result in a group
    line: View | None = None
    if bias is not None:
        low.claim(low.shape(bias)[0], groups * own, f"{node!r} has a bias per filter")
        line = low.contiguous(replace(low.view(bias), shape=(groups * own,)))
    if _better_apart(axes, own, low.target.lanes(Type(kind_of(x.dtype)))):
        wide = _widened(weights, attrs["dilations"] or (1,) * rank, axes)
        low.give(node.output, _each_apart(low, x, wide, axes, groups, line, nodes))
        return
    shape = (x.shape[0], groups * phases * own, *(a.grid for a in axes))
    taps = math.prod(a.taps for a in axes)
    right = low.constant(_spread(weights, attrs["dilations"] or (1,) * rank, axes, groups), filters.name)
    outer = (groups,) if groups > 1 else ()
    packed = pack_right(low, right, outer, nodes, taps, rows=product((shape[0], *shape[2:])))
    split_axes, plain = Axes((1,), (0, *range(3, rank + 3)), 2), Axes((), (0, *range(2, rank + 2)), 1)
    left = _left(split(x, 1, groups), axes, groups, taps)
    head = ContractHead(shape, order, split_axes if groups > 1 else plain, left, packed, groups, 1)
    kind = kind_of(x.dtype)
    grid = Deferred(shape, x.dtype, Formula((kind,)), [], head, order, nodes)
    if line is not None:
        every = replace(line, shape=(groups, phases, own), strides=(own, 0, 1))
        constant = every.const
        every = low.contiguous(every) if constant is None else low.constant(np.ascontiguousarray(constant))
        flat = replace(every, shape=(shape[1],), strides=(1,))
        grid.formula, grid.operands = Formula((kind, kind), (Step("add", (0, 1), kind),)), [by_channel(flat, shape)]
    result = _shuffled(low, low.force(grid, node.output.name), axes, groups, own, nodes)
    for i, axis in enumerate(axes, 2):
        result = result.narrowed(i, axis.start, axis.extent)
    low.give(node.output, result)


def _axes(low: Lowering, node: Node, attrs: dict[str, Any], x: View, weights: Array) -> list[_Axis]:
    names = ("strides", "dilations", "pads", "auto_pad", "output_padding", "output_shape")
    found = transposed_extents(x.shape[2:], weights.shape[2:], **{name: attrs[name] for name in names})
    rank = x.rank - 2
    strides, dilations = attrs["strides"] or (1,) * rank, attrs["dilations"] or (1,) * rank
    added = attrs["output_padding"] or (0,) * rank
    axes: list[_Axis] = []
    for i, (extent, (front, _)) in enumerate(found):
        stride, reach = strides[i], (weights.shape[2 + i] - 1) * dilations[i] + 1
        taps = -(-reach // stride)
        grid: Dim = x.shape[2 + i] + taps - 1
        last: Dim = front + extent
        if isinstance(grid, int) and isinstance(last, int):
            grid = max(grid, -(-last // stride))
        elif added[i] > taps * stride - reach:  # what is added reaches beyond the last window
            grid = grid + 1
        low.at_least(front, 0, f"{node!r} cuts off, and adds nothing, in front")
        low.at_least(grid * stride, last, f"{node!r} makes all that it gives")
        axes.append(_Axis(stride, taps, reach, grid, front, extent))
    return axes


def _spread(weights: Array, dilations: tuple[int, ...], axes: list[_Axis], groups: int) -> Array:
    """[c, m, window...] -> [group (if several), tap (if several), c, (phase..., m)], the taps from the last to the first."""
    rank, (channels, own) = len(axes), weights.shape[:2]
    wide = _widened(weights, dilations, axes)
    apart = wide.reshape(groups, channels // groups, own, *(n for a in axes for n in (a.taps, a.stride)))
    taps, phases = [3 + 2 * i for i in range(rank)], [4 + 2 * i for i in range(rank)]
    turned = np.flip(apart, tuple(taps)).transpose(0, *taps, 1, *phases, 2)
    count = math.prod(a.taps for a in axes)
    shape = (*((groups,) if groups > 1 else ()), *((count,) if count > 1 else ()), channels // groups, -1)
    return np.ascontiguousarray(turned.reshape(shape))


def _widened(weights: Array, dilations: Sequence[int], axes: Sequence[_Axis]) -> Array:
    """The weights with zeros between them, and behind them, so that every phase has as many taps."""
    wide = np.zeros((*weights.shape[:2], *(a.taps * a.stride for a in axes)), weights.dtype)
    places = [slice(0, (n - 1) * d + 1, d) for n, d in zip(weights.shape[2:], dilations, strict=True)]
    wide[(slice(None), slice(None), *places)] = weights
    return wide


def _better_apart(axes: Sequence[_Axis], own: int, lanes: int) -> bool:
    """Whether the phases one by one take fewer products of vectors than all at once; each must have a tap."""
    phases = math.prod(a.stride for a in axes)
    if phases == 1 or any(a.reach < a.stride or not isinstance(a.start, int) for a in axes):
        return False
    joined = math.prod(a.taps for a in axes) * -(-phases * own // lanes)
    alone = math.prod(a.reach for a in axes) * -(-own // lanes)
    grids, counts = product([a.grid for a in axes]), product([ceildiv(a.extent, a.stride) for a in axes])
    if isinstance(grids, int) and isinstance(counts, int):
        joined, alone = joined * grids, alone * counts
    return alone < joined


def _each_apart(
    low: Lowering, x: View, wide: Array, axes: list[_Axis], groups: int, bias: View | None, nodes: tuple[str, ...]
) -> View:
    """The result, phase by phase; x has its channels innermost."""
    rank, (channels, own), kind = len(axes), wide.shape[:2], kind_of(x.dtype)
    counts = [ceildiv(a.extent, a.stride) for a in axes]
    order = (0, *range(2, rank + 2), 1)
    shape = (x.shape[0], groups * own, *counts)
    phases = [range(a.stride) for a in axes]
    grid = low.temp(x.dtype, (math.prod(map(len, phases)), *shape), (0, *(1 + i for i in order)), x.buffer.name)
    for number, phase in enumerate(itertools.product(*phases)):
        rests = [(p + _front(a)) % a.stride for p, a in zip(phase, axes, strict=True)]
        taps = [-(-(a.reach - r) // a.stride) for a, r in zip(axes, rests, strict=True)]
        cut = [slice(r, r + t * a.stride, a.stride) for a, r, t in zip(axes, rests, taps, strict=True)]
        split_weights = wide[(slice(None), slice(None), *cut)].reshape(groups, channels // groups, own, *taps)
        turned = np.flip(split_weights, tuple(range(3, 3 + rank))).transpose(0, *range(3, 3 + rank), 1, 2)
        count = math.prod(taps)
        outer = (groups,) if groups > 1 else ()
        right = np.ascontiguousarray(turned).reshape(*outer, *((count,) if count > 1 else ()), channels // groups, own)
        packed = pack_right(low, low.constant(right), outer, nodes, count, rows=product((shape[0], *counts)))
        facts: list[Dim] = [x.shape[0], x.strides[0]]
        for i, (axis, p, t, places) in enumerate(zip(axes, phase, taps, counts, strict=True), 2):
            facts += [x.shape[i], x.strides[i], places, t, 1, 1, t - 1 - (p + _front(axis)) // axis.stride]
        source = split(x, 1, groups)
        strides = (source.strides[1],) if groups > 1 else ()
        left = Left(source, strides, Table(window_table, tuple(facts)), channels // groups, count, x.strides[-1])
        rows = Axes((1,), (0, *range(3, rank + 3)), 2) if groups > 1 else Axes((), (0, *range(2, rank + 2)), 1)
        head = ContractHead(shape, order, rows, left, packed, groups, 1)
        formula = Formula((kind,)) if bias is None else Formula((kind, kind), (Step("add", (0, 1), kind),))
        added = [] if bias is None else [by_channel(bias, shape)]
        head.emit(low, formula, added, grid.narrowed(0, number, 1).squeezed([0]), nodes)
    return _interleaved(low, grid, axes, counts, nodes)


def _front(axis: _Axis) -> int:
    """What is cut off in front, which is known where phases are computed apart."""
    assert isinstance(axis.start, int)
    return axis.start


def _interleaved(low: Lowering, grid: View, axes: list[_Axis], counts: list[Dim], nodes: tuple[str, ...]) -> View:
    """[phase, n, m, place...] -> [n, m, extent...], its channels innermost."""
    rank, strides = len(axes), [a.stride for a in axes]
    n, own = grid.shape[1:3]
    order = (0, *range(2, rank + 2), 1)
    out = low.temp(grid.dtype, (n, own, *(c * s for c, s in zip(counts, strides, strict=True))), order)
    shape, steps, places = [n, own], [grid.strides[1], grid.strides[2]], [out.strides[0], out.strides[1]]
    for i, axis in enumerate(axes):
        shape += [counts[i], axis.stride]
        steps += [grid.strides[3 + i], grid.strides[0] * math.prod(strides[i + 1 :])]
        places += [out.strides[2 + i] * axis.stride, out.strides[2 + i]]
    source = View(grid.buffer, tuple(shape), tuple(steps), grid.offset)
    low.copy(source, View(out.buffer, tuple(shape), tuple(places), out.offset), nodes)
    for i, axis in enumerate(axes, 2):
        out = out.narrowed(i, 0, axis.extent)
    return out


def _left(x: View, axes: list[_Axis], groups: int, taps: int) -> Left:
    """x is [n, (group,) c, spatial...] with its channels innermost."""
    first = x.rank - len(axes)
    facts: list[Dim] = [x.shape[0], x.strides[0]]
    for i, axis in enumerate(axes, first):
        facts += [x.shape[i], x.strides[i], axis.grid, axis.taps, 1, 1, axis.taps - 1]
    outer = (x.strides[1],) if groups > 1 else ()
    return Left(x, outer, Table(window_table, tuple(facts)), x.shape[first - 1], taps, x.strides[-1])


def _shuffled(low: Lowering, grid: View, axes: list[_Axis], groups: int, own: int, nodes: tuple[str, ...]) -> View:
    """The phases side by side: [n, m, places * stride...], its channels innermost."""
    if all(a.stride == 1 for a in axes):
        return grid
    rank, strides = len(axes), [a.stride for a in axes]
    order = (0, *range(2, rank + 2), 1)
    out = low.temp(grid.dtype, (grid.shape[0], groups * own, *(a.grid * a.stride for a in axes)), order)
    # both as [n, group, m, (place, phase)...]
    phase = [own * math.prod(strides[i + 1 :]) for i in range(rank)]
    shape = [grid.shape[0], groups, own]
    steps: list[Dim] = [grid.strides[0], own * math.prod(strides), 1]
    places: list[Dim] = [out.strides[0], own, 1]
    for i, axis in enumerate(axes):
        shape += [axis.grid, axis.stride]
        steps += [grid.strides[2 + i], phase[i]]
        places += [out.strides[2 + i] * axis.stride, out.strides[2 + i]]
    source = View(grid.buffer, tuple(shape), tuple(steps), grid.offset)
    low.copy(source, View(out.buffer, tuple(shape), tuple(places), out.offset), nodes)
    return out
