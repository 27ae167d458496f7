"""One kernel for what reduces lines of elements to one value each, with a formula before and a formula behind."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Formula, emit, load, store
from sardonyx.engine.kernels.line import Line, Place
from sardonyx.engine.kernels.map import Source
from sardonyx.tile import Builder, Const, Expr, Fma, Kernel, Ramp, Reg, Type, call, f32, i64, select
from sardonyx.tile.expr import Broadcast, Un, binary

__all__ = ["INTEGER", "ReduceSpec", "Reduction", "reduce_kernel"]

Reduction = Literal[
    "sum", "mean", "max", "min", "prod", "sum_square", "l1", "l2", "log_sum", "log_sum_exp",
    "first_max", "first_min", "last_max", "last_min",
]  # fmt: skip
INTEGER = (
    "sum",
    "max",
    "min",
    "prod",
    "sum_square",
    "l1",
    "first_max",
    "first_min",
    "last_max",
    "last_min",
)  # what is also defined on integers here
INF = float("inf")
VECTORS = 4  # of lines at once, across; and accumulators of one line, along


@dataclass(frozen=True)
class ReduceSpec:
    """out[line] = epilogue(reduction of prologue(operands) over the line, epilogue operands[line]); compare `RowSpec`."""

    kind: Reduction
    prologue: Formula
    epilogue: Formula
    before: tuple[Source, ...]
    behind: tuple[Source, ...]
    out: Source
    outer: int
    inner: int
    across: bool


# reduction -> (how values join, the value of none)
_JOIN: dict[str, tuple[str, float]] = {"max": ("max", -INF), "min": ("min", INF), "prod": ("mul", 1.0)}
# which extreme element is sought, which of the numbers of equal ones, and the number of none
_SOUGHT: dict[str, tuple[str, str, int]] = {
    "first_max": ("max", "min", (1 << 63) - 1),
    "first_min": ("min", "min", (1 << 63) - 1),
    "last_max": ("max", "max", -1),
    "last_min": ("min", "max", -1),
}


def _start(op: str, start: float, kind: Type) -> Any:
    """The value that changes nothing, for integers the least or the greatest one."""
    if kind.is_float or abs(start) != INF:
        return start
    return -(1 << (kind.bits - 1)) if start < 0 else (1 << (kind.bits - 1)) - 1


@functools.cache
def reduce_kernel(spec: ReduceSpec, target: Target) -> Kernel:
    """The kernel of a reduction with what surrounds it. Parameters and tasks: those of `Line`, out first, `VECTORS` wide."""
    k = Builder(f"reduce_{spec.kind}")
    line = Line(
        k, (spec.out, *spec.before, *spec.behind), spec.outer, spec.inner, spec.across, target.lanes(f32), VECTORS
    )
    job = _Reduce(k, line, spec)
    if spec.across:
        line.tasks(lambda: job.across(1), lambda: job.across(VECTORS))
    else:
        line.tasks(job.along)
    return k.build()


class _Reduce:
    """One line, or a few vectors of lines."""

    def __init__(self, k: Builder, line: Line, spec: ReduceSpec) -> None:
        self.k, self.line, self.spec, self.lanes = k, line, spec, line.lanes
        self.kind = Type(spec.prologue.kind)
        self.op, start = _JOIN.get(spec.kind, ("add", 0.0))
        self.start = _start(self.op, start, self.kind)

    def input(self, p: Place, vector: int = 0) -> Expr:
        values = [self.line.fetch(1 + i, p, vector) for i in range(len(self.spec.before))]
        return emit(self.k, self.spec.prologue, values, self.lanes)

    def joined(self, acc: Expr, x: Expr) -> Expr:
        """The accumulator with one more value."""
        if self.spec.kind in ("sum_square", "l2"):
            x = self.k.let("x", x)
            return Fma(x, x, acc) if self.kind.is_float else acc + x * x
        if self.spec.kind == "l1" and (self.kind.is_float or self.kind.is_signed):
            x = Un("abs", x)
        return binary(self.op, acc, x)

    def after(self, total: Expr) -> Expr:
        """What remains to do when the line is read."""
        if self.spec.kind == "mean":
            return total / self.line.length().to(total.type.scalar).splat(total.type.lanes)
        if self.spec.kind == "l2":
            return Un("sqrt", total)
        return call("log", total) if self.spec.kind == "log_sum" else total

    def sought(self, x: Expr, top: Expr, p: Place, otherwise: int) -> Expr:
        """The numbers of the elements that equal the extreme one (every NaN does, if it is NaN), else `otherwise`."""
        number = Broadcast(p.number, self.lanes)
        if not self.spec.across:
            number = number + Ramp(number.type)
        found = x.eq(top) | x.ne(x) if self.kind.is_float else x.eq(top)
        return select(found, number, Const(otherwise, number.type))

    # -- along ------------------------------------------------------------------------------------------------------------

    def along(self) -> None:
        k, lanes = self.k, self.lanes
        if self.spec.kind == "log_sum_exp":
            top = k.let("top", self.total("max", -INF, lambda acc, x, _: binary("max", acc, x)))
            safe = k.let("safe", select(abs(top) < INF, top, 0.0))
            wide = safe.splat(lanes)
            self.finish_line(call("log", self.total("add", 0.0, lambda acc, x, _: acc + call("exp", x - wide))) + safe)
        elif self.spec.kind in _SOUGHT:
            of, op, none = _SOUGHT[self.spec.kind]
            start = _start(*_JOIN[of], self.kind)
            top = k.let("top", self.total(of, start, lambda acc, x, _: binary(of, acc, x)).splat(lanes))
            self.finish_line(self.total(op, none, lambda acc, x, p: binary(op, acc, self.sought(x, top, p, none)), i64))
        else:
            self.finish_line(self.after(self.total(self.op, self.start, lambda acc, x, _: self.joined(acc, x))))

    def total(self, op: str, start: Any, join: Callable[[Expr, Expr, Place], Expr], kind: Type | None = None) -> Expr:
        """All of the line in one number."""
        k = self.k
        accs = [k.reg("acc", (kind or self.kind).x(self.lanes), start) for _ in range(VECTORS)]

        def body(p: Place, u: int) -> None:
            joined = join(accs[u], self.input(p), p)
            k.set(accs[u], joined if p.mask is None else select(p.mask, joined, accs[u]))

        self.line.each(body, unroll=VECTORS)
        return k.let("total", _tree(op, accs).reduce(op))

    def finish_line(self, value: Expr) -> None:
        spec, line = self.spec, self.line
        first = 1 + len(spec.before)
        operands = [load(line.bases[first + i], 0, s.kind, 1) for i, s in enumerate(spec.behind)]
        result = emit(self.k, spec.epilogue, [self.k.let("value", value), *operands], 1)
        store(line.bases[0], 0, result, spec.epilogue.kind)

    # -- across -----------------------------------------------------------------------------------------------------------

    def across(self, vectors: int) -> None:
        k = self.k
        if self.spec.kind == "log_sum_exp":
            tops = self.totals(vectors, "max", -INF, lambda acc, x, *_: binary("max", acc, x))
            safe = [k.let("safe", select(abs(t) < INF, t, 0.0)) for t in tops]
            sums = self.totals(vectors, "add", 0.0, lambda acc, x, v, _: acc + call("exp", x - safe[v]))
            self.finish_lines([call("log", s) + t for s, t in zip(sums, safe, strict=True)])
        elif self.spec.kind in _SOUGHT:
            of, op, none = _SOUGHT[self.spec.kind]
            start = _start(*_JOIN[of], self.kind)
            tops = self.totals(vectors, of, start, lambda acc, x, *_: binary(of, acc, x))
            join = lambda acc, x, v, p: binary(op, acc, self.sought(x, tops[v], p, none))  # noqa: E731
            self.finish_lines(self.totals(vectors, op, none, join, i64))
        else:
            totals = self.totals(vectors, self.op, self.start, lambda acc, x, *_: self.joined(acc, x))
            self.finish_lines([self.after(t) for t in totals])

    def totals(
        self,
        vectors: int,
        op: str,
        start: Any,
        join: Callable[[Expr, Expr, int, Place], Expr],
        kind: Type | None = None,
    ) -> list[Expr]:
        """A number for each of `vectors` vectors of lines, by two accumulators each.

        Floats are summed in short runs, and the runs then: so the error grows with their length and number, not their product.
        """
        k, kind = self.k, kind or self.kind
        accs = [[k.reg("acc", kind.x(self.lanes), start) for _ in range(2)] for _ in range(vectors)]
        sums = [k.reg("sum", kind.x(self.lanes), 0.0) for _ in accs] if op == "add" and kind.is_float else []

        def gather() -> None:
            for total, (a, b) in zip(sums, accs, strict=True):
                k.set(total, total + (a + b))
                k.set(a, Const(0.0, a.type))
                k.set(b, Const(0.0, b.type))

        def body(p: Place, u: int) -> None:
            for v, acc in enumerate(accs):
                k.set(acc[u], join(acc[u], self.input(p, v), v, p))

        self.line.each(body, unroll=2, between=gather if sums else None)
        if sums:
            return [k.let("total", total + (a + b)) for total, (a, b) in zip(sums, accs, strict=True)]
        return [k.let("total", binary(op, a, b)) for a, b in accs]

    def finish_lines(self, values: list[Expr]) -> None:
        spec, line = self.spec, self.line
        here = Place(line.bases, line.j, line.j, line.mask, line.j)
        first = 1 + len(spec.before)
        for v, value in enumerate(values):
            operands = [line.fetch(first + i, here, v) for i in range(len(spec.behind))]
            result = emit(self.k, spec.epilogue, [self.k.let("value", value), *operands], self.lanes)
            line.put(0, here, result, spec.epilogue.kind, v)


def _tree(op: str, accs: list[Reg]) -> Expr:
    values: list[Expr] = list(accs)
    while len(values) > 1:
        values = [binary(op, a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
    return values[0]
