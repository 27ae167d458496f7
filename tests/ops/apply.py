"""One operator applied to arrays, as models do it: inferred, then evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np

import sardonyx as sx
from sardonyx.core.dtypes import dtype
from sardonyx.ir import Graph, Model, TensorType, Value
from sardonyx.ops.builder import Builder

OPSET = 28


def apply(op: str, *inputs: Any, outputs: int | None = None, opset: int = OPSET, **attrs: Any) -> Any:
    """What `op` gives, an array or a list of them; its type must be what inference says."""
    arrays = [None if x is None else np.asarray(x) for x in inputs]
    values = [
        None if x is None else Value(f"x{i}", TensorType(dtype(x.dtype), tuple(x.shape))) for i, x in enumerate(arrays)
    ]
    given = {v.name: x for v, x in zip(values, arrays, strict=True) if v is not None and x is not None}
    graph = Graph("main", [v for v in values if v is not None])
    builder = Builder(graph, {"": opset})
    made = builder.op(op, *values, outputs=outputs, **attrs)
    graph.outputs = list(made) if isinstance(made, tuple) else [made]
    results = sx.evaluate(Model(graph, dict(builder.opsets)), given)
    for value, result in zip(graph.outputs, results, strict=True):
        kind = value.type
        if isinstance(kind, TensorType):
            assert kind.dtype is dtype(result.dtype)
            assert kind.shape is None or len(kind.shape) == result.ndim
            assert all(d == n for d, n in zip(kind.shape or (), result.shape, strict=False) if isinstance(d, int))
    return results if isinstance(made, tuple) else results[0]
