"""One kernel for what normalizes or reduces rows: a formula before it, statistics of the row, a formula behind."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Formula, emit, pointer, store
from sardonyx.engine.kernels.map import Source, decode, fetch
from sardonyx.tile import Builder, Const, Expr, Kernel, Pointer, Reg, call, f32, select
from sardonyx.tile.expr import Broadcast, Un, binary

__all__ = ["Normalization", "Reduction", "RowSpec", "row_kernel"]

Normalization = Literal["softmax", "log_softmax", "layer", "rms"]
Reduction = Literal["sum", "mean", "max", "min", "sum_square", "l1", "l2"]


@dataclass(frozen=True)
class RowSpec:
    """What happens to each row.

    A normalization gives epilogue(normalized x, epilogue operands) at every place, where x = prologue(operands). A reduction
    gives one value per row; its epilogue sees that value and nothing else.
    """

    kind: Normalization | Reduction
    prologue: Formula
    epilogue: Formula
    before: tuple[Source, ...]  # operands of the prologue
    behind: tuple[Source, ...]  # operands of the epilogue
    outer: int

    @property
    def reduces(self) -> bool:
        return self.kind not in ("softmax", "log_softmax", "layer", "rms")


class _Row:
    """The row at hand: where its operands lie, and loops over it."""

    def __init__(self, k: Builder, spec: RowSpec, target: Target) -> None:
        self.k, self.spec, self.lanes = k, spec, target.lanes(f32)
        sources = (*spec.before, *spec.behind)
        self.out = k.ptr("out", pointer(spec.epilogue.kind))
        pointers = [k.ptr(f"x{i}", pointer(s.kind)) for i, s in enumerate(sources)]
        self.n, self.epsilon = k.param("n"), k.param("epsilon", f32)
        extents: list[Expr] = []
        strides: list[list[Expr]] = []
        for axis in range(spec.outer):
            extents.append(k.param(f"e{axis}"))
            strides.append([k.param(f"s{axis}_{i}") for i in range(len(sources) + 1)])
        self.steps = [k.param(f"step{i}") if s.access == "strided" else None for i, s in enumerate(sources)]
        index = decode(k, k.task, extents)
        bases = [self.out, *pointers]
        for i, base in enumerate(bases):
            for axis in range(spec.outer):
                base = base.at(index[axis] * strides[axis][i])
            bases[i] = base
        self.out, self.bases = bases[0], bases[1:]
        self.row: Pointer = k.scratch(f32)

    def fetch(self, i: int, j: Expr, mask: Expr | None) -> Expr:
        sources = (*self.spec.before, *self.spec.behind)
        return fetch(self.k, sources[i], self.bases[i], j, self.steps[i], self.lanes, mask)

    def input(self, j: Expr, mask: Expr | None) -> Expr:
        """prologue(operands) at `lanes` places."""
        values = [self.fetch(i, j, mask) for i in range(len(self.spec.before))]
        return emit(self.k, self.spec.prologue, values, self.lanes)

    def output(self, j: Expr, value: Expr, mask: Expr | None) -> None:
        first = len(self.spec.before)
        operands = [self.fetch(first + i, j, mask) for i in range(len(self.spec.behind))]
        result = emit(self.k, self.spec.epilogue, [value, *operands], self.lanes)
        store(self.out, j, result, self.spec.epilogue.kind, mask)

    def each(self, body: Callable[[Expr, Expr | None], None]) -> None:
        self.k.strip("j", 0, self.n, self.lanes, body)

    def fold(self, op: str, start: float, value: Callable[[Expr, Expr | None], Expr]) -> Expr:
        """The reduction of value(j) over the row, in an order that only n decides."""
        acc = self.k.reg("acc", f32.x(self.lanes), start)

        def body(j: Expr, mask: Expr | None) -> None:
            x = value(j, mask)
            if mask is not None:
                x = select(mask, x, Const(start, x.type))
            self.k.set(acc, binary(op, acc, x))

        self.each(body)
        return self.k.let(op, _reduced(acc, op))

    def spread(self, x: Expr) -> Expr:
        return Broadcast(x, self.lanes) if self.lanes > 1 else x


def _reduced(acc: Reg, op: str) -> Expr:
    return acc.reduce(op) if acc.type.lanes > 1 else acc


INF = float("inf")


@functools.cache
def row_kernel(spec: RowSpec, target: Target) -> Kernel:
    """The kernel of a row-wise group.

    Parameters: out, the prologue's operands, the epilogue's operands, n (the length of a row), epsilon; then per outer axis its
    extent and the strides of out and of every operand; then the inner stride of every strided operand. Task: a row.
    Scratch: n floats.
    """
    k = Builder(f"rows_{spec.kind}")
    row = _Row(k, spec, target)
    if spec.reduces:
        _reduce(k, row, spec)
    else:
        _NORMALIZE[spec.kind](k, row)
    return k.build()


def _kept(row: _Row) -> Callable[[Expr, Expr | None], Expr]:
    """Compute the input, keep it in scratch for the passes that follow."""

    def value(j: Expr, mask: Expr | None) -> Expr:
        x = row.input(j, mask)
        row.row.store(j, x, mask)
        return x

    return value


def _softmax(k: Builder, row: _Row, log: bool = False) -> None:
    top = row.spread(row.fold("max", -INF, _kept(row)))

    def power(j: Expr, mask: Expr | None) -> Expr:
        e = k.let("e", call("exp", row.row.load(j, row.lanes, mask) - top))
        if not log:
            row.row.store(j, e, mask)
        return e

    total = row.fold("add", 0.0, power)
    if log:
        shift = k.let("shift", top + row.spread(call("log", total)))
        row.each(lambda j, m: row.output(j, row.row.load(j, row.lanes, m) - shift, m))
    else:
        scale = row.spread(k.let("scale", Const(1.0, f32) / total))
        row.each(lambda j, m: row.output(j, row.row.load(j, row.lanes, m) * scale, m))


def _layer(k: Builder, row: _Row) -> None:
    count = k.let("count", row.n.to(f32))
    mean = row.spread(k.let("mean", row.fold("add", 0.0, _kept(row)) / count))

    def square(j: Expr, mask: Expr | None) -> Expr:
        d = k.let("d", row.row.load(j, row.lanes, mask) - mean)
        return d * d

    variance = row.fold("add", 0.0, square) / count
    scale = row.spread(k.let("scale", Const(1.0, f32) / Un("sqrt", variance + row.epsilon)))
    row.each(lambda j, m: row.output(j, (row.row.load(j, row.lanes, m) - mean) * scale, m))


def _rms(k: Builder, row: _Row) -> None:
    keep = _kept(row)

    def square(j: Expr, mask: Expr | None) -> Expr:
        x = keep(j, mask)
        return x * x

    mean = row.fold("add", 0.0, square) / row.n.to(f32)
    scale = row.spread(k.let("scale", Const(1.0, f32) / Un("sqrt", mean + row.epsilon)))
    row.each(lambda j, m: row.output(j, row.row.load(j, row.lanes, m) * scale, m))


_NORMALIZE: dict[str, Callable[[Builder, _Row], None]] = {
    "softmax": _softmax,
    "log_softmax": functools.partial(_softmax, log=True),
    "layer": _layer,
    "rms": _rms,
}

# reduction -> (how values join, the value of an empty row)
_JOIN: dict[str, tuple[str, float]] = {
    "sum": ("add", 0.0),
    "mean": ("add", 0.0),
    "sum_square": ("add", 0.0),
    "l1": ("add", 0.0),
    "l2": ("add", 0.0),
    "max": ("max", -INF),
    "min": ("min", INF),
}


def _reduce(k: Builder, row: _Row, spec: RowSpec) -> None:
    op, start = _JOIN[spec.kind]

    def value(j: Expr, mask: Expr | None) -> Expr:
        x = row.input(j, mask)
        if spec.kind in ("sum_square", "l2"):
            return x * x
        return Un("abs", x) if spec.kind == "l1" else x

    result = row.fold(op, start, value)
    if spec.kind == "mean":
        result = result / row.n.to(f32)
    elif spec.kind == "l2":
        result = Un("sqrt", result)
    store(row.out, 0, emit(k, spec.epilogue, [result], 1), spec.epilogue.kind)
