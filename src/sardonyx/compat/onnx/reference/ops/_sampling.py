"""The functions of resizing and of grids that programs take one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sardonyx.ops.sampling import cubic, triangle

__all__ = [
    "_cartesian",
    "_compute_x_ori",
    "_cubic_coeffs",
    "_cubic_coeffs_antialias",
    "_get_all_coords",
    "_get_neighbor",
    "_get_neighbor_idxes",
    "_interpolate_1d_along_axis",
    "_interpolate_1d_with_x",
    "_interpolate_nd",
    "_interpolate_nd_with_x",
    "_linear_coeffs",
    "_linear_coeffs_antialias",
    "_nearest_coeffs",
    "apply_affine_transform",
    "construct_original_grid",
]

Array = np.ndarray[Any, Any]
Coefficients = Callable[[float, float], Array]


def _nearest_coeffs(ratio: Any, mode: str = "round_prefer_floor") -> Array:
    """Which of the two elements around a point counts; `ratio` is how far it is from the first."""
    if float(ratio).is_integer():
        return np.array([0, 1])
    takes = {
        "round_prefer_floor": (ratio <= 0.5, ratio > 0.5),
        "round_prefer_ceil": (ratio < 0.5, ratio >= 0.5),
        "floor": (1, 0),
        "ceil": (0, 1),
    }
    if mode not in takes:
        raise ValueError(f"mode is one of {', '.join(takes)}, not {mode}")
    return np.array(takes[mode])


def _weights(kernel: Callable[[Array], Array], support: int, ratio: float, shrink: float) -> Array:
    reach = math.ceil(support / shrink)
    return kernel((np.arange(1 - reach, reach + 1) - ratio) * shrink)


def _linear_coeffs(ratio: float, scale: float | None = None) -> Array:
    """The weights of the two elements around a point."""
    return np.array([1 - ratio, ratio])


def _linear_coeffs_antialias(ratio: float, scale: float) -> Array:
    """The weights of the elements around a point, more of them the fewer there will be."""
    found = _weights(triangle, 1, ratio, min(scale, 1.0))
    return found / found.sum()


def _cubic_coeffs(ratio: float, scale: float | None = None, A: float = -0.75) -> Array:
    """The weights of the four elements around a point."""
    return _weights(cubic(A), 2, ratio, 1.0)


def _cubic_coeffs_antialias(ratio: float, scale: float, A: float = -0.75) -> Array:
    """The weights of the elements around a point, more of them the fewer there will be."""
    found = _weights(cubic(A), 2, ratio, min(scale, 1.0))
    return found / found.sum()


def _get_neighbor_idxes(x: float, n: int, limit: int) -> Array:
    """The `n` indices below `limit` that are nearest to x; of two as near, the lower."""
    return np.array(sorted(sorted(range(limit), key=lambda i: (abs(x - i), i))[:n]))


def _get_neighbor(x: float, n: int, data: Array) -> tuple[Array, Array]:
    """The `n` indices nearest to x, outside too, and the elements there: those at either end go on for ever."""
    around = math.ceil(n / 2)
    found = _get_neighbor_idxes(x + around, n, len(data) + 2 * around) - around
    return found, np.asarray(data)[np.clip(found, 0, len(data) - 1)]


def _cartesian(arrays: Sequence[Any], out: Array | None = None) -> Array:
    """Every choice of one element from each array, as rows."""
    made = (
        np.stack(np.meshgrid(*arrays, indexing="ij"), -1).reshape(-1, len(arrays)).astype(np.asarray(arrays[0]).dtype)
    )
    if out is None:
        return made
    out[:] = made
    return out


def _get_all_coords(data: Array) -> Array:
    """The place of every element, as rows."""
    return _cartesian([range(n) for n in data.shape])


def _origin(mode: str, y: Array, scale: float, old: int, new: int, roi: Sequence[float] | None) -> Array:
    """Where the new elements lie among the old ones."""
    wanted = scale * old
    if mode == "align_corners":
        return np.zeros(new) if wanted == 1 else y * (old - 1) / (wanted - 1)
    if mode == "asymmetric":
        return y / scale
    if mode == "tf_crop_and_resize":
        if roi is None:
            raise ValueError("tf_crop_and_resize needs a region, and roi is None")
        span = (roi[1] - roi[0]) * (old - 1)
        return roi[0] * (old - 1) + (np.full(new, span / 2) if wanted == 1 else y * span / (wanted - 1))
    centers = (y + 0.5) / scale - 0.5
    if mode == "pytorch_half_pixel":
        return np.full(new, -0.5) if wanted == 1 else centers
    if mode == "half_pixel_symmetric":
        return centers + old / 2 * (1 - new / wanted)
    if mode == "half_pixel":
        return centers
    raise ValueError(f"there is no coordinate_transformation_mode '{mode}'")


def _interpolate_1d_along_axis(
    data: Array,
    axis: int,
    scale_factor: float,
    output_width_int: int,
    get_coeffs: Coefficients,
    roi: Sequence[float] | None = None,
    extrapolation_value: float = 0.0,
    coordinate_transformation_mode: str = "half_pixel",
    exclude_outside: bool = False,
) -> Array:
    """`data` resized along one axis, with the weights that `get_coeffs` gives."""
    y = np.arange(output_width_int, dtype=np.float64)
    at = _origin(coordinate_transformation_mode, y, scale_factor, data.shape[axis], output_width_int, roi)
    lines = np.moveaxis(data, axis, 0)
    result = np.zeros((output_width_int, *lines.shape[1:]), np.float64)
    how = scale_factor, get_coeffs, extrapolation_value, coordinate_transformation_mode, exclude_outside
    for i, x in enumerate(at):
        result[i] = _element(lines, x, *how)
    return np.moveaxis(result, 0, axis)


def _element(
    lines: Array, x: float, scale: float, get_coeffs: Coefficients, beyond: float, mode: str, exclude_outside: bool
) -> Any:
    """What lies at `x` along the first axis."""
    if mode == "tf_crop_and_resize" and not 0 <= x <= len(lines) - 1:
        return np.array(beyond)
    whole = float(x).is_integer()
    weights = np.array(get_coeffs(1 if whole else x - math.floor(x), scale), np.float64)
    near, elements = _get_neighbor(float(x), len(weights), lines)
    if exclude_outside:
        weights[(near < 0) | (near >= len(lines))] = 0
        weights /= weights.sum()
    return np.tensordot(weights, elements, 1)


def _compute_x_ori(
    coordinate_transformation_mode: str,
    y: Array,
    scale_factor: float,
    input_width: int,
    output_width: float,
    output_width_int: int,
    roi: Sequence[float] | None,
) -> tuple[Array, Array | None]:
    """Where the new elements lie among the old ones; for a region, also which lie outside."""
    at = _origin(coordinate_transformation_mode, y, output_width / input_width, input_width, output_width_int, roi)
    is_region = coordinate_transformation_mode == "tf_crop_and_resize"
    return at, ((at < 0) | (at > input_width - 1)) if is_region else None


def _interpolate_1d_with_x(
    data: Any,
    scale_factor: float,
    output_width_int: int,
    x: float,
    get_coeffs: Coefficients,
    roi: Sequence[float] | None = None,
    extrapolation_value: float = 0.0,
    coordinate_transformation_mode: str = "half_pixel",
    exclude_outside: bool = False,
) -> Any:
    """The new element number `x` of a vector that is resized."""
    line = np.asarray(data)
    at = _origin(coordinate_transformation_mode, np.array([x], float), scale_factor, len(line), output_width_int, roi)
    return _element(
        line, at[0], scale_factor, get_coeffs, extrapolation_value, coordinate_transformation_mode, exclude_outside
    )


def _interpolate_nd_with_x(
    data: Array,
    n: int,
    scale_factors: Sequence[float],
    output_size: Sequence[int],
    x: Sequence[float],
    get_coeffs: Coefficients,
    roi: Any = None,
    exclude_outside: bool = False,
    **kwargs: Any,
) -> Any:
    """The new element at `x` of what is resized along `n` axes."""
    region = None if roi is None else (roi[0], roi[n])
    if n > 1:
        inner = None if roi is None else [*roi[1:n], *roi[n + 1 :]]
        rest = scale_factors[1:], output_size[1:], x[1:], get_coeffs, inner, exclude_outside
        data = np.array([_interpolate_nd_with_x(part, n - 1, *rest, **kwargs) for part in data])
    return _interpolate_1d_with_x(
        data, scale_factors[0], output_size[0], x[0], get_coeffs, region, exclude_outside=exclude_outside, **kwargs
    )


def _interpolate_nd(
    data: Array,
    get_coeffs: Coefficients,
    output_size: Sequence[int] | None = None,
    scale_factors: Sequence[float] | None = None,
    axes: Sequence[int] | None = None,
    roi: Any = None,
    keep_aspect_ratio_policy: str | None = "stretch",
    exclude_outside: bool = False,
    **kwargs: Any,
) -> Array:
    """`data` resized along `axes`, by factors or to sizes, with the weights that `get_coeffs` gives."""
    if (output_size is None) == (scale_factors is None):
        raise ValueError("give either output_size or scale_factors")
    along = list(range(data.ndim)) if axes is None else [a % data.ndim for a in axes]
    extents = [data.shape[a] for a in along]
    if scale_factors is None:
        assert output_size is not None
        scales = [n / old for n, old in zip(output_size, extents, strict=True)]
        sizes = list(output_size)
        if keep_aspect_ratio_policy in ("not_larger", "not_smaller"):
            scale = (min if keep_aspect_ratio_policy == "not_larger" else max)(scales)
            scales, sizes = [scale] * len(along), [int(scale * n + 0.5) for n in extents]
    else:
        scales = [float(s) for s in scale_factors]
        sizes = [math.floor(s * n) for s, n in zip(scales, extents, strict=True)]
    for i, a in enumerate(along):
        region = None if roi is None else (roi[i], roi[i + len(along)])
        data = _interpolate_1d_along_axis(
            data, a, scales[i], int(sizes[i]), get_coeffs, region, exclude_outside=exclude_outside, **kwargs
        )
    return data


def construct_original_grid(data_size: Sequence[int], align_corners: int) -> Array:
    """The points of a grid over an image or a volume, with a one as their last coordinate."""
    axes = [np.linspace(-1, 1, n) if align_corners else (2 * np.arange(n) + 1) / n - 1 for n in data_size]
    points = np.meshgrid(*axes, indexing="ij")
    return np.stack([*reversed(points), np.ones(tuple(data_size))], axis=-1)


def apply_affine_transform(theta_n: Array, original_grid_homo: Array) -> Array:
    """The points of a grid after each of the transformations [N, rank, rank + 1]."""
    if theta_n.ndim != 3 or theta_n.shape[2] != original_grid_homo.shape[-1]:
        raise AssertionError(f"transformations {theta_n.shape} do not fit points {original_grid_homo.shape}")
    moved = np.tensordot(theta_n, original_grid_homo, ([2], [original_grid_homo.ndim - 1]))
    return np.moveaxis(moved, 1, -1).astype(np.float32)
