"""Attention of few rows, as in a step of generation: the scores of each row lie in scratch.

A score is a product whose elements lie in the lanes; as many keys as there are lanes are summed together, so that their scores are
a vector. Keys and values are read once for all rows.
"""

from __future__ import annotations

from sardonyx.core.dims import Dim
from sardonyx.engine.kernels.attention_frame import INF, Frame
from sardonyx.engine.kernels.map import decode
from sardonyx.engine.kernels.transpose import totals
from sardonyx.tile import Const, Expr, Fma, Pointer, Ramp, Reg, call, f32, i64, select
from sardonyx.tile.expr import Reduce, binary

__all__ = ["Few", "scratch"]

TILE = 8  # keys whose products are in registers together
ROWS, WIDE = 4, 4  # rows, and vectors of them, whose results are in registers together


def scratch(rows: Dim, keys: Dim, lanes: int) -> Dim:
    """Floats of scratch."""
    return (keys + 2 * lanes) * rows + rows


class Few:
    """Task: (batch, head of keys)."""

    def __init__(self, frame: Frame) -> None:
        self.frame, self.k, self.spec, self.lanes = frame, frame.k, frame.spec, frame.lanes

    def task(self) -> None:
        k, lanes = self.k, self.lanes
        b, h = decode(k, k.task, [self.frame.batch, self.frame.heads])
        self.frame = frame = self.frame.at(b, h)
        self.begin, end = frame.reach(Const(0, i64), frame.rows)
        self.length = k.let("length", binary("max", end - self.begin, 0))
        self.pitch = k.let("pitch", (self.length + (lanes - 1)) // lanes * lanes)
        self.factor = k.scratch(f32)  # of each row: what its weights are still to be multiplied by
        self.scores = Pointer(k, k.let("scores", self.factor.at(frame.rows).base), f32)
        with k.loop("t", 0, self.length, lanes) as t:
            self._products(t)
        with k.loop("r", 0, frame.rows) as r:
            self._weigh(r)
        values = Pointer(k, k.let("values", frame.value.at(self.begin * frame.steps["value"][2]).base), f32)
        several = k.let("several", frame.rows // ROWS * ROWS)
        for start, stop, rows in ((Const(0, i64), several, ROWS), (several, frame.rows, 1)):
            with k.loop("r", start, stop, rows) as r:
                self._results(values, r, rows)

    def _products(self, t: Expr) -> None:
        """The scores of a vector of keys; keys past the last one repeat it."""
        k, lanes, frame = self.k, self.lanes, self.frame
        step = frame.steps["key"][2]
        keys: list[Pointer] = []
        for i in range(lanes):
            key = self.begin + binary("min", t + i, self.length - 1)
            keys.append(Pointer(k, k.let("key", frame.key.at(key * step).base), f32))
        with k.loop("r", 0, frame.rows) as r:
            row = frame.row("q", r)
            accs: list[Reg] = []
            for i in range(0, lanes, TILE):
                part = keys[i : i + TILE]
                sums = [k.reg("acc", f32.x(lanes), 0.0) for _ in part]
                accs += sums

                def add(d: Expr, mask: Expr | None, part: list[Pointer] = part, sums: list[Reg] = sums) -> None:
                    x = row.load(d, lanes, mask)
                    for total, key in zip(sums, part, strict=True):
                        k.set(total, Fma(x, key.load(d, lanes, mask), total))

                k.strip("d", 0, frame.depth, lanes, add)
            score = k.let("score", self._score(totals(k, accs), r, t))
            self.scores.store(r * self.pitch + t, score)

    def _score(self, score: Expr, r: Expr, t: Expr) -> Expr:
        """The scores of row r and a vector of keys: scaled, capped and masked."""
        k, lanes, frame = self.k, self.lanes, self.frame
        score = score * frame.spread(frame.scale)
        if self.spec.cap:
            score = call("tanh", k.let("inner", score * (1.0 / self.spec.cap))) * self.spec.cap
        own = Ramp(i64.x(lanes)) + t
        if frame.mask is not None:
            row, along = frame.row("mask", r), frame.steps["mask"][3]
            if self.spec.dense:
                found = row.load(self.begin + t, lanes, k.let("there", own < self.length))
            else:
                found = row.load((binary("min", own, self.length - 1) + self.begin) * along, lanes)
            score = select(found.ne(0), score, -INF) if self.spec.mask == "bool" else score + found
        if frame.bounded():  # a row on its own is bounded by the keys that are read
            place = k.let("place", frame.query(r) + frame.past - self.begin)
            if self.spec.causal:
                score = select(own <= place, score, -INF)
            if frame.right is not None:
                score = select(own <= place + frame.right, score, -INF)
            if frame.left is not None:
                score = select(own >= place - frame.left, score, -INF)
        return select(own < self.length, score, -INF)

    def _weigh(self, r: Expr) -> None:
        """The powers of a row's scores, and the inverse of their sum; a row whose every key is masked is 0."""
        k, lanes = self.k, self.lanes
        row = Pointer(k, k.let("line", self.scores.at(r * self.pitch).base), f32)
        top = k.reg("top", f32.x(lanes), -INF)
        with k.loop("t", 0, self.pitch, lanes) as t:
            k.set(top, binary("maxb", top, row.load(t, lanes)))
        most = k.let("most", Reduce("maxb", top))
        safe = k.let("safe", self.frame.spread(select(most.eq(-INF), 0.0, most)))
        total = k.reg("total", f32.x(lanes), 0.0)
        with k.loop("t", 0, self.pitch, lanes) as t:
            e = k.let("e", call("exp_down", row.load(t, lanes) - safe))
            row.store(t, e)
            k.set(total, total + e)
        whole = k.let("whole", Reduce("add", total))
        self.factor.store(r, select(whole.eq(0.0), 0.0, 1.0 / whole))

    def _results(self, values: Pointer, r: Expr, rows: int) -> None:
        """`rows` results from row r on."""
        k, lanes, width = self.k, self.lanes, self.frame.width
        outs = [self.frame.row("out", r + i) for i in range(rows)]
        lines = [Pointer(k, k.let("line", self.scores.at((r + i) * self.pitch).base), f32) for i in range(rows)]
        factors = [k.let("factor", self.frame.spread(self.factor.load(r + i))) for i in range(rows)]

        def part(e: Expr, mask: Expr | None, vectors: int) -> None:
            accs = [[k.reg("acc", f32.x(lanes), 0.0) for _ in range(vectors)] for _ in lines]
            with k.loop("t", 0, self.length) as t:
                place = t * self.frame.steps["value"][2] + e
                found = [values.load(place + v * lanes, lanes, mask) for v in range(vectors)]
                for line, acc in zip(lines, accs, strict=True):
                    weight = k.let("w", self.frame.spread(line.load(t)))
                    for v, x in enumerate(found):
                        k.set(acc[v], Fma(weight, x, acc[v]))
            for out, factor, acc in zip(outs, factors, accs, strict=True):
                for v, x in enumerate(acc):
                    out.store(e + v * lanes, x * factor, mask)

        wide = k.let("wide", width // (WIDE * lanes) * (WIDE * lanes))
        with k.loop("e", 0, wide, WIDE * lanes) as e:
            part(e, None, WIDE)
        k.strip("e", wide, width, lanes, lambda e, mask: part(e, mask, 1))
