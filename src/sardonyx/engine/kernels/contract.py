"""One kernel for every product of matrices and every convolution: rows of A that are read where they lie, times packed B.

    out[g, m, n] = epilogue(sum over taps t and k of A[g, row(t, m) + k] * B[g, t, k, n])

A matrix product has one tap. A convolution over data whose channels lie last has one tap per place of its window, and
`rows` says, for each tap, where the row of input channels behind every place of the result starts: nothing is unfolded in
memory, and where the window hangs over the border, the row is one of zeros. Where rows would not do where they lie (taps of
few channels, or rows whose distance puts them all into the same few lines of the cache), a task first copies its rows,
with all taps, one behind the other into scratch memory.

A block of `tile.rows` x `tile.width` results stays in registers while k runs. The sum is taken in runs of about RUN
products, and the runs are added up one after the other: so the error grows with the square root of RUN, not of the whole
depth, and neither blocking nor threads nor the height of a block change one bit of the result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Epilogue, emit, load, pointer, store
from sardonyx.engine.kernels.cut import Cut
from sardonyx.engine.tiles import GAP, MicroTile
from sardonyx.tile import Builder, Const, Expr, Fma, Kernel, Pointer, Reg, Type, i32, i64, select, u8
from sardonyx.tile.expr import Broadcast, binary

__all__ = [
    "Block",
    "ContractSpec",
    "Rows",
    "approach",
    "by_height",
    "contract_kernel",
    "count_blocks",
    "finish",
    "micro_tile",
    "row_start",
]

RUN = 256  # products that are added up in one go
LIGHT = 6  # steps of an epilogue, up to which it is spelled out for every vector of a block
AHEAD = 32  # rows of B between what is multiplied and what is prefetched


def micro_tile(kind: Type, target: Target) -> MicroTile:
    """All but four registers accumulate: two carry a row of B, the others an element of A."""
    lanes = target.lanes(kind)
    if target.registers >= 32:
        return MicroTile((14, 7, 4, 2, 1), 2, lanes)
    return MicroTile((6, 4, 2, 1) if target.has("fma") else (4, 2, 1), 2, lanes)


@dataclass(frozen=True)
class ContractSpec:
    """The kind of A, B and the sum (f32 or f64), and what becomes of each sum."""

    kind: str
    epilogue: Epilogue


@dataclass(frozen=True)
class Rows:
    """Where rows of A start: `table[tap * m + row]` elements into `base`, or at `zeros` if that is negative."""

    base: Pointer
    zeros: Pointer
    table: Pointer


def by_height(k: Builder, tile: MicroTile, left: Expr, columns: Expr, block: Callable[[int, int], None]) -> Expr:
    """Emit block(height, vectors) for every size of block, and run the tallest that fits into `left` rows; gives its height."""
    left = k.let("rows_left", left)
    height = k.reg("height", i64, 0)

    def one(rows: int, vectors: int) -> None:
        block(rows, vectors)
        k.set(height, rows)

    def chain(heights: Sequence[int], vectors: int) -> None:
        if len(heights) == 1:
            one(heights[0], vectors)
            return
        with k.when(left >= heights[0]):
            one(heights[0], vectors)
        with k.otherwise():
            chain(heights[1:], vectors)

    with k.when(columns > tile.lanes):
        chain(tile.heights, tile.vectors)
    with k.otherwise():
        chain(tile.heights, 1)
    return k.let("done", height)


class Block:
    """Computes blocks of sums, into `sums`: rows of `tile.width` elements."""

    def __init__(self, k: Builder, kind: Type, tile: MicroTile, depth: Expr, taps: Expr, m: Expr) -> None:
        """Called in the setup of the kernel."""
        self.k, self.kind, self.tile = k, kind, tile
        self.depth, self.taps, self.m = depth, taps, m
        chunks = k.let("chunks", (depth + (RUN - 1)) // RUN)
        self.chunk = k.let("chunk", (depth + chunks - 1) // chunks)
        together = binary("max", RUN // 2 // depth, 1)  # short taps share a run
        self.together = k.let("together", select(chunks > 1, Const(1, i64), together))
        self.single = k.let("single", (chunks <= 1) & (self.together >= taps) & (depth * taps > 0))
        self.sums = k.local("sums", kind, tile.rows * tile.width)
        with k.loop("i", 0, tile.rows * tile.width, tile.lanes) as i:  # what no product is added to is zero
            self.sums.store(i, Const(0.0, kind.x(tile.lanes)))

    def compute(
        self,
        left: Expr,
        columns: Expr,
        rows: Rows,
        panel: Pointer,
        far: tuple[Pointer, Expr],
        whole: Callable[[Sequence[Sequence[Expr]]], None] | None = None,
    ) -> Expr:
        """sums = the sums of the tallest block that fits into `left` rows; gives its height.

        Args:
            far: memory to bring near meanwhile, and how many bytes of it per step.
            whole: takes the sums of a block of all rows and columns that are taken in one run, instead of `sums`.
        """

        def block(height: int, vectors: int) -> None:
            if whole is None or (height, vectors) != (self.tile.rows, self.tile.vectors):
                self._sum(height, vectors, rows, panel, far)
                return
            with k.when(self.single & columns.eq(self.tile.width)):
                acc = [[k.reg("acc", self.kind.x(self.tile.lanes), 0.0) for _ in range(vectors)] for _ in range(height)]
                at, ahead = k.ptr_reg("panel", panel), k.ptr_reg("ahead", far[0])
                self._run(acc, rows, at, ahead, far[1], (Const(0, i64), self.taps), (Const(0, i64), self.depth))
                whole(acc)
            with k.otherwise():
                self._sum(height, vectors, rows, panel, far)

        k = self.k
        return by_height(k, self.tile, left, columns, block)

    def _run(
        self,
        acc: Sequence[Sequence[Reg]],
        rows: Rows,
        panel: Pointer,
        ahead: Pointer,
        pace: Expr,
        taps: tuple[Expr, Expr],
        depth: tuple[Expr, Expr],
    ) -> None:
        """acc += a range of products of a range of taps."""
        k = self.k
        with k.loop("tap", *taps) as tap:
            row = [row_start(k, rows, tap * self.m + r) for r in range(len(acc))]
            with k.loop("p", *depth) as p:
                self._step(acc, row, panel, p)
                k.advance(panel, self.tile.width)
                ahead.prefetch(0, locality=2)
                k.advance(ahead, pace)

    def _sum(self, height: int, vectors: int, rows: Rows, b: Pointer, far: tuple[Pointer, Expr]) -> None:
        k, lanes = self.k, self.tile.lanes
        panel, ahead = k.ptr_reg("panel", b), k.ptr_reg("ahead", far[0])
        with k.loop("first_tap", 0, self.taps, self.together) as first_tap:
            last_tap = k.let("last_tap", binary("min", first_tap + self.together, self.taps))
            with k.loop("start", 0, self.depth, self.chunk) as start:
                stop = k.let("stop", binary("min", start + self.chunk, self.depth))
                acc = [[k.reg("acc", self.kind.x(lanes), 0.0) for _ in range(vectors)] for _ in range(height)]
                self._run(acc, rows, panel, ahead, far[1], (first_tap, last_tap), (start, stop))
                self._add(acc, (first_tap + start).eq(0), vectors)

    def _step(self, acc: Sequence[Sequence[Reg]], row: Sequence[Pointer], panel: Pointer, p: Expr) -> None:
        """acc += one column of A times one row of B."""
        k, lanes = self.k, self.tile.lanes
        columns = [panel.load(j * lanes, lanes) for j in range(len(acc[0]))]
        for j in range(len(acc[0])):
            panel.prefetch(AHEAD * self.tile.width + j * lanes)
        for r, base in enumerate(row):
            x = k.let("x", Broadcast(base.load(p), lanes))
            for j, column in enumerate(columns):
                k.set(acc[r][j], Fma(x, column, acc[r][j]))

    def _add(self, acc: Sequence[Sequence[Reg]], first: Expr, vectors: int) -> None:
        """sums += the sums of one run; those of the first start them."""
        k, lanes, width = self.k, self.tile.lanes, self.tile.width
        places = [(r * width + j * lanes, acc[r][j]) for r in range(len(acc)) for j in range(vectors)]
        with k.when(first):
            for at, value in places:
                self.sums.store(at, value)
        with k.otherwise():
            for at, value in places:
                self.sums.store(at, self.sums.load(at, lanes) + value)


def row_start(k: Builder, rows: Rows, index: Expr) -> Pointer:
    """Where a row of A starts."""
    offset = k.let("offset", rows.table.load(index).to(i64))
    base = k.let("row", select(offset < 0, rows.zeros.base, rows.base.at(offset).base))
    return Pointer(k, base, rows.base.kind)


@functools.cache
def contract_kernel(spec: ContractSpec, target: Target) -> Kernel:
    """The kernel of a contraction.

    Parameters: out, a, b (panels [n / width][tap][k][width]), zeros (`depth` of them), rows (i32 [tap][m]: the offset of a row
    of A, or -1 for zeros), a pointer per operand; depth, taps, m, n; staged (1 to copy rows to scratch first), block_m (rows),
    block_n (panels), blocks_m, blocks_n; the stride of a row of out and of each operand; then for two outer axes the extent
    and the strides of out, a, b (in elements), and of each operand.

    Task: (outer axes, block of columns, block of rows), the rows fastest. Scratch, if staged: block_m rows of
    depth * taps + GAP elements and an i32 each.
    """
    kind, tile = Type(spec.kind), micro_tile(Type(spec.kind), target)
    k = Builder("contract")
    out = k.ptr("out", pointer(spec.epilogue.out))
    a, b, zeros = k.ptr("a", kind), k.ptr("b", kind), k.ptr("zeros", kind)
    table = k.ptr("rows", i32)
    operands = [k.ptr(f"x{i}", pointer(o.kind)) for i, o in enumerate(spec.epilogue.operands)]
    depth, taps, m, n, staged = (k.param(x) for x in ("depth", "taps", "m", "n", "staged"))
    cut = Cut(k, [out, a, b, *operands])
    scratch = k.scratch(kind)
    with k.setup():
        stages = k.let("stages", staged.ne(0))
        whole = k.let("whole", depth * taps)
        pitch = k.let("pitch", whole + GAP)
        one = Const(1, i64)
        block = Block(
            k,
            kind,
            tile,
            k.let("depth_now", select(stages, whole, depth)),
            k.let("taps_now", select(stages, one, taps)),
            m,
        )
        panels = k.let("panels", (n + tile.width - 1) // tile.width)
        panel_size = k.let("panel_size", whole * tile.width)

    task = cut.task(m)
    out, a, b, *operands = task.pointers
    first, last = task.first, task.last
    rows = Rows(a, zeros, table)
    stage_table = scratch.at((last - first) * pitch).cast(i32)
    with k.when(stages):
        _stage(k, rows, scratch, stage_table, (first, last, m), (depth, taps, pitch), tile.lanes)
    base = k.let("base", select(stages, scratch.base, a.base))
    table = k.let("table", select(stages, stage_table.at(Const(0, i64) - first).base, table.base))
    parts = count_blocks(k, last - first, tile.heights)
    with k.loop("j", task.block * cut.block_n, binary("min", (task.block + 1) * cut.block_n, panels)) as j:
        column = k.let("column", j * tile.width)
        left = k.let("left", binary("min", n - column, tile.width))
        panel = Pointer(k, k.let("b_panel", b.at(j * panel_size).base), kind)
        row = k.reg("row", i64, first)
        # While the rows go by, the next panel comes near, a part of it with each block.
        pace = k.let("pace", binary("floordiv", Const(kind.bytes * tile.width, i64), parts))
        following = panel.at(panel_size).cast(u8)
        with k.loop("part", 0, parts) as part:
            top = k.let("top", row)
            here = Rows(Pointer(k, base, kind), zeros, Pointer(k, table, i32).at(top))
            approach(
                k, [out, *operands], cut.steps, spec.epilogue, tile, (top, column, binary("min", last - top, tile.rows))
            )
            far = following.at(part * pace * whole)
            stored = k.reg("stored", i64, 0)
            places = [out, *operands]

            def whole_block(sums: Sequence[Sequence[Expr]], top: Expr = top, stored: Reg = stored) -> None:
                store_block(k, spec.epilogue, sums, tile, places, cut.steps, (top, column))
                k.set(stored, 1)

            light = len(spec.epilogue.formula.steps) <= LIGHT
            height = block.compute(last - top, left, here, panel, (far, pace), whole_block if light else None)
            with k.when(stored.eq(0)):
                finish(k, spec.epilogue, block.sums, tile, places, cut.steps, (top, column, height, left))
            k.set(row, top + height)
    return k.build()


def approach(
    k: Builder,
    places: Sequence[Pointer],
    steps: Sequence[Expr],
    epilogue: Epilogue,
    tile: MicroTile,
    block: tuple[Expr, Expr, Expr],
) -> None:
    """Ask for the memory that the block at hand will be stored to, and for its operands, before its sums are taken."""
    top, column, height = block
    with k.loop("r", 0, height) as r:
        for i, (place, step) in enumerate(zip(places, steps, strict=True)):
            if i == 0 or (epilogue.operands[i - 1].unit and not epilogue.operands[i - 1].still):
                line = place.at((top + r) * step + column)
                for at in range(0, tile.width, max(1, 64 // place.kind.bytes)):
                    line.prefetch(at, write=i == 0)


def _stage(
    k: Builder,
    rows: Rows,
    scratch: Pointer,
    table: Pointer,
    range_m: tuple[Expr, Expr, Expr],
    sizes: tuple[Expr, Expr, Expr],
    lanes: int,
) -> None:
    """Copy the rows first..last of A, all taps one behind the other, and note where each begins."""
    (first, last, m), (depth, taps, pitch) = range_m, sizes
    with k.loop("row", 0, last - first) as r:
        table.store(r, (r * pitch).to(i32))
        with k.loop("tap", 0, taps) as tap:
            source = row_start(k, rows, tap * m + first + r)
            place = scratch.at(r * pitch + tap * depth)

            def copy(i: Expr, mask: Expr | None, source: Pointer = source, place: Pointer = place) -> None:
                place.store(i, source.load(i, lanes, mask), mask)

            k.strip("i", 0, depth, lanes, copy)


def count_blocks(k: Builder, rows: Expr, heights: Sequence[int]) -> Expr:
    """Into how many blocks so many rows are cut."""
    parts: Expr = Const(0, i64)
    for height in heights:
        count = k.let("count", rows // height)
        parts, rows = parts + count, k.let("rest", rows - count * height)
    return k.let("parts", parts)


def store_block(
    k: Builder,
    epilogue: Epilogue,
    sums: Sequence[Sequence[Expr]],
    tile: MicroTile,
    places: Sequence[Pointer],
    steps: Sequence[Expr],
    corner: tuple[Expr, Expr],
) -> None:
    """Apply the epilogue to a whole block of sums in registers and store it; arguments are those of `finish`."""
    top, column = corner
    lanes, operands = tile.lanes, epilogue.operands
    units = [True, *(o.unit for o in operands)]

    def fetch(i: int, line: Pointer, j: int) -> Expr:
        o = operands[i]
        if o.unit:
            return k.let("operand", load(line, Const(j * lanes, i64), o.kind, lanes, None))
        return k.let("operand", Broadcast(load(line, 0, o.kind, 1), lanes))

    def lines(r: int) -> list[Pointer]:
        found: list[Pointer] = []
        for place, step, unit in zip(places, steps, units, strict=True):
            at = place.at((top + r) * step + column) if unit else place.at((top + r) * step)
            found.append(Pointer(k, k.let("line", at.base), at.kind))
        return found

    first = lines(0)
    still = {(i, j): fetch(i, first[1 + i], j) for i, o in enumerate(operands) if o.still for j in range(tile.vectors)}
    for r, row in enumerate(sums):
        own = lines(r)
        for j, total in enumerate(row):
            values = [total, *(still[i, j] if o.still else fetch(i, own[1 + i], j) for i, o in enumerate(operands))]
            store(own[0], Const(j * lanes, i64), emit(k, epilogue.formula, values, lanes), epilogue.out, None)


def finish(
    k: Builder,
    epilogue: Epilogue,
    sums: Pointer,
    tile: MicroTile,
    places: Sequence[Pointer],
    steps: Sequence[Expr],
    block: tuple[Expr, Expr, Expr, Expr],
) -> None:
    """Apply the epilogue to a block of sums and store it.

    Args:
        places: out and the operands; `steps` are the strides of their rows.
        block: its first row and column, its height and how many of its columns there are.
    """
    top, column, height, left = block
    units = [True, *(o.unit for o in epilogue.operands)]
    starts = [
        p.at(top * step + column) if unit else p.at(top * step)
        for p, step, unit in zip(places, steps, units, strict=True)
    ]

    def fetch(i: int, line: Pointer, j: Expr, mask: Expr | None) -> Expr:
        operand = epilogue.operands[i]
        if operand.unit:
            return load(line, j, operand.kind, tile.lanes, mask)
        return Broadcast(load(line, 0, operand.kind, 1), tile.lanes)

    def still(j: Expr, mask: Expr | None) -> dict[int, Expr]:
        """The operands that are the same in all rows."""
        return {i: fetch(i, starts[1 + i], j, mask) for i, o in enumerate(epilogue.operands) if o.still}

    def finished(r: Expr, j: Expr, mask: Expr | None, known: dict[int, Expr]) -> None:
        lines = [p.at(r * step) for p, step in zip(starts, steps, strict=True)]
        values: list[Expr] = [sums.at(r * tile.width).load(j, tile.lanes)]
        values += [known[i] if i in known else fetch(i, x, j, mask) for i, x in enumerate(lines[1:])]
        store(lines[0], j, emit(k, epilogue.formula, values, tile.lanes), epilogue.out, mask)

    with k.when(left.eq(tile.width)):
        columns = [Const(j * tile.lanes, i64) for j in range(tile.vectors)]
        known = [still(j, None) for j in columns]
        with k.loop("r", 0, height) as r:
            for j, own in zip(columns, known, strict=True):
                finished(r, j, None, own)
    with k.otherwise():

        def ragged(j: Expr, mask: Expr | None) -> None:
            own = still(j, mask)
            with k.loop("r", 0, height) as r:
                finished(r, j, mask, own)

        k.strip("col", 0, left, tile.lanes, ragged)
