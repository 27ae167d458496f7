"""Convolution of images whose channels are innermost, each channel of the result depending on few: depthwise, and grouped.

Lanes are channels. Where a group has several, they meet its filters by turns: all lanes of a group take one of its channels.
A block of neighbouring columns of one output row is summed in registers, tap row by tap row, so that every input vector is
read once per tap row, and the weights of a tap row once per block. Of a long tap row, a few weights are in registers at a
time, and input vectors are read again for the next ones. A task is a band of output rows for a few vectors of channels, one
vector after the other, so that the input rows that a band shares stay in the first cache; where they would not (of large
images, or where columns lie such a distance apart that they crowd into few of its lines), all vectors at a block of columns,
then those at the next one, so that memory is read in one sequence.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Formula, emit, load, pointer, store
from sardonyx.engine.kernels.map import Source, decode
from sardonyx.engine.kernels.pool import spatial_params
from sardonyx.tile import Builder, Const, Expr, Fma, Kernel, Pointer, Type, f32, i32, select
from sardonyx.tile.expr import Broadcast, Shuffle, binary

__all__ = ["BAND", "VECTORS", "DepthwiseSpec", "depthwise_kernel"]

BAND = 16  # output rows of a task
FEW = 24  # taps of a row times channels of a group, for which there is code for every border
VECTORS = 4  # of channels, of a task
MOST_TAPS = 9  # of a tap row whose weights are in registers together


@dataclass(frozen=True)
class DepthwiseSpec:
    """The window along a row, which is unrolled, and what happens to each sum.

    `columns` is how many outputs are summed together. Where x is of bytes, its zero point is taken away, and the sums, which are
    whole numbers, are exact up to 2**24. Operands of the epilogue, after the sum itself, move along the channels
    by one or not at all; how they move along the other axes is a run-time argument.
    """

    taps: int
    stride: int
    dilation: int
    bias: bool
    epilogue: Formula
    operands: tuple[Source, ...]
    columns: int
    kind: str = "f32"  # of x
    cuts: tuple[int, int] = (0, 0)  # how many columns the first block misses in front, and the last one behind
    across: bool = False  # vector by vector within a block of columns, so that memory is read in one sequence
    group: int = 1  # how many channels, and filters, a group has; divides the number of lanes

    def borders(self) -> list[tuple[int, int]]:
        """How many columns a block may miss in front and behind, where there is code for it; first where it misses none."""
        front, back = self.cuts
        some = [(front, 0), (0, back), (front, back)] if self.taps * self.group <= FEW else []
        return list(dict.fromkeys([(0, 0), *some]))

    @property
    def reach(self) -> int:
        """Input columns that a block of outputs reads."""
        return (self.columns - 1) * self.stride + (self.taps - 1) * self.dilation + 1

    def uses(self, column: int, taps: range) -> list[tuple[int, int]]:
        """The (output, tap) pairs of a block that read an input column, counted from its first one."""
        pairs = ((o, t) for o in range(self.columns) for t in taps)
        return [(o, t) for o, t in pairs if o * self.stride + t * self.dilation == column]

    def parts(self) -> list[range]:
        """The taps of a row whose weights are in registers together: as few parts as there can be, as even as they can be."""
        count = -(-self.taps // MOST_TAPS)
        ends = [self.taps * i // count for i in range(count + 1)]
        return [range(a, b) for a, b in itertools.pairwise(ends)]


class _Depthwise:
    def __init__(self, k: Builder, spec: DepthwiseSpec, target: Target) -> None:
        self.k, self.spec, self.lanes = k, spec, target.lanes(f32)
        self.out = k.ptr("out", pointer(spec.epilogue.kind))
        self.x = k.ptr("x", Type(spec.kind))
        self.weights = k.ptr("weights", f32, noalias=True)
        self.bias = k.ptr("bias", f32, noalias=True) if spec.bias else None
        self.zero = k.ptr("zero", Type(spec.kind)) if spec.kind != "f32" else None
        self.operands = [k.ptr(f"e{i}", pointer(s.kind)) for i, s in enumerate(spec.operands)]
        self.batch, self.channels = k.param("batch"), k.param("channels")
        self.batch_step, self.batch_out = k.param("batch_step"), k.param("batch_out")
        self.high, self.wide = spatial_params(k, 0), spatial_params(k, 1)
        self.steps = [
            [k.param(f"e{i}_{name}") for name in ("batch", "row", "column")] for i in range(len(spec.operands))
        ]
        self.rows: list[Pointer] = []  # out and the operands, at an output row

    def task(self) -> None:
        """Task: (batch, band of rows, block of channels), the block fastest."""
        k, high = self.k, self.high
        block = self.lanes * VECTORS
        bands = k.let("bands", (high.out_size + (BAND - 1)) // BAND)
        blocks = k.let("blocks", (self.channels + (block - 1)) // block)
        n, band, at = decode(k, k.task, [self.batch, bands, blocks])
        image = self.x.at(n * self.batch_step)
        first = k.let("top", band * BAND)
        last = k.let("bottom", binary("min", first + BAND, high.out_size))
        start = k.let("start_channel", at * block)
        stop = k.let("stop_channel", binary("min", start + block, self.channels))

        def at_row(row: Expr, c: Expr) -> None:
            self.rows = [self.out.at(n * self.batch_out + row * high.out_step + c)]
            for source, base, (batch, line, _) in zip(self.spec.operands, self.operands, self.steps, strict=True):
                own = n * batch + row * line
                self.rows.append(base.at(own if source.access == "same" else own + c))

        def channels(c: Expr, mask: Expr | None) -> None:
            with k.loop("row", first, last) as row:
                at_row(row, c)
                taps = high.taps(k, row)
                with k.loop("o", 0, self.wide.out_size, self.spec.columns) as o:
                    self.columns(image.at(c), c, o, taps, mask)

        if not self.spec.across:
            k.strip("c", start, stop, self.lanes, channels)
            return
        with k.loop("row", first, last) as row:
            taps = high.taps(k, row)
            with k.loop("o", 0, self.wide.out_size, self.spec.columns) as o:

                def vector(c: Expr, mask: Expr | None) -> None:
                    at_row(row, c)
                    self.columns(image.at(c), c, o, taps, mask)

                k.strip("c", start, stop, self.lanes, vector)

    def columns(self, image: Pointer, c: Expr, o: Expr, taps: tuple[Expr, Expr, Expr], mask: Expr | None) -> None:
        """A block of columns of one output row and one vector of channels."""
        k, spec, wide = self.k, self.spec, self.wide
        left = k.let("left", o * spec.stride - wide.front)
        whole = o + spec.columns <= wide.out_size

        def choose(borders: Sequence[tuple[int, int]]) -> None:
            if not borders:
                self.block(image, c, o, left, taps, mask, None)
                return
            front, back = borders[0]
            starts = left.eq(-front) if front else left >= 0
            end = left + spec.reach
            ends = end.eq(wide.size + back) if back else end <= wide.size
            with k.when(starts & ends & whole):
                self.block(image, c, o, left, taps, mask, borders[0])
            with k.otherwise():
                choose(borders[1:])

        choose(spec.borders() if mask is None else spec.borders()[:1])

    def block(
        self,
        image: Pointer,
        c: Expr,
        o: Expr,
        left: Expr,
        taps: tuple[Expr, Expr, Expr],
        mask: Expr | None,
        cuts: tuple[int, int] | None,
    ) -> None:
        """`columns` outputs from column o on.

        Args:
            cuts: how many columns lie outside, in front and behind. None: any number, which read as zero, and results that lie
                outside are not stored.
        """
        k, spec, lanes, edge = self.k, self.spec, self.lanes, cuts is None
        front, back = cuts or (0, 0)
        kept = range(front, spec.reach - back)
        first: Expr = Const(0.0, f32.x(lanes)) if self.bias is None else self.bias.load(c, lanes, mask)
        accs = [k.reg("acc", f32.x(lanes), first) for _ in range(spec.columns)]
        parts = [{column: pairs for column in kept if (pairs := spec.uses(column, taps))} for taps in spec.parts()]
        read = sorted({column for used in parts for column in used})
        masks = {column: self.column_mask(left + column, mask) if edge else mask for column in read}
        start, t_first, t_last = taps
        if spec.across:  # the rows that the next output row sees first
            below = image.at((start + self.high.kernel * self.high.dilation) * self.high.step + left * self.wide.step)
            for row in range(spec.stride):
                for column in range(spec.columns * spec.stride):
                    below.at(row * self.high.step + (column + spec.taps // 2) * self.wide.step).prefetch(0)
        with k.loop("t", t_first, t_last) as t:
            line = image.at((start + t * self.high.dilation) * self.high.step + left * self.wide.step)
            filters = self.weights.at(t * (spec.taps * spec.group) * self.channels + c)
            for part, used in zip(spec.parts(), parts, strict=True):
                weights = {
                    (i, g): filters.load(self.channels * (i * spec.group + g), lanes, mask)
                    for i in part
                    for g in range(spec.group)
                }
                if not used:
                    continue
                begin = min(used)
                at = line if begin == 0 else Pointer(k, k.let("p", line.at(begin * self.wide.step).base), line.kind)
                for column in range(begin, max(used) + 1):
                    at = at if column == begin else Pointer(k, k.let("p", at.at(self.wide.step).base), at.kind)
                    if column in used:
                        x = self.element(at.load(0, lanes, masks[column]), masks[column])
                        for g in range(spec.group):
                            one = x if spec.group == 1 else k.let("one", self.member(x, g))
                            for i, tap in used[column]:
                                k.set(accs[i], Fma(one, weights[tap, g], accs[i]))
        for i, acc in enumerate(accs):
            if edge and i:
                with k.when(o + i < self.wide.out_size):
                    self.finish(acc, o + i, mask)
            else:
                self.finish(acc, o + i, mask)

    def member(self, x: Expr, which: int) -> Expr:
        """One channel of every group, in all lanes of the group."""
        group = self.spec.group
        return Shuffle(x, x, tuple(lane // group * group + which for lane in range(self.lanes)))

    def element(self, x: Expr, mask: Expr | None) -> Expr:
        """What is multiplied; where the mask is false it is 0."""
        if self.zero is None:
            return x
        value = (x.to(i32) - Broadcast(self.zero.load(0).to(i32), self.lanes)).to(f32)
        return self.k.let("element", value if mask is None else select(mask, value, 0.0))

    def column_mask(self, column: Expr, mask: Expr | None) -> Expr:
        """The lanes of an input column to read: none outside the image."""
        inside = (column >= 0) & (column < self.wide.size)
        lanes = Broadcast(self.k.let("inside", inside), self.lanes)
        return self.k.let("valid", lanes if mask is None else lanes & mask)

    def finish(self, total: Expr, o: Expr, mask: Expr | None) -> None:
        k, lanes = self.k, self.lanes
        values: list[Expr] = [total]
        for source, base, (_, _, step) in zip(self.spec.operands, self.rows[1:], self.steps, strict=True):
            if source.access == "same":
                values.append(Broadcast(load(base, o * step, source.kind, 1), lanes))
            else:
                values.append(load(base, o * step, source.kind, lanes, mask))
        result = emit(k, self.spec.epilogue, values, lanes)
        store(self.rows[0], o * self.wide.out_step, result, self.spec.epilogue.kind, mask)


@functools.cache
def depthwise_kernel(spec: DepthwiseSpec, target: Target) -> Kernel:
    """out = epilogue(bias + sum of x * weights).

    Parameters: out, x, weights (tap row, tap, channel of the group, filter), the bias if any, the zero point if x is of bytes, operands; batch, channels, the batch's stride in x and
    in out; `Spatial` of the rows and of the columns; the batch, row and column stride of each operand. Out and x have their
    channels innermost.
    """
    k = Builder("depthwise")
    _Depthwise(k, spec, target).task()
    return k.build()
