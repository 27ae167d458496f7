"""Where NaN and infinity come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sardonyx.core.dtypes import dtype
from sardonyx.core.errors import ExecutionError
from sardonyx.ir import Graph, Tensor, Value
from sardonyx.ir.place import place

__all__ = ["raise_nonfinite"]


def raise_nonfinite(graph: Graph, found: Mapping[Value, Any]) -> None:
    """Name the first node that gave NaN or infinity although all it took was finite.

    Nodes without inputs do not count, for they give what was written into the model; neither do initializers.

    Args:
        found: the inputs of the graph, and the results of its nodes.

    Raises:
        ExecutionError: there is such a node.
    """
    for node in graph.nodes:
        broken = [v for v in node.outputs if not _finite(found.get(v))]
        taken = {v: found.get(v, v.const) for v in node.inputs if v is not None}
        if not broken or not taken or not all(_finite(item) for item in taken.values()):
            continue
        x = np.asarray(found[broken[0]])
        raise ExecutionError(
            f"'{broken[0].name}' has {np.isnan(x).sum()} NaN and {np.isinf(x).sum()} infinite of {x.size} elements",
            where=place(node),
            why="all that the node takes is finite: " + ", ".join(_range(v.name, item) for v, item in taken.items()),
            fix="look at the ranges of its inputs: an overflow, a division by zero, a logarithm or root of what is too small?",
        )


def _array(item: Any) -> Any:
    return item.numpy() if isinstance(item, Tensor) else item


def _finite(item: Any) -> bool:
    """Whether an item is no array of floats, or one without NaN and infinity."""
    array = _array(item)
    floats = isinstance(array, np.ndarray) and (array.dtype.kind == "c" or dtype(array.dtype).is_float)
    return not floats or bool(np.isfinite(array).all())


def _range(name: str, item: Any) -> str:
    array = _array(item)
    if not isinstance(array, np.ndarray) or not array.size or array.dtype.kind in "OUSc":
        return f"'{name}'"
    return f"'{name}' in [{array.min():.6g}, {array.max():.6g}]"
