"""Products with weights of few bits, which are read once, packed, and become floats in registers.

    out[m, n] = epilogue(sum over blocks b of scale[b, n] * sum over k in b of A[m, k] * (B[k, n] - zero[b, n]))

B is packed in panels of `width` columns; a panel is a run of blocks, and a block all that belongs to `block` rows of B, so that a
panel is one stream:

    scale, f32 [width] | if there are offsets: `middle` less the zero points, f32 [width] | numbers
    numbers of 2 or 4 bits: u32 [rows / (32 / bits)][width], the first row in the lowest bits; of 8 bits: u8 [rows][width]

Numbers are taken less `middle`, which is exact: half their range, or 0 if most zero points are nearer to that. What a zero
point differs from it is multiplied by the sum of A's row.
The last block is filled up with numbers that count as 0, and A, whose rows are then too short, is copied and filled up too.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Epilogue, pointer
from sardonyx.engine.kernels.contract import by_height, finish
from sardonyx.engine.kernels.cut import Cut
from sardonyx.engine.tiles import MicroTile
from sardonyx.ir import Array
from sardonyx.tile import Builder, Const, Expr, Fma, Kernel, Pointer, Ramp, Reg, call, f32, i32, i64, select, u8, u32
from sardonyx.tile.expr import Broadcast, binary

__all__ = ["FewBitsSpec", "few_bits_kernel", "few_bits_tile", "packed_few_bits"]

AHEAD = 2048  # bytes between what is multiplied and what is prefetched


@dataclass(frozen=True)
class FewBitsSpec:
    """Bits of a number (2, 4 or 8), rows of a block, what is taken from numbers, whether there are offsets, the epilogue.

    codes: what each number of 4 bits means, if not itself; then nothing is taken from it.
    """

    bits: int
    block: int
    middle: int
    offset: bool
    epilogue: Epilogue
    codes: tuple[float, ...] = ()

    @property
    def rows(self) -> int:
        """The rows of B whose numbers lie together."""
        return 1 if self.bits == 8 else 32 // self.bits


def few_bits_tile(target: Target) -> MicroTile:
    lanes = target.lanes(f32)
    return MicroTile((6, 4, 2, 1), 4, lanes) if target.registers >= 32 else MicroTile((4, 2, 1), 2, lanes)


def packed_few_bits(
    numbers: Array, scales: Array, zeros: Array | None, bits: int, block: int, tile: MicroTile
) -> tuple[Array, int, bool]:
    """Numbers u8 [k, n], scales and zero points [blocks, n] -> panels as bytes, their `middle`, and whether they have offsets."""
    k, n = numbers.shape
    blocks, panels, width, middle = -(-k // block), -(-n // tile.width), tile.width, 1 << (bits - 1)
    if zeros is not None and float(np.mean(zeros, dtype=np.float64)) < middle / 2:
        middle = 0
    full = np.full((blocks * block, panels * width), middle, np.uint8)
    full[:k, :n] = numbers
    cut = full.reshape(blocks, block, panels, width).transpose(2, 0, 1, 3)
    if bits == 8:
        body = np.ascontiguousarray(cut).reshape(panels, blocks, -1)
    else:
        rows = 32 // bits
        parts = cut.reshape(panels, blocks, block // rows, rows, width)
        words = np.zeros((panels, blocks, block // rows, width), np.uint32)
        for i in range(rows):
            words |= parts[:, :, :, i].astype(np.uint32) << np.uint32(i * bits)
        body = words.reshape(panels, blocks, -1).view(np.uint8)
    lines = [_by_panel(scales, panels, width)]
    offset = zeros is not None and bool((zeros != middle).any())
    if zeros is not None and offset:
        lines.append(_by_panel(middle - zeros.astype(np.float32), panels, width))
    heads = [np.ascontiguousarray(x, np.float32).view(np.uint8) for x in lines]
    return np.ascontiguousarray(np.concatenate([*heads, body], -1)), middle, offset


def _by_panel(x: Array, panels: int, width: int) -> Array:
    """[blocks, n] -> [panel, block, width]"""
    wide = np.zeros((x.shape[0], panels * width), np.float32)
    wide[:, : x.shape[1]] = x
    return wide.reshape(x.shape[0], panels, width).transpose(1, 0, 2)


class _Block:
    """Computes blocks of sums."""

    def __init__(self, k: Builder, spec: FewBitsSpec, tile: MicroTile, blocks: Expr) -> None:
        self.k, self.spec, self.tile, self.blocks = k, spec, tile, blocks
        self.sums = k.local("sums", f32, tile.rows * tile.width)
        self.heads = (1 + spec.offset) * 4 * tile.width
        self.size = self.heads + spec.block * tile.width * spec.bits // 8
        self.table = k.let("table", self._meanings()) if tile.lanes == 16 else None

    def _meanings(self) -> Expr:
        """What the 16 numbers mean, one in each lane."""
        places = Ramp(i32.x(16))
        if not self.spec.codes:
            return places.to(f32) - float(self.spec.middle)
        found: Expr = Const(self.spec.codes[0], f32.x(16))
        for i, code in enumerate(self.spec.codes[1:], 1):
            found = select(places.eq(i), Const(code, f32.x(16)), found)
        return found

    def sum(self, height: int, vectors: int, lines: list[Pointer], panel: Pointer) -> None:
        k, tile, lanes = self.k, self.tile, self.tile.lanes
        with k.loop("i", 0, height * tile.width, lanes) as i:
            self.sums.store(i, Const(0.0, f32.x(lanes)))
        with k.loop("b", 0, self.blocks) as b:
            start = Pointer(k, k.let("block", panel.at(b * self.size).base), u8)
            acc = [[k.reg("acc", f32.x(lanes), 0.0) for _ in range(vectors)] for _ in range(height)]
            rows = [k.reg("row_sum", f32.x(lanes), 0.0) for _ in range(height if self.spec.offset else 0)]
            numbers = start.at(self.heads)
            with k.loop("s", 0, self.spec.block // self.spec.rows) as s:
                xs = [line.at(b * self.spec.block + s * self.spec.rows) for line in lines]
                self._step(acc, rows, xs, numbers, s)
            scales = start.cast(f32)
            for j in range(vectors):
                scale = scales.load(j * lanes, lanes)
                offset = scales.load(tile.width + j * lanes, lanes) if self.spec.offset else None
                for r in range(height):
                    at = r * tile.width + j * lanes
                    total: Expr = acc[r][j] if offset is None else Fma(rows[r], offset, acc[r][j])
                    self.sums.store(at, Fma(total, scale, self.sums.load(at, lanes)))

    def _step(
        self, acc: Sequence[Sequence[Reg]], rows: Sequence[Reg], xs: list[Pointer], numbers: Pointer, s: Expr
    ) -> None:
        """acc += some columns of A times the rows of B that lie together."""
        k, spec, tile, lanes = self.k, self.spec, self.tile, self.tile.lanes
        vectors = len(acc[0])
        if spec.bits == 8:
            line = numbers.at(s * tile.width)
            words: list[Expr] = [line.load(j * lanes, lanes) for j in range(vectors)]
        else:
            line = numbers.cast(u32).at(s * tile.width)
            words = [line.load(j * lanes, lanes) for j in range(vectors)]
        for at in range(0, tile.width * line.kind.bytes, 64):
            line.cast(u8).prefetch(AHEAD + at)
        for i in range(spec.rows):
            weights = [k.let("w", self._number(word, i)) for word in words]
            for r, x in enumerate(xs):
                value = k.let("x", Broadcast(x.load(i), lanes))
                for j, weight in enumerate(weights):
                    k.set(acc[r][j], Fma(value, weight, acc[r][j]))
                if rows:
                    k.set(rows[r], rows[r] + value)

    def _number(self, word: Expr, i: int) -> Expr:
        """Number i of each word, less `middle`."""
        bits, middle = self.spec.bits, float(self.spec.middle)
        if bits == 8:
            return word.to(i32).to(f32) - middle
        moved = word >> Const(i * bits, word.type) if i else word
        if bits == 4 and self.table is not None:
            return call("pick16", self.table, moved)
        if self.spec.codes:
            return self._chosen(moved)
        return (moved & Const((1 << bits) - 1, word.type)).to(i32).to(f32) - middle

    def _chosen(self, word: Expr) -> Expr:
        """What the lowest 4 bits of each lane mean, bit by bit: half of what is left after each."""
        left: list[Expr] = [Const(code, f32.x(self.tile.lanes)) for code in self.spec.codes]
        for bit in range(4):
            odd = self.k.let("odd", (word & Const(1 << bit, word.type)).ne(0))
            left = [select(odd, b, a) for a, b in zip(left[::2], left[1::2], strict=True)]
        return left[0]


@functools.cache
def few_bits_kernel(spec: FewBitsSpec, target: Target) -> Kernel:
    """The kernel of a product with packed weights.

    Parameters and tasks: those of `contract_kernel`, of which `zeros` and `taps` say nothing here; b is what `packed_few_bits` makes,
    in bytes. Scratch, if staged: block_m rows of A, filled up to whole blocks.
    """
    tile = few_bits_tile(target)
    k = Builder("few_bits")
    out = k.ptr("out", pointer(spec.epilogue.out))
    a, b, _ = k.ptr("a", f32), k.ptr("b", u8), k.ptr("zeros", f32)
    table = k.ptr("rows", i32)
    operands = [k.ptr(f"x{i}", pointer(o.kind)) for i, o in enumerate(spec.epilogue.operands)]
    depth, _, m, n, staged = (k.param(x) for x in ("depth", "taps", "m", "n", "staged"))
    cut = Cut(k, [out, a, b, *operands])
    scratch = k.scratch(f32)
    with k.setup():
        blocks = k.let("blocks", (depth + (spec.block - 1)) // spec.block)
        pitch = k.let("pitch", blocks * spec.block)
        panels = k.let("panels", (n + tile.width - 1) // tile.width)
        block = _Block(k, spec, tile, blocks)
    task = cut.task(m)
    out, a, b, *operands = task.pointers
    first, last = task.first, task.last
    stages = k.let("stages", staged.ne(0))
    with k.when(stages):
        _stage(k, (a, table), scratch, (first, last), (depth, pitch), tile.lanes)
    with k.loop("j", task.block * cut.block_n, binary("min", (task.block + 1) * cut.block_n, panels)) as j:
        column = k.let("column", j * tile.width)
        left = k.let("left", binary("min", n - column, tile.width))
        panel = Pointer(k, k.let("b_panel", b.at(j * (blocks * block.size)).base), u8)
        row = k.reg("row", i64, first)
        with k.loop("part", 0, last - first), k.when(row < last):
            top = k.let("top", row)

            def rows(height: int, vectors: int, top: Expr = top, panel: Pointer = panel) -> None:
                lines: list[Pointer] = []
                for r in range(height):
                    own = a.at(table.load(top + r).to(i64)).base
                    copied = scratch.at((top + r - first) * pitch).base
                    lines.append(Pointer(k, k.let("line", select(stages, copied, own)), f32))
                block.sum(height, vectors, lines, panel)

            height = by_height(k, tile, last - top, left, rows)
            finish(k, spec.epilogue, block.sums, tile, [out, *operands], cut.steps, (top, column, height, left))
            k.set(row, top + height)
    return k.build()


def _stage(
    k: Builder,
    source: tuple[Pointer, Pointer],
    scratch: Pointer,
    range_m: tuple[Expr, Expr],
    sizes: tuple[Expr, Expr],
    lanes: int,
) -> None:
    """Copy the rows first..last of A, with zeros behind them."""
    (a, table), (first, last), (depth, pitch) = source, range_m, sizes
    with k.loop("row", 0, last - first) as r:
        place, line = scratch.at(r * pitch), a.at(table.load(first + r).to(i64))
        k.strip("i", 0, depth, lanes, lambda i, mask: place.store(i, line.load(i, lanes, mask), mask))
        k.strip("z", depth, pitch, lanes, lambda i, mask: place.store(i, Const(0.0, f32.x(lanes)), mask))
