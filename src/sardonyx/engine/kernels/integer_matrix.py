"""The contraction kernel for 8-bit integers on the matrix unit (AMX): that of `kernels.integer`, in tiles.

The unit multiplies bytes of either sign, so A is read as it is: where its rows lie equally far apart and are whole steps long,
tiles are filled straight from it, 32 rows at a time. All other rows a task first copies, as `kernels.integer` does. B is packed as
for vectors, and filled up to whole steps: a tile of it is every other line of a panel.

A block of 32 x 32 sums, or of half as many rows or columns where that will do, stays in tiles for the whole of k: sums modulo
2**32 need no order. The sums of rows, if there are offsets, are products with ones.
"""

from __future__ import annotations

import functools

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.contract import approach, finish
from sardonyx.engine.kernels.integer import ByteParameters, ByteRows, IntegerSpec, take_offsets
from sardonyx.engine.kernels.matrix import TILE
from sardonyx.tile import Builder, Const, Expr, Kernel, Pointer, Type, i32, i64, select, u8
from sardonyx.tile.expr import binary

__all__ = ["integer_matrix_kernel"]

HALF = 16  # rows or columns of a tile
LINES = {1: 32, 2: 16}  # of the next panel that come near in a step, by the tiles of rows


class _Blocks:
    """Computes blocks of sums. Tiles 0-3 accumulate, 4-5 hold A, 6-7 hold B."""

    def __init__(self, k: Builder, spec: IntegerSpec, steps: Expr) -> None:
        """Called in the setup of the kernel."""
        self.k, self.form, self.steps = k, spec.form, steps
        self.sums = k.local("sums", i32, TILE.rows * TILE.width)
        if spec.offset:
            self.row_sums = k.local("row_sums", i32, TILE.rows * HALF)
            self.ones = k.local("ones", self.form.b, self.form.step)
            self.ones.store(0, Const(1, self.form.b.x(self.form.step)))

    def compute(self, block: tuple[Expr, Expr], a: Pointer, pitch: Expr, panel: Pointer, far: Pointer) -> None:
        """sums = the products of a block's rows, `pitch` bytes apart, and a panel.

        block: how many rows and columns of it there are.
        far: memory to bring near meanwhile.
        """
        k = self.k

        def by_width(rows: int) -> None:
            with k.when(block[1] > HALF):
                self._products(rows, 2, a, pitch, panel, far)
            with k.otherwise():
                self._products(rows, 1, a, pitch, panel, far)

        with k.when(block[0] > HALF):
            by_width(2)
        with k.otherwise():
            by_width(1)

    def _products(self, rows: int, columns: int, a: Pointer, pitch: Expr, panel: Pointer, far: Pointer) -> None:
        """The same for so many tiles of rows and of columns."""
        k, step = self.k, self.form.step
        line = k.let("line", Const(TILE.width * self.form.group, i64))
        lower = k.let("lower", pitch * HALF)
        places = [(r, c) for r in range(rows) for c in range(columns)]
        for r, c in places:
            k.instr("tilezero", 2 * r + c)
        here, there, ahead = k.ptr_reg("a_here", a), k.ptr_reg("b_here", panel), k.ptr_reg("ahead", far)
        with k.loop("s", 0, self.steps):
            for r in range(rows):
                k.instr("tileload", 4 + r, here.at(lower if r else 0).base, pitch)
            for c in range(columns):
                k.instr("tileload", 6 + c, there.at(c * HALF * self.form.group).base, line)
            for i in range(LINES[rows]):
                ahead.prefetch(i * 64, locality=2)
            for r, c in places:
                k.instr(self.form.dot, 2 * r + c, 4 + r, 6 + c)
            k.advance(here, step)
            k.advance(there, TILE.width * step)
            k.advance(ahead, LINES[rows] * 64)
        row = k.let("row", Const(TILE.width * i32.bytes, i64))
        for r, c in places:
            k.instr("tilestore", 2 * r + c, self.sums.at((r * TILE.width + c) * HALF).base, row)

    def sum_rows(self, a: Pointer, pitch: Expr, to: Pointer) -> None:
        """The sums of a block's 32 rows."""
        k = self.k
        lower = Pointer(k, k.let("lower", a.at(pitch * HALF).base), a.kind)
        for t in range(2):
            k.instr("tilezero", t)
        k.instr("tileload", 6, self.ones.base, k.let("still", Const(0, i64)))
        with k.loop("s", 0, self.steps) as s:
            for t, half in enumerate((a, lower)):
                k.instr("tileload", 4 + t, half.at(s * self.form.step).base, pitch)
                k.instr(self.form.dot, t, 4 + t, 6)
        row = k.let("row", Const(HALF * i32.bytes, i64))
        for t in range(2):
            k.instr("tilestore", t, self.row_sums.at(t * HALF * HALF).base, row)
        with k.loop("r", 0, TILE.rows) as r:
            to.store(r, self.row_sums.load(r * HALF))


@functools.cache
def integer_matrix_kernel(spec: IntegerSpec, target: Target) -> Kernel:
    """The kernel of a contraction of bytes on the matrix unit.

    Parameters and tasks: those of `integer_kernel`; without `staged`, rows have one tap, lie equally far apart and are whole steps
    long, and of the rows of a task whole blocks are read where they lie.
    Scratch: the other rows, up to a multiple of 32, each filled up to whole steps and BYTE_GAP bytes; then an i32 for every row of
    a task.
    """
    form, tile = spec.form, TILE
    k = Builder("integer_matrix")
    kind = Type(spec.kind)
    given = ByteParameters(k, spec)
    fill, table, depth, taps, m, n, cut = given.fill, given.table, given.depth, given.taps, given.m, given.n, given.cut
    scratch = k.scratch(kind)
    with k.setup():
        k.instr("tileconfig")
        rows = ByteRows(k, spec, target, (depth, taps))
        blocks = _Blocks(k, spec, k.let("steps", (rows.whole + (form.step - 1)) // form.step))
        panels = k.let("panels", (n + tile.width - 1) // tile.width)
        size = k.let("size", blocks.steps * (form.step * tile.width))
        panel_size = k.let("panel_size", size + (4 * tile.width if spec.offset else 0))
        second = k.let("second", table.load(binary("min", m - 1, 1)) - table.load(0))
        apart = k.let("apart", second.to(i64))  # the rows of A, if they are equally far apart

    task = cut.task(m)
    out, a, b, *operands = task.pointers
    first, last = task.first, task.last
    lying = k.let("lying", select(given.staged.ne(0), Const(0, i64), (last - first) // tile.rows * tile.rows))
    behind = rows.copy((a, table, fill), (first + lying, last, m), scratch)
    there = Pointer(k, k.let("there", a.at(table.load(first).to(i64)).base), kind)

    def place(row: Expr) -> tuple[Pointer, Expr]:
        """Where a row of the task lies, and how far apart those of its block are."""
        where = k.let("where", row < lying)
        near = scratch.at((row - lying) * rows.pitch)
        here = k.let("here", select(where, there.at(row * apart).base, near.base))
        return Pointer(k, here, kind), k.let("pitch_here", select(where, apart, rows.pitch))

    if spec.offset:
        with k.loop("row", 0, last - first, tile.rows) as row:
            blocks.sum_rows(*place(row), behind.at(row))
    pace = k.let("pace", panel_size // binary("max", (last - first + (tile.rows - 1)) // tile.rows, 1))
    with k.loop("j", task.block * cut.block_n, binary("min", (task.block + 1) * cut.block_n, panels)) as j:
        column = k.let("column", j * tile.width)
        left = k.let("left", binary("min", n - column, tile.width))
        panel = Pointer(k, k.let("b_panel", b.at(j * panel_size).base), form.b)
        with k.loop("row", 0, last - first, tile.rows) as row:
            top = k.let("top", first + row)
            height = k.let("height", binary("min", last - top, tile.rows))
            approach(k, [out, *operands], cut.steps, spec.epilogue, tile, (top, column, height))
            # While the rows go by, the next panel comes near, a part of it with each block.
            far = panel.cast(u8).at(panel_size + row // tile.rows * pace)
            blocks.compute((height, left), *place(row), panel, far)
            if spec.offset:
                take_offsets(k, tile, blocks.sums, height, behind.at(row), panel.at(size).cast(i32))
            finish(k, spec.epilogue, blocks.sums, tile, [out, *operands], cut.steps, (top, column, height, left))
    return k.build()
