"""Copying between two orders of axes: what lies densely along one axis comes to lie densely along another."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.map import decode
from sardonyx.engine.kernels.transpose import transposed
from sardonyx.tile import Builder, Expr, Kernel, Pointer, Type
from sardonyx.tile.expr import binary

__all__ = ["ROWS", "SwapSpec", "swap_kernel"]

ROWS = 64  # of a task
FEW = 8  # columns that are copied one element at a time


@dataclass(frozen=True)
class SwapSpec:
    """The kind of the elements, the further axes, and the number of columns where it is known to be at most `FEW` (else 0)."""

    kind: str
    outer: int
    few: int = 0

    @staticmethod
    def of(kind: str, outer: int, columns: object) -> SwapSpec:
        return SwapSpec(kind, outer, columns if isinstance(columns, int) and 0 < columns <= FEW else 0)


@functools.cache
def swap_kernel(spec: SwapSpec, target: Target) -> Kernel:
    """out[..., i * out_row + j] = x[..., i + j * x_column]: a square of elements at a time is transposed in registers.

    Parameters: out, x, rows (along i), columns (along j), out_row, x_column; per outer axis its extent and the strides of out and
    of x. Task: (outer, `ROWS` rows), the rows fastest.
    """
    k = Builder("swap")
    kind = Type(spec.kind)
    lanes = target.lanes(kind)
    bases = [k.ptr("out", kind), k.ptr("x", kind)]
    rows, columns, out_row, x_column = (k.param(n) for n in ("rows", "columns", "out_row", "x_column"))
    axes = [(k.param(f"e{i}"), [k.param(f"s{i}_{b}") for b in range(2)]) for i in range(spec.outer)]
    blocks = k.let("blocks", (rows + (ROWS - 1)) // ROWS)
    first = k.let("first", k.task % blocks * ROWS)
    last = k.let("last", binary("min", first + ROWS, rows))
    for at, (_, strides) in zip(decode(k, k.let("place", k.task // blocks), [e for e, _ in axes]), axes, strict=True):
        bases = [b.at(at * s) for b, s in zip(bases, strides, strict=True)]
    out, x = (Pointer(k, k.let("base", b.base), kind) for b in bases)

    if spec.few:
        with k.loop("i", first, last) as i:
            for j in range(spec.few):
                out.store(i * out_row + j, x.load(i + x_column * j))
        return k.build()

    def square(i: Expr, j: Expr, down: Expr | None, along: Expr | None) -> None:
        """`down` masks the rows, `along` the columns, where fewer than `lanes` are left."""
        lines = []
        for c in range(lanes):
            column = j + c if along is None else binary("min", j + c, columns - 1)
            lines.append(x.load(i + column * x_column, lanes, down))
        for r, line in enumerate(transposed(k, lines)):
            if down is None or r == 0:
                out.store((i + r) * out_row + j, line, along)
            else:
                with k.when(i + r < last):
                    out.store((i + r) * out_row + j, line, along)

    def line(i: Expr, down: Expr | None) -> None:
        k.strip("j", 0, columns, lanes, lambda j, along: square(i, j, down, along))

    k.strip("i", first, last, lanes, line)
    return k.build()
