"""Packing the right side of a product into panels."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.contract import micro_tile
from sardonyx.engine.kernels.cut import TwoAxes
from sardonyx.engine.kernels.map import decode
from sardonyx.tile import Builder, Const, Expr, Kernel, Ramp, Type, i64
from sardonyx.tile.expr import Bin, binary

__all__ = ["PackSpec", "pack_kernel"]


@dataclass(frozen=True)
class PackSpec:
    """The kind of the elements, and whether neighbours along n are neighbours in memory."""

    kind: str
    unit: bool


@functools.cache
def pack_kernel(spec: PackSpec, target: Target) -> Kernel:
    """out[g, n / width, t, k, width] = b[g, t, k, n], zeros behind the last n.

    Parameters: out, b; taps, depth, n, panels; the strides of b along tap, k and n; then for two outer axes the extent and the
    strides of out and b. Task: (outer axes, panel, tap), the tap fastest.
    """
    kind, tile = Type(spec.kind), micro_tile(Type(spec.kind), target)
    lanes = tile.lanes
    k = Builder("pack")
    out, b = k.ptr("out", kind), k.ptr("b", kind)
    taps, depth, n, panels = (k.param(x) for x in ("taps", "depth", "n", "panels"))
    step_t, step_k, step_n = (k.param(x) for x in ("step_t", "step_k", "step_n"))
    axes = TwoAxes(k, ("out", "b"))
    *outer, panel, tap = decode(k, k.task, [*axes.extents, panels, taps])
    out = out.at(axes.offset(0, outer) + (panel * taps + tap) * depth * tile.width)
    b = b.at(axes.offset(1, outer) + tap * step_t)
    for j in range(tile.vectors):
        column = k.let("column", panel * tile.width + j * lanes)
        mask = k.let("mask", k.mask(binary("min", n - column, lanes), lanes))
        index: Expr = (
            column
            if spec.unit
            else k.let("index", Bin("mul", Ramp(i64.x(lanes)) + column, Const(0, i64.x(lanes)) + step_n))
        )
        with k.loop("p", 0, depth) as p:
            out.store(p * tile.width + j * lanes, b.at(p * step_k).load(index, lanes, mask))
    return k.build()
