"""Walking a line of elements, along one axis or several nested ones, in vectors along it or across many lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sardonyx.engine.formula import load, pointer, store
from sardonyx.engine.kernels.map import Source, decode
from sardonyx.tile import Builder, Expr, Pointer, Ramp, i64
from sardonyx.tile.expr import Bin, Broadcast, Const, binary

__all__ = ["Line", "Place"]

RUN = 8  # values that an accumulator takes before it is added to the total


@dataclass(frozen=True, eq=False)
class Place:
    """Where `lanes` elements lie: the pointers, the index along the axis of the lanes, the index into what is kept, the mask.

    `number` counts the elements of the line before the first one here.
    """

    bases: Sequence[Pointer]
    j: Expr
    at: Expr
    mask: Expr | None
    number: Expr


class Line:
    """Lines of several operands, walked together.

    Parameters that it declares: a pointer per operand; for each outer axis its extent and every operand's stride; for each
    inner axis (those of the line) the same, except that along the line the last axis has its extent only; with `across` the
    extent of the axis of the lanes; last, per strided operand, its step along the axis of the lanes.

    Task: along, the number of the line; across, (number of the outer place, block of `lanes * vectors` lines), block fastest.
    """

    def __init__(
        self,
        k: Builder,
        sources: Sequence[Source],
        outer: int,
        inner: int,
        across: bool,
        lanes: int,
        vectors: int = 1,
    ) -> None:
        self.k, self.sources, self.across, self.lanes, self.vectors = k, tuple(sources), across, lanes, vectors
        self._start = [k.ptr("out" if i == 0 else f"x{i - 1}", pointer(s.kind)) for i, s in enumerate(sources)]
        self._outer = [self._axis(f"o{i}", True) for i in range(outer)]
        self._inner = [self._axis(f"i{i}", across or i < inner - 1) for i in range(inner)]
        self.width = k.param("width") if across else None
        self._steps = [k.param(f"step{i}") if s.access == "strided" else None for i, s in enumerate(sources)]
        self.bases: list[Pointer] = []
        self.j: Expr = Const(0, i64)
        self.mask: Expr | None = None

    def _axis(self, name: str, strides: bool) -> tuple[Expr, list[Expr]]:
        extent = self.k.param(f"{name}_n")
        return extent, [self.k.param(f"{name}_s{i}") for i in range(len(self.sources))] if strides else []

    def length(self) -> Expr:
        """How many elements the line has."""
        total = self._inner[0][0]
        for extent, _ in self._inner[1:]:
            total = total * extent
        return total

    # -- tasks ------------------------------------------------------------------------------------------------------------

    def tasks(self, body: Callable[[], None], wide: Callable[[], None] | None = None) -> None:
        """Emit body for the task's line; across, for each vector of lines, the last one masked.

        wide: emitted in place of body where `vectors` whole vectors of lines are left.
        """
        k = self.k
        task: Expr = k.task
        if not self.across:
            self.bases = self._moved(self._start, decode(k, task, [n for n, _ in self._outer]))
            body()
            return
        assert self.width is not None
        block = self.lanes * self.vectors
        blocks = k.let("blocks", (self.width + (block - 1)) // block)
        first = k.let("first", task % blocks * block)
        last = k.let("last", binary("min", first + block, self.width))
        place = decode(k, k.let("place", task // blocks), [n for n, _ in self._outer])
        self.bases = self._moved(self._start, place)

        def lines(j: Expr, mask: Expr | None) -> None:
            self.j, self.mask = j, mask
            body()

        if wide is None:
            k.strip("line", first, last, self.lanes, lines)
            return
        with k.when((last - first).eq(block)):
            self.j, self.mask = first, None
            wide()
        with k.otherwise():
            k.strip("line", first, last, self.lanes, lines)

    def _moved(self, bases: Sequence[Pointer], index: Sequence[Expr]) -> list[Pointer]:
        moved = list(bases)
        for at, (_, strides) in zip(index, self._outer, strict=True):
            moved = [b.at(at * s) for b, s in zip(moved, strides, strict=True)]
        return moved

    # -- elements ---------------------------------------------------------------------------------------------------------

    def each(
        self, body: Callable[[Place, int], None], unroll: int = 1, between: Callable[[], None] | None = None
    ) -> None:
        """body(place, u) for the whole line; u counts 0 to unroll - 1 where so many follow one another.

        between: across, emitted behind every RUN times `unroll` places.
        """
        k = self.k
        bases = self.bases
        before: Expr | None = None  # lines before this one in what is kept
        with ExitStack() as loops:
            for extent, strides in self._inner[:-1]:
                i = loops.enter_context(k.loop("i", 0, extent))
                bases = [Pointer(k, k.let("p", b.at(i * s).base), b.kind) for b, s in zip(bases, strides, strict=True)]
                before = i if before is None else before * extent + i
            n, strides = self._inner[-1]
            first = Const(0, i64) if before is None else k.let("before", before * n)
            if self.across:
                self._across(bases, strides, n, first, body, unroll, between)
            else:
                self._along(bases, n, first, body, unroll)

    def _along(
        self, bases: Sequence[Pointer], n: Expr, first: Expr, body: Callable[[Place, int], None], unroll: int
    ) -> None:
        k, lanes = self.k, self.lanes
        whole = k.let("whole", Bin("and", n, Const(-lanes, i64)))
        start: Expr = Const(0, i64)
        if unroll > 1:
            start = k.let("blocked", n // (lanes * unroll) * (lanes * unroll))
            with k.loop("j", 0, start, lanes * unroll) as j:
                for u in range(unroll):
                    place = k.let("place", first + j + u * lanes)
                    body(Place(bases, j + u * lanes, place, None, place), u)
        with k.loop("j", start, whole, lanes) as j:
            body(Place(bases, j, first + j, None, first + j), 0)
        if lanes > 1:
            with k.when(whole < n):
                mask = k.let("mask", k.mask(n - whole, lanes))
                body(Place(bases, whole, first + whole, mask, first + whole), 0)

    def _across(
        self,
        bases: Sequence[Pointer],
        strides: Sequence[Expr],
        n: Expr,
        first: Expr,
        body: Callable[[Place, int], None],
        unroll: int,
        between: Callable[[], None] | None,
    ) -> None:
        k = self.k

        def at(t: Expr, u: int) -> None:
            t = k.let("t", t + u) if u else t
            moved = [Pointer(k, k.let("p", b.at(t * s).base), b.kind) for b, s in zip(bases, strides, strict=True)]
            body(Place(moved, self.j, (first + t) * self.lanes, self.mask, first + t), u)

        start: Expr = Const(0, i64)
        if unroll > 1:
            start = k.let("blocked", n // unroll * unroll)
            if between is None:
                with k.loop("t", 0, start, unroll) as t:
                    for u in range(unroll):
                        at(t, u)
            else:
                with k.loop("run", 0, start, RUN * unroll) as run:
                    with k.loop("t", run, k.let("stop", binary("min", run + RUN * unroll, start)), unroll) as t:
                        for u in range(unroll):
                            at(t, u)
                    between()
        with k.loop("t", start, n) as t:
            at(t, 0)

    def fetch(self, i: int, p: Place, vector: int = 0) -> Expr:
        """The elements of operand i at a place, or so many vectors of lines further."""
        source, base, lanes = self.sources[i], p.bases[i], self.lanes
        if source.access == "same":
            one = load(base, 0, source.kind, 1)
            return Broadcast(one, lanes) if lanes > 1 else one
        j = p.j + vector * lanes if vector else p.j
        return load(base, self._index(i, j), source.kind, lanes, p.mask)

    def put(self, i: int, p: Place, value: Expr, kind: str, vector: int = 0) -> None:
        """Store elements of operand i."""
        j = p.j + vector * self.lanes if vector else p.j
        store(p.bases[i], self._index(i, j), value, kind, p.mask)

    def _index(self, i: int, j: Expr) -> Expr:
        step = self._steps[i]
        if step is None:
            return j
        return (Ramp(i64.x(self.lanes)) + j) * step if self.lanes > 1 else j * step
