"""The contraction kernel for 8-bit integers on vectors: `kernels.contract` with sums that are exact, modulo 2**32.

    out[g, m, n] = epilogue(sum over taps t and k of A[g, row(t, m) + k] * (B[g, t, k, n] - offset[g, n]))

A and B are multiplied in the form that the machine has an instruction for; no form can saturate:

    form     A           B           one instruction
    tiles    either      either      four products for each of 16 x 16 results, 16 times (AMX): `kernels.integer_matrix`
    bytes    unsigned    signed      four products per lane (VNNI)
    words    16-bit      16-bit      two products per lane (everywhere)

In bytes, signed A is multiplied as A + 128 and unsigned B as B - 128; whoever calls the kernel puts that right with the
sums of B's columns. The zero point of B is put right here, with the sum of the row of A.

A task first copies its rows of A, with all taps one behind the other, into scratch memory, in the form in which they are
multiplied. Where a window hangs over the border, the copy holds `fill`, the zero point of A.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Epilogue, pointer
from sardonyx.engine.kernels.contract import approach, by_height, count_blocks, finish, micro_tile
from sardonyx.engine.kernels.cut import Cut
from sardonyx.engine.tiles import BYTE_GAP, MicroTile
from sardonyx.tile import Builder, Const, Expr, Kernel, Pointer, Type, call, i8, i16, i32, i64, u8
from sardonyx.tile.expr import Bin, Bitcast, Broadcast, binary

__all__ = [
    "BYTES",
    "WORDS",
    "ByteParameters",
    "ByteRows",
    "Form",
    "IntegerSpec",
    "form_of",
    "integer_kernel",
    "multiplied",
    "take_offsets",
    "tiles",
]

AHEAD = 16  # groups between what is multiplied and what is prefetched


@dataclass(frozen=True)
class Form:
    """How the machine multiplies.

    Attributes:
        a, b: the kinds of A and B.
        group: how many neighbours along k make 32 bits.
        step: up to a multiple of how many elements along k B is filled up with zeros.
    """

    a: Type
    b: Type
    group: int
    step: int
    dot: str

    @property
    def unit(self) -> bool:
        """Whether the matrix unit multiplies."""
        return self.step > self.group

    def filled(self, depth: int) -> int:
        """How many elements along k B has when it is filled up."""
        return -(-depth // self.step) * self.step

    def moved_a(self, kind: str) -> int:
        """What is added to A of a kind."""
        return 128 if self.a == u8 and kind == "i8" else 0

    def moved_b(self, kind: str) -> int:
        """What is added to B of a kind."""
        return -128 if self.b == i8 and kind == "u8" else 0


BYTES, WORDS = Form(u8, i8, 4, 4, "dpbusd"), Form(i16, i16, 2, 2, "dpwssd")


def tiles(a: Type, b: Type) -> Form:
    """The form of the matrix unit, which has an instruction for each pair of kinds."""
    return Form(a, b, 4, 64, f"tdpb{a.kind[0]}{b.kind[0]}d".replace("i", "s"))


def form_of(target: Target) -> Form:
    """The form in which the vectors of a machine multiply."""
    return BYTES if target.has("avx512vnni") or target.has("avxvnni") else WORDS


@dataclass(frozen=True)
class IntegerSpec:
    """The kind of A (u8 or i8), the form, whether columns of B have an offset, and what becomes of each sum."""

    kind: str
    form: Form
    offset: bool
    epilogue: Epilogue


def multiplied(x: Expr, form: Type, moved: int) -> Expr:
    """Elements of A or B in the form in which they are multiplied, `moved` by 128, by -128, or not."""
    if form.bits == 16:
        return x.to(i16)
    return Bin("xor", x.bits(u8), Const(128, u8.x(x.type.lanes))).bits(form) if moved else x


class ByteRows:
    """The rows of A that a task works on, copied."""

    def __init__(self, k: Builder, spec: IntegerSpec, target: Target, sizes: tuple[Expr, Expr]) -> None:
        """Called in the setup of the kernel."""
        self.k, self.spec, self.form = k, spec, spec.form
        form = spec.form
        self.lanes = target.vector_bits // form.a.bits
        self.depth, self.taps = sizes
        self.whole = k.let("whole", self.depth * self.taps)
        self.filled = k.let("filled", (self.whole + (self.lanes - 1)) // self.lanes * self.lanes)
        self.pitch = k.let("pitch", self.filled + BYTE_GAP // form.a.bytes)

    def copy(self, source: tuple[Pointer, Pointer, Pointer], range_m: tuple[Expr, Expr, Expr], to: Pointer) -> Pointer:
        """Copy the rows first..last; gives where the memory behind them begins, with their sums if vectors multiply and anybody
        wants them.

        source: A, the table of its rows, and what stands for what lies outside.
        """
        k, (a, table, fill), (first, last, m) = self.k, source, range_m
        sums = to.at((last - first) * self.pitch).cast(i32)
        outside = k.let("outside", self.taken(Broadcast(fill.load(0), self.lanes)))
        with k.loop("row", 0, last - first) as r:
            line = to.at(r * self.pitch)
            line.store(self.whole // self.lanes * self.lanes, Const(0, self.form.a.x(self.lanes)))
            with k.loop("tap", 0, self.taps) as tap:
                start = k.let("start", table.load(tap * m + first + r).to(i64))
                place = line.at(tap * self.depth)
                with k.when(start < 0):
                    k.strip("i", 0, self.depth, self.lanes, lambda i, mask: place.store(i, outside, mask))
                with k.otherwise():
                    self.line(a.at(start), place)
            if self.spec.offset and not self.form.unit:
                self.sum(line, sums.at(r))
        return sums

    def taken(self, x: Expr) -> Expr:
        return multiplied(x, self.form.a, self.form.moved_a(self.spec.kind))

    def line(self, source: Pointer, place: Pointer) -> None:
        """Copy one tap. What is left of a long one is copied together with what comes before it."""
        k, lanes, depth = self.k, self.lanes, self.depth
        end = k.let("end", Bin("and", depth, Const(-lanes, i64)))
        with k.loop("i", 0, end, lanes) as i:
            place.store(i, self.taken(source.load(i, lanes)))
        with k.when(end < depth):
            with k.when(end > 0):
                place.store(depth - lanes, self.taken(source.load(depth - lanes, lanes)))
            with k.otherwise():
                mask = k.let("mask", k.mask(depth, lanes))
                place.store(0, self.taken(source.load(0, lanes, mask)), mask)

    def sum(self, line: Pointer, to: Pointer) -> None:
        """The sum of a copied row."""
        k, form = self.k, self.form
        total = k.reg("total", i32.x(self.lanes // form.group), 0)
        ones = Const(1, form.b.x(self.lanes))
        with k.loop("i", 0, self.filled, self.lanes) as i:
            k.set(total, call_dot(form, total, line.load(i, self.lanes), ones))
        to.store(0, total.reduce("add"))


def call_dot(form: Form, acc: Expr, a: Expr, b: Expr) -> Expr:
    return call(form.dot, acc, a, b)


class _Block:
    """Computes blocks of sums."""

    def __init__(self, k: Builder, form: Form, tile: MicroTile, whole: Expr) -> None:
        """Called in the setup of the kernel."""
        self.k, self.form, self.tile = k, form, tile
        self.groups = k.let("groups", (whole + (form.group - 1)) // form.group)
        self.sums = k.local("sums", i32, tile.rows * tile.width)

    def compute(self, left: Expr, columns: Expr, rows: tuple[Pointer, Expr], panel: Pointer, far: Pointer) -> Expr:
        """sums = the sums of the tallest block that fits into `left` rows; gives its height.

        far: memory to bring near meanwhile, a line per step.
        """
        return by_height(self.k, self.tile, left, columns, lambda h, v: self._sum(h, v, rows, panel, far))

    def _sum(self, height: int, vectors: int, rows: tuple[Pointer, Expr], b: Pointer, far: Pointer) -> None:
        k, form, lanes = self.k, self.form, self.tile.lanes
        per = lanes * form.group  # elements of B in a vector
        panel = k.ptr_reg("panel", b)
        lines = [Pointer(k, k.let("line", rows[0].at(r * rows[1]).base), i32) for r in range(height)]
        acc = [[k.reg("acc", i32.x(lanes), 0) for _ in range(vectors)] for _ in range(height)]
        with k.loop("p", 0, self.groups) as p:
            columns = [panel.load(j * per, per) for j in range(vectors)]
            for j in range(vectors):
                panel.prefetch((AHEAD * self.tile.vectors + j) * per)
            far.prefetch(p * 64, locality=2)
            for r, line in enumerate(lines):
                x = k.let("x", Bitcast(form.a.x(per), Broadcast(line.load(p), lanes)))
                for j, column in enumerate(columns):
                    k.set(acc[r][j], call_dot(form, acc[r][j], x, column))
            k.advance(panel, self.tile.vectors * per)
        for r in range(height):
            for j in range(vectors):
                self.sums.store(r * self.tile.width + j * lanes, acc[r][j])


def take_offsets(k: Builder, tile: MicroTile, sums: Pointer, height: Expr, row_sums: Pointer, offsets: Pointer) -> None:
    """Take the offset of every column times the sum of the row away from a block of sums."""
    columns = [offsets.load(j * tile.lanes, tile.lanes) for j in range(tile.vectors)]
    with k.loop("r", 0, height) as r:
        x = k.let("x", Broadcast(row_sums.load(r), tile.lanes))
        for j, column in enumerate(columns):
            at = r * tile.width + j * tile.lanes
            sums.store(at, sums.load(at, tile.lanes) - x * column)


class ByteParameters:
    """What kernels of contractions of bytes take, declared in order; see `integer_kernel`."""

    def __init__(self, k: Builder, spec: IntegerSpec) -> None:
        kind = Type(spec.kind)
        out = k.ptr("out", pointer(spec.epilogue.out))
        a, b, self.fill = k.ptr("a", kind), k.ptr("b", spec.form.b), k.ptr("fill", kind)
        self.table = k.ptr("rows", i32)
        operands = [k.ptr(f"x{i}", pointer(o.kind)) for i, o in enumerate(spec.epilogue.operands)]
        self.depth, self.taps, self.m, self.n, self.staged = (k.param(x) for x in ("depth", "taps", "m", "n", "staged"))
        self.cut = Cut(k, [out, a, b, *operands])


@functools.cache
def integer_kernel(spec: IntegerSpec, target: Target) -> Kernel:
    """The kernel of a contraction of bytes.

    Parameters and tasks: those of `contract_kernel`, but b is packed as `pack_integers` does, in place of zeros there is the
    address of one element of A that stands for all outside of it, and rows are always staged.
    Scratch: block_m rows of A in the form in which they are multiplied, filled up to whole vectors and BYTE_GAP bytes; then an i32
    for each.
    """
    form, tile = spec.form, micro_tile(i32, target)
    k = Builder("integer")
    given = ByteParameters(k, spec)
    fill, table, depth, taps, m, n, cut = given.fill, given.table, given.depth, given.taps, given.m, given.n, given.cut
    scratch = k.scratch(form.a)
    with k.setup():
        rows = ByteRows(k, spec, target, (depth, taps))
        block = _Block(k, form, tile, rows.whole)
        panels = k.let("panels", (n + tile.width - 1) // tile.width)
        size = k.let("size", block.groups * (form.group * tile.width))
        panel_size = k.let("panel_size", size + (4 // form.b.bytes * tile.width if spec.offset else 0))

    task = cut.task(m)
    out, a, b, *operands = task.pointers
    first, last = task.first, task.last
    row_sums = rows.copy((a, table, fill), (first, last, m), scratch)
    parts = count_blocks(k, last - first, tile.heights)
    places: Sequence[Pointer] = [out, *operands]
    with k.loop("j", task.block * cut.block_n, binary("min", (task.block + 1) * cut.block_n, panels)) as j:
        column = k.let("column", j * tile.width)
        left = k.let("left", binary("min", n - column, tile.width))
        panel = Pointer(k, k.let("b_panel", b.at(j * panel_size).base), form.b)
        row = k.reg("row", i64, first)
        # While the rows go by, the next panel comes near, a part of it with each block.
        pace = k.let("pace", panel_size // binary("max", parts, 1))
        with k.loop("part", 0, parts) as part:
            top = k.let("top", row)
            approach(k, places, cut.steps, spec.epilogue, tile, (top, column, binary("min", last - top, tile.rows)))
            lines = (scratch.at((top - first) * rows.pitch), rows.pitch)
            far = panel.at(panel_size + part * pace).cast(u8)
            height = block.compute(last - top, left, lines, panel, far)
            if spec.offset:
                take_offsets(k, tile, block.sums, height, row_sums.at(top - first), panel.at(size).cast(i32))
            finish(k, spec.epilogue, block.sums, tile, places, cut.steps, (top, column, height, left))
            k.set(row, top + height)
    return k.build()
