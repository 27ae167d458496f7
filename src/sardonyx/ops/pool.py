"""Pooling: what a window, a whole image or a region of interest is summed up to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardonyx.core.dtypes import INT8, UINT8
from sardonyx.core.errors import InputError, ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Flag, Float, Input, Int, Ints, Output, String, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, same
from sardonyx.ops.nn import Pads, padding_of, static, window_extent, windows, windows_shape
from sardonyx.ops.sampling import at_points
from sardonyx.ops.typesets import FLOATS, FLOATS_BF, I64


@dataclass(frozen=True)
class Windows:
    """The windows that an operator slides over an image, with numbers for all its attributes."""

    kernel: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]
    pads: Pads
    counts: list[int]
    reach: Pads  # the padding that all windows fit into: at least `pads`

    @staticmethod
    def over(
        spatial: Sequence[int],
        kernel: Sequence[int],
        strides: Any,
        dilations: Any,
        pads: Any,
        auto_pad: str,
        ceil: bool,
    ) -> Windows:
        rank = len(spatial)
        steps, spread = strides or (1,) * rank, dilations or (1,) * rank
        padding = padding_of(spatial, kernel, steps, spread, pads, auto_pad)
        counts = [
            static(window_extent(*facts, ceil=ceil))
            for facts in zip(spatial, kernel, steps, spread, padding, strict=True)
        ]
        reach = [
            (front, max(back, (n - 1) * s + d * (k - 1) + 1 - x - front))
            for (front, back), n, s, d, k, x in zip(padding, counts, steps, spread, kernel, spatial, strict=True)
        ]
        return Windows(kernel, steps, spread, padding, counts, reach)

    def of(self, x: Array, fill: Any) -> Array:
        """x [N, C, *spatial] as [N, C, *counts, size of the window]; `fill` lies around x."""
        padded = np.pad(x, [(0, 0), (0, 0), *self.reach], constant_values=fill)
        view = windows(padded, self.kernel, self.strides, self.dilations, self.counts)
        return view.reshape(*x.shape[:2], *self.counts, math.prod(self.kernel))

    def elements(self, spatial: Sequence[int], *, padding: bool) -> Array:
        """[1, 1, *counts]: how many elements each window sees, those of the padding included if `padding` says so."""
        one = np.ones((1, 1, *spatial), np.int64)
        if not padding:
            return self.of(one, 0).sum(-1)
        beyond = [(r - p, s - q) for (r, s), (p, q) in zip(self.reach, self.pads, strict=True)]
        inside = np.pad(one, [(0, 0), (0, 0), *self.pads], constant_values=1)
        inside = np.pad(inside, [(0, 0), (0, 0), *beyond])
        view = windows(inside, self.kernel, self.strides, self.dilations, self.counts)
        return view.reshape(1, 1, *self.counts, -1).sum(-1)


def pooled_shape(X: Known, kernel: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str, ceil: bool) -> Dims:
    """[N, C, *counts]."""
    if X.rank != len(kernel) + 2:
        raise ShapeError(
            f"a window of {len(kernel)} axes does not slide over {show_shape(X.shape)}",
            why="it needs [N, C, spatial ...]",
        )
    spatial = windows_shape(
        X.shape[2:], kernel, strides=strides, dilations=dilations, pads=pads, auto_pad=auto_pad, ceil=ceil
    )
    return *X.shape[:2], *spatial


@operator("MaxPool", since=(1, 8, 10, 11, 12, 22))
class MaxPool:
    """The largest element of each window, and where it lies in the flattened input."""

    T = types({1: FLOATS, 12: FLOATS | {INT8, UINT8}, 22: FLOATS_BF | {INT8, UINT8}})
    I = types({8: I64})  # noqa: E741 the standard's name
    X = Input(T)
    Y = Output(T)
    Indices = Output(I, optional=True, since=8)
    kernel_shape, strides, pads = Ints(required=True), Ints(), Ints()
    dilations, ceil_mode = Ints(since=10), Flag(0, since=10)
    auto_pad, storage_order = String("NOTSET"), Int(0, since=8)

    @infers
    def infer(
        X: Known, *, kernel_shape: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str, ceil_mode: bool
    ) -> list[Dims]:
        shape = pooled_shape(X, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
        return [shape, shape]

    @reference
    def run(
        X: Array, *, kernel_shape: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str, ceil_mode: bool,
        storage_order: int, n_outputs: int,
    ) -> list[Array]:  # fmt: skip
        slide = Windows.over(X.shape[2:], kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
        flat = slide.of(X, np.iinfo(X.dtype).min if X.dtype.kind in "iu" else -np.inf)
        best = flat.argmax(-1)[..., None]
        y = np.take_along_axis(flat, best, -1)[..., 0]
        if n_outputs == 1:
            return [y]
        size = math.prod(X.shape[2:])
        positions = np.arange(size).reshape(X.shape[2:], order="F" if storage_order else "C")
        images = np.arange(math.prod(X.shape[:2])).reshape(*X.shape[:2], *(1,) * (X.ndim - 2))
        places = slide.of(positions + images * size, -1)
        return [y, np.take_along_axis(places, best, -1)[..., 0]]


@operator("AveragePool", since=(1, 7, 10, 11, 19, 22))
class AveragePool:
    """The mean of each window. Padding counts only if `count_include_pad` says so; what lies beyond it never does."""

    T = types({1: FLOATS, 22: FLOATS_BF})
    X = Input(T)
    Y = Output(T)
    kernel_shape, strides, pads, dilations = Ints(required=True), Ints(), Ints(), Ints(since=19)
    auto_pad, ceil_mode, count_include_pad = String("NOTSET"), Flag(0, since=10), Flag(0, since=7)

    @infers
    def infer(
        X: Known, *, kernel_shape: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str, ceil_mode: bool
    ) -> Dims:
        return pooled_shape(X, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)

    @reference
    def run(
        X: Array, *, kernel_shape: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str, ceil_mode: bool,
        count_include_pad: bool,
    ) -> Array:  # fmt: skip
        slide = Windows.over(X.shape[2:], kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
        number = slide.elements(X.shape[2:], padding=count_include_pad).astype(wide(X).dtype)
        return (slide.of(wide(X), 0).sum(-1) / number).astype(X.dtype)


@operator("LpPool", since=(1, 2, 11, 18, 22))
class LpPool:
    """The p-norm of each window."""

    T = types({1: FLOATS, 22: FLOATS_BF})
    X = Input(T)
    Y = Output(T)
    kernel_shape, strides, pads, dilations = Ints(required_since=2), Ints(), Ints(), Ints(since=18)
    auto_pad, ceil_mode = String("NOTSET"), Flag(0, since=18)
    p_float, p = Float(2.0, until=2, spelled="p"), Int(2, since=2)

    @infers
    def infer(
        X: Known, *, kernel_shape: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str, ceil_mode: bool
    ) -> Dims | None:
        if kernel_shape is None:  # version 1 did not insist
            return None
        return pooled_shape(X, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)

    @reference
    def run(
        X: Array,
        *,
        kernel_shape: Any,
        strides: Any,
        dilations: Any,
        pads: Any,
        auto_pad: str,
        ceil_mode: bool,
        p: float,
    ) -> Array:
        slide = Windows.over(X.shape[2:], kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
        return ((np.abs(slide.of(wide(X), 0)) ** p).sum(-1) ** (1 / p)).astype(X.dtype)


def global_shape(X: Known) -> Dims:
    return *X.shape[:2], *(1,) * (X.rank - 2)


def _global_pool(name: str, pool: Any, doc: str) -> None:
    def infer(X: Known) -> Dims:
        return global_shape(X)

    def run(X: Array) -> Array:
        return pool(wide(X), axis=tuple(range(2, X.ndim)), keepdims=True).astype(X.dtype)

    T = types({1: FLOATS, 22: FLOATS_BF})
    block = {"__doc__": doc, "T": T, "X": Input(T), "Y": Output(T), "infer": infers(infer), "run": reference(run)}
    operator(name, since=(1, 22))(type(name, (), block))


_global_pool("GlobalAveragePool", np.mean, "The mean over all spatial axes.")
_global_pool("GlobalMaxPool", np.max, "The maximum over all spatial axes.")


@operator("GlobalLpPool", since=(1, 2, 22))
class GlobalLpPool:
    """The p-norm over all spatial axes."""

    T = types({1: FLOATS, 22: FLOATS_BF})
    X = Input(T)
    Y = Output(T)
    p_float, p = Float(2.0, until=2, spelled="p"), Int(2, since=2)

    @infers
    def infer(X: Known) -> Dims:
        return global_shape(X)

    @reference
    def run(X: Array, *, p: float) -> Array:
        powers = np.abs(wide(X)) ** p
        return (powers.sum(tuple(range(2, X.ndim)), keepdims=True) ** (1 / p)).astype(X.dtype)


@operator("MaxUnpool", since=(9, 11, 22))
class MaxUnpool:
    """Each element of X put back to the place that MaxPool's indices name; zero elsewhere.

    The indices count in the shape that kernel, strides and pads give, even if `output_shape` asks for a larger one.
    """

    T1 = types({9: FLOATS, 22: FLOATS_BF})
    T2 = types(I64)
    X, I, output_shape = Input(T1), Input(T2), Input(T2, optional=True)  # noqa: E741 the standard's name
    output = Output(T1)
    kernel_shape, strides, pads = Ints(required=True), Ints(), Ints()

    @infers
    def infer(
        X: Known, indices: Known, output_shape: Known | None, *, kernel_shape: Any, strides: Any, pads: Any
    ) -> Dims:
        if output_shape is not None:
            found = output_shape.ints()
            return tuple(found) if found is not None else (None,) * X.rank
        for i, (a, b) in enumerate(zip(X.shape, indices.shape, strict=True)):
            same(a, b, f"extents of axis {i} of X and of I")
        return unpooled(X.shape, kernel_shape, strides, pads)

    @reference
    def run(
        X: Array,
        indices: Array,
        output_shape: Array | None,
        *,
        kernel_shape: Any,
        strides: Any,
        pads: Any,
    ) -> Array:
        if indices.shape != X.shape:
            raise ShapeError(f"Indices shape {show_shape(indices.shape)} is not {show_shape(X.shape)}, the shape of X")
        y = np.zeros(unpooled(X.shape, kernel_shape, strides, pads), X.dtype)
        if np.any((indices < 0) | (indices >= y.size)):
            raise InputError(f"Indices must be in [0, {y.size}), the elements that X was pooled from")
        y.reshape(-1)[indices.reshape(-1)] = X.reshape(-1)
        if output_shape is None:
            return y
        if len(output_shape) != X.ndim:
            raise ShapeError(f"output_shape must have the same number of elements as X has axes: {X.ndim}")
        whole = np.zeros([int(n) for n in output_shape], X.dtype)
        whole[tuple(slice(0, n) for n in y.shape)] = y
        return whole


def unpooled(shape: Sequence[Any], kernel: Sequence[int], strides: Any, pads: Any) -> tuple[Any, ...]:
    """The shape that MaxPool would pool to `shape`, if its windows fit exactly."""
    rank = len(kernel)
    steps, padding = strides or (1,) * rank, pads or (0,) * 2 * rank
    spatial = [(x - 1) * steps[i] - padding[i] - padding[rank + i] + kernel[i] for i, x in enumerate(shape[2:])]
    return *shape[:2], *spatial


@operator("MaxRoiPool", since=(1, 22))
class MaxRoiPool:
    """For each region (batch, x1, y1, x2, y2) the largest element in each cell of a grid laid over it; 0 in an empty cell."""

    T = types({1: FLOATS, 22: FLOATS_BF})
    X, rois = Input(T), Input(T)
    Y = Output(T)
    pooled_shape, spatial_scale = Ints(required=True), Float(1.0)

    @infers
    def infer(X: Known, rois: Known, *, pooled_shape: Any) -> Dims:
        if X.rank != 4 or rois.rank != 2:
            raise ShapeError(
                f"MaxRoiPool takes X[N, C, H, W] and rois[number, 5], not {show_shape(X.shape)} and {show_shape(rois.shape)}"
            )
        same(rois.shape[1], 5, "columns of rois and 5")
        return rois.shape[0], X.shape[1], *pooled_shape

    @reference
    def run(X: Array, rois: Array, *, pooled_shape: Any, spatial_scale: float) -> Array:
        height, width = X.shape[2:]
        regions = wide(rois)
        corners = np.floor(regions[:, 1:] * np.float32(spatial_scale) + 0.5).astype(np.int64)
        y = np.zeros((len(rois), X.shape[1], *pooled_shape), X.dtype)
        for n, (x1, y1, x2, y2) in enumerate(corners):
            batch = int(regions[n, 0])
            if not 0 <= batch < len(X):
                raise InputError(f"ROI batch index {batch} is out of range: X has {len(X)} images")
            image = X[batch]
            rows = cells(y1, max(y2 - y1 + 1, 1), pooled_shape[0], height)
            columns = cells(x1, max(x2 - x1 + 1, 1), pooled_shape[1], width)
            for i, (top, bottom) in enumerate(rows):
                for j, (left, right) in enumerate(columns):
                    if top < bottom and left < right:
                        y[n, :, i, j] = image[:, top:bottom, left:right].max((1, 2))
        return y


def cells(start: int, length: int, count: int, extent: int) -> list[tuple[int, int]]:
    """The `count` cells that a region is cut into along one axis, each from .. to; they may share an element."""
    size = np.float32(length) / np.float32(count)
    found: list[tuple[int, int]] = []
    for i in range(count):
        first, last = start + math.floor(i * size), start + math.ceil((i + 1) * size)
        found.append((min(max(first, 0), extent), min(max(last, 0), extent)))
    return found


@operator("RoiAlign", since=(10, 16, 22))
class RoiAlign:
    """For each region (x1, y1, x2, y2) the mean, or the largest, of points sampled in each cell of a grid laid over it.

    Points are interpolated linearly. Before version 16 regions began half a pixel later ("output_half_pixel").
    """

    T1 = types({10: FLOATS, 22: FLOATS_BF})
    T2 = types(I64)
    X, rois, batch_indices = Input(T1), Input(T1), Input(T2)
    Y = Output(T1)
    mode, sampling_ratio, spatial_scale = String("avg"), Int(0), Float(1.0)
    output_height, output_width = Int(1), Int(1)
    coordinate_transformation_mode = String("half_pixel", since=16)

    @infers
    def infer(X: Known, rois: Known, batch: Known, *, output_height: int, output_width: int) -> Dims:
        if any(x.has_shape and x.rank != rank for x, rank in ((X, 4), (rois, 2), (batch, 1))):
            shown = ", ".join(show_shape(x.dims) for x in (X, rois, batch))
            raise ShapeError(
                "RoiAlign takes X[N, C, H, W], rois[number, 4] and batch_indices[number]", why=f"the shapes are {shown}"
            )
        counts = [x.shape[0] for x in (rois, batch) if x.has_shape]
        if rois.has_shape:
            same(rois.shape[1], 4, "columns of rois and 4")
        if len(counts) == 2:
            counts = [same(counts[0], counts[1], "numbers of rois and of batch_indices")]
        return counts[0] if counts else None, X.shape[1] if X.has_shape else None, output_height, output_width

    @reference
    def run(
        X: Array, rois: Array, batch: Array, *, mode: str, sampling_ratio: int, spatial_scale: float, output_height: int,
        output_width: int, coordinate_transformation_mode: str, opset: int,
    ) -> Array:  # fmt: skip
        half = opset >= 16 and coordinate_transformation_mode == "half_pixel"
        x, grid = wide(X), (output_height, output_width)
        y = np.zeros((len(rois), X.shape[1], *grid), x.dtype)
        for n, region in enumerate(wide(rois)):
            corners = region * region.dtype.type(spatial_scale) - region.dtype.type(0.5 if half else 0)
            axes: list[tuple[Array, Array, Array, Array]] = []
            for i, (low, high) in enumerate(((corners[1], corners[3]), (corners[0], corners[2]))):
                length = high - low if half else max(high - low, 1)
                size = length / grid[i]
                points = sampling_ratio if sampling_ratio > 0 else math.ceil(size)
                at = low + np.arange(grid[i])[:, None] * size + (np.arange(points) + 0.5) * size / max(points, 1)
                axes.append(neighbours(at, X.shape[2 + i]))
            y[n] = aligned(x[batch[n]], axes[0], axes[1], mode)
        return y.astype(X.dtype)


def neighbours(at: Array, extent: int) -> tuple[Array, Array, Array, Array]:
    """The elements before and behind each point, and the share of each: none for a point off the image."""
    on = (at >= -1) & (at <= extent)
    held = np.clip(at, 0, extent - 1)
    low = held.astype(np.int64)
    share = held - low
    return low, np.minimum(low + 1, extent - 1), np.where(on, 1 - share, 0), np.where(on, share, 0)


def aligned(image: Array, rows: Any, columns: Any, mode: str) -> Array:
    """One region of image [C, H, W], sampled at [cells, points] of each axis: [C, cells, cells]."""
    if 0 in (image.size, *(x.size for x in (*rows, *columns))):
        return np.zeros((image.shape[0], rows[0].shape[0], columns[0].shape[0]), image.dtype)
    if mode == "avg":  # of each axis by itself
        (top, down), (left, across) = (mean_weights(*axis) for axis in (rows, columns))
        part = image[:, top : top + down.shape[1], left : left + across.shape[1]]
        return np.moveaxis(np.tensordot(down, part, (1, 1)) @ across.T, 0, 1)
    weighted = [
        at_points(image[None], [r[None, :, :, None, None], c[None, None, None]])[0]
        * (share_r[:, :, None, None] * share_c)
        for r, share_r in zip(rows[:2], rows[2:], strict=True)
        for c, share_c in zip(columns[:2], columns[2:], strict=True)
    ]  # each [C, cells, points, cells, points]
    return np.max(weighted, 0).max((2, 4))  # of the weighted neighbours, not of what they add up to: as published


def mean_weights(low: Array, high: Array, before: Array, behind: Array) -> tuple[int, Array]:
    """The first element that the points of a region read along an axis, and [cell, element] the weights of their mean."""
    start, cells = int(low.min()), np.arange(len(low))[:, None]
    weights = np.zeros((len(low), int(high.max()) + 1 - start), before.dtype)
    np.add.at(weights, (cells, low - start), before)
    np.add.at(weights, (cells, high - start), behind)
    return start, weights / low.shape[1]


__all__: list[str] = []
