"""How contractions, and what packs and splits their factors, are cut into tasks: the parameters, and where a task is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sardonyx.engine.kernels.map import decode
from sardonyx.tile import Builder, Expr, Pointer
from sardonyx.tile.expr import binary

__all__ = ["Cut", "Task", "TwoAxes"]


class TwoAxes:
    """Two outer axes. Declares for each its extent, and then the stride of every pointer, by the names given."""

    def __init__(self, k: Builder, names: Sequence[str]) -> None:
        self.extents: list[Expr] = []
        self._strides: list[list[Expr]] = []
        for axis in range(2):
            self.extents.append(k.param(f"e{axis}"))
            self._strides.append([k.param(f"s{axis}_{name}") for name in names])

    def offset(self, i: int, index: Sequence[Expr]) -> Expr:
        """How far pointer i goes to a place on the axes."""
        return index[0] * self._strides[0][i] + index[1] * self._strides[1][i]

    def moved(self, pointers: Sequence[Pointer], index: Sequence[Expr]) -> list[Pointer]:
        """All pointers at a place on the axes."""
        return [p.at(self.offset(i, index)) for i, p in enumerate(pointers)]


@dataclass(frozen=True, eq=False)
class Task:
    """One task: the pointers at its place on the outer axes, the number of its block of panels, and its rows."""

    pointers: list[Pointer]
    block: Expr
    first: Expr
    last: Expr


class Cut:
    """The end of every contraction kernel's parameters.

    Declares block_m (rows), block_n (panels), blocks_m, blocks_n; the stride of a row of out and of each operand; two outer axes
    for out, a, b and each operand.

    Args:
        pointers: out, a, b and the operands.
    """

    def __init__(self, k: Builder, pointers: Sequence[Pointer]) -> None:
        self._k, self._pointers = k, pointers
        self._block_m, self.block_n, self._blocks_m, self._blocks_n = (
            k.param(x) for x in ("block_m", "block_n", "blocks_m", "blocks_n")
        )
        self.steps = [k.param(f"step{i}") for i in range(len(pointers) - 2)]
        self._outer = TwoAxes(k, [str(i) for i in range(len(pointers))])

    def task(self, m: Expr) -> Task:
        """The task at hand, of m rows in all. Task numbers: (outer axes, block of columns, block of rows), the rows fastest."""
        k = self._k
        *outer, block, rows = decode(k, k.task, [*self._outer.extents, self._blocks_n, self._blocks_m])
        pointers = self._outer.moved(self._pointers, outer)
        first = k.let("first", rows * self._block_m)
        return Task(pointers, block, first, k.let("last", binary("min", first + self._block_m, m)))
