"""Depthwise convolution, and that of small groups: what `lower.conv` does not do as a matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, ceildiv
from sardonyx.core.dtypes import FLOAT32
from sardonyx.engine.formula import Formula
from sardonyx.engine.kernels.depthwise import BAND, VECTORS, DepthwiseSpec, depthwise_kernel
from sardonyx.engine.kernels.map import Source
from sardonyx.engine.lower.pool import Windows, spatial_arguments
from sardonyx.engine.lowering import Deferred, Lowering, NotNative, access, kind_of
from sardonyx.engine.program import Address, Argument, Call
from sardonyx.engine.views import View, product
from sardonyx.ir import Node, Value
from sardonyx.tile import f32

__all__ = ["DepthwiseHead", "depthwise", "one_each", "taps_first"]


def depthwise(low: Lowering, node: Node, attrs: dict[str, Any]) -> bool:
    """Lower a Conv whose groups are single channels, or few, with a filter each; False, with nothing done, where it is
    something else.

    To be called by the lowering of Conv, before it tries anything else. The result is deferred, its channels innermost, and
    takes elementwise epilogues.
    """
    source, filters, bias = [*node.inputs, None][:3]
    assert source is not None and filters is not None
    w = one_each(low, attrs, source, filters) or _few_each(low, attrs, source, filters)
    if w is None or any(low.dtype(v) is not FLOAT32 for v in (source, filters)):
        return False
    if bias is not None:
        low.claim_all(low.shape(bias), low.shape(filters)[:1], f"{node!r} has a bias per filter")
    order = (0, *range(2, len(w.kernel) + 2), 1)
    x = low.view(source)
    if x.strides[1] != 1:
        x = low.contiguous(x, order)
    line = None if bias is None else low.contiguous(low.view(bias))
    members, shape = low.shape(filters)[1], low.shape(node.output)
    assert isinstance(members, int)
    head = DepthwiseHead(x, taps_first(low, filters), line, w, members=members)
    nodes = (node.name or node.op_type,)
    low.give(node.output, Deferred(shape, FLOAT32, Formula(("f32",)), [], head, order, nodes))
    return True


def one_each(low: Lowering, attrs: dict[str, Any], source: Value, filters: Value) -> Windows | None:
    """The windows of a convolution with one filter for each channel, if it is one that can be lowered here."""
    x_shape, w_shape = low.shape(source), low.shape(filters)
    rank = len(x_shape) - 2
    kernel = [d for d in w_shape[2:] if isinstance(d, int)]
    if not (w_shape[1] == 1 and w_shape[0] == x_shape[1] == attrs["group"] and attrs["group"] != 1):
        return None
    if rank not in (1, 2) or len(kernel) != rank or kernel[-1] > LONGEST:
        return None
    return Windows.of(attrs, kernel, x_shape[2:])


LONGEST = 64  # taps of a row, which the kernel spells out


LARGE = 4 * 1024 * 1024  # bytes of an image that stays in no near cache
CROWD = 2048  # bytes: columns this far apart, or a multiple of it, meet in few lines of the first cache
MOST_OF_GROUPS = 48  # taps of a row times channels of a group: a vector of weights each


def _few_each(low: Lowering, attrs: dict[str, Any], source: Value, filters: Value) -> Windows | None:
    """The windows of a convolution by groups of as many filters as channels, which are few and divide the lanes."""
    x_shape, w_shape = low.shape(source), low.shape(filters)
    members, kernel = w_shape[1], [d for d in w_shape[2:] if isinstance(d, int)]
    if not isinstance(members, int) or attrs["group"] == 1 or len(kernel) != len(w_shape) - 2:
        return None
    if len(kernel) not in (1, 2) or not (w_shape[0] == x_shape[1] == attrs["group"] * members):
        return None
    if members * 2 > low.target.lanes(f32) or low.target.lanes(f32) % members or kernel[-1] * members > MOST_OF_GROUPS:
        return None
    return Windows.of(attrs, kernel, x_shape[2:])


def taps_first(low: Lowering, filters: Value) -> View:
    """The weights [filter, channel of the group, taps...] as [taps..., channel of the group, filter]."""
    order = (*range(2, len(low.shape(filters))), 1, 0)
    array = low.const(filters)
    if array is not None:
        return low.constant(np.ascontiguousarray(array.transpose(order)), filters.name)
    return low.contiguous(low.view(filters).permuted(order))


@dataclass(eq=False)
class DepthwiseHead:
    """A convolution by small groups of `x`, whose channels are innermost; weights as `taps_first` gives them."""

    x: View
    weights: View
    bias: View | None
    windows: Windows
    zero: View | None = None  # the zero point, where x is of bytes
    members: int = 1  # of a group

    def accepts(self, operand: View) -> bool:
        return access(operand.strides[1]) != "strided"

    def emit(
        self, low: Lowering, formula: Formula, operands: Sequence[View], out: View, nodes: tuple[str, ...]
    ) -> None:
        if out.strides[1] != 1 and out.shape[1] != 1:
            raise NotNative("a depthwise convolution writes its channels innermost")
        views = [v.broadcast_to(out.shape) for v in operands]
        x, w = self.x, self.windows
        if out.rank == 3:  # one spatial axis: a single row of columns
            x, out, *views = (v.unsqueezed([2]) for v in (x, out, *views))
            w = Windows((1, *w.kernel), (1, *w.strides), (1, *w.dilations), (0, *w.fronts), (0, *w.backs))
        sources = tuple(Source(k, access(v.strides[1])) for k, v in zip(formula.args[1:], views, strict=True))
        columns = _columns(out.shape[3])
        spec = DepthwiseSpec(
            w.kernel[1],
            w.strides[1],
            w.dilations[1],
            self.bias is not None,
            formula,
            sources,
            columns,
            kind_of(x.dtype),
            _cuts(x.shape[3], out.shape[3], columns, w),
            _far(x),
            self.members,
        )
        given = [x, self.weights, *(v for v in (self.bias, self.zero) if v is not None), *views]
        args: list[Argument | None] = [Address(out.buffer, out.offset, True)]
        args += [Address(v.buffer, v.offset) for v in given]
        args += [x.shape[0], x.shape[1], x.strides[0], out.strides[0], *spatial_arguments(x, out, w)]
        for v in views:
            args += [v.strides[0], v.strides[2], v.strides[3]]
        block = low.target.lanes(f32) * VECTORS
        tasks = out.shape[0] * ceildiv(out.shape[2], BAND) * ceildiv(out.shape[1], block)
        flops = out.size * product(w.kernel) * self.members * 2
        low.call(Call(depthwise_kernel(spec, low.target), args, tasks, nodes, flops=flops))


def _far(x: View) -> bool:
    """Whether the rows of a band do not stay in the first cache while the vectors of channels go by."""
    step = x.strides[3]
    crowd = isinstance(step, int) and step * x.dtype.itemsize % CROWD == 0
    return crowd or (isinstance(x.size, int) and x.size * x.dtype.itemsize > LARGE)


def _cuts(width: Dim, out: Dim, columns: int, w: Windows) -> tuple[int, int]:
    """How many columns of the image the first block of a row misses in front, and the last one, if it is whole, behind."""
    front = w.fronts[1]
    reach = (w.kernel[1] - 1) * w.dilations[1] + 1
    if not isinstance(width, int) or not isinstance(out, int) or out < 1 or out % columns:
        return (front, 0)
    return (front, max(0, (out - 1) * w.strides[1] - front + reach - width))


def _columns(width: Dim) -> int:
    """How many outputs of a row to sum together: the largest number that leaves the least over, 8 if nothing is known."""
    if not isinstance(width, int) or width < 1:
        return 8
    return min((8, 7, 6, 5, 4), key=lambda n: (-(-width // n) * n, -n))
