"""One kernel for what normalizes rows: a formula before it, statistics of the row, a formula behind.

A row is one axis or several nested ones. Lanes run *along* the row where its last axis lies densely, and *across* rows,
one row per lane, where a kept axis does: a softmax over the channels of an image, say.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Formula, emit
from sardonyx.engine.kernels.line import Line, Place
from sardonyx.engine.kernels.map import Source
from sardonyx.tile import Builder, Const, Expr, Fma, Kernel, Pointer, Reg, call, f32, select
from sardonyx.tile.expr import Broadcast, Un, binary

__all__ = ["NORMALIZATIONS", "Normalization", "RowSpec", "row_kernel"]

Normalization = Literal["softmax", "log_softmax", "layer", "rms", "l1", "l2"]
INF = float("inf")


@dataclass(frozen=True)
class RowSpec:
    """epilogue(normalized x, epilogue operands) at every place of every row, where x = prologue(prologue operands).

    `outer` kept axes number the rows; a row has `inner` axes. Sources say how operands move along the axis of the lanes, which
    is the row's last one, or with `across` a kept one.
    """

    kind: Normalization
    prologue: Formula
    epilogue: Formula
    before: tuple[Source, ...]  # operands of the prologue
    behind: tuple[Source, ...]  # operands of the epilogue
    out: Source
    outer: int
    inner: int
    across: bool

    @property
    def in_place(self) -> bool:
        """Whether what a pass keeps for the next can lie in the result: a long row then passes the caches once less."""
        dense = self.out.access == "unit" and self.inner == 1 and not self.across
        return dense and not self.epilogue.steps and self.epilogue.kind == "f32"

    @property
    def plain(self) -> bool:
        """Whether the prologue only reads: then it is read again in every pass, and nothing is kept."""
        return not self.prologue.steps and self.prologue.kind == "f32"


class _Row:
    """The row (or the rows, one per lane) at hand."""

    def __init__(self, k: Builder, spec: RowSpec, target: Target) -> None:
        self.k, self.spec, self.lanes = k, spec, target.lanes(f32)
        self.line = Line(k, (spec.out, *spec.before, *spec.behind), spec.outer, spec.inner, spec.across, self.lanes)
        self.epsilon = k.param("epsilon", f32)
        self.kept: Pointer = k.scratch(f32)

    def input(self, p: Place) -> Expr:
        """x, computed."""
        values = [self.line.fetch(1 + i, p) for i in range(len(self.spec.before))]
        return emit(self.k, self.spec.prologue, values, self.lanes)

    def first(self, p: Place) -> Expr:
        """x where it is read first."""
        x = self.input(p)
        if not self.spec.plain:
            self.kept.store(p.at, x, p.mask)
        return x

    def again(self, p: Place) -> Expr:
        """x where it has been read before."""
        return self.input(p) if self.spec.plain else self.kept.load(p.at, self.lanes, p.mask)

    def output(self, p: Place, value: Expr) -> None:
        start = 1 + len(self.spec.before)
        operands = [self.line.fetch(start + i, p) for i in range(len(self.spec.behind))]
        self.line.put(0, p, emit(self.k, self.spec.epilogue, [value, *operands], self.lanes), self.spec.epilogue.kind)

    def each(self, body: Callable[[Place], None]) -> None:
        self.line.each(lambda p, _: body(p), unroll=2)

    def fold(self, op: str, start: float, value: Callable[[Place], Expr]) -> Expr:
        """The reduction of value over the row, in an order that only its extents decide; one number for every lane."""
        k = self.k
        accs = [k.reg("acc", f32.x(self.lanes), start) for _ in range(4)]

        def body(p: Place, u: int) -> None:
            x = value(p)
            if p.mask is not None and not self.spec.across:
                x = select(p.mask, x, Const(start, x.type))
            k.set(accs[u], binary(op, accs[u], x))

        self.line.each(body, unroll=len(accs))
        return self._total(op, accs)

    def _total(self, op: str, accs: list[Reg]) -> Expr:
        total = binary(op, binary(op, accs[0], accs[1]), binary(op, accs[2], accs[3]))
        if self.spec.across or self.lanes == 1:
            return self.k.let(op, total)
        return Broadcast(self.k.let(op, total.reduce(op)), self.lanes)

    def sum_of_squares(self, value: Callable[[Place], Expr]) -> Expr:
        k = self.k
        accs = [k.reg("acc", f32.x(self.lanes), 0.0) for _ in range(4)]

        def body(p: Place, u: int) -> None:
            x = value(p)
            if p.mask is not None and not self.spec.across:
                x = k.let("x", select(p.mask, x, Const(0.0, x.type)))
            k.set(accs[u], Fma(x, x, accs[u]))

        self.line.each(body, unroll=len(accs))
        return self._total("add", accs)

    def count(self) -> Expr:
        n = self.line.length().to(f32)
        return Broadcast(n, self.lanes) if self.lanes > 1 else n


@functools.cache
def row_kernel(spec: RowSpec, target: Target) -> Kernel:
    """The kernel of a row-wise group.

    Parameters: those of `Line` for out and the operands, then epsilon. Task: that of `Line`. Scratch, unless `spec.plain` and not
    a softmax: as many floats as a row has, times the lanes when `across`.
    """
    k = Builder(f"rows_{spec.kind}")
    row = _Row(k, spec, target)

    def task() -> None:
        if spec.in_place:
            row.kept = row.line.bases[0]
        NORMALIZATIONS[spec.kind](k, row)

    row.line.tasks(task)
    return k.build()


def _softmax(k: Builder, row: _Row) -> None:
    top = k.let("top", row.fold("maxb", -INF, row.first))

    def power(p: Place) -> Expr:
        e = k.let("e", call("exp_down", row.again(p) - top))
        row.kept.store(p.at, e, p.mask)
        return e

    scale = k.let("scale", 1.0 / row.fold("add", 0.0, power))
    row.each(lambda p: row.output(p, row.kept.load(p.at, row.lanes, p.mask) * scale))


def _log_softmax(k: Builder, row: _Row) -> None:
    top = k.let("top", row.fold("maxb", -INF, row.first))
    total = row.fold("add", 0.0, lambda p: k.let("e", call("exp_down", row.again(p) - top)))
    shift = k.let("shift", call("log", total))
    row.each(lambda p: row.output(p, (row.again(p) - top) - shift))


def _layer(k: Builder, row: _Row) -> None:
    count = k.let("count", row.count())
    mean = k.let("mean", row.fold("add", 0.0, row.first) / count)
    squares = row.sum_of_squares(lambda p: k.let("d", row.again(p) - mean))
    scale = k.let("scale", 1.0 / Un("sqrt", squares / count + row.epsilon))
    row.each(lambda p: row.output(p, (row.again(p) - mean) * scale))


def _rms(k: Builder, row: _Row) -> None:
    mean = row.sum_of_squares(row.first) / row.count()
    scale = k.let("scale", 1.0 / Un("sqrt", mean + row.epsilon))
    row.each(lambda p: row.output(p, row.again(p) * scale))


def _by_norm(k: Builder, row: _Row, square: bool) -> None:
    """x / |x|, and 0 where the norm is 0."""
    total = row.sum_of_squares(row.first) if square else row.fold("add", 0.0, lambda p: abs(row.first(p)))
    norm = k.let("norm", Un("sqrt", total) if square else total)
    safe = k.let("safe", select(norm.eq(0.0), 1.0, norm))
    row.each(lambda p: row.output(p, row.again(p) / safe))


NORMALIZATIONS: dict[str, Callable[[Builder, _Row], None]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "layer": _layer,
    "rms": _rms,
    "l1": functools.partial(_by_norm, square=False),
    "l2": functools.partial(_by_norm, square=True),
}
