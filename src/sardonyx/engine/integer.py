"""Contractions of bytes as heads of deferred values: exact sums of products, less the zero points.

    (A - za) @ (B - zb) = A @ (B - zb) - za * s        where s = the sums of the columns of B - zb

The kernel gives the first term; the second joins the formula. Where za and B are constant it is one constant per column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, ceildiv
from sardonyx.core.dtypes import INT8, INT32, UINT8, DType, dtype
from sardonyx.engine.blocking import Blocking, IntegerBlocking, IntegerTileBlocking
from sardonyx.engine.contract import Axes, ContractHead, Left, Right, two_axes
from sardonyx.engine.formula import Epilogue, Formula
from sardonyx.engine.fuse import Steps
from sardonyx.engine.kernels.integer import Form, IntegerSpec, form_of, integer_kernel, tiles
from sardonyx.engine.kernels.integer_matrix import integer_matrix_kernel
from sardonyx.engine.kernels.integer_pack import (
    IntegerPackSpec,
    integer_pack_kernel,
    integer_tile,
    packed_integers,
    panel_elements,
)
from sardonyx.engine.lowering import Deferred, Lowering, NotNative, kind_of
from sardonyx.engine.program import Address, Argument, Call
from sardonyx.engine.shared import one_of_equals
from sardonyx.engine.space import collapse
from sardonyx.engine.tiles import MicroTile
from sardonyx.engine.views import View, contiguous_strides, product
from sardonyx.ir import Value
from sardonyx.tile import Kernel, Type, i8, u8

__all__ = ["BYTES", "IntegerHead", "IntegerRight", "centered", "integer_head", "pack_integers", "zero_of"]

BYTES = (UINT8, INT8)

# Below, a tile of the matrix unit is mostly empty, and vectors are as soon done with each byte of B.
FEW_ROWS = 8


@dataclass(eq=False)
class IntegerRight:
    """B packed for a form, the sums of its columns [outer..., 1, n], and whether the kernel takes offsets of columns into account."""

    right: Right
    form: Form
    sums: View
    offset: bool


@dataclass(eq=False, kw_only=True)
class IntegerHead(ContractHead):
    """A contraction of bytes.

    Attributes:
        outside: one element, which stands for what lies outside of A.
    """

    outside: View
    form: Form
    offset: bool

    def unit(self, low: Lowering, epilogue: Epilogue, out: View) -> tuple[Kernel, Blocking, Argument]:
        form, outside = self.form, Address(self.outside.buffer, self.outside.offset)
        spec = IntegerSpec(kind_of(self.left.view.dtype), form, self.offset, epilogue)
        tile = integer_tile(form, low.target)
        if form.unit:
            lies = self.left.even and self.left.taps == 1
            return integer_matrix_kernel(spec, low.target), IntegerTileBlocking(tile, 1, form.step, lies), outside
        return integer_kernel(spec, low.target), IntegerBlocking(tile, form.a.bytes), outside


_ZEROS = {kind: np.zeros((), kind.numpy) for kind in BYTES}


def zero_of(low: Lowering, value: Value | None, kind: DType) -> View:
    """The zero point that is given, or meant where none is."""
    return low.constant(_ZEROS[kind], "zero") if value is None else low.view(value)


def centered(
    low: Lowering, head: IntegerHead, zero: View, sums: View, spread: Callable[[View], View], node: str
) -> Deferred:
    """The deferred contraction of A - zero with B less its zero points.

    Args:
        zero: broadcasts to the result.
        sums: of the columns of B less its zero points; `spread` broadcasts them to the result.
    """
    moved = head.form.moved_a(kind_of(zero.dtype))
    kinds, operands = ["i32"], list[View]()
    given = zero.const if zero.size == 1 else None
    point = 0 if given is None else int(given.reshape(())) + moved
    known = sums.const
    if given is None:
        kinds += ["i32", kind_of(zero.dtype)]
        operands = [spread(sums), _readable(low, head, zero)]
    elif point:
        if known is not None:
            with np.errstate(over="ignore"):
                sums = low.constant(known * np.int32(-point), "shift")
        kinds.append("i32")
        operands = [spread(sums)]
    steps = Steps(len(kinds), list(kinds))
    if given is None:
        factor = steps.step("cast", 2, kind="i32")
        if moved:
            factor = steps.step("add", factor, steps.number(moved, "i32"))
        steps.step("sub", 0, steps.step("mul", factor, 1))
    elif point and known is not None:
        steps.step("add", 0, 1)
    elif point:
        steps.step("sub", 0, steps.step("mul", 1, steps.number(point, "i32")))
    formula = Formula(tuple(kinds), tuple(steps.steps))
    return Deferred(head.shape, INT32, formula, operands, head, head.order, (node,))


def _readable(low: Lowering, head: IntegerHead, operand: View) -> View:
    wide = operand.broadcast_to(head.shape)
    return wide if head.accepts(wide) else low.contiguous(wide)


def _form(low: Lowering, a: DType, b: DType, points: Any, rows: Dim) -> Form:
    """How rows of bytes are multiplied: on the matrix unit where it may be filled. It takes either sign, but B is signed if that
    saves its zero points."""
    if not low.target.at_least("amx") or (isinstance(rows, int) and rows < FEW_ROWS):
        return form_of(low.target)
    signed = b is INT8 or (points is not None and bool((points == 128).all()))
    return tiles(Type(kind_of(a)), i8 if signed else u8)


def pack_integers(
    low: Lowering, left: Left, b: View, zero: View, outer: Sequence[Dim], node: str, *, rows: Dim
) -> IntegerRight:
    """Pack B [outer..., tap, k, n] (with an axis of taps if `left` has several) for a result with outer extents `outer`. Here it
    is chosen what multiplies.

    Args:
        zero: the zero points as they broadcast to [outer..., 1, n].
        rows: of A.
    """
    taps = left.taps
    form = _form(low, left.view.dtype, b.dtype, zero.const, rows)
    tile = integer_tile(form, low.target)
    array, points = b.const, zero.const
    if array is not None and points is not None:
        return _packed(low, array, points, form, tile, outer, taps, b.buffer.name)
    if taps > 1 or zero.rank > 1:
        raise NotNative("weights that are computed, with taps or with zero points by group")
    *own, k, n = b.shape
    panels, point = ceildiv(n, tile.width), form.moved_b(kind_of(b.dtype))
    some = points is None or zero.size != 1 or int(points.reshape(())) + point != 0
    depth = ceildiv(k, form.step) * form.step
    panel: Dim = tile.width * (depth + (4 // form.b.bytes if some else 0))
    buffer = low.temp(dtype(form.b.numpy), (product(own), panels, panel), name=b.buffer.name).buffer
    sums = low.temp(INT32, (*own, 1, n), name=f"sums of {b.buffer.name}")
    steps = [s * panels * panel for s in contiguous_strides(own)]
    wide = View(buffer, tuple(own), tuple(steps))
    space = collapse(tuple(own), [wide, _outer(sums), _outer(b)], range(len(own)))
    if len(space.extents) > 2:
        return pack_integers(low, left, low.contiguous(b), zero, outer, node, rows=rows)
    along = "n" if b.strides[-1] == 1 else "k" if b.strides[-2] == 1 else "neither"
    spec = IntegerPackSpec(kind_of(b.dtype), form, along, "none" if not some else "same" if zero.size == 1 else "unit")
    args: list[Argument | None] = [Address(buffer, 0, True), Address(sums.buffer, 0, True)]
    args += [Address(b.buffer, b.offset), Address(zero.buffer, zero.offset)]
    args += [k, n, panels, b.strides[-2], b.strides[-1], *two_axes(space.extents, space.strides)]
    low.call(Call(integer_pack_kernel(spec, low.target), args, product(space.extents) * panels, (node,)))
    return IntegerRight(Right(buffer, wide.broadcast_to(outer).strides), form, sums, some)


def _outer(view: View) -> View:
    return View(view.buffer, view.shape[:-2], view.strides[:-2], view.offset)


def _packed(
    low: Lowering, array: Any, points: Any, form: Form, tile: MicroTile, outer: Sequence[Dim], taps: int, name: str
) -> IntegerRight:
    """Constant B, packed here and now."""
    if taps > 1:
        array = array.reshape(*array.shape[:-3], -1, array.shape[-1])
    moved = form.moved_b("u8" if array.dtype == np.uint8 else "i8")
    some = bool((points.astype(np.int32) != -moved).any())
    panels, sums = packed_integers(array, points if some else None, form, tile)
    size = panels.shape[-2] * panel_elements(array.shape[-2], form, tile, offset=some)
    own = array.shape[:-2]
    view = View(low.constant(one_of_equals(panels), name).buffer, own, tuple(s * size for s in contiguous_strides(own)))
    totals = low.constant(np.expand_dims(sums, -2), f"sums of {name}")
    return IntegerRight(Right(view.buffer, view.broadcast_to(outer).strides), form, totals, some)


def integer_head(
    shape: tuple[Dim, ...],
    order: Sequence[int],
    axes: Axes,
    left: Left,
    packed: IntegerRight,
    outside: View,
    groups: int = 1,
) -> IntegerHead:
    """The head of a contraction with packed B."""
    return IntegerHead(
        shape,
        tuple(order),
        axes,
        left,
        packed.right,
        groups,
        1 if groups > 1 else 0,
        outside=outside,
        form=packed.form,
        offset=packed.offset,
    )
