"""Reductions."""

from __future__ import annotations

from typing import Any

from sardonyx.core.dims import Expr
from sardonyx.core.dtypes import FLOAT32
from sardonyx.engine.kernels.rows import Reduction
from sardonyx.engine.lowering import Lowering, NotNative, lower
from sardonyx.engine.rows import reduce_rows
from sardonyx.ir import Node

KINDS: dict[str, Reduction] = {
    "ReduceSum": "sum",
    "ReduceMean": "mean",
    "ReduceMax": "max",
    "ReduceMin": "min",
    "ReduceSumSquare": "sum_square",
    "ReduceL1": "l1",
    "ReduceL2": "l2",
}


@lower(*KINDS)
def reduce(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source = node.inputs[0]
    assert source is not None
    if low.dtype(source) is not FLOAT32:
        raise NotNative(f"{node.op_type} of {low.dtype(source)}")
    shape = low.shape(source)
    given = node.inputs[1] if len(node.inputs) > 1 else None
    axes = low.ints(given) if given is not None else None
    if given is not None and (axes is None or any(isinstance(a, Expr) for a in axes)):
        raise NotNative("axes that are data")
    if not axes and attrs.get("noop_with_empty_axes"):
        raise NotNative("a reduction over no axes")
    over = sorted({int(a) % len(shape) for a in axes}) if axes else list(range(len(shape)))  # pyright: ignore[reportArgumentType]
    kept = tuple(1 if i in over else d for i, d in enumerate(shape))
    out = low.temp(FLOAT32, kept, name=node.output.name)
    reduce_rows(low, KINDS[node.op_type], source, over, out, (node.name or node.op_type,))
    low.give(node.output, out if attrs["keepdims"] else out.squeezed(over))
