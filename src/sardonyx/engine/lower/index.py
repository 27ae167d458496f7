"""Picking slices by index."""

from __future__ import annotations

from typing import Any

from sardonyx.core.dims import Expr
from sardonyx.core.dtypes import INT32, INT64
from sardonyx.engine.kernels.gather import GatherSpec, gather_kernel
from sardonyx.engine.lowering import Lowering, NotNative, lower
from sardonyx.engine.program import Address, Call
from sardonyx.engine.views import product
from sardonyx.ir import Node


@lower("Gather")
def gather(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """A known scalar index is a view; an index tensor copies slices."""
    data, indices = node.inputs
    assert data is not None and indices is not None
    view, shape = low.view(data), low.shape(node.output)
    axis = attrs["axis"] % view.rank
    known = low.ints(indices)
    if known is not None and low.shape(indices) == () and not isinstance(known[0], Expr):
        start = known[0] if known[0] >= 0 else view.shape[axis] + known[0]
        low.give(node.output, view.narrowed(axis, start, 1).squeezed([axis]))
        return
    if low.dtype(indices) not in (INT32, INT64) or view.dtype.itemsize > 8 or view.dtype.kind == "string":
        raise NotNative(f"Gather of {view.dtype} by {low.dtype(indices)}")
    dense, where = low.contiguous(view), low.contiguous(low.view(indices))
    out = low.temp(view.dtype, shape, name=node.output.name)
    n, count, outer = product(view.shape[axis + 1 :]), where.size, product(view.shape[:axis])
    spec = GatherSpec(f"u{8 * view.dtype.itemsize}", "i32" if where.dtype is INT32 else "i64")
    args = [Address(out.buffer, 0, True), Address(dense.buffer, dense.offset), Address(where.buffer, where.offset)]
    call = Call(
        gather_kernel(spec, low.target),
        [*args, n, view.shape[axis], count, outer],
        outer * count,
        (node.name or "Gather",),
        grain=max(1, 4096 // n) if isinstance(n, int) and n else 16,
    )
    low.call(call)
    low.give(node.output, out)
