"""Integers followed from shape to shape, as far as the official package follows them.

What is followed is a flat list of extents, whether the value is a vector or a scalar. Only these operators pass one on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.compat.onnx._inference.known import Extent

__all__ = ["PROPAGATORS", "Values", "propagator", "sliced"]


class Values(Protocol):
    """What a propagator asks about its node."""

    def values(self, index: int) -> list[Extent] | None:
        """The integers of an input, where they could be followed."""
        ...

    def shape(self, index: int) -> list[Extent] | None: ...

    def integer(self, name: str, default: int | None = None) -> int: ...

    @property
    def n_inputs(self) -> int: ...


def _same(ctx: Values) -> list[Extent] | None:
    return ctx.values(0)


def _arithmetic(operation: Callable[[int, int], int]) -> Callable[[Values], list[Extent] | None]:
    def propagate(ctx: Values) -> list[Extent] | None:
        a, b = ctx.values(0), ctx.values(1)
        if a is None or b is None:
            return None
        if len(a) != len(b) and 1 not in (len(a), len(b)):
            raise refuse_shape(f"Invalid rank for broadcasting: ({len(a)}) vs ({len(b)})")
        count = max(len(a), len(b))
        pairs = zip(a * count if len(a) == 1 else a, b * count if len(b) == 1 else b, strict=False)
        return [operation(x, y) if isinstance(x, int) and isinstance(y, int) else None for x, y in pairs]

    return propagate


def _whole_shape(ctx: Values) -> list[Extent] | None:
    return ctx.shape(0)


def _shape(ctx: Values) -> list[Extent] | None:
    shape = ctx.shape(0)
    if shape is None:
        return None
    start, end = ctx.integer("start", 0), ctx.integer("end", len(shape))
    rank = len(shape)
    first, last = (min(max(at + rank if at < 0 else at, 0), rank) for at in (start, end))
    return shape[first:last]


def _size(ctx: Values) -> list[Extent] | None:
    values = ctx.values(0)
    return None if values is None else [len(values)]


def _concat(ctx: Values) -> list[Extent] | None:
    if not _along_first_axis(ctx, None):
        return None
    joined: list[Extent] = []
    for i in range(ctx.n_inputs):
        values = ctx.values(i)
        if values is None:
            return None
        joined += values
    return joined or None


def _gather(ctx: Values) -> list[Extent] | None:
    if not _along_first_axis(ctx, 0):
        return None
    data, indices = ctx.values(0), ctx.values(1)
    if data is None or indices is None:
        return None
    picked: list[Extent] = []
    for i in indices:
        if not isinstance(i, int):
            return None
        if not -len(data) <= i < len(data):
            raise refuse_shape("indices must be in [-rank, rank-1].")
        picked.append(data[i])
    return picked or None


def _along_first_axis(ctx: Values, default: int | None) -> bool:
    axis = ctx.integer("axis", default)
    if axis >= 0:
        return axis == 0
    shape = ctx.shape(0)
    if shape is None:
        return False
    if axis < -len(shape):
        raise refuse_shape("axis must be in [-rank, rank-1].")
    return axis + len(shape) == 0


def sliced(length: int, start: int, end: int, step: int) -> range:
    """The positions that Slice takes of so many."""
    if step == 0:
        raise refuse_shape("'step' cannot be 0 for Slice")
    return range(length)[slice(start, _open(length, end, step), step)]


def _open(length: int, end: int, step: int) -> int | None:
    return None if step < 0 and end < -length else end


def _slice(ctx: Values) -> list[Extent] | None:
    operands = [ctx.values(i) for i in range(ctx.n_inputs)]
    if len(operands) < 3 or any(o is None for o in operands):
        return None
    data, starts, ends, *rest = (o or [] for o in operands)
    if len(starts) != len(ends):
        raise refuse_shape(f"Input rank for starts and ends should be the same: ({len(starts)}) vs ({len(ends)}).")
    if len(starts) != 1 or (rest and _zeros(rest[0]) != [0]):
        return None
    step: Sequence[Extent] = rest[1] if len(rest) > 1 else [1]
    if len(step) != 1 or not isinstance(step[0], int):
        return None
    (start,), (end,) = _zeros(starts), _zeros(ends)
    return [data[i] for i in sliced(len(data), start, end, step[0])] or None


def _zeros(values: Sequence[Extent]) -> list[int]:
    """What is not known counts as 0: a message's number that is not there."""
    return [v if isinstance(v, int) else 0 for v in values]


Rule: TypeAlias = Callable[[Values], list[Extent] | None]

# Operator -> the first version that passes integers on, and what it passes.
PROPAGATORS: dict[str, tuple[int, Rule]] = {
    "Add": (14, _arithmetic(lambda a, b: a + b)),
    "Cast": (13, _same),
    "Concat": (13, _concat),
    "Gather": (1, _gather),
    "Mul": (14, _arithmetic(lambda a, b: a * b)),
    "Shape": (1, _whole_shape),
    "Size": (13, _size),
    "Slice": (13, _slice),
    "Squeeze": (13, _same),
    "Sub": (14, _arithmetic(lambda a, b: a - b)),
    "Unsqueeze": (13, _same),
}


# Those that pass on something else since a later version.
CHANGED: dict[str, tuple[int, Rule]] = {"Shape": (15, _shape)}


def propagator(domain: str, op_type: str, version: int) -> Rule | None:
    """What an operator passes on, at a version of its own."""
    for since, rule in (rows[op_type] for rows in (CHANGED, PROPAGATORS) if op_type in rows):
        if domain in ("", "ai.onnx") and version >= since:
            return rule
    return None
