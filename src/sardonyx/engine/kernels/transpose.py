"""Transposing a square of elements in registers."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.tile import Builder, Expr, Shuffle

__all__ = ["transposed"]


def transposed(k: Builder, rows: Sequence[Expr]) -> list[Expr]:
    """The columns of a square matrix whose rows are given as vectors, by exchanging ever larger blocks of lanes."""
    found = list(rows)
    lanes = len(found)
    span = 1
    while span < lanes:
        low = [lane if lane // span % 2 == 0 else lanes + lane - span for lane in range(lanes)]
        high = [lane + span if lane // span % 2 == 0 else lanes + lane for lane in range(lanes)]
        for i in range(lanes):
            if i // span % 2 == 0:
                a, b = found[i], found[i + span]
                found[i] = k.let("low", Shuffle(a, b, tuple(low)))
                found[i + span] = k.let("high", Shuffle(a, b, tuple(high)))
        span *= 2
    return found
