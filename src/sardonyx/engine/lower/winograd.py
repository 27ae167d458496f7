"""Convolutions that take fewer products by Winograd's way: which, and how their work is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, ceildiv, dmax, dmin, floordiv
from sardonyx.engine.contract import Axes, ContractHead, Left, Right, zeros
from sardonyx.engine.formula import Formula
from sardonyx.engine.kernels.contract import GAP, micro_tile
from sardonyx.engine.kernels.winograd import PLACES, WinogradSpec, filters_kernel, winograd_kernel
from sardonyx.engine.lower.linalg import window_table
from sardonyx.engine.lower.pool import Windows
from sardonyx.engine.lowering import Lowering
from sardonyx.engine.once import run_once
from sardonyx.engine.program import Address, Argument, Call, Table
from sardonyx.engine.views import View, product
from sardonyx.ir import Array, Node, Value
from sardonyx.tile import f32

__all__ = ["WinogradHead", "winograd_head"]

LEAST = 16  # channels and filters: with fewer, what the products save goes into the transforms
UNIT = 256  # filters, beyond which the matrix unit, which splits every place nine times, has the fewer cycles
SMALL = 9  # places of the result, below which tiles are mostly empty
NEAR = 640 * 1024  # bytes of transformed tiles that a task may count on keeping near


def winograd_head(
    low: Lowering, node: Node, attrs: dict[str, Any], source: Value, filters: Value
) -> WinogradHead | None:
    """The head of a convolution that is computed so, or None where it is another kind, or would gain nothing.

    The lower precisions are for the matrix unit alone.
    """
    weights = low.const(filters)
    if weights is None or weights.dtype != np.float32 or attrs["group"] != 1:
        return None
    if low.target.at_least("amx") and (low.precision != "highest" or weights.shape[0] > UNIT):
        return None
    if weights.shape[2:] != (3, 3) or min(weights.shape[:2]) < LEAST:
        return None
    w = Windows.of(attrs, (3, 3), low.shape(source)[2:])
    if w.strides != (1, 1) or w.dilations != (1, 1):
        return None
    places = product(low.shape(node.output)[2:])
    if isinstance(places, int) and places < SMALL:
        return None
    count, depth = weights.shape[:2]
    shape, x = low.shape(node.output), low.view(source)
    low.claim(x.shape[1], depth, f"{node!r} needs as many channels as its filters have")
    x, shape = replace(x, shape=(x.shape[0], depth, *x.shape[2:])), (shape[0], count, *shape[2:])
    nodes = (node.name or node.op_type,)
    x = x if x.strides[1] == 1 else low.contiguous(x, (0, 2, 3, 1))
    right = _filters(low, low.view(filters), nodes)
    facts: list[Dim] = [x.shape[0], x.strides[0]]
    for axis, front in zip((2, 3), w.fronts, strict=True):  # of a tile, 4 places, 2 apart from those of the next
        facts += [x.shape[axis], x.strides[axis], ceildiv(shape[axis], 2), 4, 2, 1, front]
    left = Left(x, (), Table(window_table, tuple(facts)), x.shape[1], PLACES, 0)
    return WinogradHead(shape, (0, 2, 3, 1), Axes((), (0, 2, 3), 1), left, right)


def _filters(low: Lowering, w: View, nodes: tuple[str, ...]) -> Right:
    """The transformed filters, in panels."""
    n, channels = w.shape[:2]
    width = micro_tile(f32, low.target).width
    panels = ceildiv(n, width)
    size = panels * width * channels * PLACES
    assert isinstance(size, int)
    buffer = low.constant(np.empty(size, np.float32), w.buffer.name).buffer
    args: list[Argument | None] = [Address(buffer, 0, True), Address(w.buffer, w.offset), channels, n, *w.strides]
    run_once(Call(filters_kernel(low.target), args, panels, nodes), low.target)
    return Right(buffer, ())


def _results(images: int, height: int, width: int) -> Array:
    """[4][tile] -> the row of the result that a place of the tile is, or -1 for none."""
    y = np.arange(2)[:, None] + 2 * np.arange(-(-height // 2))
    x = np.arange(2)[:, None] + 2 * np.arange(-(-width // 2))
    y, x = y.reshape(2, 1, 1, -1, 1), x.reshape(1, 2, 1, 1, -1)
    image = np.arange(images).reshape(1, 1, -1, 1, 1)
    row = (image * height + y) * width + x
    return np.where((y < height) & (x < width), row, -1).astype(np.int32).reshape(4, -1)


class WinogradHead(ContractHead):
    """A convolution whose rows are tiles of the result."""

    def emit(
        self, low: Lowering, formula: Formula, operands: Sequence[View], out: View, nodes: tuple[str, ...]
    ) -> None:
        found = self.geometry(out, operands)
        assert found is not None  # `accepts` has seen every operand
        kernel = winograd_kernel(WinogradSpec(self.epilogue(found, formula)), low.target)
        images, n, height, width = self.shape
        tiles, channels = images * ceildiv(height, 2) * ceildiv(width, 2), self.left.depth
        blocking = TileBlocking(micro_tile(f32, low.target).width)
        args: list[Argument | None] = [
            Address(out.buffer, out.offset, True),
            Address(self.left.view.buffer, self.left.view.offset),
            Address(self.right.buffer),
            Table(zeros, (channels, f32.bytes)),
            self.left.rows,
            Table(_results, (images, height, width)),
            *(Address(v.buffer, v.offset) for v in operands),
        ]
        args += [channels, tiles, n, None, None, None, None, *found.steps]
        low.call(
            Call(
                kernel,
                args,
                1,
                nodes,
                scratch=blocking.scratch(channels),
                blocking=blocking,
                blocking_of=(tiles, n, channels),
                flops=out.size * channels * 18,
            )
        )


@dataclass(frozen=True)
class TileBlocking:
    """Cuts the work into tasks. width: of a panel of filters."""

    width: int

    MOST = 56  # tiles of a block

    def most(self, channels: Dim) -> Dim:
        """The tiles of a block, at most; their transforms stay near."""
        return dmax(dmin(floordiv(NEAR, channels * (PLACES * f32.bytes)), self.MOST), 1)

    def scratch(self, channels: Dim) -> Dim:
        return self.most(channels) * ((channels + GAP + self.width) * (PLACES * f32.bytes) + 4)

    def __call__(self, tiles: int, n: int, channels: int, threads: int) -> tuple[int, ...]:
        """block_t, block_n, blocks_t, blocks_n, tasks."""
        if tiles == 0 or n == 0:
            return 1, 1, 0, 0, 0
        most, panels = int(self.most(channels)), -(-n // self.width)  # pyright: ignore[reportArgumentType] an int
        blocks = -(-tiles // most)
        high = -(-tiles // blocks)
        blocks = -(-tiles // high)
        wanted = 1 if threads == 1 else 4 * threads
        groups = min(panels, max(1, -(-wanted // blocks)))
        wide = -(-panels // groups)
        groups = -(-panels // wide)
        return high, wide, blocks, groups, blocks * groups
