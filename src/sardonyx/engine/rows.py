"""Row-wise computations as heads of deferred values: normalizations and reductions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sardonyx.core.dims import Dim, ceildiv, dmax, floordiv
from sardonyx.engine.formula import Formula
from sardonyx.engine.kernels.map import Source
from sardonyx.engine.kernels.reduce import VECTORS, ReduceSpec, Reduction, reduce_kernel
from sardonyx.engine.kernels.rows import Normalization, RowSpec, row_kernel
from sardonyx.engine.lowering import Lowering, access, kind_of
from sardonyx.engine.program import Address, Argument, Call, Real
from sardonyx.engine.space import collapse, memory_order
from sardonyx.engine.views import View, product
from sardonyx.ir import Value
from sardonyx.tile import f32

__all__ = ["ReduceHead", "RowHead", "prologue"]

CHUNK = 8192  # elements that make a chunk of rows worth handing to a thread


def prologue(low: Lowering, value: Value) -> tuple[Formula, list[View], tuple[str, ...]]:
    """What a row is computed from: the elementwise group that only this node reads, or a view."""
    deferred = low.join(value)
    if deferred is not None and deferred.head is None:
        return deferred.formula, deferred.operands, deferred.nodes
    view = low.view(value)
    return Formula((kind_of(view.dtype),)), [view], ()


@dataclass(frozen=True, eq=False)
class _Walk:
    """How a kernel of lines visits some views of one shape; `Line` says what its parameters mean."""

    sources: tuple[Source, ...]
    outer: int
    inner: int
    across: bool
    args: list[Argument | None]
    lines: Dim  # tasks, but for the width when across
    width: Dim
    length: Dim


def _walk(shape: Sequence[Dim], views: Sequence[View], kinds: Sequence[str], axes: Sequence[int], main: View) -> _Walk:
    """Lines over `axes` of `shape`.

    Args:
        views: out first, all broadcast to `shape`.
        main: the view whose order in memory decides the order of the axes.
    """
    order = memory_order(main)
    rows = collapse(shape, views, [i for i in order if i in axes])
    kept = collapse(shape, views, [i for i in order if i not in axes])
    close = ("unit", "same")
    dense = all(access(s[-1]) in close for s in rows.strides)
    across = not dense and kept.inner != 1 and all(access(s[-1]) in close for s in kept.strides)
    lanes = kept if across else rows
    outer = kept.outer if across or kept.extents == (1,) else kept.extents
    args: list[Argument | None] = [Address(v.buffer, v.offset, i == 0) for i, v in enumerate(views)]
    for axis, extent in enumerate(outer):
        args += [extent, *(s[axis] for s in kept.strides)]
    for axis, extent in enumerate(rows.extents):
        last = axis == len(rows.extents) - 1
        args += [extent] if last and not across else [extent, *(s[axis] for s in rows.strides)]
    if across:
        args.append(kept.inner)
    sources = tuple(Source(k, access(s[-1])) for k, s in zip(kinds, lanes.strides, strict=True))
    args += [s[-1] for source, s in zip(sources, lanes.strides, strict=True) if source.access == "strided"]
    width = kept.inner if across else 1
    return _Walk(sources, len(outer), len(rows.extents), across, args, product(outer), width, product(rows.extents))


def _grain(length: Dim) -> Dim:
    return dmax(floordiv(CHUNK, dmax(length, 1)), 1)


@dataclass(eq=False)
class RowHead:
    """A normalization over `axes`."""

    kind: Normalization
    formula: Formula
    operands: list[View]
    axes: tuple[int, ...]
    epsilon: float = 0.0

    def accepts(self, operand: View) -> bool:
        return True

    def emit(
        self, low: Lowering, formula: Formula, operands: Sequence[View], out: View, nodes: tuple[str, ...]
    ) -> None:
        shape = out.shape
        before = [v.broadcast_to(shape) for v in self.operands]
        views = [out, *before, *(v.broadcast_to(shape) for v in operands)]
        walk = _walk(shape, views, (formula.kind, *self.formula.args, *formula.args[1:]), self.axes, _main(out, before))
        first = 1 + len(before)
        out_source, sources = walk.sources[0], walk.sources[1:]
        spec = RowSpec(
            self.kind, self.formula, formula, sources[: first - 1], sources[first - 1 :], out_source,
            walk.outer, walk.inner, walk.across,
        )  # fmt: skip
        lanes = low.target.lanes(f32)
        blocks: Dim = ceildiv(walk.width, lanes) if walk.across else 1
        scratch: Dim = 0 if spec.in_place else walk.length * (4 * lanes if walk.across else 4) + 64
        low.call(
            Call(
                row_kernel(spec, low.target),
                [*walk.args, Real(self.epsilon)],
                walk.lines * blocks,
                nodes,
                grain=_grain(walk.length * (lanes if walk.across else 1)),
                scratch=scratch,
                flops=product(shape) * 8,
            )
        )


@dataclass(eq=False)
class ReduceHead:
    """A reduction of `shape` over `axes`; the deferred value has no such axes, or ones of extent 1 when they are kept."""

    kind: Reduction
    formula: Formula
    operands: list[View]
    shape: tuple[Dim, ...]
    axes: tuple[int, ...]
    keep: bool

    def accepts(self, operand: View) -> bool:
        return True

    def _wide(self, view: View) -> View:
        return (view if self.keep else view.unsqueezed(self.axes)).broadcast_to(self.shape)

    def emit(
        self, low: Lowering, formula: Formula, operands: Sequence[View], out: View, nodes: tuple[str, ...]
    ) -> None:
        before = [v.broadcast_to(self.shape) for v in self.operands]
        behind = [self._wide(v.broadcast_to(out.shape)) for v in operands]
        views = [self._wide(out), *before, *behind]
        kinds = (formula.kind, *self.formula.args, *formula.args[1:])
        walk = _walk(self.shape, views, kinds, self.axes, _main(views[0], before))
        sources, first = walk.sources[1:], len(before)
        spec = ReduceSpec(
            self.kind, self.formula, formula, sources[:first], sources[first:], walk.sources[0],
            walk.outer, walk.inner, walk.across,
        )  # fmt: skip
        block = low.target.lanes(f32) * VECTORS
        blocks: Dim = ceildiv(walk.width, block) if walk.across else 1
        low.call(
            Call(
                reduce_kernel(spec, low.target),
                walk.args,
                walk.lines * blocks,
                nodes,
                grain=_grain(walk.length * (block if walk.across else 1)),
                flops=product(self.shape),
            )
        )


def _main(out: View, before: Sequence[View]) -> View:
    """The operand that has all the elements, if there is one."""
    whole = (v for v in before if all(s != 0 or d == 1 for s, d in zip(v.strides, v.shape, strict=True)))
    return next(whole, before[0] if before else out)
