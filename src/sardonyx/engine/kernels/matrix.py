"""The contraction kernel on the matrix unit (AMX): float32 products as sums of bfloat16 products.

A float32 is split into bfloat16 parts, and the parts are multiplied crosswise:

    parts    how, and bits                products                              error of a product
    3        rounded: 8 + 8 + 8 bits      h h + (h m + m h + m m + h l + l h)   that of float32: about 2**-24
    2        rounded, then cut: 8 + 8     h h + (h m + m h)                     about 2**-16
    1        rounded: 8                   h h                                   about 2**-8

B is constant and split where it is packed (`split_panels`). The rows of A are found as in `kernels.contract`; those of a
convolution a task splits into scratch memory, those of a matrix are split once, before (`split_kernel`). A block of 32 x 32 results fills four tiles. The sum is taken in runs of RUN steps;
in each, the small products are summed apart from h h, and then join it. So the large sums are rounded as often as in
plain float32, and the order of all additions follows from the depth alone: neither blocks nor threads change a
bit of the result.

Where h h gives infinity or NaN it is the result, for the parts of what is not finite mean nothing. Rounding never makes an
infinity of a finite number, and NaN stays NaN. The unit takes denormal numbers as zero: the lower parts of numbers below
about 2**-110, and products below 2**-126, are lost.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from sardonyx.core.dims import Dim, ceildiv
from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Epilogue, pointer
from sardonyx.engine.kernels.contract import Rows, finish, row_start
from sardonyx.engine.kernels.cut import Cut, TwoAxes
from sardonyx.engine.kernels.map import decode
from sardonyx.engine.tiles import STEP, MicroTile
from sardonyx.ir import Array
from sardonyx.tile import Builder, Const, Expr, Kernel, Pointer, bf16, f32, i32, i64, select, u16, u32
from sardonyx.tile.expr import binary

__all__ = ["PARTS", "TILE", "MatrixSpec", "matrix_kernel", "split_kernel", "split_panels", "split_size"]

PARTS = {"highest": 3, "high": 2, "medium": 1}  # by precision
TILE = MicroTile((32,), 2, 16)  # the block of results that four tiles hold
RUN = 8  # steps that are summed in one go: 256 products, as many as vectors add up before they start anew
# The products beside h h, as (part of A, part of B): each has one part in common with the one before, whose tiles stay.
SMALL = {1: (), 2: ((1, 0), (0, 1)), 3: ((0, 2), (0, 1), (1, 1), (1, 0), (2, 0))}
TILED = 512  # elements of a tile of bfloat16

_UPPER, _EXPONENT, _QUIET, _HALF = 0xFFFF0000, 0x7F800000, 0x00400000, 0x7FFF


@dataclass(frozen=True)
class MatrixSpec:
    """Into how many parts numbers are split, what becomes of each sum, and whether A is split before."""

    parts: int
    epilogue: Epilogue
    apart: bool = False


def split_panels(b: Array, parts: int) -> Array:
    """[..., k, n] float32 -> bfloat16 [..., n / 32, k / 32, part, n half, pair of k, n, 2], filled up with zeros."""
    *outer, k, n = b.shape
    steps, panels = -(-k // STEP), -(-n // TILE.width)
    rest = np.zeros((*outer, steps * STEP, panels * TILE.width), np.float32)
    rest[..., :k, :n] = b
    out = np.empty((*outer, panels, steps, parts, 2, 16, 16), np.uint32)  # of pairs along k
    at = len(outer)
    order = (*range(at), at + 2, at, at + 3, at + 1, at + 4)
    for part in range(parts):
        upper = _upper(rest, rounds=_rounds(part, parts))
        pairs = (upper[..., 0::2, :] >> 16) | upper[..., 1::2, :]
        out[..., part, :, :, :] = pairs.reshape(*outer, steps, 16, panels, 2, 16).transpose(order)
        if part < parts - 1:
            with np.errstate(invalid="ignore"):
                rest -= upper.view(np.float32)
    return out.view(ml_dtypes.bfloat16).reshape(*out.shape, 2)


def split_size(depth: Dim, parts: int) -> Dim:
    """How many bfloat16 numbers 32 split rows are."""
    return ceildiv(depth, STEP) * (parts * 2 * TILED)


def _rounds(part: int, parts: int) -> bool:
    """The first part is rounded, and of three the second: they hold every bit all the same, and what is left has either sign,
    so that the products which are left out do not add up. A last part is cut: it is exact, or must not overflow."""
    return part == 0 or part < parts - 1


def _upper(x: Array, *, rounds: bool) -> Array:
    """The bits of x as a bfloat16, in the upper half of 32 bits."""
    bits = x.view(np.uint32)
    found = bits & np.uint32(_UPPER)
    if rounds:
        with np.errstate(over="ignore"):
            near = (bits + ((bits >> 16) & 1) + np.uint32(_HALF)) & np.uint32(_UPPER)
        np.copyto(found, near, where=(near & np.uint32(_EXPONENT)) != _EXPONENT)
    odd = np.isnan(x)
    if odd.any():
        found[odd] = (bits[odd] & np.uint32(_UPPER)) | np.uint32(_QUIET)
    return found


def _upper_lanes(k: Builder, x: Expr, *, rounds: bool) -> Expr:
    """`_upper` of a vector."""
    lanes = x.type.lanes

    def number(value: int) -> Expr:
        return Const(value, u32.x(lanes))

    bits = k.let("all_bits", x.bits(u32))
    cut = k.let("cut", bits & number(_UPPER))
    found: Expr = cut
    if rounds:
        near = k.let("near", (bits + ((bits >> number(16)) & number(1)) + number(_HALF)) & number(_UPPER))
        found = select((near & number(_EXPONENT)).eq(number(_EXPONENT)), cut, near)
    return k.let("upper", select(x.ne(x), cut | number(_QUIET), found))


@functools.cache
def matrix_kernel(spec: MatrixSpec, target: Target) -> Kernel:
    """The kernel of a contraction of float32 with split B.

    Parameters and tasks: those of `contract_kernel`, but b is what `split_panels` makes, and rows are always staged, or if
    `apart`, a is what `split_kernel` makes.
    Scratch, unless `apart`: a row of A with all taps in float32, filled up to whole steps; then block_m rows of it in parts.
    """
    tile, parts = TILE, spec.parts
    k = Builder("matrix")
    out = k.ptr("out", pointer(spec.epilogue.out))
    a, b, zeros = k.ptr("a", bf16 if spec.apart else f32), k.ptr("b", bf16), k.ptr("zeros", f32)
    table = k.ptr("rows", i32)
    operands = [k.ptr(f"x{i}", pointer(o.kind)) for i, o in enumerate(spec.epilogue.operands)]
    depth, taps, m, n, _ = (k.param(x) for x in ("depth", "taps", "m", "n", "staged"))
    cut = Cut(k, [out, a, b, *operands])
    scratch = None if spec.apart else k.scratch(f32)
    with k.setup():
        k.instr("tileconfig")
        steps = k.let("steps", (depth * taps + (STEP - 1)) // STEP)
        panels = k.let("panels", (n + tile.width - 1) // tile.width)
        panel_size = k.let("panel_size", steps * (parts * 2 * TILED))  # as of 32 rows of A

    task = cut.task(m)
    out, a, b, *operands = task.pointers
    first, last = task.first, task.last
    if scratch is None:
        split = a.at(first // tile.rows * panel_size)
    else:
        split = Pointer(k, k.let("split", scratch.at(steps * STEP).base), bf16)
        _split_rows(k, parts, Rows(a, zeros, table), (scratch, split), (first, last, m), (depth, taps, steps))
    sums = _Sums(k, parts, steps)
    with k.loop("j", task.block * cut.block_n, binary("min", (task.block + 1) * cut.block_n, panels)) as j:
        column = k.let("column", j * tile.width)
        left = k.let("left", binary("min", n - column, tile.width))
        panel = Pointer(k, k.let("b_panel", b.at(j * panel_size).base), bf16)
        with k.loop("top", first, last, tile.rows) as top:
            here = Pointer(k, k.let("a_panel", split.at((top - first) // tile.rows * panel_size).base), bf16)
            sums.compute(here, panel)
            height = k.let("height", binary("min", last - top, tile.rows))
            finish(k, spec.epilogue, sums.sums, tile, [out, *operands], cut.steps, (top, column, height, left))
    return k.build()


@functools.cache
def split_kernel(parts: int, target: Target) -> Kernel:
    """The kernel that splits the rows of a matrix, as bfloat16 [32 rows][step][part][row half][16 rows][32].

    Parameters: out, a, zeros, rows (i32 [row]: its offset); depth, m; for two outer axes the extent and the strides of out and a.
    Task: (outer axes, 32 rows), the rows fastest. Scratch: a row in float32, filled up to whole steps.
    """
    k = Builder("split")
    out, a, zeros, table = k.ptr("out", bf16), k.ptr("a", f32), k.ptr("zeros", f32), k.ptr("rows", i32)
    depth, m = k.param("depth"), k.param("m")
    axes = TwoAxes(k, ("out", "a"))
    scratch = k.scratch(f32)
    with k.setup():
        steps = k.let("steps", (depth + (STEP - 1)) // STEP)
        blocks = k.let("blocks", (m + (TILE.rows - 1)) // TILE.rows)
    *outer, block = decode(k, k.task, [*axes.extents, blocks])
    out, a = axes.moved((out, a), outer)
    first = k.let("first", block * TILE.rows)
    last = k.let("last", binary("min", first + TILE.rows, m))
    one = Const(1, i64)
    split = out.at(block * steps * (parts * 2 * TILED))
    _split_rows(k, parts, Rows(a, zeros, table), (scratch, split), (first, last, m), (depth, one, steps))
    return k.build()


def _split_rows(
    k: Builder,
    parts: int,
    rows: Rows,
    memory: tuple[Pointer, Pointer],
    range_m: tuple[Expr, Expr, Expr],
    sizes: tuple[Expr, Expr, Expr],
) -> None:
    """Split the rows first..last of A, each by way of a copy in which its taps lie one behind the other."""
    (line, split), (first, last, m), (depth, taps, steps) = memory, range_m, sizes

    def clear(i: Expr, mask: Expr | None) -> None:
        line.store(i, Const(0.0, f32.x(16)), mask)

    k.strip("z", depth * taps, steps * STEP, 16, clear)
    with k.loop("row", 0, last - first) as r:
        with k.loop("tap", 0, taps) as tap:
            source = row_start(k, rows, tap * m + first + r)
            place = line.at(tap * depth)

            def copy(i: Expr, mask: Expr | None, source: Pointer = source, place: Pointer = place) -> None:
                place.store(i, source.load(i, 16, mask), mask)

            k.strip("i", 0, depth, 16, copy)
        # half h of block i: rows 32 i + 16 h and on
        start = k.let("start", r // 32 * steps * (parts * 2 * TILED) + r % 32 * STEP)
        target = split.at(start).cast(u16)
        with k.loop("step", 0, steps) as step:
            for half in range(0, STEP, 16):
                x: Expr = line.load(step * STEP + half, 16)
                for part in range(parts):
                    upper = _upper_lanes(k, x, rounds=_rounds(part, parts))
                    place = step * (parts * 2 * TILED) + (part * 2 * TILED + half)
                    target.store(place, (upper >> Const(16, u32.x(16))).to(u16))
                    if part < parts - 1:
                        x = k.let("rest", x - upper.bits(f32))


class _Sums:
    """Computes blocks of 32 x 32 sums."""

    def __init__(self, k: Builder, parts: int, steps: Expr) -> None:
        self.k, self.parts, self.steps = k, parts, steps
        size = TILE.rows * TILE.width
        self.sums = k.local("sums", f32, size)
        self.large, self.small = k.local("large", f32, size), k.local("small", f32, size)

    def compute(self, a: Pointer, b: Pointer) -> None:
        """sums = 32 split rows times a split panel."""
        k = self.k
        size = TILE.rows * TILE.width
        with k.loop("i", 0, size, 16) as i:
            self.sums.store(i, Const(0.0, f32.x(16)))
        with k.loop("run", 0, self.steps, RUN) as run:
            stop = k.let("stop", binary("min", run + RUN, self.steps))
            if self.parts > 1:
                self._products(SMALL[self.parts], a, b, (run, stop), self.small)
            self._products(((0, 0),), a, b, (run, stop), self.large)
            with k.loop("i", 0, size, 16) as i:
                total: Expr = self.large.load(i, 16)
                if self.parts > 1:
                    exponent = Const(_EXPONENT, u32.x(16))
                    odd = (total.bits(u32) & exponent).eq(exponent)  # infinity or NaN
                    total = select(odd, total, total + self.small.load(i, 16))
                self.sums.store(i, self.sums.load(i, 16) + total)

    def _products(
        self, products: tuple[tuple[int, int], ...], a: Pointer, b: Pointer, steps: tuple[Expr, Expr], to: Pointer
    ) -> None:
        """to = the sum of some products of parts over some steps. Tiles 0-3 accumulate, 4-5 hold A, 6-7 hold B."""
        k = self.k
        line = k.let("line", Const(64, i64))
        for t in range(4):
            k.instr("tilezero", t)
        with k.loop("s", *steps) as s:
            at = k.let("here", s * (self.parts * 2 * TILED))
            held: dict[str, int] = {}
            for product in products:
                for side, panel, part, tiles in (("a", a, product[0], (4, 5)), ("b", b, product[1], (6, 7))):
                    if held.get(side) != part:
                        held[side] = part
                        for half, t in enumerate(tiles):
                            k.instr("tileload", t, panel.at(at + (part * 2 + half) * TILED).base, line)
                for t, (x, y) in enumerate(((4, 6), (4, 7), (5, 6), (5, 7))):
                    k.instr("tdpbf16ps", t, x, y)
        row = k.let("row", Const(TILE.width * 4, i64))
        for t in range(4):
            k.instr("tilestore", t, to.at(t // 2 * 16 * TILE.width + t % 2 * 16).base, row)
