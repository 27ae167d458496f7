"""Latencies side by side: engines take turns, so that what disturbs the machine disturbs all of them.

A turn begins with a rest, in which the threads of the engine before stop spinning for more work. Then come a few calls that
are not counted, which wake the engine's threads and bring its weights back into the caches, and then calls that are, for about
as long as every other engine's turn takes. What is reported is the median over all turns.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Timing", "error_of", "take_turns"]

TURN = 0.1  # seconds
REST = 0.02


@dataclass
class Timing:
    """What one engine needed, in seconds.

    Attributes:
        samples: one per counted call.
        first: the first call of all, which may compile or plan.
    """

    name: str
    first: float = 0.0
    samples: list[float] = field(default_factory=list[float])

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.samples, percent))


def take_turns(
    calls: Mapping[str, Callable[[], Any]],
    *,
    seconds: float = 3.0,
    turn: float = TURN,
    rest: float = REST,
    warm: int = 2,
) -> dict[str, Timing]:
    """Time the calls in alternation.

    Args:
        seconds: how long each engine is measured in all.
        turn: how long it is measured before the next has its turn.
        rest: how long nothing runs before a turn.
        warm: calls at the beginning of a turn that are not counted.
    """
    timings = {name: Timing(name) for name in calls}
    for name, call in calls.items():
        timings[name].first = _once(call)
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(max(1, round(seconds / turn))):
            for name, call in calls.items():
                time.sleep(rest)
                _turn(call, timings[name].samples, turn, warm)
    finally:
        if was_enabled:
            gc.enable()
    return timings


def _turn(call: Callable[[], Any], samples: list[float], turn: float, warm: int) -> None:
    for _ in range(warm):
        call()
    end = time.perf_counter() + turn
    while True:
        samples.append(_once(call))
        if time.perf_counter() >= end:
            return


def _once(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def error_of(results: Sequence[Any], truth: Sequence[Any]) -> float:
    """The largest difference from the truth, as a part of the truth's largest magnitude, over all float outputs."""
    worst = 0.0
    for result, true in zip(results, truth, strict=True):
        a, b = np.asarray(result), np.asarray(true)
        if b.dtype.kind == "f" and b.size:
            scale = float(np.abs(b).max()) or 1.0
            worst = max(worst, float(np.abs(a.astype(np.float64) - b).max()) / scale)
    return worst
