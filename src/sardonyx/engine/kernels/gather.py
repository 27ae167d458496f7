"""Copying slices that an index names."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.map import decode
from sardonyx.tile import Builder, Expr, Kernel, Type, i64
from sardonyx.tile.expr import Select, binary

__all__ = ["GatherSpec", "gather_kernel"]


@dataclass(frozen=True)
class GatherSpec:
    """The kind of the elements (any of their width will do), and of the indices (i32 or i64)."""

    kind: str
    index: str


@functools.cache
def gather_kernel(spec: GatherSpec, target: Target) -> Kernel:
    """out[o, k, :] = data[o, index[k], :].

    Parameters: out, data, index, n (elements in a slice), extent (slices to choose from), count (indices), outer.
    Task: (o, k), k fastest. An index below zero counts from the end; one out of range reads the nearest slice.
    """
    k = Builder("gather")
    kind = Type(spec.kind)
    lanes = target.lanes(kind)
    out, data, index = k.ptr("out", kind), k.ptr("data", kind), k.ptr("index", Type(spec.index))
    n, extent, count = k.param("n"), k.param("extent"), k.param("count")
    o, at = decode(k, k.task, [k.param("outer"), count])
    found = k.let("found", index.load(at).to(i64))
    found = k.let("wrapped", Select(found < 0, found + extent, found))
    found = k.let("safe", binary("max", binary("min", found, extent - 1), 0))
    source = data.at((o * extent + found) * n)
    target_row = out.at(k.task * n)

    def body(j: Expr, mask: Expr | None) -> None:
        target_row.store(j, source.load(j, lanes, mask), mask)

    k.strip("j", 0, n, lanes, body)
    return k.build()
