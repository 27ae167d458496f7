"""Contractions as heads of deferred values: the geometry of a product or convolution, and how its work is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sardonyx.core.dims import Dim, ceildiv
from sardonyx.core.dtypes import BFLOAT16, FLOAT32
from sardonyx.engine.blocking import ApartBlocking, Blocking, SplitBlocking
from sardonyx.engine.copy import swap
from sardonyx.engine.formula import Epilogue, Formula, Operand
from sardonyx.engine.kernels.contract import ContractSpec, contract_kernel, micro_tile
from sardonyx.engine.kernels.matrix import (
    PARTS,
    TILE,
    MatrixSpec,
    matrix_kernel,
    split_kernel,
    split_panels,
    split_size,
)
from sardonyx.engine.kernels.pack import PackSpec, pack_kernel
from sardonyx.engine.lowering import Lowering, kind_of
from sardonyx.engine.once import run_once
from sardonyx.engine.program import Address, Argument, Call, Table
from sardonyx.engine.shared import shared
from sardonyx.engine.space import Space, collapse
from sardonyx.engine.tables import zeros
from sardonyx.engine.tiles import STEP
from sardonyx.engine.views import Buffer, View, contiguous_strides, product
from sardonyx.ir import Array
from sardonyx.tile import Kernel, Type

__all__ = [
    "Axes",
    "ContractHead",
    "Geometry",
    "Left",
    "Right",
    "pack_right",
    "split",
    "two_axes",
]


# Below, splitting is in vain: a tile of the matrix unit is mostly empty, and the parts of B are more bytes to read; or the
# parts of a row of A serve so few columns that splitting it costs what the unit saves (by a count of instructions).
FEW_ROWS, FEW_COLUMNS = 8, 64


@dataclass(frozen=True)
class Axes:
    """The axes of a result: `outer` ones that A and B both have, the rows, and the columns; in the order in which they lie."""

    outer: tuple[int, ...]
    rows: tuple[int, ...]
    column: int


@dataclass(eq=False)
class Left:
    """A: where its rows lie.

    Attributes:
        strides: along the outer axes of the result.
        rows: the table of row offsets [tap][m].
        pitch: the distance of neighbouring rows; decides whether they are copied before use.
        even: whether all rows are known to lie equally far apart.
    """

    view: View
    strides: tuple[Dim, ...]
    rows: Table
    depth: Dim
    taps: int
    pitch: Dim
    even: bool = False


@dataclass(eq=False)
class Right:
    """Packed B, and its strides along the outer axes of the result.

    parts: into how many its numbers are split for the matrix unit; 0: not at all.
    """

    buffer: Buffer
    strides: tuple[Dim, ...]
    parts: int = 0


def split(view: View, axis: int, groups: int) -> View:
    """One axis as two: the group and what is in it."""
    if groups == 1:
        return view
    extent = view.shape[axis]
    assert isinstance(extent, int)
    inner = extent // groups
    step = view.strides[axis]
    shape = (*view.shape[:axis], groups, inner, *view.shape[axis + 1 :])
    strides = (*view.strides[:axis], step * inner, step, *view.strides[axis + 1 :])
    return View(view.buffer, shape, strides, view.offset)


@dataclass(eq=False)
class ContractHead:
    """A contraction whose result has the given shape and lies densely in `order`.

    groups: into how many the axis `grouped` is split; `axes` count the split shape.
    """

    shape: tuple[Dim, ...]
    order: tuple[int, ...]
    axes: Axes
    left: Left
    right: Right
    groups: int = 1
    grouped: int = 0

    def accepts(self, operand: View) -> bool:
        """Rows of an operand must be equally far apart, and its columns neighbours or one."""
        return self.geometry(_dense(self.shape, self.order), [operand]) is not None

    @property
    def fits(self) -> bool:
        """Whether a kernel can reach A and B: their outer axes are two at most."""
        return self.geometry(_dense(self.shape, self.order), []) is not None

    def geometry(self, out: View, operands: Sequence[View]) -> Geometry | None:
        """How a kernel addresses the result and the operands, or None if it cannot."""
        views = [split(v.broadcast_to(out.shape), self.grouped, self.groups) for v in (out, *operands)]
        shape = views[0].shape
        rows = collapse(shape, views, self.axes.rows)
        if len(rows.extents) != 1 or any(v.strides[self.axes.column] not in (0, 1) for v in views[1:]):
            return None
        sides = [_on(shape, self.axes.outer, s) for s in (self.left.strides, self.right.strides)]
        outer = collapse(shape, [views[0], *sides, *views[1:]], self.axes.outer)
        if len(outer.extents) > 2:
            return None
        return Geometry(views, tuple(s[0] for s in rows.strides), outer.extents, outer.strides, rows.extents[0])

    def emit(
        self, low: Lowering, formula: Formula, operands: Sequence[View], out: View, nodes: tuple[str, ...]
    ) -> None:
        found = self.geometry(out, operands)
        assert found is not None  # `accepts` has seen every operand
        epilogue = self.epilogue(found, formula)
        kernel, blocking, outside = self.unit(low, epilogue, out)
        left, n = self.left, found.views[0].shape[self.axes.column]
        a, strides = Address(left.view.buffer, left.view.offset), list(found.strides)
        if self.right.parts and left.taps == 1:
            a, strides[1] = self._split(low, found, outside, nodes)
        whole = left.depth * left.taps
        args: list[Argument | None] = [
            Address(out.buffer, out.offset, True),
            a,
            Address(self.right.buffer),
            outside,
            left.rows,
            *(Address(v.buffer, v.offset) for v in operands),
        ]
        args += [left.depth, left.taps, found.m, n, None, None, None, None, None, *found.steps]
        args += two_axes(found.extents, strides)
        scratch = blocking.scratch(whole) if blocking.may_stage(left) else 0
        low.call(
            Call(
                kernel,
                args,
                1,
                nodes,
                scratch=scratch,
                blocking=blocking,
                blocking_of=(found.m, n, left.depth, left.taps, left.pitch, product(found.extents)),
                flops=out.size * whole * 2,
            )
        )

    def _split(
        self, low: Lowering, found: Geometry, outside: Argument, nodes: tuple[str, ...]
    ) -> tuple[Address, tuple[Dim, ...]]:
        """Split A for the matrix unit, once for all its tasks; gives where the parts are, and their strides."""
        left, parts = self.left, self.right.parts
        blocks = ceildiv(found.m, TILE.rows)
        size = blocks * split_size(left.depth, parts)
        buffer = Buffer("temp", BFLOAT16, product(found.extents) * size, left.view.buffer.name)
        strides = tuple(s * size for s in contiguous_strides(found.extents))
        args: list[Argument | None] = [Address(buffer, 0, True), Address(left.view.buffer, left.view.offset)]
        args += [outside, left.rows, left.depth, found.m, *two_axes(found.extents, [strides, found.strides[1]])]
        scratch = ceildiv(left.depth, STEP) * (STEP * FLOAT32.itemsize)
        tasks = product(found.extents) * blocks
        low.call(Call(split_kernel(parts, low.target), args, tasks, nodes, scratch=scratch))
        return Address(buffer), strides

    def epilogue(self, found: Geometry, formula: Formula) -> Epilogue:
        """The formula, with what is known of where its operands lie."""
        units = [v.strides[self.axes.column] == 1 for v in found.views[1:]]
        still = [step == 0 for step in found.steps[1:]]
        return Epilogue(formula, tuple(map(Operand, formula.args[1:], units, still)))

    def unit(self, low: Lowering, epilogue: Epilogue, out: View) -> tuple[Kernel, Blocking, Argument]:
        """The kernel, how its work is cut, and the address of what lies outside of A."""
        kind, parts = epilogue.formula.args[0], self.right.parts
        outside = Table(zeros, (self.left.depth, Type(kind).bytes))
        if parts:
            apart = self.left.taps == 1
            blocking = (ApartBlocking if apart else SplitBlocking)(TILE, 2 * parts)
            return matrix_kernel(MatrixSpec(parts, epilogue, apart), low.target), blocking, outside
        tile = micro_tile(Type(kind), low.target)
        return contract_kernel(ContractSpec(kind, epilogue), low.target), Blocking(tile, Type(kind).bytes), outside


@dataclass(frozen=True)
class Geometry:
    """Out and operands with groups split off, the strides of their rows, and the outer space."""

    views: list[View]
    steps: tuple[Dim, ...]
    extents: tuple[Dim, ...]
    strides: tuple[tuple[Dim, ...], ...]  # of out, a, b and the operands
    m: Dim


def _dense(shape: Sequence[Dim], order: Sequence[int]) -> View:
    """A view whose axes lie densely in `order`."""
    strides: list[Dim] = [0] * len(shape)
    for axis, step in zip(order, contiguous_strides([shape[i] for i in order]), strict=True):
        strides[axis] = step
    return View(_NOWHERE, tuple(shape), tuple(strides))


def _on(shape: Sequence[Dim], axes: Sequence[int], strides: Sequence[Dim]) -> View:
    """A view with the given strides along some axes."""
    full: list[Dim] = [0] * len(shape)
    for axis, step in zip(axes, strides, strict=True):
        full[axis] = step
    return View(_NOWHERE, tuple(shape), tuple(full))


_NOWHERE = Buffer("temp", FLOAT32, 0)


def pack_right(
    low: Lowering, b: View, shape: Sequence[Dim], nodes: tuple[str, ...], taps: int = 1, *, rows: Dim
) -> Right:
    """Pack B [outer..., tap, k, n] (`taps` > 1: with the axis of taps) for a result with outer extents `shape`.

    What is constant is packed here and now, the rest by a call. Here it is chosen what multiplies: the matrix unit takes
    constant float32, split as the precision asks, where there may be rows enough to fill it; vectors take all else, and what
    is computed, in full precision.

    Args:
        rows: of A.
    """
    tile = micro_tile(Type(kind_of(b.dtype)), low.target)
    few = (isinstance(rows, int) and rows < FEW_ROWS) or (isinstance(b.shape[-1], int) and b.shape[-1] < FEW_COLUMNS)
    suits = b.dtype is FLOAT32 and b.const is not None and not (few and low.precision == "highest")
    parts = PARTS[low.precision] if low.target.at_least("amx") and suits else 0
    inner = 2 if taps == 1 else 3
    own = b.shape[: b.rank - inner]
    own = (*(1 for _ in range(len(shape) - len(own))), *own)
    k, n = b.shape[-2:]
    panels = ceildiv(n, tile.width)
    size = panels * tile.width * k * taps
    array = b.const
    if array is not None and parts:
        flat = array.reshape(*array.shape[: array.ndim - inner], taps * array.shape[-2], array.shape[-1])
        size = ceildiv(n, TILE.width) * TILE.width * ceildiv(k * taps, STEP) * STEP * parts
        packed = shared(array, ("split", parts, taps), lambda: split_panels(flat, parts))
        buffer = low.constant(packed, b.buffer.name).buffer
    elif array is not None:
        packed = shared(array, ("panels", tile.width, taps), lambda: _packed(low, b, own, (size, panels, taps), nodes))
        buffer = low.constant(packed, b.buffer.name).buffer
    else:
        buffer = low.temp(b.dtype, (product(own), size), name=b.buffer.name).buffer
        low.call(_pack(low, b, buffer, own, (size, panels, taps), nodes))
    strides: list[Dim] = []
    step: Dim = size
    for extent in reversed(own):
        strides.append(0 if extent == 1 else step)
        step = step * extent
    outer = View(buffer, own, tuple(reversed(strides))).broadcast_to(shape)  # also when symbols turn out to be 1
    return Right(buffer, outer.strides, parts)


def two_axes(extents: Sequence[Dim], strides: Sequence[Sequence[Dim]]) -> list[Dim]:
    """The outer axes as the kernels take them: always two, each its extent and then every pointer's stride."""
    missing = 2 - len(extents)
    filled = [[0] * missing + list(s) for s in strides]
    return [x for axis, n in enumerate([*[1] * missing, *extents]) for x in (n, *(s[axis] for s in filled))]


def _packed(low: Lowering, b: View, own: Sequence[Dim], sizes: tuple[Dim, Dim, int], nodes: tuple[str, ...]) -> Array:
    """Constant B, packed here and now."""
    whole = product((*own, sizes[0]))
    assert isinstance(whole, int)
    buffer = Buffer("const", b.dtype, whole, b.buffer.name, np.empty(whole, b.dtype.numpy))
    for call in _pack_now(low, b, buffer, own, sizes, nodes):
        run_once(call, low.target)
    assert buffer.array is not None
    return buffer.array


def _pack_now(
    low: Lowering, b: View, buffer: Buffer, own: Sequence[Dim], sizes: tuple[Dim, Dim, int], nodes: tuple[str, ...]
) -> Iterator[Call]:
    """The calls that pack constant B. The whole panels of one whose columns lie densely, as dense layers have it, are copied
    square by square."""
    (k, n), (step_k, step_n), width = b.shape[-2:], b.strides[-2:], micro_tile(Type(kind_of(b.dtype)), low.target).width
    if b.rank > 2 or step_k != 1 or step_n == 1 or not (isinstance(n, int) and n > width):
        yield _pack(low, b, buffer, own, sizes, nodes)
        return
    whole = n // width
    panels = View(buffer, (whole, k, width), contiguous_strides((whole, k, width)))
    space = Space(panels.shape, (panels.strides, (step_n * width, step_k, step_n)))
    yield swap(low.target, space, panels, b, 1, nodes)
    if n % width:
        rest = Buffer("const", buffer.dtype, k * width, buffer.name, _tail(buffer, k * width))
        yield _pack(low, b.narrowed(1, whole * width, n % width), rest, own, (k * width, 1, 1), nodes)


def _tail(buffer: Buffer, count: Dim) -> Array:
    """The last elements of a constant, in place."""
    assert buffer.array is not None and isinstance(count, int)
    return buffer.array[buffer.array.size - count :]


def _pack(
    low: Lowering, b: View, buffer: Buffer, own: Sequence[Dim], sizes: tuple[Dim, Dim, int], nodes: tuple[str, ...]
) -> Call:
    """The call that packs B."""
    size, panels, taps = sizes
    inner = 2 if taps == 1 else 3
    wide = b.unsqueezed(range(len(own) + inner - b.rank))
    axes = range(len(own))
    dense = [s * size for s in contiguous_strides(own)]
    space = collapse(wide.shape, [_on(wide.shape, axes, dense), wide], axes)
    if len(space.extents) > 2:
        return _pack(low, low.contiguous(b), buffer, own, sizes, nodes)
    kind = kind_of(b.dtype)
    spec = PackSpec(kind, b.strides[-1] == 1)
    args: list[Argument | None] = [Address(buffer, 0, True), Address(b.buffer, b.offset)]
    args += [taps, b.shape[-2], b.shape[-1], panels, b.strides[-3] if taps > 1 else 0, b.strides[-2], b.strides[-1]]
    args += two_axes(space.extents, space.strides)
    return Call(pack_kernel(spec, low.target), args, product(space.extents) * panels * taps, nodes)
