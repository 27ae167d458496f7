"""Attention, a block of queries at a time, without a matrix of scores.

Scores are computed with queries in the lanes: one query block, transposed once, meets every key, whose elements are
broadcast. So the maximum and the sum of a softmax are plain vector operations, key after key. Keys come in blocks; between
blocks the running maximum, sum and result are rescaled (the online softmax). The product with the values has the lanes
along a value's elements, and broadcasts the weights.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sardonyx.core.dims import Dim
from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.map import Access, decode
from sardonyx.engine.kernels.transpose import transposed
from sardonyx.tile import Builder, Const, Expr, Fma, Kernel, Pointer, Ramp, Reg, call, f32, i64, select, u8
from sardonyx.tile.expr import Broadcast, binary

__all__ = ["KEYS", "AttentionSpec", "attention_kernel", "attention_scratch"]

KEYS = 128  # in a block
TILE = 8  # keys whose scores, or queries whose results, are in registers together
INF = float("inf")


@dataclass(frozen=True)
class AttentionSpec:
    """What happens to the scores.

    mask: added ("float") or chosen by ("bool"). by_key: one row of it serves all queries ("same"), or each query has a row that
    lies densely ("unit"), or not ("strided"). cap: the scores are
    cap * tanh(scores / cap), 0 for none. vectors: of queries in a block.
    """

    causal: bool
    mask: Literal["none", "float", "bool"]
    by_key: Access
    cap: float
    vectors: int


def attention_scratch(depth: Dim, width: Dim, vectors: int, lanes: int) -> Dim:
    """Floats of scratch, for queries of `depth` elements and values of `width`."""
    block = vectors * lanes
    return (depth + width + 2 * lanes + 2 * KEYS + 1) * block


class _Attention:
    def __init__(self, k: Builder, spec: AttentionSpec, target: Target) -> None:
        self.k, self.spec, self.lanes = k, spec, target.lanes(f32)
        self.block = spec.vectors * self.lanes
        self.out, self.q, self.key, self.value = (k.ptr(n, f32) for n in ("out", "q", "key", "value"))
        self.mask = None if spec.mask == "none" else k.ptr("mask", u8 if spec.mask == "bool" else f32)
        self.batch, self.heads, self.group = k.param("batch"), k.param("heads"), k.param("group")
        self.queries, self.keys = k.param("queries"), k.param("keys")
        self.depth, self.width = k.param("depth"), k.param("width")
        self.past = k.param("past")
        self.steps = {n: [k.param(f"{n}_{axis}") for axis in ("b", "h", "s")] for n in ("out", "q", "key", "value")}
        if self.mask is not None:
            self.steps["mask"] = [k.param(f"mask_{axis}") for axis in ("b", "h", "s", "t")]
        self.scale = k.param("scale", f32)

    def spread(self, x: Expr) -> Expr:
        return Broadcast(x, self.lanes) if self.lanes > 1 else x

    def task(self) -> None:
        """Task: (batch, head, block of queries), the block fastest."""
        k, block = self.k, self.block
        blocks = k.let("blocks", (self.queries + (block - 1)) // block)
        b, h, at = decode(k, k.task, [self.batch, self.heads, blocks])
        shared = k.let("shared", h // self.group)
        first = k.let("first", at * block)

        def place(base: Pointer, name: str, head: Expr) -> Pointer:
            steps = self.steps[name]
            return Pointer(k, k.let(name, base.at(b * steps[0] + head * steps[1]).base), base.kind)

        out, q = place(self.out, "out", h), place(self.q, "q", h)
        key, value = place(self.key, "key", shared), place(self.value, "value", shared)
        mask = None if self.mask is None else place(self.mask, "mask", h)
        room = k.scratch(f32)
        self.pack = room  # queries, transposed
        rows = (self.depth + (self.lanes - 1)) // self.lanes * self.lanes
        self.scores = Pointer(k, k.let("scores", room.at(rows * block).base), f32)
        self.bias = self.scores.at(KEYS * block)  # of the mask, queries in the lanes
        self.factor = self.bias.at(KEYS * block)
        self.stride = k.let("stride", (self.width + (self.lanes - 1)) // self.lanes * self.lanes)
        self.sums = Pointer(k, k.let("sums", self.factor.at(block).base), f32)  # results, a query after the other
        last = k.let("last", binary("min", first + block, self.queries))
        count = k.let("count", last - first)
        self._pack(q, first)
        with k.loop("z", 0, self.stride * block, self.lanes) as z:
            self.sums.store(z, Const(0.0, f32.x(self.lanes)))
        tops = [k.reg("top", f32.x(self.lanes), -INF) for _ in range(self.spec.vectors)]
        totals = [k.reg("total", f32.x(self.lanes), 0.0) for _ in range(self.spec.vectors)]
        end = k.let("end", binary("min", self.keys, last + self.past)) if self.spec.causal else self.keys
        with k.loop("t", 0, end, KEYS) as t:
            stop = k.let("stop", binary("min", t + KEYS, end))
            if mask is not None and self.spec.by_key == "unit":
                self._turn(mask, first, t, stop)
            self._keys(key, value, mask, first, count, t, stop, tops, totals)
        for v, total in enumerate(totals):
            # A query whose every key is masked has no weights: its result is 0.
            self.factor.store(v * self.lanes, select(total.eq(0.0), 0.0, 1.0 / total))
        self._give(out, first, count)

    def _pack(self, q: Pointer, first: Expr) -> None:
        """The block's queries times the scale, transposed; queries past the last one repeat it."""
        k, lanes = self.k, self.lanes
        scale = self.spread(self.scale)
        for v in range(self.spec.vectors):
            rows = []
            for i in range(lanes):
                row = binary("min", first + v * lanes + i, self.queries - 1)
                rows.append(Pointer(k, k.let("row", q.at(row * self.steps["q"][2]).base), f32))

            def square(d: Expr, mask: Expr | None, rows: Sequence[Pointer] = rows, v: int = v) -> None:
                square = [k.let("x", row.load(d, lanes, mask) * scale) for row in rows]
                for i, column in enumerate(transposed(k, square)):
                    self.pack.store((d + i) * self.block + v * lanes, column)

            k.strip("d", 0, self.depth, lanes, square)

    def _turn(self, mask: Pointer, first: Expr, start: Expr, stop: Expr) -> None:
        """The mask of a block of keys with queries in the lanes: 0 or -inf for truth values."""
        k, lanes = self.k, self.lanes
        for v in range(self.spec.vectors):
            rows = []
            for i in range(lanes):
                row = binary("min", first + v * lanes + i, self.queries - 1)
                rows.append(Pointer(k, k.let("row", mask.at(row * self.steps["mask"][2]).base), mask.kind))

            def square(t: Expr, tail: Expr | None, rows: Sequence[Pointer] = rows, v: int = v) -> None:
                found = [row.load(t, lanes, tail) for row in rows]
                if self.spec.mask == "bool":
                    found = [k.let("x", select(x.ne(0), 0.0, Const(-INF, f32.x(lanes)))) for x in found]
                for i, column in enumerate(transposed(k, found)):
                    self.bias.store((t + i - start) * self.block + v * lanes, column)

            k.strip("t", start, stop, lanes, square)

    # -- a block of keys ------------------------------------------------------------------------------------------------------

    def _keys(
        self,
        key: Pointer,
        value: Pointer,
        mask: Pointer | None,
        first: Expr,
        count: Expr,
        start: Expr,
        stop: Expr,
        tops: list[Reg],
        totals: list[Reg],
    ) -> None:
        k, lanes, block = self.k, self.lanes, self.block
        before = [k.let("before", top) for top in tops]
        whole = k.let("whole", start + (stop - start) // TILE * TILE)
        with k.loop("t", start, whole, TILE) as t:
            self._tile(key, mask, first, start, t, TILE, tops)
        with k.loop("t", whole, stop) as t:
            self._tile(key, mask, first, start, t, 1, tops)
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
        self._values(value, start, length, count)

    def _tile(
        self, key: Pointer, mask: Pointer | None, first: Expr, start: Expr, t: Expr, keys: int, tops: list[Reg]
    ) -> None:
        """The scores of `keys` keys from t on, and the maxima with them."""
        k, lanes, vectors = self.k, self.lanes, self.spec.vectors
        step = self.steps["key"][2]
        rows = [Pointer(k, k.let("row", key.at((t + i) * step).base), f32) for i in range(keys)]
        accs = [[k.reg("acc", f32.x(lanes), 0.0) for _ in range(vectors)] for _ in rows]
        with k.loop("d", 0, self.depth) as d:
            queries = [self.pack.load(d * self.block + v * lanes, lanes) for v in range(vectors)]
            for row, acc in zip(rows, accs, strict=True):
                x = k.let("x", self.spread(row.load(d)))
                for v, query in enumerate(queries):
                    k.set(acc[v], Fma(x, query, acc[v]))
        for i, acc in enumerate(accs):
            for v in range(vectors):
                score = k.let("score", self._score(acc[v], mask, first, v, start, t + i))
                self.scores.store((t + i - start) * self.block + v * lanes, score)
                k.set(tops[v], binary("maxb", tops[v], score))

    def _score(self, score: Expr, mask: Pointer | None, first: Expr, vector: int, start: Expr, t: Expr) -> Expr:
        """A vector of scores, capped and masked: of key t, in the block from key `start` on."""
        lanes = self.lanes
        query = first + vector * lanes
        if self.spec.cap:
            score = call("tanh", self.k.let("inner", score * (1.0 / self.spec.cap))) * self.spec.cap
        if mask is not None and self.spec.by_key == "unit":
            found = self.bias.load((t - start) * self.block + vector * lanes, lanes)
            score = select(found.eq(0.0), score, -INF) if self.spec.mask == "bool" else score + found
        elif mask is not None:
            _, _, down, along = self.steps["mask"]
            if self.spec.by_key == "same":
                found = self.spread(mask.load(t * along))
            else:
                places = binary("min", Ramp(i64.x(lanes)) + query, self.queries - 1)
                found = mask.load(places * down + t * along, lanes)
            score = select(found.ne(0), score, -INF) if self.spec.mask == "bool" else score + found
        if self.spec.causal:
            places = Ramp(i64.x(lanes)) + (query + self.past)
            score = select(places >= t, score, -INF)
        return score

    # -- results ----------------------------------------------------------------------------------------------------------------

    def _values(self, value: Pointer, start: Expr, length: Expr, count: Expr) -> None:
        """results = results * factor + weights @ values."""
        k, lanes = self.k, self.lanes
        values = Pointer(k, k.let("values", value.at(start * self.steps["value"][2]).base), f32)
        two = k.let("two", self.width // (2 * lanes) * (2 * lanes))
        with k.loop(
            "i", 0, count, TILE
        ) as i:  # rows past the last query hold copies of it: there is room for a whole tile
            with k.loop("e", 0, two, 2 * lanes) as e:
                self._results(values, i, e, length, 2, None)
            k.strip("e", two, self.width, lanes, lambda e, m, i=i: self._results(values, i, e, length, 1, m))

    def _results(self, values: Pointer, i: Expr, e: Expr, length: Expr, vectors: int, mask: Expr | None) -> None:
        """The part of `TILE` results from query i on that `vectors` vectors from element e on make."""
        k, lanes = self.k, self.lanes
        rows = min(TILE, self.block)
        sums = Pointer(k, k.let("sum", self.sums.at(i * self.stride + e).base), f32)
        accs: list[list[Reg]] = []
        for r in range(rows):
            factor = self.spread(self.factor.load(i + r))
            line = [sums.load(self.stride * r + v * lanes, lanes) for v in range(vectors)]
            accs.append([k.reg("acc", f32.x(lanes), x * factor) for x in line])
        with k.loop("t", 0, length) as t:
            line = [values.load(t * self.steps["value"][2] + e + v * lanes, lanes, mask) for v in range(vectors)]
            for r, acc in enumerate(accs):
                weight = k.let("w", self.spread(self.scores.load(t * self.block + i + r)))
                for v, x in enumerate(line):
                    k.set(acc[v], Fma(weight, x, acc[v]))
        for r, acc in enumerate(accs):
            for v, x in enumerate(acc):
                sums.store(self.stride * r + v * lanes, x)

    def _give(self, out: Pointer, first: Expr, count: Expr) -> None:
        k, lanes = self.k, self.lanes
        with k.loop("i", 0, count) as i:
            scale = k.let("scale_out", self.spread(self.factor.load(i)))
            line = Pointer(k, k.let("line", out.at((first + i) * self.steps["out"][2]).base), f32)

            def body(e: Expr, mask: Expr | None) -> None:
                line.store(e, self.sums.load(i * self.stride + e, lanes) * scale, mask)

            k.strip("e", 0, self.width, lanes, body)


@functools.cache
def attention_kernel(spec: AttentionSpec, target: Target) -> Kernel:
    """softmax(scale q keys' + mask) values, by head.

    Parameters: out, q, key, value, mask if any; batch, heads, heads that share a key's head, queries, keys, depth (elements of a
    query), width (elements of a value), past (keys before the first query's own, for causal); the batch, head and row strides of
    out, q, key and value; those and the key's stride of the mask; scale. Rows are dense.
    """
    k = Builder("attention")
    _Attention(k, spec, target).task()
    return k.build()
