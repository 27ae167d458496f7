"""Running one call while a model is compiled: what constants become before the first run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.engine.codegen import Target, compile
from sardonyx.engine.program import Address, Call, Made, Table, arguments
from sardonyx.engine.threads import NativePlan, aligned, default_threads, execute
from sardonyx.io.paths import let_go
from sardonyx.ir import Array

__all__ = ["run_once"]


class _Numbers(Mapping[Dim, int]):
    """Extents that are numbers already."""

    def __getitem__(self, extent: Dim) -> int:
        assert isinstance(extent, int)
        return extent

    def __iter__(self) -> Iterator[Dim]:
        return iter(())

    def __len__(self) -> int:
        return 0


def run_once(call: Call, target: Target) -> None:
    """Run a call now. All its buffers are constants with an array, those that it writes too, and its extents are numbers.

    What it reads of a mapped file need not stay in memory afterwards.
    """
    threads = default_threads()
    slots, tasks, phases = arguments(call, _Numbers(), threads)
    kept: list[Array] = []
    args: list[int] = []
    for slot in slots:
        if isinstance(slot, Address):
            array = slot.buffer.array
            assert array is not None
            args.append(array.ctypes.data + _number(slot.offset) * slot.buffer.dtype.itemsize)
        elif isinstance(slot, Table):
            kept.append(np.ascontiguousarray(slot.make(*[_number(d) for d in slot.extents])))
            args.append(kept[-1].ctypes.data)
        else:
            args.append(slot)
    if not tasks:
        return
    assert not isinstance(call.kernel, Made)
    [code] = compile([call.kernel], target)
    block, scratch = np.array(args, np.int64), aligned(_number(call.scratch))
    table = np.array([(code.address, block.ctypes.data, tasks, _number(call.grain), phases - 1)], np.int64)
    execute(NativePlan(table, scratch.ctypes.data, _number(call.scratch)), threads)
    for buffer, writes in call.buffers():
        if not writes and buffer.array is not None:
            let_go(buffer.array)


def _number(extent: Dim) -> int:
    assert isinstance(extent, int)
    return extent
