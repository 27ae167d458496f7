"""Images: sampling tensors on other grids."""

from __future__ import annotations

import io
import itertools
import math
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import ShapeError, UnsupportedError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Flag, Float, Floats, Input, Output, String, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, same
from sardonyx.ops.sampling import at_points, cubic, triangle
from sardonyx.ops.shape import must_be_vector
from sardonyx.ops.typesets import BOOL, CLASSIC, CLASSIC_BF, FLOATS, FLOATS_BF, I64


def scaled(extent: Dim, factor: float) -> Dim | None:
    """floor(extent * factor), as far as a symbol lets it be said."""
    if isinstance(extent, int):
        return int(np.floor(np.float32(extent) * np.float32(factor)))
    if factor == int(factor):
        return extent * int(factor)
    return dims.floordiv(extent, int(1 / factor)) if 0 < factor < 1 and 1 / factor == int(1 / factor) else None


@operator("Upsample", since=(1, 7, 9, 10), deprecated=10)
class Upsample:
    """Each axis scaled by a factor. Resize took its place in opset 10: a model that uses it is upgraded before it runs."""

    T = types({1: FLOATS | BOOL | {d.INT32, d.INT64}, 7: CLASSIC})
    X = Input(T)
    scales = Input("tensor(float)", since=9, was=Floats(required=True, since=7))
    Y = Output(T)
    mode = String("nearest")
    height_scale, width_scale = Float(required=True, until=7), Float(required=True, until=7)

    @infers
    def infer(X: Known, scales: Known | None) -> Dims:
        factors = None if scales is None else scales.reals()
        if factors is None:
            return (None,) * X.rank
        return tuple(scaled(extent, factor) for extent, factor in zip(X.shape, factors, strict=True))

    @reference
    def run(X: Array, scales: Array, *, mode: str) -> Array:
        y = X
        for axis, factor in enumerate(np.reshape(scales, -1)):
            count = y.shape[axis]
            at = np.arange(int(np.floor(count * factor))) / factor  # where each result lies on the old axis
            low = np.floor(at).astype(np.int64)
            near, far = np.take(y, low, axis), np.take(y, np.minimum(low + 1, count - 1), axis)
            share = (at - low).reshape(-1, *(1,) * (y.ndim - axis - 1))
            y = near if mode == "nearest" else near + (far - near) * share
        return y.astype(X.dtype)


def reflected(x: Array, low: float, high: float) -> Array:
    """x mirrored at both borders until it lies between them."""
    span = high - low
    if span <= 0:
        return np.full_like(x, low)
    turn = np.mod(x - low, 2 * span)
    return low + np.where(turn > span, 2 * span - turn, turn)


@operator("GridSample", since=(16, 20, 22))
class GridSample:
    """X read at the points of a grid, which names them from -1 to 1 along each axis, the last axis first."""

    T1 = types({16: CLASSIC, 22: CLASSIC_BF})
    T2 = types({16: FLOATS, 22: FLOATS_BF})
    X, grid = Input(T1), Input(T2)
    Y = Output(T1)
    mode = String(defaults={16: "bilinear", 20: "linear"})
    padding_mode, align_corners = String("zeros"), Flag(0)

    @infers
    def infer(X: Known, grid: Known) -> Dims:
        if X.rank < 3 or grid.rank != X.rank:
            raise ShapeError(
                f"GridSample cannot read X{show_shape(X.shape)} on grid{show_shape(grid.shape)}",
                why="X is [N, C, spatial ...] and the grid [N, points ..., spatial axes]",
            )
        same(grid.shape[-1], X.rank - 2, "coordinates of a point and spatial axes")
        return same(X.shape[0], grid.shape[0], "batches of X and of the grid"), X.shape[1], *grid.shape[1:-1]

    @reference
    def run(X: Array, grid: Array, *, mode: str, padding_mode: str, align_corners: bool) -> Array:
        spatial = X.shape[2:]
        taps: list[list[tuple[Array, Any]]] = []  # of each axis: places, and their weights
        for i, extent in enumerate(spatial):
            g = wide(grid)[..., len(spatial) - 1 - i]
            at = (g + 1) / 2 * (extent - 1) if align_corners else ((g + 1) * extent - 1) / 2
            borders = (0.0, extent - 1.0) if align_corners else (-0.5, extent - 0.5)
            at = np.rint(at) if mode == "nearest" else at
            reach = 2 if mode in ("cubic", "bicubic") else 1
            if padding_mode == "border" and reach == 1:  # of a cubic, only the neighbours are held or mirrored
                at = np.clip(at, 0, extent - 1)
            elif padding_mode == "reflection" and reach == 1:
                at = reflected(at, *borders)
            kernel = cubic(-0.75) if reach == 2 else triangle
            near = [np.floor(at) + k for k in range(1 - reach, reach + 1)] if mode != "nearest" else [at]
            taps.append([(within(p, extent, padding_mode, borders), kernel(p - at)) for p in near])
        x = X if X.dtype.kind in "cOSUb" or mode == "nearest" else wide(X)
        total: Any = 0
        for taken in itertools.product(*taps):
            part = at_points(x, [place for place, _ in taken])
            if mode == "nearest":
                return part
            weight = math.prod(share for _, share in taken)
            total = total + part * np.expand_dims(weight, 1)
        return np.asarray(total).astype(X.dtype)


def within(place: Array, extent: int, padding_mode: str, borders: tuple[float, float]) -> Array:
    """Whole places as indices: those outside are held, mirrored, or left outside."""
    if padding_mode == "border":
        place = np.clip(place, 0, extent - 1)
    elif padding_mode == "reflection":
        place = np.trunc(reflected(place, *borders))
    return np.clip(np.nan_to_num(place), -1, extent).astype(np.int64)


@operator("AffineGrid", since=(20,))
class AffineGrid:
    """The grid for GridSample that an affine map `theta` makes of the points of an image [N, C, *spatial]."""

    T1, T2 = types(FLOATS_BF), types(I64)
    theta, size = Input(T1), Input(T2)
    grid = Output(T1)
    align_corners = Flag(0)

    @infers
    def infer(theta: Known, size: Known) -> Dims | None:
        must_be_vector(size, "size")
        wanted = size.ints()
        axes = theta.shape[1]
        if wanted is None:
            return (theta.shape[0], *(None,) * axes, axes) if isinstance(axes, int) else None
        return same(theta.shape[0], wanted[0], "batches of theta and of size"), *wanted[2:], len(wanted) - 2

    @reference
    def run(theta: Array, size: Array, *, align_corners: bool) -> Array:
        spatial = [int(n) for n in size[2:]]
        steps = [2 / max(n - 1, 1) if align_corners else 2 / n for n in spatial]
        lines = [-1 + s * (np.arange(n) + (0 if align_corners else 0.5)) for n, s in zip(spatial, steps, strict=True)]
        points = np.meshgrid(*lines, indexing="ij")[::-1]  # x before y before z
        base = np.stack([*points, np.ones(spatial)], -1)
        return np.einsum("...k,njk->n...j", base, wide(theta)).astype(theta.dtype)


@operator("ImageDecoder", since=(20,))
class ImageDecoder:
    """The pixels [H, W, C] of an encoded image: BMP, JPEG, JPEG 2000, TIFF, PNG, WebP or PNM."""

    T1, T2 = types(frozenset({d.UINT8})), types(frozenset({d.UINT8}))
    encoded_stream = Input(T1)
    image = Output(T2)
    pixel_format = String("RGB")

    @infers
    def infer(encoded_stream: Known, *, pixel_format: str) -> Dims:
        return None, None, 1 if pixel_format == "Grayscale" else 3

    @reference
    def run(encoded_stream: Array, *, pixel_format: str) -> Array:
        try:
            from PIL import Image
        except ImportError as error:
            raise UnsupportedError(
                "ImageDecoder needs Pillow", why="no decoder of images is installed", fix="pip install pillow"
            ) from error
        with Image.open(io.BytesIO(encoded_stream.tobytes())) as opened:
            pixels = np.asarray(opened.convert("L" if pixel_format == "Grayscale" else "RGB"))
        return pixels[..., None] if pixel_format == "Grayscale" else pixels[..., :: -1 if pixel_format == "BGR" else 1]


__all__: list[str] = []
