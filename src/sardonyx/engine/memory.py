"""The memory plan: temporaries whose lives do not meet share addresses."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ALIGNMENT", "Life", "plan_memory"]

ALIGNMENT = 64  # a cache line, and the widest vector


@dataclass(frozen=True, slots=True)
class Life:
    """A temporary of `size` bytes that is written first in step `first` and read last in step `last`."""

    size: int
    first: int
    last: int


def plan_memory(lives: Sequence[Life]) -> tuple[list[int], int]:
    """An offset for each temporary, and the size of the arena.

    Steps are visited in order; what ends is freed before what begins two steps later, and each temporary takes the tightest
    gap. A temporary never shares addresses with one that the step which writes it reads.
    """
    offsets = [0] * len(lives)
    begins: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for i, life in enumerate(lives):
        begins.setdefault(life.first, []).append(i)
        ends.setdefault(life.last, []).append(i)
    gaps: list[tuple[int, int]] = []  # (start, size), sorted by start, never touching
    top = 0
    for step in sorted(begins.keys() | ends.keys()):
        for i in sorted(begins.get(step, ()), key=lambda i: -lives[i].size):
            size = -(-max(lives[i].size, 1) // ALIGNMENT) * ALIGNMENT
            fitting = [g for g in gaps if g[1] >= size]
            if fitting:
                gap = min(fitting, key=lambda g: g[1])
                gaps.remove(gap)
                offsets[i] = gap[0]
                if gap[1] > size:
                    insort(gaps, (gap[0] + size, gap[1] - size))
                continue
            if gaps and sum(gaps[-1]) == top:  # grow the gap at the end
                start, _ = gaps.pop()
                offsets[i], top = start, start + size
            else:
                offsets[i], top = top, top + size
        for i in ends.get(step, ()):
            size = -(-max(lives[i].size, 1) // ALIGNMENT) * ALIGNMENT
            _free(gaps, offsets[i], size)
    return offsets, top


def _free(gaps: list[tuple[int, int]], start: int, size: int) -> None:
    """Give back a range, merging it with the gaps it touches."""
    before = next((g for g in gaps if g[0] + g[1] == start), None)
    after = next((g for g in gaps if g[0] == start + size), None)
    if before is not None:
        gaps.remove(before)
        start, size = before[0], size + before[1]
    if after is not None:
        gaps.remove(after)
        size += after[1]
    insort(gaps, (start, size))
