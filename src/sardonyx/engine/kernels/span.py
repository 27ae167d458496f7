"""The range of all numbers of a tensor, 0 included, and the scale and zero point that map it to bytes."""

from __future__ import annotations

import functools

from sardonyx.engine.codegen import Target
from sardonyx.tile import Builder, Const, Expr, Kernel, Reg, Un, f32, i32, select, u8
from sardonyx.tile.expr import Bin, binary

__all__ = ["CHUNK", "range_kernel", "scale_kernel"]

CHUNK = 16384  # elements of a task
VECTORS = 4  # accumulators


@functools.cache
def range_kernel(target: Target) -> Kernel:
    """out[0, i], out[1, i] = the least and the greatest number of chunk i, or 0. What is NaN does not count.

    Parameters: out, x; n, chunks. Task: the number of the chunk.
    """
    k = Builder("range")
    lanes = target.lanes(f32)
    out, x, n, chunks = k.ptr("out", f32), k.ptr("x", f32), k.param("n"), k.param("chunks")
    start = k.let("start", k.task * CHUNK)
    stop = k.let("stop", binary("min", start + CHUNK, n))
    low = [k.reg("low", f32.x(lanes), 0.0) for _ in range(VECTORS)]
    high = [k.reg("high", f32.x(lanes), 0.0) for _ in range(VECTORS)]

    def join(at: Expr, u: int, mask: Expr | None) -> None:
        v = x.load(at, lanes, mask)  # lanes that are not read are 0
        k.set(low[u], Bin("minb", v, low[u]))
        k.set(high[u], Bin("maxb", v, high[u]))

    block = lanes * VECTORS
    blocked = k.let("blocked", start + (stop - start) // block * block)
    with k.loop("i", start, blocked, block) as i:
        for u in range(VECTORS):
            join(i + u * lanes, u, None)
    k.strip("j", blocked, stop, lanes, lambda i, mask: join(i, 0, mask))
    out.store(k.task, _all("minb", low))
    out.store(chunks + k.task, _all("maxb", high))
    return k.build()


def _all(op: str, accs: list[Reg]) -> Expr:
    total = Bin(op, Bin(op, accs[0], accs[1]), Bin(op, accs[2], accs[3]))
    return total.reduce(op)


@functools.cache
def scale_kernel(target: Target) -> Kernel:
    """The scale and zero point of bytes for the range of all chunks. Parameters: scale, zero, ends; chunks. One task."""
    k = Builder("scale")
    scale, zero, ends, chunks = k.ptr("scale", f32), k.ptr("zero", u8), k.ptr("ends", f32), k.param("chunks")
    low, high = k.reg("low", f32, 0.0), k.reg("high", f32, 0.0)
    with k.loop("i", 0, chunks) as i:
        k.set(low, Bin("minb", ends.load(i), low))
        k.set(high, Bin("maxb", ends.load(chunks + i), high))
    width = k.let("width", (high - low) / 255.0)
    step = k.let("step", select(width.eq(0.0), 1.0, width))
    point = Un("round_even", (Const(0.0, f32) - low) / step)
    scale.store(0, step)
    zero.store(0, Bin("minb", Bin("maxb", point, Const(0.0, f32)), Const(255.0, f32)).to(i32).to(u8))
    return k.build()
