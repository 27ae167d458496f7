"""The index space of a fused kernel: as few axes as the strides of all operands allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sardonyx.core.dims import Dim, mod
from sardonyx.engine.views import View

__all__ = ["Space", "collapse", "memory_order", "physical_order"]


@dataclass(frozen=True)
class Space:
    """Axes from the slowest to the fastest, and the stride of every view along each."""

    extents: tuple[Dim, ...]
    strides: tuple[tuple[Dim, ...], ...]  # [view][axis]

    @property
    def outer(self) -> tuple[Dim, ...]:
        return self.extents[:-1]

    @property
    def inner(self) -> Dim:
        return self.extents[-1]


def collapse(shape: Sequence[Dim], views: Sequence[View], order: Sequence[int], *, keep: int = 0) -> Space:
    """Merge the axes of `shape`, visited in `order`, wherever every view lies in one line over both.

    Args:
        views: already broadcast to `shape`.
        keep: how many of the last axes in `order` make the innermost axis by themselves, whatever lies before them.
    """
    barrier = len(order) - keep
    extents, strides = _merge(shape, views, order[:barrier])
    if keep:
        inner, steps = _merge(shape, views, order[barrier:])
        if not inner:
            inner, steps = [1], [[1] for _ in views]
        extents, strides = extents + inner, [a + b for a, b in zip(strides, steps, strict=True)]
    if not extents:
        extents, strides = [1], [[0] for _ in views]
    return Space(tuple(extents), tuple(tuple(s) for s in strides))


def _merge(shape: Sequence[Dim], views: Sequence[View], order: Sequence[int]) -> tuple[list[Dim], list[list[Dim]]]:
    extents: list[Dim] = []
    strides: list[list[Dim]] = [[] for _ in views]
    for axis in order:
        extent = shape[axis]
        if extent == 1:
            continue
        steps = [v.strides[axis] for v in views]
        if extents and all(s[-1] == step * extent for s, step in zip(strides, steps, strict=True)):
            extents[-1] = extents[-1] * extent
            for s, step in zip(strides, steps, strict=True):
                s[-1] = step
        else:
            extents.append(extent)
            for s, step in zip(strides, steps, strict=True):
                s.append(step)
    return extents, strides


def physical_order(shape: Sequence[Dim], views: Sequence[View]) -> tuple[int, ...]:
    """The order of axes, slowest first, in which the first full-sized view lies; C order if none says otherwise."""
    rank = len(shape)
    for view in views:
        if view.shape != tuple(shape) or any(s == 0 and d != 1 for s, d in zip(view.strides, view.shape, strict=True)):
            continue
        for order in _candidates(rank):
            if view.is_contiguous(order):
                return order
        return memory_order(view)
    return tuple(range(rank))


def memory_order(view: View) -> tuple[int, ...]:
    """The axes from the largest stride to the smallest, as far as symbolic strides can be told apart.

    Axes that do not move (stride 0, extent 1) stay where C order has them.
    """
    fixed = {i for i, (d, s) in enumerate(zip(view.shape, view.strides, strict=True)) if d == 1 or s == 0}
    moving: list[int] = []
    for axis in range(view.rank):
        if axis in fixed:
            continue
        at = len(moving)
        while at and _wider(view.strides[axis], view.strides[moving[at - 1]]):
            at -= 1
        moving.insert(at, axis)
    rest = iter(moving)
    return tuple(i if i in fixed else next(rest) for i in range(view.rank))


def _wider(a: Dim, b: Dim) -> bool:
    """Whether stride a is surely larger than stride b."""
    if isinstance(a, int) and isinstance(b, int):
        return a > b
    if a == b or a == 1:
        return False
    return b == 1 or mod(a, b) == 0


def _candidates(rank: int) -> list[tuple[int, ...]]:
    """The layouts that occur: C order, channels last, and the head-split order of attention."""
    plain = tuple(range(rank))
    found = [plain]
    if rank >= 3:
        found.append((0, *range(2, rank), 1))
    if rank == 4:
        found.append((0, 2, 1, 3))
    return found
