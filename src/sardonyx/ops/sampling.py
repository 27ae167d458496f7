"""Reading a tensor between its elements: what grids, deformed convolutions and regions of interest share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from sardonyx.ir import Array

__all__ = ["at_points", "cubic", "linear", "triangle"]


class Field:
    """x [N, C, *spatial] as rows of channels, so that all channels of a place are read at once; zero outside."""

    def __init__(self, x: Array) -> None:
        self.samples, channels, *self.extents = x.shape
        rows = np.moveaxis(x, 1, -1).reshape(-1, channels)
        self._rows = np.concatenate([rows, np.zeros((1, channels), x.dtype)])

    def at(self, places: Sequence[Array]) -> Array:
        """The rows at whole places [N, *points] on each spatial axis: [N, *points, C]."""
        points = np.broadcast_shapes(*(p.shape for p in places))
        inside = np.ones(points, bool)
        index = np.arange(self.samples).reshape(-1, *(1,) * (len(points) - 1))
        for place, extent in zip(places, self.extents, strict=True):
            inside &= (place >= 0) & (place < extent)
            index = index * extent + place
        return self._rows[np.where(inside, index, len(self._rows) - 1)]


def at_points(x: Array, places: Sequence[Array]) -> Array:
    """Elements of x [N, C, *spatial] at whole places [N, *points] on each spatial axis: [N, C, *points]. Zero outside."""
    return np.moveaxis(Field(x).at(places), -1, 1)


def linear(x: Array, points: Sequence[Array]) -> Array:
    """x [N, C, *spatial] interpolated linearly at points [N, *points] on each spatial axis; all around x is zero."""
    low = [np.floor(np.nan_to_num(p)) for p in points]
    share = [p - q for p, q in zip(points, low, strict=True)]
    floor = [np.clip(q, -2, 2.0**31).astype(np.int64) for q in low]
    field = Field(x)
    total: Array | None = None
    for corner in itertools.product((0, 1), repeat=len(points)):
        weight = np.ones(points[0].shape, x.dtype)
        for c, s in zip(corner, share, strict=True):
            weight = weight * (s if c else 1 - s)
        part = field.at([f + c for f, c in zip(floor, corner, strict=True)]) * weight[..., None]
        total = part if total is None else total + part
    assert total is not None
    return np.moveaxis(total, -1, 1)


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
