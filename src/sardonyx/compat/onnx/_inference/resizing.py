"""What the official package says of resizing: which of sizes and scales count as given, and what follows from them.

Our rules scale extents in single precision, as runtimes do, and follow names; the official rule scales in double
precision, and knows a scaled extent only where the input's is a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from sardonyx.compat.onnx._inference.asked import Asked, Results, all_numbers, reshaped
from sardonyx.core.dims import Dim

__all__ = ["resized", "sized_or_scaled"]

SIZES = 3
POLICIES = ("stretch", "not_larger", "not_smaller")


def sized_or_scaled(asked: Asked) -> Iterator[str]:
    """Why a node is refused, once its input has a rank."""
    x = asked.given(0)
    if x is None or not x.has_shape:
        return
    axes, sizes, scales = _axes(asked, x.rank), asked.given(SIZES), _factors(asked)
    by_size, by_scale = _by_size(asked), _by_scale(asked)
    if asked.version >= 13 and by_size == by_scale:
        yield "Either `sizes` or `scales` must be provided, but not both of them"
    if _policy(asked) not in POLICIES:
        yield f"Unknown value for `keep_aspect_ratio_policy`: {_policy(asked)}"
    if by_scale and _policy(asked) != "stretch":
        yield "Providing `scales` is incompatible with a `keep_aspect_ratio_policy` other than `stretch`"
    if not all(0 <= axis < x.rank for axis in axes):
        yield f"Unexpected axis value, expected range [{-x.rank}, {x.rank})"
    if len(set(axes)) < len(axes):
        yield "An axis is referred to more than once"
    if by_size and sizes is not None:
        if asked.hidden(SIZES) and sizes.has_shape and sizes.rank != 1:
            yield "shape input must be 1D tensor"
        ints = sizes.ints()
        vector = sizes.shape if sizes.has_shape and sizes.rank == 1 and all_numbers(sizes.shape) else (0,)
        count = len(ints) if ints is not None else vector[0]
        if count != len(axes):
            yield f"Number of elements of input 'sizes' ({count}) must be same as rank of input 'X' ({len(axes)})"
    elif scales is not None and len(scales) != len(axes):
        yield f"Number of elements of input 'scales' ({len(scales)}) must be same as rank of input 'X' ({len(axes)})"


def resized(asked: Asked, found: Results) -> Results:
    """Extents that sizes give, or constant scales; of the others nothing is said."""
    x = asked.given(0)
    if x is None or not x.has_shape:
        return found
    axes, sizes, scales = _axes(asked, x.rank), asked.given(SIZES), _factors(asked)
    shape: list[Dim | None] = [None] * x.rank
    if sizes is not None and _by_size(asked):
        shape = [d if isinstance(d, int) and d > 0 else None for d in x.shape]
        for axis, wanted in zip(axes, _wanted(asked, x.shape, axes, sizes.ints()), strict=True):
            shape[axis] = wanted if isinstance(wanted, int) and wanted > 0 else None
    elif scales is not None:
        shape = _scaled(x.shape, axes, scales)
    return [reshaped(y, shape) for y in found]


def _scaled(shape: Sequence[Dim], axes: Sequence[int], scales: Sequence[float]) -> list[Dim | None]:
    made = [d if isinstance(d, int) else None for d in shape]
    for axis, factor in zip(axes, scales, strict=True):
        extent = shape[axis]
        made[axis] = math.floor(extent * factor) if isinstance(extent, int) else None
    return list(made)


def _wanted(asked: Asked, old: Sequence[Dim], axes: list[int], sizes: Sequence[Dim] | None) -> Sequence[Dim | None]:
    """The sizes that are given, or those of one scale for all axes that comes as near to them as the policy allows."""
    if sizes is None or _policy(asked) == "stretch":
        return sizes or [None] * len(axes)
    extents = [d for axis in axes if isinstance(d := old[axis], int)]
    if len(extents) < len(axes):
        return [None] * len(axes)
    wanted = [n if isinstance(n, int) else 0 for n in sizes]
    with np.errstate(divide="ignore", invalid="ignore"):  # an axis without elements asks for any scale
        scales = (np.float64(n) / np.float64(d) for n, d in zip(wanted, extents, strict=True))
        scale = (min if _policy(asked) == "not_larger" else max)([s for s in scales if not np.isnan(s)], default=np.inf)
    return [math.floor(scale * d + 0.5) if np.isfinite(scale) else None for d in extents]


def _axes(asked: Asked, rank: int) -> list[int]:
    return [a + rank if a < 0 else a for a in asked.attrs.get("axes") or range(rank)]


def _by_size(asked: Asked) -> bool:
    """Sizes are given unless they are known to be none."""
    sizes = asked.given(SIZES)
    return sizes is not None and sizes.ints() != [] and not (sizes.has_shape and sizes.shape == (0,))


def _scales(asked: Asked) -> int:
    return 1 if asked.version < 11 else 2


def _by_scale(asked: Asked) -> bool:
    """Scales are given unless they are constants, and none."""
    scales = asked.given(_scales(asked))
    return scales is not None and not (scales.floats is not None and scales.floats.size == 0)


def _factors(asked: Asked) -> list[float] | None:
    """Constant scales."""
    scales = asked.given(_scales(asked))
    given = _by_scale(asked) and scales is not None and scales.floats is not None
    return np.asarray(scales.floats, np.float32).reshape(-1).tolist() if given and scales is not None else None


def _policy(asked: Asked) -> str:
    return asked.attrs.get("keep_aspect_ratio_policy") or "stretch"
