"""Reading a tensor between its elements: what grids, deformed convolutions and regions of interest share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from sardonyx.ir import Array

__all__ = ["at_points", "cubic", "linear", "triangle"]


def at_points(x: Array, places: Sequence[Array]) -> Array:
    """Elements of x [N, C, *spatial] at whole places [N, *points] on each spatial axis: [N, C, *points]. Zero outside."""
    points = np.broadcast_shapes(*(p.shape for p in places))
    inside = np.ones(points, bool)
    held: list[Array] = []
    for place, extent in zip(places, x.shape[2:], strict=True):
        inside &= (place >= 0) & (place < extent)
        held.append(np.clip(place, 0, max(extent - 1, 0)))
    if 0 in x.shape[2:]:
        return np.zeros((x.shape[0], x.shape[1], *points[1:]), x.dtype)
    sample = np.arange(x.shape[0]).reshape(-1, *(1,) * (len(points) - 1))
    found = np.moveaxis(x, 1, -1)[(sample, *held)]  # [N, *points, C]
    return np.moveaxis(np.where(inside[..., None], found, x.dtype.type(0)), -1, 1)


def linear(x: Array, points: Sequence[Array]) -> Array:
    """x [N, C, *spatial] interpolated linearly at points [N, *points] on each spatial axis; all around x is zero."""
    low = [np.floor(np.nan_to_num(p)) for p in points]
    share = [p - q for p, q in zip(points, low, strict=True)]
    floor = [np.clip(q, -2, 2.0**31).astype(np.int64) for q in low]
    total: Array | None = None
    for corner in itertools.product((0, 1), repeat=len(points)):
        weight = np.ones(points[0].shape, x.dtype)
        for c, s in zip(corner, share, strict=True):
            weight = weight * (s if c else 1 - s)
        part = at_points(x, [f + c for f, c in zip(floor, corner, strict=True)]) * weight[:, None]
        total = part if total is None else total + part
    assert total is not None
    return total


def triangle(t: Array) -> Array:
    """The weight, in linear interpolation, of an element at distance t."""
    return np.clip(1 - np.abs(t), 0, 1)


def cubic(a: float) -> Callable[[Array], Array]:
    """The weight, in cubic interpolation, of an element at distance t; `a` is the slope of the kernel at 1."""

    def weight(t: Array) -> Array:
        t = np.abs(t)
        inner = ((a + 2) * t - (a + 3)) * t * t + 1
        outer = ((t - 5) * t + 8) * t * a - 4 * a
        return np.where(t <= 1, inner, np.where(t < 2, outer, 0))

    return weight
