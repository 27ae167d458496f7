"""Pooling: over everything, and over windows."""

from __future__ import annotations

from typing import Any

from sardonyx.engine.lower.reduce import reduced
from sardonyx.engine.lowering import Lowering, NotNative, lower
from sardonyx.ir import Node


@lower("GlobalAveragePool", "GlobalMaxPool")
def global_pool(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source = node.inputs[0]
    assert source is not None
    axes = list(range(2, len(low.shape(source))))
    if not axes:
        raise NotNative(f"{node.op_type} of an image without extents")
    reduced(low, node, source, "mean" if node.op_type == "GlobalAveragePool" else "max", axes, True)
