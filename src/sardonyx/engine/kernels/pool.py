"""Pooling over windows of any number of spatial axes, in lanes of channels or of neighbouring windows."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.map import decode
from sardonyx.tile import Builder, Const, Expr, Kernel, Pointer, Ramp, Reg, Type, i64, select
from sardonyx.tile.expr import Bin, Broadcast, binary

__all__ = ["PoolSpec", "Spatial", "pool_kernel", "spatial_params"]

VECTORS = 4  # of channels whose windows are read together


@dataclass(frozen=True)
class PoolSpec:
    """What a window gives: its maximum, or the mean of its elements (with `padded`, of its padding too).

    `channels`: lanes are channels, which lie densely in input and output. Otherwise lanes are neighbouring windows on the last
    spatial axis, where the output lies densely, and the input too if it is `unit` (windows one element apart).
    """

    kind: Literal["max", "average"]
    element: str
    rank: int
    channels: bool
    unit: bool
    padded: bool


@dataclass(frozen=True, eq=False)
class Spatial:
    """One spatial axis: extents, strides in elements, and the window on it."""

    size: Expr
    step: Expr
    out_size: Expr
    out_step: Expr
    kernel: Expr
    stride: Expr
    dilation: Expr
    front: Expr
    back: Expr

    def start(self, o: Expr) -> Expr:
        """Where window o begins, below zero in the padding."""
        return o * self.stride - self.front

    def taps(self, k: Builder, o: Expr) -> tuple[Expr, Expr, Expr]:
        """Where window o begins, and the first and the last (exclusive) of its taps that lie inside the image."""
        start = k.let("start", self.start(o))
        first = k.let("first", binary("max", (self.dilation - 1 - start) // self.dilation, 0))
        last = k.let("last", binary("min", (self.size - start + self.dilation - 1) // self.dilation, self.kernel))
        return start, first, last

    def padded_taps(self, start: Expr) -> Expr:
        """How many taps lie inside the padded image."""
        room = self.size + self.back - start
        return binary("min", (room + self.dilation - 1) // self.dilation, self.kernel)


def spatial_params(k: Builder, axis: int) -> Spatial:
    """The nine parameters of an axis, in the order of the fields."""
    names = ("size", "step", "out_size", "out_step", "kernel", "stride", "dilation", "front", "back")
    return Spatial(*(k.param(f"{name}{axis}") for name in names))


class _Pool:
    def __init__(self, k: Builder, spec: PoolSpec, target: Target) -> None:
        self.k, self.spec = k, spec
        self.kind = Type(spec.element)
        self.lanes = target.lanes(self.kind)
        least = -float("inf") if self.kind.is_float else int(np.iinfo(self.kind.numpy.name).min)
        self.start = least if spec.kind == "max" else 0.0
        self.out, self.x = k.ptr("out", self.kind), k.ptr("x", self.kind)
        self.batch, self.batch_step, self.batch_out = k.param("batch"), k.param("batch_step"), k.param("batch_out")
        self.count, self.step, self.step_out = k.param("channels"), k.param("channel_step"), k.param("channel_out")
        self.axes = [spatial_params(k, i) for i in range(spec.rank)]

    def joined(self, acc: Expr, x: Expr) -> Expr:
        """A maximum that stays NaN once it is."""
        if self.spec.kind == "average":
            return acc + x
        if not self.kind.is_float:
            return binary("max", acc, x)
        return select(acc.ne(acc), acc, Bin("maxb", acc, x))

    def mean(self, total: Expr, count: Expr) -> Expr:
        """A sum over a number of taps; none of them at all gives 0 / 0, as NumPy does."""
        wide = count.to(self.kind) if count.type.is_int else count
        return total / (Broadcast(wide, total.type.lanes) if wide.type.lanes < total.type.lanes else wide)

    def outer(self, index: list[Expr], axes: list[Spatial]) -> tuple[list[tuple[Expr, Expr, Expr]], Expr, Expr]:
        """The taps on some axes, how many of them count, and the offset of the windows' output."""
        taps = [axis.taps(self.k, o) for axis, o in zip(axes, index, strict=True)]
        count: Expr = Const(1, i64)
        offset: Expr = Const(0, i64)
        for axis, o, (start, first, last) in zip(axes, index, taps, strict=True):
            own = axis.padded_taps(start) if self.spec.padded else last - first
            count, offset = count * own, offset + o * axis.out_step
        return taps, self.k.let("count", count), self.k.let("offset", offset)

    # -- lanes of channels --------------------------------------------------------------------------------------------------

    def channels(self) -> None:
        """Task: (batch, index on every spatial axis but the last)."""
        k, axes = self.k, self.axes
        n, *index = decode(k, k.task, [self.batch, *(a.out_size for a in axes[:-1])])
        image, out = self.x.at(n * self.batch_step), self.out.at(n * self.batch_out)
        with k.loop("o", 0, axes[-1].out_size) as o:
            taps, count, offset = self.outer([*index, o], axes)
            place = out.at(offset)

            def block(c: Expr, vectors: int, mask: Expr | None) -> None:
                accs = [k.reg("acc", self.kind.x(self.lanes), self.start) for _ in range(vectors)]
                with ExitStack() as loops:
                    at: Expr = c
                    for axis, (start, first, last) in zip(axes, taps, strict=True):
                        t = loops.enter_context(k.loop("t", first, last))
                        at = k.let("spot", at + (start + t * axis.dilation) * axis.step)
                    for v, acc in enumerate(accs):
                        k.set(acc, self.joined(acc, image.load(at + v * self.lanes, self.lanes, mask)))
                for v, acc in enumerate(accs):
                    value = acc if self.spec.kind == "max" else self.mean(acc, count)
                    place.store(c + v * self.lanes, value, mask)

            blocks = k.let("blocks", self.count // (VECTORS * self.lanes) * (VECTORS * self.lanes))
            with k.loop("c", 0, blocks, VECTORS * self.lanes) as c:
                block(c, VECTORS, None)
            k.strip("c", blocks, self.count, self.lanes, lambda c, mask: block(c, 1, mask))

    # -- lanes of windows -----------------------------------------------------------------------------------------------------

    def windows(self) -> None:
        """Task: (batch, channel, index on every spatial axis but the last)."""
        k, axes, last = self.k, self.axes, self.axes[-1]
        n, c, *index = decode(k, k.task, [self.batch, self.count, *(a.out_size for a in axes[:-1])])
        image = self.x.at(n * self.batch_step + c * self.step)
        taps, count, offset = self.outer(index, axes[:-1])
        place = self.out.at(n * self.batch_out + c * self.step_out + offset)

        def body(o: Expr, mask: Expr | None) -> None:
            acc = k.reg("acc", self.kind.x(self.lanes), self.start)
            with ExitStack() as loops:
                at: Expr = Const(0, i64)
                for axis, (start, first, end) in zip(axes[:-1], taps, strict=True):
                    t = loops.enter_context(k.loop("t", first, end))
                    at = k.let("spot", at + (start + t * axis.dilation) * axis.step)
                t = loops.enter_context(k.loop("t", 0, last.kernel))
                self._lanes(image.at(at), o, t, acc, mask)
            if self.spec.kind == "max":
                place.store(o, acc, mask)
            else:
                wide = count.to(self.kind)
                own = self._counted(o)
                place.store(o, acc / (own * (Broadcast(wide, self.lanes) if self.lanes > 1 else wide)), mask)

        k.strip("o", 0, last.out_size, self.lanes, body)

    def _places(self, o: Expr, t: Expr) -> tuple[Expr, Expr]:
        """Where tap t of `lanes` windows from window o on lies on the last axis: the first, and all."""
        axis = self.axes[-1]
        first = self.k.let("first", axis.start(o) + t * axis.dilation)
        return first, self.k.let("places", Ramp(i64.x(self.lanes)) * axis.stride + first)

    def _lanes(self, row: Pointer, o: Expr, t: Expr, acc: Reg, mask: Expr | None) -> None:
        """One tap of `lanes` neighbouring windows."""
        k, axis, lanes = self.k, self.axes[-1], self.lanes
        first, places = self._places(o, t)
        inside = (places >= 0) & (places < axis.size)
        valid = k.let("valid", inside if mask is None else inside & mask)
        x = row.load(first if self.spec.unit else places * axis.step, lanes, valid)
        k.set(acc, self.joined(acc, select(valid, x, Const(self.start, x.type))))

    def _counted(self, o: Expr) -> Expr:
        """How many taps on the last axis count, by lane."""
        k, axis = self.k, self.axes[-1]
        own = k.reg("own", self.kind.x(self.lanes), 0.0)
        with k.loop("t", 0, axis.kernel) as t:
            _, places = self._places(o, t)
            known = places < axis.size + axis.back if self.spec.padded else (places >= 0) & (places < axis.size)
            k.set(own, own + select(known, Const(1.0, own.type), Const(0.0, own.type)))
        return own


@functools.cache
def pool_kernel(spec: PoolSpec, target: Target) -> Kernel:
    """Pooling. Parameters: out, x, then extent, stride in x and in out of the batch and of the channels, then `Spatial` by axis."""
    k = Builder(f"pool_{spec.kind}")
    pool = _Pool(k, spec, target)
    if spec.channels:
        pool.channels()
    else:
        pool.windows()
    return k.build()
