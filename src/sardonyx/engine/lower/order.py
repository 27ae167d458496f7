"""Elements in the order of their size."""

from __future__ import annotations

from typing import Any

from sardonyx.core.dtypes import FLOAT32, FLOAT64, INT32, INT64
from sardonyx.engine.kernels.top import TopSpec, top_kernel
from sardonyx.engine.lowering import Lowering, NotNative, kind_of, lower
from sardonyx.engine.program import Address, Argument, Call
from sardonyx.engine.space import collapse
from sardonyx.engine.views import product
from sardonyx.ir import Node

MOST = 1024  # elements of a list that insertion keeps sorted fast enough


@lower("TopK")
def top_k(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source = node.inputs[0]
    assert source is not None
    x = low.view(source)
    shape, axis = low.shape(node.outputs[0]), attrs["axis"] % x.rank
    if x.dtype not in (FLOAT32, FLOAT64, INT32, INT64):
        raise NotNative(f"TopK of {x.dtype}")
    if not isinstance(shape[axis], int) or shape[axis] > MOST:
        raise NotNative("TopK of many elements, or of a number that is data")
    low.at_least(x.shape[axis], shape[axis], f"{node!r} gives no more than there is")
    values, places = (low.temp(t, shape, name=v.name) for t, v in zip((x.dtype, INT64), node.outputs, strict=True))
    others = [i for i in range(x.rank) if i != axis]
    lines = collapse(x.shape, [values, places, x], others)
    args: list[Argument | None] = [Address(v.buffer, v.offset, v is not x) for v in (values, places, x)]
    args += [x.shape[axis], shape[axis], values.strides[axis], places.strides[axis], x.strides[axis]]
    for i, extent in enumerate(lines.extents):
        args += [extent, *(s[i] for s in lines.strides)]
    spec = TopSpec(kind_of(x.dtype), bool(attrs["largest"]), len(lines.extents))
    nodes = (node.name or node.op_type,)
    low.call(Call(top_kernel(spec, low.target), args, product(lines.extents), nodes, flops=x.size))
    for value, view in zip(node.outputs, (values, places), strict=True):
        low.give(value, view)
