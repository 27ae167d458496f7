"""Row-wise computations as heads of deferred values, and reductions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sardonyx.core.dims import Dim
from sardonyx.engine.formula import Formula
from sardonyx.engine.kernels.map import Source
from sardonyx.engine.kernels.rows import Normalization, Reduction, RowSpec, row_kernel
from sardonyx.engine.lowering import Lowering, NotNative, access, kind_of
from sardonyx.engine.program import Address, Argument, Call, Real
from sardonyx.engine.space import collapse
from sardonyx.engine.views import View, product
from sardonyx.ir import Value

__all__ = ["RowHead", "prologue", "reduce_rows"]

CHUNK = 4096  # elements that make a chunk of rows worth handing to a thread


def prologue(low: Lowering, value: Value) -> tuple[Formula, list[View], tuple[str, ...]]:
    """What a row is computed from: the elementwise group that only this node reads, or a view."""
    deferred = low.join(value)
    if deferred is not None and deferred.head is None:
        return deferred.formula, deferred.operands, deferred.nodes
    view = low.view(value)
    return Formula((kind_of(view.dtype),)), [view], ()


@dataclass(eq=False)
class RowHead:
    """A normalization over the last axes of `order`."""

    kind: Normalization
    formula: Formula
    operands: list[View]
    axes: int
    order: tuple[int, ...]
    epsilon: float = 0.0

    def accepts(self, operand: View) -> bool:
        return True

    def emit(self, low: Lowering, formula: Formula, operands: Sequence[View], out: View, nodes: tuple[str, ...]) -> None:
        _rows(low, self.kind, (self.formula, self.operands), (formula, operands), out, self.order, self.axes, self.epsilon, nodes)


def _rows(
    low: Lowering,
    kind: Normalization | Reduction,
    before: tuple[Formula, Sequence[View]],
    behind: tuple[Formula, Sequence[View]],
    out: View,
    order: Sequence[int],
    axes: int,
    epsilon: float,
    nodes: tuple[str, ...],
    shape: tuple[Dim, ...] | None = None,
) -> None:
    shape = out.shape if shape is None else shape
    views = [v.broadcast_to(shape) for v in (*before[1], *behind[1])]
    all_views = [out.broadcast_to(shape), *views]
    outer_axes, inner_axes = order[: len(order) - axes], order[len(order) - axes :]
    line = collapse(shape, all_views, inner_axes)
    if len(line.extents) != 1:
        raise NotNative("the normalized axes do not lie in one line")
    space = collapse(shape, all_views, order, keep=axes)
    assert len(space.outer) <= len(outer_axes)
    strides = space.strides[1:]
    first = len(before[1])
    sources = [
        Source(k, access(s[-1])) for k, s in zip((*before[0].args, *behind[0].args[1:]), strides, strict=True)
    ]
    outer = len(space.outer)
    spec = RowSpec(kind, before[0], behind[0], tuple(sources[:first]), tuple(sources[first:]), outer)
    args: list[Argument | None] = [Address(out.buffer, out.offset, True)]
    args += [Address(v.buffer, v.offset) for v in views]
    args += [space.inner, Real(epsilon)]
    for axis, extent in enumerate(space.outer):
        args += [extent, *(s[axis] for s in space.strides)]
    args += [s[-1] for source, s in zip(sources, strides, strict=True) if source.access == "strided"]
    grain = max(1, CHUNK // space.inner) if isinstance(space.inner, int) and space.inner else 1
    low.call(
        Call(
            row_kernel(spec, low.target),
            args,
            product(space.outer),
            nodes,
            grain=grain,
            scratch=space.inner * 4 + 64,
            flops=product(space.extents) * 8,
        )
    )


def reduce_rows(
    low: Lowering, kind: Reduction, value: Value, axes: Sequence[int], out: View, nodes: tuple[str, ...]
) -> None:
    """Reduce `axes` of `value` into `out`, whose shape has 1 there."""
    formula, operands, inner = prologue(low, value)
    shape = low.shape(value)
    order = (*(i for i in range(len(shape)) if i not in axes), *axes)
    _rows(
        low, kind, (formula, operands), (Formula(("f32",)), []), out, order, len(axes), 0.0, (*inner, *nodes), shape
    )

