"""What the machine can do at most, measured: the yardstick of a profile."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sardonyx.engine.codegen import compile, detect
from sardonyx.engine.threads import NativePlan, aligned, execute
from sardonyx.ir import Array
from sardonyx.tile import Builder, Expr, Fma, Kernel, f32

__all__ = ["Peak", "measure"]

_CHAINS = 12  # independent sums in registers: enough to hide the latency of a multiply-add on two or three ports
_ROUNDS = 200_000  # a few hundred microseconds
_BLOCK = 1 << 20  # bytes that a task reads
_BYTES = 64 << 20  # read by all tasks: beyond the caches that a run of a model can count on
_REPEATS = 5


@dataclass(frozen=True)
class Peak:
    """Float32 operations a second in the vector unit, and bytes a second read from memory, with so many threads."""

    flops: float
    bytes: float


@functools.cache
def measure(threads: int) -> Peak:
    """The peak of this process with so many threads; measured once, in about a tenth of a second."""
    lanes = detect().lanes(f32)
    add, read = compile([_multiply_add(lanes), _read(lanes)], detect())
    sums = aligned(4 * 64 * threads).view(np.float32)
    flops = _best(add.address, [sums.ctypes.data, _ROUNDS], threads, threads)
    source = aligned(_BYTES)
    source[:] = 0  # so that the pages are there
    tasks = _BYTES // _BLOCK
    totals = aligned(4 * 64 * tasks).view(np.float32)
    moved = _best(read.address, [source.ctypes.data, totals.ctypes.data, _BLOCK // 4], tasks, threads)
    return Peak(2 * lanes * _CHAINS * _ROUNDS * threads / flops, _BYTES / moved)


def _best(code: int, arguments: list[int], tasks: int, threads: int) -> float:
    """The shortest time of a one-step plan, in seconds."""
    packed: Array = np.array(arguments, np.int64)
    plan = NativePlan(np.array([(code, packed.ctypes.data, tasks, 1, 0)], np.int64), 0, 0)
    times: list[float] = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        execute(plan, threads)
        times.append(time.perf_counter() - start)
    return min(times)


def _multiply_add(lanes: int) -> Kernel:
    """Multiply-adds that touch no memory; the sum is stored so that they are not left out."""
    k = Builder("peak_flops")
    out, rounds = k.ptr("out", f32), k.param("rounds")
    factor = k.let("factor", (k.task + 1).to(f32) * 1e-3)
    wide = f32.x(lanes)
    sums = [k.reg("sum", wide, 0.1 * (i + 1)) for i in range(_CHAINS)]
    x = k.reg("x", wide, 0.5)
    k.set(x, x * factor)
    held = k.let("held", x)
    with k.loop("i", 0, rounds):
        for acc in sums:
            k.set(acc, Fma(acc, held, held))
    out.store(k.task * 16, _total(sums).reduce("add"))
    return k.build()


def _read(lanes: int) -> Kernel:
    """The sum of a block."""
    k = Builder("peak_bytes")
    x, out, n = k.ptr("x", f32), k.ptr("out", f32), k.param("n")
    row = x.at(k.task * n)
    sums = [k.reg("sum", f32.x(lanes), 0.0) for _ in range(4)]
    with k.loop("i", 0, n, 4 * lanes) as i:
        for j, acc in enumerate(sums):
            k.set(acc, acc + row.load(i + j * lanes, lanes))
    out.store(k.task * 16, _total(sums).reduce("add"))
    return k.build()


def _total(sums: Sequence[Expr]) -> Expr:
    total: Expr = sums[0]
    for more in sums[1:]:
        total = total + more
    return total
