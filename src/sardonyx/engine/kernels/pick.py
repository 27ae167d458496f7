"""Elements and slices that index tensors name, one by one."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.map import Access, decode
from sardonyx.tile import Builder, Expr, Kernel, Pointer, Ramp, Type, f32, i64, select
from sardonyx.tile.expr import Broadcast, binary

__all__ = ["ElementsSpec", "Join", "PutSpec", "TuplesSpec", "elements_kernel", "put_kernel", "tuples_kernel"]

Join = Literal["none", "add", "mul", "max", "min"]


@dataclass(frozen=True)
class ElementsSpec:
    """The kinds of the elements and of the indices; how the indices move along the innermost axis."""

    kind: str
    index: str
    access: Access
    outer: int


def wrapped(index: Expr, extent: Expr) -> Expr:
    """An index from the front; one out of range means the nearest element."""
    lanes = index.type.lanes
    wide = Broadcast(extent, lanes) if lanes > 1 else extent
    found = select(index < 0, index + wide, index)
    return binary("max", binary("min", found, wide - 1), 0)


@functools.cache
def elements_kernel(spec: ElementsSpec, target: Target) -> Kernel:
    """out[i..., j] = data at place (i..., j), but on one axis at index[i..., j].

    Parameters: out, index, data; the extent and the stride in data of the axis; n, the strides of index and data along the
    innermost axis; for each outer axis its extent and the strides of out, index and data (0 on the axis). Task: a row of out.
    """
    k = Builder("elements")
    kind, lanes = Type(spec.kind), target.lanes(f32)
    bases = [k.ptr("out", kind), k.ptr("index", Type(spec.index)), k.ptr("data", kind)]
    extent, step, n = k.param("extent"), k.param("step"), k.param("n")
    index_step, data_step = k.param("index_step"), k.param("data_step")
    axes = [(k.param(f"e{i}"), [k.param(f"s{i}_{b}") for b in range(3)]) for i in range(spec.outer)]
    for at, (_, strides) in zip(decode(k, k.task, [e for e, _ in axes]), axes, strict=True):
        bases = [b.at(at * s) for b, s in zip(bases, strides, strict=True)]
    out, index, data = (Pointer(k, k.let("row", b.base), b.kind) for b in bases)

    def body(j: Expr, mask: Expr | None) -> None:
        places = Ramp(i64.x(lanes)) + j
        if spec.access == "same":
            found = Broadcast(index.load(0), lanes)
        else:
            found = index.load(j if spec.access == "unit" else places * index_step, lanes, mask)
        spot = wrapped(k.let("found", found.to(i64)), extent) * step + places * data_step
        out.store(j, data.load(spot, lanes, mask), mask)

    k.strip("j", 0, n, lanes, body)
    return k.build()


@dataclass(frozen=True)
class TuplesSpec:
    """How many axes an index tuple names, and whether slices are read ("gather") or written, and how they join what is there."""

    kind: str
    index: str
    depth: int
    scatter: bool
    join: Join = "none"


@functools.cache
def tuples_kernel(spec: TuplesSpec, target: Target) -> Kernel:
    """gather: out[b, t, :] = data[b, index[b, t], :]. scatter: data[index[t], :] = join(that, out[t, :]), t after t.

    Parameters: out, data, index (dense); n (elements of a slice), count (tuples of a batch), the batch's stride in data; for each
    axis of a tuple its extent and its stride in data. Task: gather, a tuple; scatter, everything: one task keeps the order.
    """
    k = Builder("scatter" if spec.scatter else "gather_tuples")
    kind = Type(spec.kind)
    lanes = target.lanes(kind)
    out, data, index = k.ptr("out", kind), k.ptr("data", kind), k.ptr("index", Type(spec.index))
    n, count, batch = k.param("n"), k.param("count"), k.param("batch")
    axes = [(k.param(f"extent{i}"), k.param(f"step{i}")) for i in range(spec.depth)]

    def one(t: Expr) -> None:
        spot: Expr = t // count * batch
        for i, (extent, step) in enumerate(axes):
            spot = spot + wrapped(k.let("found", index.load(t * spec.depth + i).to(i64)), extent) * step
        there = Pointer(k, k.let("slice", data.at(spot).base), kind)
        here = Pointer(k, k.let("line", out.at(t * n).base), kind)

        def body(j: Expr, mask: Expr | None) -> None:
            if not spec.scatter:
                here.store(j, there.load(j, lanes, mask), mask)
                return
            value: Expr = here.load(j, lanes, mask)
            if spec.join != "none":
                value = binary(spec.join, there.load(j, lanes, mask), value)
            there.store(j, value, mask)

        k.strip("j", 0, n, lanes, body)

    if spec.scatter:
        with k.loop("t", 0, count) as t:
            one(t)
    else:
        one(k.task)
    return k.build()


@dataclass(frozen=True)
class PutSpec:
    """The kinds of the elements and of the indices, and how an element joins what is there."""

    kind: str
    index: str
    join: Join


@functools.cache
def put_kernel(spec: PutSpec, target: Target) -> Kernel:
    """data[o, index[o, t, i], i] = join(that, updates[o, t, i]), t after t. All dense.

    Parameters: data, updates, index; the extents of data's axis, of the indices' axis and of what lies inside. Task: (o, i).
    """
    k = Builder("put")
    kind = Type(spec.kind)
    data, updates, index = k.ptr("data", kind), k.ptr("updates", kind), k.ptr("index", Type(spec.index))
    extent, count, inner = k.param("extent"), k.param("count"), k.param("inner")
    o, i = k.let("o", k.task // inner), k.let("i", k.task % inner)
    with k.loop("t", 0, count) as t:
        spot = k.let("spot", (o * count + t) * inner + i)
        found = wrapped(k.let("found", index.load(spot).to(i64)), extent)
        there = k.let("there", (o * extent + found) * inner + i)
        value: Expr = updates.load(spot)
        data.store(there, value if spec.join == "none" else binary(spec.join, data.load(there), value))
    return k.build()
