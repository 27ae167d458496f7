"""Squares of elements in registers: transposed, or summed by row."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.tile import Builder, Expr, Shuffle

__all__ = ["totals", "transposed"]


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


def totals(k: Builder, rows: Sequence[Expr]) -> Expr:
    """The sums of as many vectors as a vector has lanes, as one vector: pairs exchange halves and are added."""
    found = list(rows)
    lanes = len(found)
    span = 1
    while span < lanes:
        low = tuple(lane if lane // span % 2 == 0 else lanes + lane - span for lane in range(lanes))
        high = tuple(lane + span if lane // span % 2 == 0 else lanes + lane for lane in range(lanes))
        pairs = zip(found[::2], found[1::2], strict=True)
        found = [k.let("sum", Shuffle(a, b, low) + Shuffle(a, b, high)) for a, b in pairs]
        span *= 2
    return found[0]
