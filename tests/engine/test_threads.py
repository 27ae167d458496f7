"""The pool: every task once whatever the number of threads, callers at once, forks, sleep, and an exit without a hang."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sardonyx.engine.codegen import compile, detect
from sardonyx.engine.codegen.linux import FUTEX
from sardonyx.engine.codegen.runtime import runtime
from sardonyx.engine.threads import NativePlan, Pool, aligned, execute, pool
from sardonyx.tile import Builder, i64

STEPS = 40


def add_one() -> int:
    """The address of a kernel whose task t adds 1 to element t, by way of its scratch memory."""
    k = Builder("add_one")
    x, work = k.ptr("x", i64), k.scratch(i64)
    work.store(0, x.load(k.task) + 1)
    x.store(k.task, work.load(0))
    return compile([k.build()], detect())[0].address


class Counter:
    """A plan of several steps over one array; each step must see the steps before it."""

    def __init__(self, tasks: int, grain: int = 1) -> None:
        self.x = np.zeros(tasks, np.int64)
        self.args = np.array([self.x.ctypes.data])
        self.scratch = aligned(64)
        table = np.array([[add_one(), self.args.ctypes.data, tasks, grain, 0]] * STEPS)
        self.plan = NativePlan(table, self.scratch.ctypes.data, 64)


@pytest.fixture(params=["native parking", "parking in Python"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Pool]:
    """A pool of its own, of either kind."""
    native = request.param == "native parking"
    if native and FUTEX is None:
        pytest.skip("this platform has no futex")
    made = Pool(runtime(futex=native))
    yield made
    made.close()
    assert made.workers == 0


@pytest.mark.parametrize("threads", [1, 2, 4, 7])
@pytest.mark.parametrize(("tasks", "grain"), [(1, 1), (2, 1), (33, 1), (1000, 1), (1000, 300), (10, 64)])
def test_every_task_runs_once_in_every_step(fresh: Pool, tasks: int, grain: int, threads: int) -> None:
    counter = Counter(tasks, grain)
    for i in range(1, 6):
        fresh.run(counter.plan, threads)
        assert (counter.x == i * STEPS).all()
    assert fresh.workers == threads - 1


def summing() -> int:
    """The address of a kernel whose task t of phase p gives t + p + the sum of what the phase before gave, modulo 1000 each."""
    k = Builder("summing")
    x, tasks_of = k.ptr("x", i64), k.param("tasks")
    phase = k.let("phase", k.task // tasks_of)
    half = k.let("half", phase % 2)
    total = k.reg("total", i64, phase)
    with k.loop("i", 0, tasks_of) as i:
        k.set(total, total + x.load(half * tasks_of + i) % 1000)
    x.store((1 - half) * tasks_of + k.task % tasks_of, total + k.task % tasks_of)
    return compile([k.build()], detect())[0].address


@pytest.mark.parametrize("threads", [1, 2, 4, 7])
@pytest.mark.parametrize(("tasks", "grain"), [(1, 1), (2, 1), (33, 1), (33, 8), (10, 64)])
def test_a_phase_sees_all_of_the_one_before(fresh: Pool, tasks: int, grain: int, threads: int) -> None:
    """Every task reads what all tasks of the phase before have written."""
    phases = 60
    x = np.zeros(2 * tasks, np.int64)
    args = np.array([x.ctypes.data, tasks])
    table = np.array([[summing(), args.ctypes.data, tasks, grain, phases - 1]])
    fresh.run(NativePlan(table, 0, 0), threads)
    halves = [np.zeros(tasks, np.int64), np.zeros(tasks, np.int64)]
    for phase in range(phases):
        halves[1 - phase % 2] = phase + (halves[phase % 2] % 1000).sum() + np.arange(tasks)
    np.testing.assert_array_equal(x, np.concatenate(halves))


def test_one_thread_needs_no_pool() -> None:
    counter = Counter(100)
    before = threading.active_count()
    execute(counter.plan, 1)
    assert (counter.x == STEPS).all()
    assert threading.active_count() == before


def test_an_empty_plan() -> None:
    plan = NativePlan(np.zeros((0, 5), np.int64), 0, 0)
    execute(plan, 1)
    pool().run(plan, 2)


def test_callers_at_once(fresh: Pool) -> None:
    """One caller gets the pool, the others go on alone; nobody's results suffer, nor while scratch memory grows."""
    counters = [Counter(500) for _ in range(8)]
    for i, counter in enumerate(counters):
        counter.scratch = aligned(64 * (i + 1))
        counter.plan.scratch, counter.plan.scratch_bytes = counter.scratch.ctypes.data, 64 * (i + 1)
    callers = [threading.Thread(target=lambda c=c: [fresh.run(c.plan, 3) for _ in range(50)]) for c in counters]
    for t in callers:
        t.start()
    for t in callers:
        t.join(60)
        assert not t.is_alive()
    assert all((c.x == 50 * STEPS).all() for c in counters)


def test_fewer_threads_after_more(fresh: Pool) -> None:
    counter = Counter(300)
    for threads in (4, 2, 4, 1, 3):
        fresh.run(counter.plan, threads)
    assert (counter.x == 5 * STEPS).all()
    assert fresh.workers == 3


def test_idle_workers_use_no_cpu(fresh: Pool) -> None:
    counter = Counter(1000)
    fresh.run(counter.plan, 3)
    time.sleep(0.1)  # they spin for a moment
    start = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - start < 0.05
    fresh.run(counter.plan, 3)  # and come back when called
    assert (counter.x == 2 * STEPS).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_child_after_fork_has_a_pool_of_its_own() -> None:
    counter = Counter(1000)
    pool().run(counter.plan, 3)
    parent = pool()
    child = os.fork()
    if child == 0:
        try:
            pool().run(counter.plan, 3)
            os._exit(0 if (counter.x == 2 * STEPS).all() and pool() is not parent and pool().workers == 2 else 1)
        except BaseException:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    pool().run(counter.plan, 3)
    assert (counter.x == 2 * STEPS).all()


EXIT = """
import threading, time
from tests.engine.test_threads import Counter
from sardonyx.engine.threads import pool
counter = Counter(1000)
pool().run(counter.plan, 3)
if {busy}:
    threading.Thread(target=lambda: [pool().run(counter.plan, 3) for _ in range(10**9)], daemon=True).start()
    time.sleep(0.2)
"""


@pytest.mark.parametrize("busy", [False, True])
def test_the_interpreter_exits_at_once(busy: bool) -> None:
    """With workers asleep, and with a daemon thread in the midst of runs."""
    start: Any = time.monotonic()
    done = subprocess.run([sys.executable, "-c", EXIT.format(busy=busy)], timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert time.monotonic() - start < 30
