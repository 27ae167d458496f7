"""Convolution by windows of 3 x 3, step 1, after Winograd: F(2 x 2, 3 x 3) takes 16 products where the sum takes 36.

A tile is 2 x 2 places of the result; it depends on 4 x 4 places of the image. With the matrices of Lavin and Gray ("Fast
Algorithms for Convolutional Neural Networks", 2015)

    result = A^T [ (G w G^T) * (B^T d B) ] A

the 16 products * are taken element by element, and summed over channels: 16 products of matrices, tiles by channels times
channels by filters. G w G^T is computed beforehand. B has only 1 and -1 in it, A as well, so that little accuracy is lost.

A task takes a block of tiles through all three stages in thread-private memory, one panel of filters after the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Epilogue, emit, load, pointer, store
from sardonyx.engine.kernels.contract import Block, Rows, count_blocks, micro_tile, row_start
from sardonyx.engine.kernels.map import decode
from sardonyx.engine.tiles import GAP, PLACES
from sardonyx.tile import Builder, Const, Expr, Kernel, Pointer, f32, f64, i32, i64
from sardonyx.tile.expr import Broadcast, Ramp, binary

__all__ = ["WinogradSpec", "filters_kernel", "winograd_kernel"]

Turn = Callable[[Builder, "Sequence[Expr]"], "list[Expr]"]


@dataclass(frozen=True)
class WinogradSpec:
    """What becomes of each sum."""

    epilogue: Epilogue


@functools.cache
def winograd_kernel(spec: WinogradSpec, target: Target) -> Kernel:
    """The kernel of such a convolution.

    Parameters: out, image, filters (panels [filter / width][16][tap, channel][width]), zeros (a row of channels), places (i32
    [tap][16][tile]: where the channels of a place begin, -1 outside of the image), results (i32 [4][tile]: the row of the
    result that a place of the tile is, -1 for none), a pointer per operand; channels, taps (along other axes than the two of
    the tiles: they count as channels), tiles, filters; block_t (tiles), block_n
    (panels), blocks_t, blocks_n; the stride of a row of out and of each operand.

    Task: (block of panels, block of tiles), the tiles fastest. Scratch: for block_t tiles 16 rows of taps * channels + GAP
    elements and 16 of a panel's width, and an i32 each.
    """
    tile = micro_tile(f32, target)
    lanes, width = tile.lanes, tile.width
    k = Builder("winograd")
    out = k.ptr("out", pointer(spec.epilogue.out))
    image, filters, zeros = k.ptr("image", f32), k.ptr("filters", f32), k.ptr("zeros", f32)
    places, results = k.ptr("places", i32), k.ptr("results", i32)
    operands = [k.ptr(f"x{i}", pointer(o.kind)) for i, o in enumerate(spec.epilogue.operands)]
    depth, taps, tiles, n = (k.param(x) for x in ("channels", "taps", "tiles", "n"))
    block_t, block_n, blocks_t, blocks_n = (k.param(x) for x in ("block_t", "block_n", "blocks_t", "blocks_n"))
    steps = [k.param(f"step{i}") for i in range(len(operands) + 1)]
    scratch = k.scratch(f32)
    with k.setup():
        channels = k.let("all_channels", depth * taps)
        block = Block(k, f32, tile, channels, k.let("one", 1), block_t)
        pitch = k.let("pitch", channels + GAP)
        spread = k.let("spread", block_t * pitch)  # from one of the 16 to the next
        sums = k.let("sums_at", scratch.at(spread * PLACES).base)
        table = Pointer(k, k.let("table", Pointer(k, sums, f32).at(block_t * (PLACES * width)).base), i32)
        with k.loop("t", 0, block_t) as t:
            table.store(t, (t * pitch).to(i32))
        panels = k.let("panels", (n + width - 1) // width)
        panel_size = k.let("panel_size", channels * (PLACES * width))
        sum_spread = k.let("sum_spread", block_t * width)

    jb, ib = decode(k, k.task, [blocks_n, blocks_t])
    first = k.let("first", ib * block_t)
    count = k.let("count", binary("min", first + block_t, tiles) - first)
    with k.loop("t", 0, count) as t, k.loop("tap", 0, taps) as tap:
        rows = Rows(image, zeros, places)
        sources = [row_start(k, rows, tiles * (tap * PLACES + i) + first + t) for i in range(PLACES)]
        kept = scratch.at(t * pitch + tap * depth)

        def enter(c: Expr, mask: Expr | None, sources: Sequence[Pointer] = sources, kept: Pointer = kept) -> None:
            rows = [[s.load(c, lanes, mask) for s in sources[4 * i : 4 * i + 4]] for i in range(4)]
            for i, row in enumerate(_both(k, rows, _entering)):
                for j, value in enumerate(row):
                    kept.at(spread * (4 * i + j)).store(c, value, mask)

        k.strip("c", 0, depth, lanes, enter)

    with k.loop("j", jb * block_n, binary("min", (jb + 1) * block_n, panels)) as j:
        column = k.let("column", j * width)
        left = k.let("left", binary("min", n - column, width))
        panel = k.let("panel", filters.at(j * panel_size).base)
        with k.loop("i", 0, PLACES) as i:
            here = Pointer(k, k.let("here", Pointer(k, panel, f32).at(i * channels * width).base), f32)
            following = here.at(channels * width)
            row = k.reg("row", i64, 0)
            with k.loop("part", 0, count_blocks(k, count, tile.heights)):
                top = k.let("top", row)
                block.sums = Pointer(k, sums, f32).at(i * sum_spread + top * width)
                rows = Rows(scratch.at(i * spread), zeros, table.at(top))
                height = block.compute(count - top, left, rows, here, (following, Const(width * f32.bytes, i64)))
                k.set(row, top + height)
        _leave(k, spec.epilogue, Pointer(k, sums, f32), sum_spread, (first, count, tiles), results,
               [out, *operands], steps, (column, left), lanes, width)  # fmt: skip
    return k.build()


@functools.cache
def filters_kernel(target: Target) -> Kernel:
    """The kernel that gives G w G^T of filters, in panels; computed in float64 and rounded once.

    Parameters: out (panels [filter / width][16][channel][width]), w, channels, filters, and the strides of w along filters,
    channels and the two axes of the window. Task: panel.
    """
    width, lanes = micro_tile(f32, target).width, target.lanes(f64)
    k = Builder("winograd_filters")
    out, w = k.ptr("out", f32), k.ptr("w", f32)
    channels, n = k.param("channels"), k.param("n")
    step_n, step_c, *steps = (k.param(x) for x in ("step_n", "step_c", "step_y", "step_x"))
    out = out.at(k.task * channels * (PLACES * width))
    with k.loop("c", 0, channels) as c, k.loop("column", 0, width, lanes) as column:
        first = k.let("first", k.task * width + column)
        mask = k.let("mask", k.mask(binary("max", binary("min", n - first, lanes), 0), lanes)) if lanes > 1 else None
        if mask is None:
            mask = k.let("mask", first < n)
        at = (Ramp(i64.x(lanes)) + first) * step_n if lanes > 1 else first * step_n
        source = w.at(c * step_c)
        rows = [
            [source.at(steps[0] * y + steps[1] * x).load(at, lanes, mask).to(f64) for x in range(3)] for y in range(3)
        ]
        for i, row in enumerate(_both(k, rows, _filtering)):
            for j, value in enumerate(row):
                out.at(((i * 4 + j) * channels + c) * width).store(column, value.to(f32))
    return k.build()


def _filtering(k: Builder, g: Sequence[Expr]) -> list[Expr]:
    """G g."""
    ends, middle = k.let("ends", (g[0] + g[2]) * 0.5), k.let("middle", g[1] * 0.5)
    return [g[0], k.let("sum", ends + middle), k.let("difference", ends - middle), g[2]]


def _both(k: Builder, rows: Sequence[Sequence[Expr]], turn: Turn) -> list[list[Expr]]:
    """T d T^T for the matrix T that `turn` multiplies with: along columns, then along rows."""
    down = [list(column) for column in zip(*(turn(k, list(column)) for column in zip(*rows, strict=True)), strict=True)]
    return [turn(k, row) for row in down]


def _entering(k: Builder, d: Sequence[Expr]) -> list[Expr]:
    """B^T d."""
    return [k.let("v", e) for e in (d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3])]


def _leaving(k: Builder, m: Sequence[Expr]) -> list[Expr]:
    """A^T m."""
    return [k.let("y", e) for e in (m[0] + m[1] + m[2], m[1] - m[2] - m[3])]


def _leave(
    k: Builder,
    epilogue: Epilogue,
    sums: Pointer,
    spread: Expr,
    tiles: tuple[Expr, Expr, Expr],
    results: Pointer,
    bases: Sequence[Pointer],
    steps: Sequence[Expr],
    columns: tuple[Expr, Expr],
    lanes: int,
    width: int,
) -> None:
    """From the sums of a block of tiles and a panel of filters to the places of the result."""
    first, count, total = tiles
    column, left = columns
    units = [True, *(o.unit for o in epilogue.operands)]
    with k.loop("t", 0, count) as t:
        numbers = [k.let("number", results.load(total * q + first + t).to(i64)) for q in range(4)]

        def leave(c: Expr, mask: Expr | None) -> None:
            m = [sums.at(spread * i + t * width).load(c, lanes) for i in range(PLACES)]
            found = _both(k, [m[4 * i : 4 * i + 4] for i in range(4)], _leaving)
            for q, number in enumerate(numbers):
                with k.when(number >= 0):
                    lines = [
                        p.at(number * step + column) if unit else p.at(number * step)
                        for p, step, unit in zip(bases, steps, units, strict=True)
                    ]
                    values: list[Expr] = [found[q // 2][q % 2]]
                    for o, line in zip(epilogue.operands, lines[1:], strict=True):
                        values.append(
                            load(line, c, o.kind, lanes, mask) if o.unit else Broadcast(load(line, 0, o.kind, 1), lanes)
                        )
                    store(lines[0], c, emit(k, epilogue.formula, values, lanes), epilogue.out, mask)

        k.strip("c", 0, left, lanes, leave)
