"""One kernel for any elementwise group: a formula over a space of few axes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Formula, emit, load, pointer, store
from sardonyx.tile import Builder, Expr, Kernel, Pointer, Ramp, f32, i64
from sardonyx.tile.expr import Broadcast, binary

__all__ = ["Access", "MapSpec", "Source", "decode", "map_kernel"]

# How an operand moves along the innermost axis: to the next element, not at all, or by a stride given at run time.
Access = Literal["unit", "same", "strided"]


@dataclass(frozen=True)
class Source:
    """An operand: the kind of its elements and how it moves along the innermost axis."""

    kind: str
    access: Access


@dataclass(frozen=True)
class MapSpec:
    """out[i..., j] = formula(operands[i..., j]) over `outer` axes and one inner axis, along which `out` moves as it says."""

    formula: Formula
    sources: tuple[Source, ...]
    outer: int
    out: Access = "unit"


def decode(k: Builder, task: Expr, extents: list[Expr]) -> list[Expr]:
    """The index along each axis that number `task` stands for, the last axis fastest."""
    found: list[Expr] = []
    for extent in reversed(extents[1:]):
        found.append(k.let("i", task % extent))
        task = k.let("t", task // extent)
    return [task, *reversed(found)] if extents else []


def fetch(k: Builder, source: Source, base: Pointer, j: Expr, step: Expr | None, lanes: int, mask: Expr | None) -> Expr:
    """The elements of one operand for `lanes` consecutive places from `j` on."""
    if source.access == "unit":
        return load(base, j, source.kind, lanes, mask)
    if source.access == "same":
        one = load(base, 0, source.kind, 1)
        return Broadcast(one, lanes) if lanes > 1 else one
    assert step is not None
    index = (Ramp(i64.x(lanes)) + j) * step if lanes > 1 else j * step
    return load(base, index, source.kind, lanes, mask)


@functools.cache
def map_kernel(spec: MapSpec, target: Target) -> Kernel:
    """The kernel of a fused elementwise group.

    Parameters: out, each operand, inner extent n, chunk, chunks; then for each outer axis its extent, the stride of out, the
    stride of each operand; then the inner stride of every operand that is `strided`,
    and that of out if it is.

    Task: (outer index, chunk number), the chunk fastest; a chunk is `chunk` consecutive inner places.
    """
    k = Builder("map")
    lanes = target.lanes(f32)
    kind = spec.formula.kind
    out = k.ptr("out", pointer(kind))
    sources = [k.ptr(f"x{i}", pointer(s.kind)) for i, s in enumerate(spec.sources)]
    n, chunk, chunks = k.param("n"), k.param("chunk"), k.param("chunks")
    extents: list[Expr] = []
    strides: list[list[Expr]] = []
    for axis in range(spec.outer):
        extents.append(k.param(f"e{axis}"))
        strides.append([k.param(f"s{axis}_{i}") for i in range(len(sources) + 1)])
    steps = [k.param(f"step{i}") if s.access == "strided" else None for i, s in enumerate(spec.sources)]
    out_step = k.param("out_step") if spec.out == "strided" else None

    place: Expr = k.task
    start: Expr = k.let("start", (place % chunks) * chunk)
    stop = k.let("stop", binary("min", start + chunk, n))
    index = decode(k, k.let("row", place // chunks), extents)
    bases = [out, *sources]
    for i, base in enumerate(bases):
        for axis in range(spec.outer):
            base = base.at(index[axis] * strides[axis][i])
        bases[i] = base

    # Nothing is stored to what all places read, so it is read once, and what follows from it alone is computed once.
    still = {
        i: fetch(k, s, b, start, None, lanes, None)
        for i, (s, b) in enumerate(zip(spec.sources, bases[1:], strict=True))
        if s.access == "same"
    }

    def body(j: Expr, mask: Expr | None) -> None:
        count = lanes
        values = [
            still[i] if i in still else fetch(k, s, b, j, t, count, mask)
            for i, (s, b, t) in enumerate(zip(spec.sources, bases[1:], steps, strict=True))
        ]
        index = j if out_step is None else (Ramp(i64.x(count)) + j) * out_step if count > 1 else j * out_step
        store(bases[0], index, emit(k, spec.formula, values, count), kind, mask)

    k.strip("j", start, stop, lanes, body)
    return k.build()
