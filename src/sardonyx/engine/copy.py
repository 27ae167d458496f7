"""Copies that change which axis lies densely, and elementwise work on operands that lie across its result."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.core.dims import ceildiv
from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.swap import ROWS, SwapSpec, swap_kernel
from sardonyx.engine.program import Address, Argument, Call
from sardonyx.engine.space import Space
from sardonyx.engine.views import View, product

__all__ = ["crossing", "swap"]


def crossing(space: Space, which: int) -> int | None:
    """The outer axis along which a view lies densely while it jumps along the innermost one, or None."""
    strides = space.strides[which]
    if strides[-1] in (0, 1):
        return None
    return next((axis for axis, s in enumerate(strides[:-1]) if s == 1), None)


def swap(target: Target, space: Space, out: View, source: View, axis: int, nodes: Sequence[str]) -> Call:
    """The copy of `source` to `out`, views 1 and 0 of the space, where `source` lies densely along `axis`.

    `source` may be of the type of `out` only: elements are moved, not looked at.
    """
    others = [i for i in range(len(space.outer)) if i != axis]
    rows, columns = space.extents[axis], space.inner
    args: list[Argument | None] = [Address(out.buffer, out.offset, True), Address(source.buffer, source.offset)]
    args += [rows, columns, space.strides[0][axis], space.strides[1][-1]]
    for i in others:
        args += [space.extents[i], space.strides[0][i], space.strides[1][i]]
    kernel = swap_kernel(SwapSpec.of(f"u{8 * out.dtype.itemsize}", len(others), columns), target)
    tasks = product([space.extents[i] for i in others]) * ceildiv(rows, ROWS)
    return Call(kernel, args, tasks, tuple(nodes))
