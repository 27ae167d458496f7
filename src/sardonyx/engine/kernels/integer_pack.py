"""Packing the right side of a product of bytes, and the sums of its columns: what `kernels.integer` reads.

A panel holds `width` columns: [groups of k][column][group], in the form in which the machine multiplies, zeros behind the last k
(up to a whole step of the form) and the last column. With an offset by column, those follow, as i32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.contract import micro_tile
from sardonyx.engine.kernels.cut import TwoAxes
from sardonyx.engine.kernels.integer import Form, multiplied
from sardonyx.engine.kernels.map import decode
from sardonyx.engine.kernels.matrix import TILE
from sardonyx.engine.kernels.transpose import transposed
from sardonyx.engine.tiles import MicroTile
from sardonyx.ir import Array
from sardonyx.tile import Builder, Const, Expr, Kernel, Pointer, Ramp, Type, call, i8, i32, i64, select, u8, u16, u32
from sardonyx.tile.expr import Bitcast, Broadcast, binary

__all__ = ["IntegerPackSpec", "integer_pack_kernel", "integer_tile", "packed_integers", "panel_elements"]

Offset = Literal["none", "same", "unit"]  # of the columns: none, one for all, or each its own
Along = Literal["n", "k", "neither"]


def integer_tile(form: Form, target: Target) -> MicroTile:
    """The block of sums of the kernel for a form."""
    return TILE if form.unit else micro_tile(i32, target)


def panel_elements(k: int, form: Form, tile: MicroTile, *, offset: bool) -> int:
    """How many elements a panel of depth k takes."""
    return tile.width * (form.filled(k) + (4 // form.b.bytes if offset else 0))


def packed_integers(b: Array, zero_point: Array | None, form: Form, tile: MicroTile) -> tuple[Array, Array]:
    """[..., k, n] bytes -> panels [..., n / width, elements], and sums [..., n] of the columns less their offsets, in i32.

    zero_point: as it broadcasts to [..., 1, n]; None if it is what `form` moves B by, so that there is no offset.
    """
    *outer, k, n = b.shape
    moved = form.moved_b("u8" if b.dtype == np.uint8 else "i8")
    width, group = tile.width, form.group
    groups, panels = form.filled(k) // group, -(-n // width)
    full = np.zeros((*outer, groups * group, panels * width), form.b.numpy)
    full[..., :k, :n] = b.astype(np.int16) + moved
    at = len(outer)
    cut = full.reshape(*outer, groups, group, panels, width).transpose(*range(at), at + 2, at, at + 3, at + 1)
    lines = cut.reshape(*outer, panels, groups * width * group)
    sums = full[..., :n].sum(-2, dtype=np.int64)
    if zero_point is not None:
        offsets = np.zeros((*outer, panels * width), np.int32)
        offsets[..., :n] = np.broadcast_to(zero_point.astype(np.int32) + moved, (*outer, 1, n))[..., 0, :]
        sums -= k * offsets[..., :n].astype(np.int64)
        tail = offsets.reshape(*outer, panels, width).view(form.b.numpy)
        lines = np.concatenate([lines, tail], axis=-1)
    return np.ascontiguousarray(lines), sums.astype(np.int32)


@dataclass(frozen=True)
class IntegerPackSpec:
    """The kind of B, the form, along which axis neighbours are neighbours in memory, and its offsets."""

    kind: str
    form: Form
    along: Along
    offset: Offset


@functools.cache
def integer_pack_kernel(spec: IntegerPackSpec, target: Target) -> Kernel:
    """`packed_integers`, for a right side that is computed.

    Parameters: out, sums, b, zero (its zero points); depth, n, panels; the strides of b along k and n; then for two outer axes the
    extent and the strides of out, sums and b. Task: (outer axes, panel).
    """
    form, tile = spec.form, integer_tile(spec.form, target)
    kind = Type(spec.kind)
    k = Builder("integer_pack")
    out, sums, b, zero = k.ptr("out", form.b), k.ptr("sums", i32), k.ptr("b", kind), k.ptr("zero", kind)
    depth, n, panels, step_k, step_n = (k.param(x) for x in ("depth", "n", "panels", "step_k", "step_n"))
    axes = TwoAxes(k, ("out", "sums", "b"))
    with k.setup():
        groups = k.let("groups", (depth + (form.step - 1)) // form.step * (form.step // form.group))
        size = k.let("size", groups * (form.group * tile.width))
        panel_size = k.let("panel_size", size + (4 // form.b.bytes * tile.width if spec.offset != "none" else 0))
    *outer, panel = decode(k, k.task, [*axes.extents, panels])
    out, sums, b = axes.moved((out, sums, b), outer)
    place = out.at(panel * panel_size)
    for j in range(tile.vectors):
        first = k.let("column", panel * tile.width + j * tile.lanes)
        mask = k.let("mask", k.mask(binary("min", n - first, tile.lanes), tile.lanes))
        column = _Column(k, spec, first, mask, step_n, tile.lanes)
        here = place.at(j * tile.lanes * form.group)
        if spec.along == "k" and form.group == 4:
            total = column.turn(b, (depth, groups, n), here, tile.width)
        else:
            total = column.pack(b, (depth, groups, step_k), here, tile.width)
        if spec.offset != "none":
            offset = column.offsets(zero)
            place.at(size).cast(i32).store(j * tile.lanes, offset)
            total = total - offset * Broadcast(depth.to(i32), tile.lanes)
        sums.store(first, total, mask)
    return k.build()


class _Column:
    """A vector of columns."""

    def __init__(self, k: Builder, spec: IntegerPackSpec, first: Expr, mask: Expr, step: Expr, lanes: int) -> None:
        self.k, self.form, self.spec, self.lanes, self.first, self.mask = k, spec.form, spec, lanes, first, mask
        self.step = step
        self.index = first if spec.along == "n" else k.let("index", (Ramp(i64.x(lanes)) + first) * step)

    def taken(self, x: Expr) -> Expr:
        """Elements as they are multiplied, in i32."""
        return multiplied(x, self.form.b, self.form.moved_b(self.spec.kind)).to(i32)

    def offsets(self, zero: Pointer) -> Expr:
        if self.spec.offset == "same":
            return self.taken(Broadcast(zero.load(0), self.lanes))
        return self.taken(zero.load(self.first, self.lanes, self.mask))

    def pack(self, b: Pointer, sizes: tuple[Expr, Expr, Expr], place: Pointer, width: int) -> Expr:
        """Write the groups of these columns; gives their sums."""
        k, form, lanes = self.k, self.form, self.lanes
        depth, groups, step = sizes
        total = k.reg("total", i32.x(lanes), 0)
        bits, narrow = form.b.bits, u8 if form.b.bits == 8 else u16

        def group(p: Expr, row: Callable[[Expr], Expr]) -> None:
            word: Expr = Const(0, u32.x(lanes))
            for g in range(form.group):
                x = k.let("x", row(p * form.group + g))
                k.set(total, total + x)
                word = word | (x.to(narrow).to(u32) << Const(g * bits, u32.x(lanes)))
            place.store(p * (width * form.group), Bitcast(form.b.x(lanes * form.group), word))

        def whole(at: Expr) -> Expr:
            return self.loaded(b.at(at * step), self.mask)

        def guarded(at: Expr) -> Expr:
            return self.loaded(b.at(at * step), k.let("inside", self.mask & Broadcast(at < depth, lanes)))

        full = k.let("full", depth // form.group)
        with k.loop("p", 0, full) as p:
            group(p, whole)
        with k.loop("q", full, groups) as p:
            group(p, guarded)
        return total

    def turn(self, b: Pointer, sizes: tuple[Expr, Expr, Expr], place: Pointer, width: int) -> Expr:
        """The same for bytes whose neighbours along k are neighbours in memory: a square of groups is turned at a time."""
        k, form, lanes = self.k, self.form, self.lanes
        depth, groups, n = sizes
        total = k.reg("total", i32.x(lanes), 0)
        row = lanes * form.group  # elements of a column that are read together
        moved = form.moved_b(self.spec.kind)
        columns = [b.at(binary("min", self.first + c, n - 1) * self.step) for c in range(lanes)]

        def square(at: Expr, mask: Expr | None) -> None:
            """Groups from `at` on, of which there are fewer than `lanes` if there is a mask."""
            lines: list[Expr] = []
            for column in columns:
                x: Expr = multiplied(column.load(at * form.group, row, mask), form.b, moved)
                x = x if mask is None or not moved else select(mask, x, Const(0, x.type))
                lines.append(k.let("line", Bitcast(u32.x(lanes), x)))
            for r, line in enumerate(transposed(k, lines)):
                word = k.let("word", Bitcast(form.b.x(row), line))
                pair = (word, Const(1, i8.x(row))) if form.b == u8 else (Const(1, u8.x(row)), word)
                k.set(total, call("dpbusd", total, *pair))
                if mask is None:
                    place.store((at + r) * (width * form.group), word)
                else:
                    with k.when(at + r < groups):
                        place.store((at + r) * (width * form.group), word)

        whole = k.let("whole", depth // row * lanes)
        with k.loop("p", 0, whole, lanes) as p:
            square(p, None)
        with k.when(whole < groups):
            square(whole, k.let("inside", k.mask(depth - whole * form.group, row)))
        return total

    def loaded(self, row: Pointer, mask: Expr) -> Expr:
        """The elements of a row, and 0 where the mask is false."""
        x = self.taken(row.load(self.index, self.lanes, mask))
        return x if self.form.moved_b(self.spec.kind) == 0 else select(mask, x, Const(0, x.type))
