"""Convolutions that take fewer products by Winograd's way: which, and how their work is cut."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, ceildiv, dmin, floordiv
from sardonyx.engine.blocking import TileBlocking
from sardonyx.engine.contract import Axes, ContractHead, Left, Right
from sardonyx.engine.formula import Formula
from sardonyx.engine.kernels.contract import micro_tile
from sardonyx.engine.kernels.winograd import WinogradSpec, filters_kernel, winograd_kernel
from sardonyx.engine.lower.pool import Windows
from sardonyx.engine.lowering import Lowering
from sardonyx.engine.once import run_once
from sardonyx.engine.program import Address, Argument, Call, Table
from sardonyx.engine.shared import shared
from sardonyx.engine.tables import tile_places, tile_results, zeros
from sardonyx.engine.tiles import PLACES
from sardonyx.engine.views import Buffer, View, product
from sardonyx.ir import Array, Node, Value
from sardonyx.tile import f32

__all__ = ["WinogradHead", "winograd_heads"]

LEAST = 16  # channels and filters: with fewer, what the products save goes into the transforms
UNIT = 256  # filters, beyond which the matrix unit, which splits every place nine times, has the fewer cycles
SMALL = 9  # places of the result, below which tiles are mostly empty
FULL = 0.6  # of the places of tiles are in the result, or they are too many; counted where windows are dilated
MOST_CHANNELS = 640  # of a head: with more, too few tiles share what is read of the filters


def winograd_heads(
    low: Lowering, node: Node, attrs: dict[str, Any], source: Value, filters: Value
) -> list[WinogradHead]:
    """The heads, whose sum a convolution is, or none where it is another kind, or would gain nothing.

    The lower precisions are for the matrix unit alone.
    """
    weights = low.const(filters)
    if weights is None or weights.dtype != np.float32 or attrs["group"] != 1:
        return []
    if low.target.at_least("amx") and (low.precision != "highest" or weights.shape[0] > UNIT):
        return []
    if weights.ndim < 4 or weights.shape[-2:] != (3, 3) or min(weights.shape[:2]) < LEAST:
        return []
    w = Windows.of(attrs, weights.shape[2:], low.shape(source)[2:])
    if w.strides[-2:] != (1, 1) or not _fill(low.shape(node.output)[-2:], w.dilations[-2:]):
        return []
    (count, depth), taps = weights.shape[:2], math.prod(weights.shape[2:-2])
    shape, x = low.shape(node.output), low.view(source)
    low.claim(x.shape[1], depth, f"{node!r} needs as many channels as its filters have")
    x, shape = replace(x, shape=(x.shape[0], depth, *x.shape[2:])), (shape[0], count, *shape[2:])
    nodes = (node.name or node.op_type,)
    order = (0, *range(2, x.rank), 1)
    x = x if x.strides[1] == 1 else low.contiguous(x, order)
    facts: list[Dim] = [x.shape[0], x.strides[0]]
    for i, (kernel, step, dilation, front) in enumerate(
        zip(w.kernel, w.strides, w.dilations, w.fronts, strict=True), 2
    ):
        along = (kernel, step, dilation, front) if i < x.rank - 2 else (dilation, front)
        facts += [x.shape[i], x.strides[i], shape[i], *along]
    places, parts = Table(tile_places, tuple(facts)), -(-depth * taps // MOST_CHANNELS)
    edges = [depth * i // parts for i in range(parts + 1)]
    heads: list[WinogradHead] = []
    for start, stop in itertools.pairwise(edges):
        own = low.view(filters) if parts == 1 else low.view(filters).narrowed(1, start, stop - start)
        left = Left(x.narrowed(1, start, stop - start), (), places, stop - start, taps, 0)
        right = _filters(low, own, taps, nodes)
        heads.append(WinogradHead(shape, order, Axes((), order[:-1], 1), left, right, dilations=w.dilations[-2:]))
    return heads


def _fill(places: Sequence[Dim], dilations: Sequence[int]) -> bool:
    """Whether there are places enough for tiles."""
    whole, held = product(places), product([2 * tiles_along(d, n) for d, n in zip(places, dilations, strict=True)])
    if not isinstance(whole, int) or not isinstance(held, int):
        return max(dilations) == 1
    return whole >= SMALL and (max(dilations) == 1 or whole >= FULL * held)


def tiles_along(extent: Dim, dilation: int) -> Dim:
    """How many tiles begin along an axis of the result, as `tables` places them."""
    whole = floordiv(extent, 2 * dilation) * dilation
    return whole + dmin(extent - 2 * whole, dilation)


def _filters(low: Lowering, w: View, taps: int, nodes: tuple[str, ...]) -> Right:
    """The transformed filters, in panels; taps along other axes count as channels."""
    if w.rank > 4:
        assert w.const is not None
        apart = np.moveaxis(w.const.reshape(*w.shape[:2], taps, 3, 3), 2, 1)  # pyright: ignore[reportArgumentType] ints
        w = low.constant(np.ascontiguousarray(apart).reshape(apart.shape[0], -1, 3, 3), w.buffer.name)
    n, channels = w.shape[:2]
    width = micro_tile(f32, low.target).width
    panels = ceildiv(n, width)
    size = panels * width * channels * PLACES
    assert isinstance(size, int) and w.const is not None

    def transformed() -> Array:
        out = Buffer("const", w.dtype, size, w.buffer.name, np.empty(size, np.float32))
        args: list[Argument | None] = [Address(out, 0, True), Address(w.buffer, w.offset), channels, n, *w.strides]
        run_once(Call(filters_kernel(low.target), args, panels, nodes), low.target)
        assert out.array is not None
        return out.array

    return Right(low.constant(shared(w.const, ("winograd", width), transformed), w.buffer.name).buffer, ())


@dataclass(eq=False)
class WinogradHead(ContractHead):
    """A convolution whose rows are tiles of the result."""

    dilations: tuple[int, ...] = (1, 1)

    def emit(
        self, low: Lowering, formula: Formula, operands: Sequence[View], out: View, nodes: tuple[str, ...]
    ) -> None:
        found = self.geometry(out, operands)
        assert found is not None  # `accepts` has seen every operand
        kernel = winograd_kernel(WinogradSpec(self.epilogue(found, formula)), low.target)
        images, n, *others, height, width = self.shape
        images = product((images, *others))
        down, right = self.dilations
        tiles, channels = images * tiles_along(height, down) * tiles_along(width, right), self.left.depth
        whole = channels * self.left.taps
        blocking = TileBlocking(micro_tile(f32, low.target).width)
        args: list[Argument | None] = [
            Address(out.buffer, out.offset, True),
            Address(self.left.view.buffer, self.left.view.offset),
            Address(self.right.buffer),
            Table(zeros, (channels, f32.bytes)),
            self.left.rows,
            Table(tile_results, (images, height, width, down, right)),
            *(Address(v.buffer, v.offset) for v in operands),
        ]
        args += [channels, self.left.taps, tiles, n, None, None, None, None, *found.steps]
        low.call(
            Call(
                kernel,
                args,
                1,
                nodes,
                scratch=blocking.scratch(whole),
                blocking=blocking,
                blocking_of=(tiles, n, whole),
                flops=out.size * whole * 18,
            )
        )
