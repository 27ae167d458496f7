"""Attention of many rows: flash-style, scores never reach memory.

The scores are computed with rows in the lanes: one block of rows, transposed once, meets every key, whose elements are
broadcast. So the maximum and the sum of a softmax are plain vector operations, key after key. Keys come in blocks; between
blocks the running maximum, sum and result are rescaled (the online softmax). The product with the values has the lanes
along a value's elements, and broadcasts the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.core.dims import Dim
from sardonyx.engine.kernels.attention_frame import INF, Frame
from sardonyx.engine.kernels.map import decode
from sardonyx.engine.kernels.transpose import transposed
from sardonyx.tile import Const, Expr, Fma, Pointer, Ramp, Reg, call, f32, i64, select
from sardonyx.tile.expr import binary

__all__ = ["KEYS", "Many", "scratch"]

KEYS = 128  # in a block
TILE = 8  # keys whose scores, or rows whose results, are in registers together


def scratch(depth: Dim, width: Dim, vectors: int, lanes: int) -> Dim:
    """Floats of scratch, for queries of `depth` elements and values of `width`."""
    block = vectors * lanes
    return (depth + width + 2 * lanes + 2 * KEYS + 1) * block


class Many:
    """Task: (batch, head of keys, block of rows), the block fastest."""

    def __init__(self, frame: Frame) -> None:
        self.frame, self.k, self.spec, self.lanes = frame, frame.k, frame.spec, frame.lanes
        self.block = frame.spec.vectors * frame.lanes

    def task(self) -> None:
        k, block, frame = self.k, self.block, self.frame
        blocks = k.let("blocks", (frame.rows + (block - 1)) // block)
        b, h, at = decode(k, k.task, [frame.batch, frame.heads, blocks])
        first = k.let("first", at * block)
        self.frame = frame = frame.at(b, h)
        room = k.scratch(f32)
        self.pack = room  # queries, transposed
        rows = (frame.depth + (self.lanes - 1)) // self.lanes * self.lanes
        self.scores = Pointer(k, k.let("scores", room.at(rows * block).base), f32)
        self.bias = self.scores.at(KEYS * block)  # of the mask, rows in the lanes
        self.factor = self.bias.at(KEYS * block)
        self.stride = k.let("stride", (frame.width + (self.lanes - 1)) // self.lanes * self.lanes)
        self.sums = Pointer(k, k.let("sums", self.factor.at(block).base), f32)  # results, a row after the other
        last = k.let("last", binary("min", first + block, frame.rows))
        count = k.let("count", last - first)
        self._pack(first)
        with k.loop("z", 0, self.stride * block, self.lanes) as z:
            self.sums.store(z, Const(0.0, f32.x(self.lanes)))
        self.places, self.offsets = self._lines(first)
        tops = [k.reg("top", f32.x(self.lanes), -INF) for _ in range(self.spec.vectors)]
        totals = [k.reg("total", f32.x(self.lanes), 0.0) for _ in range(self.spec.vectors)]
        begin, end = frame.reach(first, last)
        with k.loop("t", begin, end, KEYS) as t:
            stop = k.let("stop", binary("min", t + KEYS, end))
            if frame.mask is not None and self.spec.by_key == "unit":
                self._turn(first, t, stop)
            self._keys(count, t, stop, tops, totals)
        for v, total in enumerate(totals):
            # A row whose every key is masked has no weights: its result is 0.
            self.factor.store(v * self.lanes, select(total.eq(0.0), 0.0, 1.0 / total))
        self._give(first, count)

    def _lines(self, first: Expr) -> tuple[list[Expr], list[Expr]]:
        """Of each vector of rows, the places of their queries among the keys, and where their rows of the mask lie."""
        frame, lanes = self.frame, self.lanes
        places: list[Expr] = []
        offsets: list[Expr] = []
        for v in range(self.spec.vectors):
            own = Ramp(i64.x(lanes)) + (first + v * lanes)
            if frame.bounded():
                places.append(self.k.let("place", frame.query(own) + frame.past))
            if frame.mask is not None and self.spec.by_key == "strided":
                rows = binary("min", own, frame.rows - 1)
                offsets.append(self.k.let("offset", frame.offset("mask", rows)))
        return places, offsets

    def _rows(self, name: str, first: Expr, vector: int) -> list[Pointer]:
        """The rows of a vector; rows past the last one repeat it."""
        start = first + vector * self.lanes
        return [self.frame.row(name, binary("min", start + i, self.frame.rows - 1)) for i in range(self.lanes)]

    def _pack(self, first: Expr) -> None:
        """The block's queries times the scale, transposed."""
        k, lanes = self.k, self.lanes
        scale = self.frame.spread(self.frame.scale)
        for v in range(self.spec.vectors):

            def square(d: Expr, mask: Expr | None, rows: Sequence[Pointer], v: int = v) -> None:
                square = [k.let("x", row.load(d, lanes, mask) * scale) for row in rows]
                for i, column in enumerate(transposed(k, square)):
                    self.pack.store((d + i) * self.block + v * lanes, column)

            rows = self._rows("q", first, v)
            k.strip("d", 0, self.frame.depth, lanes, lambda d, m, rows=rows, f=square: f(d, m, rows))

    def _turn(self, first: Expr, start: Expr, stop: Expr) -> None:
        """The mask of a block of keys with rows in the lanes: 0 or -inf for truth values."""
        k, lanes = self.k, self.lanes
        for v in range(self.spec.vectors):

            def square(t: Expr, tail: Expr | None, rows: Sequence[Pointer], v: int = v) -> None:
                found = [row.load(t, lanes, tail) for row in rows]
                if self.spec.mask == "bool":
                    found = [k.let("x", select(x.ne(0), 0.0, Const(-INF, f32.x(lanes)))) for x in found]
                for i, column in enumerate(transposed(k, found)):
                    self.bias.store((t + i - start) * self.block + v * lanes, column)

            rows = self._rows("mask", first, v)
            k.strip("t", start, stop, lanes, lambda t, m, rows=rows, f=square: f(t, m, rows))

    # -- a block of keys ------------------------------------------------------------------------------------------------------

    def _keys(self, count: Expr, start: Expr, stop: Expr, tops: list[Reg], totals: list[Reg]) -> None:
        k, lanes, block = self.k, self.lanes, self.block
        before = [k.let("before", top) for top in tops]
        whole = k.let("whole", start + (stop - start) // TILE * TILE)
        with k.loop("t", start, whole, TILE) as t:
            self._tile(start, t, TILE, tops)
        with k.loop("t", whole, stop) as t:
            self._tile(start, t, 1, tops)
        safe = [k.let("safe", select(top.eq(-INF), 0.0, top)) for top in tops]
        for v, total in enumerate(totals):
            shrink = k.let("shrink", call("exp_down", before[v] - safe[v]))
            self.factor.store(v * lanes, shrink)
            k.set(total, total * shrink)
        parts = [[k.reg("part", f32.x(lanes), 0.0) for _ in range(2)] for _ in totals]

        def weigh(t: Expr, u: int) -> None:
            for v in range(self.spec.vectors):
                spot = t * block + v * lanes
                e = k.let("e", call("exp_down", self.scores.load(spot, lanes) - safe[v]))
                self.scores.store(spot, e)
                k.set(parts[v][u], parts[v][u] + e)

        length = k.let("length", stop - start)
        pairs = k.let("pairs", length // 2 * 2)
        with k.loop("t", 0, pairs, 2) as t:
            weigh(t, 0)
            weigh(t + 1, 1)
        with k.loop("t", pairs, length) as t:
            weigh(t, 0)
        for total, (a, b) in zip(totals, parts, strict=True):
            k.set(total, total + (a + b))
        self._values(start, length, count)

    def _tile(self, start: Expr, t: Expr, keys: int, tops: list[Reg]) -> None:
        """The scores of `keys` keys from t on, and the maxima with them."""
        k, lanes, vectors = self.k, self.lanes, self.spec.vectors
        key, step = self.frame.key, self.frame.steps["key"][2]
        rows = [Pointer(k, k.let("row", key.at((t + i) * step).base), f32) for i in range(keys)]
        accs = [[k.reg("acc", f32.x(lanes), 0.0) for _ in range(vectors)] for _ in rows]
        with k.loop("d", 0, self.frame.depth) as d:
            queries = [self.pack.load(d * self.block + v * lanes, lanes) for v in range(vectors)]
            for row, acc in zip(rows, accs, strict=True):
                x = k.let("x", self.frame.spread(row.load(d)))
                for v, query in enumerate(queries):
                    k.set(acc[v], Fma(x, query, acc[v]))
        for i, acc in enumerate(accs):
            for v in range(vectors):
                score = k.let("score", self._score(acc[v], v, start, t + i))
                self.scores.store((t + i - start) * self.block + v * lanes, score)
                k.set(tops[v], binary("maxb", tops[v], score))

    def _score(self, score: Expr, vector: int, start: Expr, t: Expr) -> Expr:
        """A vector of scores, capped and masked: of key t, in the block from key `start` on."""
        lanes, frame = self.lanes, self.frame
        if self.spec.cap:
            score = call("tanh", self.k.let("inner", score * (1.0 / self.spec.cap))) * self.spec.cap
        if frame.mask is not None and self.spec.by_key == "unit":
            found = self.bias.load((t - start) * self.block + vector * lanes, lanes)
            score = select(found.eq(0.0), score, -INF) if self.spec.mask == "bool" else score + found
        elif frame.mask is not None:
            along = frame.steps["mask"][3]
            if self.spec.by_key == "same":
                found = frame.spread(frame.mask.load(t * along))
            else:
                found = frame.mask.load(self.offsets[vector] + t * along, lanes)
            score = select(found.ne(0), score, -INF) if self.spec.mask == "bool" else score + found
        if self.spec.causal:
            score = select(self.places[vector] >= t, score, -INF)
        if frame.right is not None:
            score = select(self.places[vector] + frame.right >= t, score, -INF)
        if frame.left is not None:
            score = select(self.places[vector] <= t + frame.left, score, -INF)
        return score

    # -- results ----------------------------------------------------------------------------------------------------------------

    def _values(self, start: Expr, length: Expr, count: Expr) -> None:
        """results = results * factor + weights @ values."""
        k, lanes = self.k, self.lanes
        values = Pointer(k, k.let("values", self.frame.value.at(start * self.frame.steps["value"][2]).base), f32)
        two = k.let("two", self.frame.width // (2 * lanes) * (2 * lanes))
        with k.loop(
            "i", 0, count, TILE
        ) as i:  # rows past the last query hold copies of it: there is room for a whole tile
            with k.loop("e", 0, two, 2 * lanes) as e:
                self._results(values, i, e, length, 2, None)
            k.strip("e", two, self.frame.width, lanes, lambda e, m, i=i: self._results(values, i, e, length, 1, m))

    def _results(self, values: Pointer, i: Expr, e: Expr, length: Expr, vectors: int, mask: Expr | None) -> None:
        """The part of `TILE` results from query i on that `vectors` vectors from element e on make."""
        k, lanes = self.k, self.lanes
        rows = min(TILE, self.block)
        sums = Pointer(k, k.let("sum", self.sums.at(i * self.stride + e).base), f32)
        accs: list[list[Reg]] = []
        for r in range(rows):
            factor = self.frame.spread(self.factor.load(i + r))
            line = [sums.load(self.stride * r + v * lanes, lanes) for v in range(vectors)]
            accs.append([k.reg("acc", f32.x(lanes), x * factor) for x in line])
        with k.loop("t", 0, length) as t:
            line = [values.load(t * self.frame.steps["value"][2] + e + v * lanes, lanes, mask) for v in range(vectors)]
            for r, acc in enumerate(accs):
                weight = k.let("w", self.frame.spread(self.scores.load(t * self.block + i + r)))
                for v, x in enumerate(line):
                    k.set(acc[v], Fma(weight, x, acc[v]))
        for r, acc in enumerate(accs):
            for v, x in enumerate(acc):
                sums.store(self.stride * r + v * lanes, x)

    def _give(self, first: Expr, count: Expr) -> None:
        k, lanes = self.k, self.lanes
        with k.loop("i", 0, count) as i:
            scale = k.let("scale_out", self.frame.spread(self.factor.load(i)))
            line = self.frame.row("out", first + i)

            def body(e: Expr, mask: Expr | None) -> None:
                line.store(e, self.sums.load(i * self.stride + e, lanes) * scale, mask)

            k.strip("e", 0, self.frame.width, lanes, body)
