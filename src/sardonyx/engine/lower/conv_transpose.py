"""Transposed convolution as a convolution that gives all phases of the result, which are then put side by side.

With stride s, the element q * s + r of the result is a sum over t of x[q - t] * w[t * s + r]: for every phase r a convolution
of x with every s-th weight. So one convolution, without a stride, gives the phases as channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim
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


@dataclass(frozen=True)
class _Axis:
    """One spatial axis.

    Attributes:
        stride: how many phases there are.
        taps: of the convolution that gives them.
        grid: how many places it has.
        start, extent: what is kept of the grid times the stride.
    """

    stride: int
    taps: int
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
    if bias is not None:
        low.claim(low.shape(bias)[0], groups * own, f"{node!r} has a bias per filter")
        line = low.contiguous(replace(low.view(bias), shape=(groups * own,)))
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
        axes.append(_Axis(stride, taps, grid, front, extent))
    return axes


def _spread(weights: Array, dilations: tuple[int, ...], axes: list[_Axis], groups: int) -> Array:
    """[c, m, window...] -> [group (if several), tap (if several), c, (phase..., m)], the taps from the last to the first."""
    rank, (channels, own) = len(axes), weights.shape[:2]
    wide = np.zeros((channels, own, *(a.taps * a.stride for a in axes)), weights.dtype)
    places = [slice(0, (n - 1) * d + 1, d) for n, d in zip(weights.shape[2:], dilations, strict=True)]
    wide[(slice(None), slice(None), *places)] = weights
    apart = wide.reshape(groups, channels // groups, own, *(n for a in axes for n in (a.taps, a.stride)))
    taps, phases = [3 + 2 * i for i in range(rank)], [4 + 2 * i for i in range(rank)]
    turned = np.flip(apart, tuple(taps)).transpose(0, *taps, 1, *phases, 2)
    count = math.prod(a.taps for a in axes)
    shape = (*((groups,) if groups > 1 else ()), *((count,) if count > 1 else ()), channels // groups, -1)
    return np.ascontiguousarray(turned.reshape(shape))


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
