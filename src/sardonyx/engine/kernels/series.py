"""Series of numbers along an axis: ranges and running sums."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.map import decode
from sardonyx.tile import Builder, Expr, Kernel, Ramp, Type, i64
from sardonyx.tile.expr import Broadcast

__all__ = ["RunningSpec", "range_kernel", "running_kernel"]


@functools.cache
def range_kernel(kind: str, target: Target) -> Kernel:
    """out[i] = start + i * delta. Parameters: out, start, delta (addresses), n. One task."""
    k = Builder("range")
    t = Type(kind)
    lanes = target.lanes(t)
    out, start, delta, n = k.ptr("out", t), k.ptr("start", t), k.ptr("delta", t), k.param("n")
    first, step = start.load(0), delta.load(0)

    def body(i: Expr, mask: Expr | None) -> None:
        place = (Ramp(i64.x(lanes)) + i).to(t)
        out.store(i, Broadcast(first, lanes) + place * Broadcast(step, lanes), mask)

    k.strip("i", 0, n, lanes, body)
    return k.build()


@dataclass(frozen=True)
class RunningSpec:
    """The kind, whether a sum leaves its own element out, and whether it runs from the end."""

    kind: str
    exclusive: bool
    reverse: bool
    outer: int


@functools.cache
def running_kernel(spec: RunningSpec, target: Target) -> Kernel:
    """Running sums. Parameters: out, x, n, the strides of both along the axis; per outer axis its extent and their strides.

    Task: a line.
    """
    k = Builder("running_sum")
    t = Type(spec.kind)
    bases = [k.ptr("out", t), k.ptr("x", t)]
    n, steps = k.param("n"), [k.param("out_step"), k.param("x_step")]
    axes = [(k.param(f"e{i}"), [k.param(f"s{i}_{b}") for b in range(2)]) for i in range(spec.outer)]
    for at, (_, strides) in zip(decode(k, k.task, [e for e, _ in axes]), axes, strict=True):
        bases = [b.at(at * s) for b, s in zip(bases, strides, strict=True)]
    out, x = bases
    total = k.reg("total", t, 0)
    with k.loop("i", 0, n) as i:
        at = n - 1 - i if spec.reverse else i
        own = x.load(at * steps[1])
        if spec.exclusive:
            out.store(at * steps[0], total)
        k.set(total, total + own)
        if not spec.exclusive:
            out.store(at * steps[0], total)
    return k.build()
