"""Operators whose extents are stated, by a constant or an attribute: what of it the official package reads and refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sardonyx.compat.onnx._inference.asked import Asked, reshaped
from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.core.dtypes import FLOAT32, INT32, INT64
from sardonyx.ir import TensorType
from sardonyx.ops import Known

__all__ = [
    "depth_as_read",
    "depths_against_rule",
    "regions_against_rule",
    "regions_as_read",
]

DEPTHS = (INT32, INT64, FLOAT32)  # the element types in which a constant depth is read
FROM_BEHIND_SINCE = 11  # the version since which indices may count from behind
RANKS_SINCE = 22  # the version since which regions are of one rank, and of five columns


def depth_as_read(asked: Asked) -> Asked:
    """OneHot: a depth of no or of another type counts as unknown."""
    depth = asked.given(1)
    if depth is None:
        return asked
    read = depth if depth.dtype in DEPTHS and depth.dims != (0,) else Known(TensorType(depth.dtype, ()))
    return replace(asked, inputs=[asked.inputs[0], read, *asked.inputs[2:]])


def depths_against_rule(asked: Asked) -> Iterator[str]:
    """OneHot: one depth, which is not negative, and what is put where no index points, and where one does."""
    indices, depth, values = (asked.given(i) for i in range(3))
    if asked.version < FROM_BEHIND_SINCE and indices is not None and _below_zero(indices):
        yield "Input 'indices' must be non-negative"
    if depth is not None and depth.has_shape:
        if depth.rank > 1:
            yield "Input 'depth' must be a scalar or rank 1 tensor."
        if depth.rank == 1 and isinstance(depth.shape[0], int) and depth.shape[0] > 1:
            yield "Input 'depth' must have at most one element."
    found: Any = None if depth is None else depth.value if depth.value is not None else depth.floats
    if depth is not None and depth.dtype in DEPTHS and found is not None and found.size and found.flat[0] < 0:
        raise refuse_shape("Input 'depth' must be non-negative.")
    if values is not None and values.has_shape:
        if values.rank != 1:
            yield "Input 'values' must be rank 1 tensor."
        elif isinstance(values.shape[0], int) and values.shape[0] != 2:
            yield "Input 'values' must have exactly two elements."
    if indices is not None and indices.has_shape and indices.rank == 0:
        raise refuse_shape("Indices tensor must have rank >= 1")


def _below_zero(x: Known) -> bool:
    found: Any = x.value if x.value is not None else x.floats
    return x.dtype in DEPTHS and found is not None and bool((found < 0).any())


def regions_as_read(asked: Asked) -> Asked:
    """MaxRoiPool: old versions look at no columns, and at no more axes than four."""
    x, regions = asked.given(0), asked.given(1)
    if asked.version >= RANKS_SINCE or x is None or regions is None or not x.has_shape or not regions.has_shape:
        return asked
    seen = regions if regions.rank != 2 else reshaped(regions, (regions.shape[0], 5))
    pooled = (asked.attrs.get("pooled_shape") or ())[:2]
    return replace(asked, inputs=[reshaped(x, x.shape[:4]), seen], attrs={**asked.attrs, "pooled_shape": pooled})


def regions_against_rule(asked: Asked) -> Iterator[str]:
    """MaxRoiPool: an extent for each spatial axis, none of them empty."""
    x, regions, pooled = asked.given(0), asked.given(1), asked.attrs.get("pooled_shape") or ()
    if x is None or regions is None or not x.has_shape or not regions.has_shape:
        return
    if "pooled_shape" not in asked.stated:
        yield "Attribute pooled_shape must be specified"
    if len(pooled) != x.rank - 2:
        yield "Attribute pooled_shape has incorrect length"
    if any(n <= 0 for n in pooled):
        yield "Attribute pooled_shape must only contain positive values"
