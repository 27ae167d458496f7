"""Caches that grow: where new rows go, and the rows put there."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.map import decode
from sardonyx.tile import Builder, Const, Expr, Kernel, Pointer, Type, i64, select
from sardonyx.tile.expr import binary

__all__ = ["ROWS", "PutRowsSpec", "count_kernel", "put_rows_kernel"]

ROWS = 64  # of a task


@functools.cache
def count_kernel(kind: str, target: Target) -> Kernel:
    """valid[b] = counts[b] + 1, or all if the queries are all; first[b] = valid[b] - queries; places[b, s] = first[b] + s.

    Parameters: valid, first, places, counts; queries, all. Task: a batch.
    """
    k = Builder("count_keys")
    valid, first, places = (k.ptr(name, i64) for name in ("valid", "first", "places"))
    counts = k.ptr("counts", Type(kind))
    queries, every = k.param("queries"), k.param("every")
    there = k.let("there", select(queries.eq(every), every, counts.load(k.task).to(i64) + 1))
    begin = k.let("begin", there - queries)
    valid.store(k.task, there)
    first.store(k.task, begin)
    with k.loop("s", 0, queries) as s:
        places.store(k.task * queries + s, binary("max", begin + s, 0))
    return k.build()


@dataclass(frozen=True)
class PutRowsSpec:
    """The kind that moves elements; whether rows behind the end go to the front, and whether old rows behind new ones stay."""

    kind: str
    circular: bool = False
    stays: bool = True


@functools.cache
def put_rows_kernel(spec: PutRowsSpec, target: Target) -> Kernel:
    """out[b, h, t] = new[b, h, t - first[b]] where there is such a row, else old[b, h, t], else zeros.

    Parameters: out, old, new, first (addresses); n (elements of a row), batch, heads, rows of out, of old and of new; the batch,
    head and row strides of out, old and new. Task: (b, h, `ROWS` rows).
    """
    k = Builder("put_rows")
    kind = Type(spec.kind)
    lanes = target.lanes(kind)
    names = ("out", "old", "new")
    bases = {name: k.ptr(name, kind) for name in names}
    first = k.ptr("first", i64)
    n, batch, heads = k.param("n"), k.param("batch"), k.param("heads")
    rows = {name: k.param(f"{name}_rows") for name in names}
    steps = {name: [k.param(f"{name}_{axis}") for axis in ("b", "h", "s")] for name in names}
    blocks = k.let("blocks", (rows["out"] + (ROWS - 1)) // ROWS)
    b, h, at = decode(k, k.task, [batch, heads, blocks])
    here = {name: k.let(name, bases[name].at(b * steps[name][0] + h * steps[name][1]).base) for name in names}
    begin = first.load(b)
    start = k.let("start", at * ROWS)
    with k.loop("t", start, binary("min", start + ROWS, rows["out"])) as t:
        own = k.let("own", t - begin)
        if spec.circular:
            own = k.let("own", select(own < 0, own + rows["out"], own))
        target_row = Pointer(k, k.let("line", Pointer(k, here["out"], kind).at(t * steps["out"][2]).base), kind)

        def copy(name: str, row: Expr, to: Pointer = target_row) -> None:
            source = Pointer(k, k.let("row", Pointer(k, here[name], kind).at(row * steps[name][2]).base), kind)
            k.strip("j", 0, n, lanes, lambda j, mask: to.store(j, source.load(j, lanes, mask), mask))

        old = t < rows["old"]
        with k.when((own >= 0) & (own < rows["new"])):
            copy("new", own)
        with k.otherwise():
            with k.when(k.let("there", old if spec.stays else old & (own < 0))):
                copy("old", t)
            with k.otherwise():
                zero = Const(0, kind.x(lanes))
                k.strip("j", 0, n, lanes, lambda j, mask, to=target_row: to.store(j, zero, mask))
    return k.build()
