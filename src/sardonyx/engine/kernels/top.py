"""The first few elements of lines by size, in order."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.map import decode
from sardonyx.tile import Builder, Expr, Kernel, Type, i64
from sardonyx.tile.expr import binary

__all__ = ["TopSpec", "top_kernel"]


@dataclass(frozen=True)
class TopSpec:
    """The kind of the elements, which come first, and the axes that number the lines."""

    kind: str
    largest: bool
    outer: int


@functools.cache
def top_kernel(spec: TopSpec, target: Target) -> Kernel:
    """values, places = the `count` first elements of each line of x and where they lie; of equal ones, the earlier first.

    The list is kept sorted in the outputs themselves; an element that does not come before its last one costs a comparison.

    Parameters: values, places, x; n, count, the strides along the line of values, places and x; per outer axis its extent and
    those strides. Task: a line.
    """
    k = Builder("top")
    kind = Type(spec.kind)
    bases = [k.ptr("values", kind), k.ptr("places", i64), k.ptr("x", kind)]
    n, count = k.param("n"), k.param("count")
    steps = [k.param(f"step{i}") for i in range(3)]
    axes = [(k.param(f"e{i}"), [k.param(f"s{i}_{b}") for b in range(3)]) for i in range(spec.outer)]
    for at, (_, strides) in zip(decode(k, k.task, [e for e, _ in axes]), axes, strict=True):
        bases = [b.at(at * s) for b, s in zip(bases, strides, strict=True)]
    values, places, x = bases

    def before(a: Expr, b: Expr) -> Expr:
        """Whether a comes before b; NaN is larger than any number."""
        if spec.largest:
            return (a > b) | (a.ne(a) & b.eq(b)) if kind.is_float else a > b
        return (a < b) | (a.eq(a) & b.ne(b)) if kind.is_float else a < b

    def insert(i: Expr, own: Expr, last: Expr) -> None:
        """Move what comes after `own` from place `last` on down by one, and put it there."""
        spot = k.reg("spot", i64, last)
        with k.loop("q", 0, last) as q:
            p = k.let("p", last - q)
            above = values.load((p - 1) * steps[0])
            with k.when(before(own, above)):
                values.store(p * steps[0], above)
                places.store(p * steps[1], places.load((p - 1) * steps[1]))
                k.set(spot, p - 1)
        values.store(spot * steps[0], own)
        places.store(spot * steps[1], i)

    start = k.let("start", binary("min", n, count))
    with k.loop("i", 0, start) as i:
        insert(i, x.load(i * steps[2]), i)
    with k.when(count > 0):
        last = k.let("last", count - 1)
        with k.loop("i", start, n) as i:
            own = x.load(i * steps[2])
            with k.when(before(own, values.load(last * steps[0]))):
                insert(i, own, last)
    return k.build()
