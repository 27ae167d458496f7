"""The threads of the process: one pool, shared by all sessions, that helps whoever runs a plan.

Workers begin when a run first asks for them. They spin briefly for the next step and then sleep, so that an idle process
uses no CPU. A run that finds the pool busy goes on alone. After a fork the child makes a pool of its own, and at exit the
workers are told to end before the interpreter goes.

Work is split as it comes, and every task gives the same bits wherever it runs; so results do not depend on the number of
threads.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import threading
import time

import numpy as np

from sardonyx.engine.codegen.runtime import STATE_BYTES, Field, Runtime, runtime
from sardonyx.engine.cpus import available
from sardonyx.ir import Array

__all__ = ["NativePlan", "Pool", "aligned", "default_threads", "execute", "pool"]

_SPINS = 4000  # looks at the ticket before a worker sleeps: some tens of microseconds
_LINE = 64


@functools.cache
def default_threads() -> int:
    """How many threads a run takes unless told otherwise: the cores that this process may use."""
    return available()


def aligned(size: int) -> Array:
    """Uninitialised bytes that start on a cache line."""
    raw = np.empty(size + _LINE, np.uint8)
    start = -raw.ctypes.data % _LINE
    return raw[start : start + size]


class NativePlan:
    """Steps to run without Python in between.

    Args:
        table: a row of int64 per step: the kernel's address, the address of its arguments, the number of tasks, how many of
            them make a chunk, and how many more times as many tasks follow, each time when those before are done.
        scratch: the address of the calling thread's scratch memory, so that a plan is run by one caller at a time.
        scratch_bytes: how much scratch memory the neediest step wants of any thread.
    """

    __slots__ = ("at", "rows", "scratch", "scratch_bytes", "table")

    def __init__(self, table: Array, scratch: int, scratch_bytes: int) -> None:
        self.table = np.ascontiguousarray(table, np.int64)
        self.rows, self.scratch, self.scratch_bytes = len(table), scratch, scratch_bytes
        self.at: int = self.table.ctypes.data

    def split(self) -> list[NativePlan]:
        """A plan of each step."""
        return [NativePlan(self.table[i : i + 1], self.scratch, self.scratch_bytes) for i in range(self.rows)]


class Pool:
    """Worker threads and the state they share with the caller."""

    def __init__(self, native: Runtime | None = None) -> None:
        self.native = native or runtime()
        self._memory = aligned(STATE_BYTES)
        self._memory[:] = 0
        self._state = self._memory.ctypes.data
        self._write(Field.SPINS, _SPINS)
        self._threads: list[threading.Thread] = []
        self._scratch = aligned(0)
        self._stride = 0
        self._parked = 0
        self._growing = threading.Lock()
        self._call = threading.Condition()

    @property
    def workers(self) -> int:
        return len(self._threads)

    def run(self, plan: NativePlan, threads: int) -> None:
        """Run the steps in order, with at most `threads` threads, the caller being one of them."""
        if threads - 1 > len(self._threads) or plan.scratch_bytes > self._stride:
            self._grow(threads - 1, plan.scratch_bytes)
        if self._parked:
            with self._call:
                self._call.notify_all()
        self.native.run(self._state, plan.at, plan.rows, plan.scratch, threads)

    def close(self) -> None:
        """End the workers."""
        with self._growing:
            self.native.stop(self._state)
            for thread in self._threads:
                while thread.is_alive():  # one may be on its way to waiting when it is called
                    with self._call:
                        self._call.notify_all()
                    thread.join(0.01)
            self._threads.clear()
            self._write(Field.STOP, 0)

    def _write(self, offset: int, value: int) -> None:
        ctypes.c_int64.from_address(self._state + offset).value = value

    def _grow(self, workers: int, scratch_bytes: int) -> None:
        """Have that many workers with that much scratch memory each. Waits until no run is under way."""
        with self._growing:
            while not self.native.lock(self._state):
                time.sleep(0)
            try:
                count = max(workers, len(self._threads))
                stride = -(-max(scratch_bytes, self._stride, 1) // _LINE) * _LINE
                scratch = aligned(stride * count)
                self._write(Field.SCRATCH, scratch.ctypes.data)
                self._write(Field.STRIDE, stride)
                self._scratch, self._stride = scratch, stride
                for index in range(len(self._threads), count):
                    thread = threading.Thread(target=self._work, args=(index,), name=f"sardonyx-{index}", daemon=True)
                    thread.start()
                    self._threads.append(thread)
            except RuntimeError:  # no more threads, or the interpreter is going: the run does with those there are
                pass
            finally:
                self.native.unlock(self._state)

    def _work(self, index: int) -> None:
        """The life of a worker. Where it cannot sleep natively it comes back to wait here until some run begins."""
        while self.native.work(self._state, index):
            with self._call:
                self._parked += 1
                self._call.wait()
                self._parked -= 1


_pool: Pool | None = None
_making = threading.Lock()


def execute(plan: NativePlan, threads: int) -> None:
    """Run the steps in order: on the calling thread, or with the help of the pool."""
    if threads == 1:
        runtime().alone(plan.at, plan.rows, plan.scratch)
    else:
        pool().run(plan, threads)


def pool() -> Pool:
    """The pool of this process."""
    return _pool or _make()


def _make() -> Pool:
    global _pool
    with _making:
        if _pool is None:
            _pool = Pool()
        return _pool


def _after_fork() -> None:
    """The child has none of the workers, and locks may be held by threads that it does not have."""
    global _pool, _making
    _pool, _making = None, threading.Lock()


def _at_exit() -> None:
    if _pool is not None:
        _pool.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
