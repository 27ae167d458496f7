"""Integer tables that kernels read, made from extents once they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sardonyx.core.errors import CompileError
from sardonyx.ir import Array

__all__ = ["Given", "offsets", "row_table", "tile_places", "tile_results", "window_table", "zeros"]


_Axis: TypeAlias = "tuple[int, int, Array]"  # its extent, its stride, and places on it: [tap][place of the result]


@dataclass(frozen=True, eq=False)
class Given:
    """A table that depends on no extent."""

    table: Array

    def __call__(self) -> Array:
        return self.table


def offsets(index: Array) -> Array:
    """Offsets in elements as the kernels read them."""
    if index.size and index.max() > np.iinfo(np.int32).max:
        raise CompileError("a matrix of more than 2**31 elements cannot be multiplied natively")
    return index.astype(np.int32)


def row_table(*facts: int) -> Array:
    """Where rows start: `facts` are the extents and strides of the axes that rows are made of, in order."""
    found = np.zeros(1, np.int64)
    for extent, step in zip(facts[::2], facts[1::2], strict=True):
        found = np.add.outer(found, np.arange(extent) * step).reshape(-1)
    return offsets(found)


def window_table(*facts: int) -> Array:
    """[tap][place of the result] -> where the channels behind them start, or -1 outside of the image.

    facts: images and their stride; then per spatial axis: extent, stride, extent of the result, and the window's extent,
    step, dilation and front padding.
    """
    return _behind(facts[0], facts[1], _windows(facts[2:]))


def _windows(facts: Sequence[int]) -> list[_Axis]:
    found: list[_Axis] = []
    for i in range(0, len(facts), 7):
        extent, stride, places, kernel, hop, dilation, front = facts[i : i + 7]
        found.append((extent, stride, np.arange(kernel)[:, None] * dilation + np.arange(places) * hop - front))
    return found


def tile_places(*facts: int) -> Array:
    """[tap, place of a tile][tile] -> where the channels behind it start, or -1 outside of the image.

    facts: images and their stride; then, for every spatial axis but the last two, what `window_table` takes; then, for those:
    extent, stride, extent of the result, the window's dilation and front padding.
    """
    axes = _windows(facts[2:-10])
    for i in range(len(facts) - 10, len(facts), 5):
        extent, stride, places, dilation, front = facts[i : i + 5]
        axes.append((extent, stride, np.arange(4)[:, None] * dilation + _tiles(places, dilation) - front))
    return _behind(facts[0], facts[1], axes)


def _behind(images: int, step: int, axes: Sequence[_Axis]) -> Array:
    """[tap][place of the result] of the product of axes."""
    found = (np.arange(images) * step).reshape(1, -1)
    inside = np.ones((1, images), bool)
    for extent, stride, at in axes:
        taps, rows = found.shape[0] * at.shape[0], found.shape[1] * at.shape[1]
        found = (found[:, None, :, None] + (at * stride)[None, :, None, :]).reshape(taps, rows)
        inside = (inside[:, None, :, None] & ((at >= 0) & (at < extent))[None, :, None, :]).reshape(taps, rows)
    return offsets(np.where(inside, found, -1))


def _tiles(places: int, dilation: int) -> Array:
    """Where tiles begin along an axis of the result: each has a place there, and one `dilation` further on."""
    at = np.arange(places)
    return at[at // dilation % 2 == 0]


def tile_results(images: int, height: int, width: int, down: int, right: int) -> Array:
    """[4][tile] -> the row of the result that a place of the tile is, or -1 for none.

    down, right: the dilations.
    """
    y = np.arange(2)[:, None] * down + _tiles(height, down)
    x = np.arange(2)[:, None] * right + _tiles(width, right)
    y, x = y.reshape(2, 1, 1, -1, 1), x.reshape(1, 2, 1, 1, -1)
    image = np.arange(images).reshape(1, 1, -1, 1, 1)
    row = (image * height + y) * width + x
    return np.where((y < height) & (x < width), row, -1).astype(np.int32).reshape(4, -1)


def zeros(count: int, itemsize: int) -> Array:
    """What rows outside of an image read."""
    return np.zeros(count * itemsize // 4 + 1, np.float32)
