"""Resizing tensors axis by axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardonyx.core.errors import InputError, ShapeError
from sardonyx.ir import Array
from sardonyx.ops.declare import Flag, Float, Input, Ints, Output, String, infers, operator, reference, types
from sardonyx.ops.image import scaled
from sardonyx.ops.known import Dims, Known, axes_of
from sardonyx.ops.sampling import cubic, triangle
from sardonyx.ops.typesets import CLASSIC, CLASSIC_BF, FLOATS


@dataclass(frozen=True)
class Axis:
    """How one axis is resized: `old` elements to `new` ones."""

    old: int
    new: int
    scale: float
    start: float = 0.0  # the part of the axis that tf_crop_and_resize takes, from 0 to 1
    end: float = 1.0

    def origins(self, mode: str, kind: type[np.floating[Any]] = np.float64) -> Array:
        """Where on the old axis each new element lies, computed in `kind`."""
        at = np.arange(self.new, dtype=kind)
        scale = kind(self.scale)
        whole = scale * self.old  # the new extent before it was cut to a whole number
        if mode == "asymmetric":
            return at / scale
        if mode == "align_corners":
            return at * 0 if whole == 1 else at * (self.old - 1) / (whole - 1)
        if mode == "tf_crop_and_resize":
            part = (self.end - self.start) * (self.old - 1)
            return self.start * (self.old - 1) + (at * 0 + part / 2 if whole == 1 else at * part / (whole - 1))
        if mode == "tf_half_pixel_for_nn":
            return (at + kind(0.5)) / scale
        half = (at + kind(0.5)) / scale - kind(0.5)
        if mode == "half_pixel":
            return half
        if mode == "pytorch_half_pixel":
            return half if self.new > 1 else at * 0
        if mode == "half_pixel_symmetric":
            return half + self.old / 2 * (1 - self.new / whole)
        raise InputError(f"Resize knows no coordinate_transformation_mode '{mode}'")


ROUNDED: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - x.dtype.type(0.5)),
    "round_prefer_ceil": lambda x: np.floor(x + x.dtype.type(0.5)),
    "floor": np.floor,
    "ceil": np.ceil,
}


@dataclass(frozen=True)
class Interpolation:
    """How many old elements, weighted by what, make a new one.

    Attributes:
        support: how far the kernel reaches on either side.
        antialias: widen the kernel where there are fewer new than old elements, so that every old one counts.
        exclude: leave out what lies beyond the ends; else the elements at either end go on for ever.
    """

    kernel: Callable[[Array], Array]
    support: int
    antialias: bool
    exclude: bool

    @staticmethod
    def of(mode: str, coefficient: float, *, antialias: bool, exclude: bool) -> Interpolation:
        """The interpolation of a mode, "linear" or "cubic"."""
        if mode == "cubic":
            return Interpolation(cubic(coefficient), 2, antialias, exclude)
        return Interpolation(triangle, 1, antialias, exclude)

    def taps(self, axis: Axis, at: Array) -> tuple[Array, Array]:
        """For the points `at`: the old elements [point, tap] that count, and their weights."""
        shrink = min(axis.scale, 1.0) if self.antialias else 1.0
        reach = math.ceil(self.support / shrink)
        near = np.floor(at).astype(np.int64)[:, None] + np.arange(1 - reach, reach + 1)
        weight = self.kernel((near - at[:, None]) * shrink)
        if self.exclude:
            weight = np.where((near < 0) | (near >= axis.old), 0, weight)
        if self.exclude or shrink < 1:
            total = weight.sum(1, keepdims=True)
            weight = weight / np.where(total == 0, 1, total)
        return np.clip(near, 0, axis.old - 1), weight


def nearest(axis: Axis, mode: str, rounding: str) -> Array:
    """The old element that each new one takes. Points halfway between two are common: they are told apart in float32, the
    precision that scales have."""
    at = axis.origins(mode, np.float32) if axis.old and axis.new else np.zeros(axis.new)
    return np.clip(ROUNDED[rounding](at).astype(np.int64), 0, max(axis.old - 1, 0))


def interpolated(x: Array, i: int, indices: Array, weights: Array) -> Array:
    """x along axis i, summed as `Interpolation.taps` says."""
    across = (-1, *(1,) * (x.ndim - 1 - i))
    result: Array = np.zeros((*x.shape[:i], len(indices), *x.shape[i + 1 :]), x.dtype)
    for tap in range(indices.shape[1]):
        result += np.take(x, indices[:, tap], i) * weights[:, tap].reshape(across)
    return result


def sizes_under(policy: str, old: Sequence[int], wanted: Sequence[int]) -> list[tuple[int, float]]:
    """The new extent and the scale of each axis: as wanted, or with one scale that keeps the aspect ratio."""
    scales = [w / o if o else 1.0 for w, o in zip(wanted, old, strict=True)]
    if policy == "stretch":
        return list(zip(wanted, scales, strict=True))
    scale = min(scales) if policy == "not_larger" else max(scales)
    return [(int(scale * o + 0.5), scale) for o in old]


@operator("Resize", since=(10, 11, 13, 18, 19))
class Resize:
    """Each of `axes` scaled by a factor, or to a size: an element of the result is made of those around where it lies on X.

    Version 10 knew one mapping of coordinates, "asymmetric", and rounded it down.
    """

    T1 = types({10: CLASSIC, 13: CLASSIC_BF}, names={10: "T", 11: "T1"})
    T2 = types(FLOATS)
    X = Input(T1)
    roi = Input(T2, optional_since=13, since=11)
    scales = Input("tensor(float)", optional_since=13)
    sizes = Input("tensor(int64)", optional=True, since=11)
    Y = Output(T1)
    mode, nearest_mode = String("nearest"), String("round_prefer_floor", since=11)
    coordinate_transformation_mode = String("half_pixel", since=11)
    cubic_coeff_a, extrapolation_value = Float(-0.75, since=11), Float(0.0, since=11)
    exclude_outside, antialias = Flag(0, since=11), Flag(0, since=18)
    axes, keep_aspect_ratio_policy = Ints(since=18), String("stretch", since=18)

    @infers
    def infer(
        X: Known,
        roi: Known | None,
        scales: Known | None,
        sizes: Known | None,
        *,
        axes: Any,
        keep_aspect_ratio_policy: str,
    ) -> Dims:
        chosen = axes_of(range(X.rank) if axes is None else axes, X.rank)
        result: list[Any] = [None if i in chosen else x for i, x in enumerate(X.shape)]
        by_size = sizes is not None and sizes.has_shape and sizes.shape != (0,)
        given = sizes if by_size else scales
        if given is not None and given.has_shape and isinstance(given.shape[0], int) and given.shape[0] != len(chosen):
            raise ShapeError(f"{given.shape[0]} sizes or scales are given for {len(chosen)} axes")
        if sizes is not None and by_size:
            wanted, numbers = sizes.ints(), sizes.numbers()
            old = [x for i in chosen if isinstance(x := X.shape[i], int)]
            if keep_aspect_ratio_policy != "stretch":
                complete = numbers is not None and len(old) == len(chosen)
                wanted = [n for n, _ in sizes_under(keep_aspect_ratio_policy, old, numbers or [])] if complete else None
            for i, extent in zip(chosen, wanted or (), strict=wanted is not None):
                result[i] = extent
        elif scales is not None and scales.floats is not None:
            for i, factor in zip(chosen, scales.floats.reshape(-1), strict=True):
                result[i] = scaled(X.shape[i], float(factor))
        return tuple(result)

    @reference
    def run(
        X: Array, roi: Array | None, scales: Array | None, sizes: Array | None, *, mode: str, nearest_mode: str,
        coordinate_transformation_mode: str, cubic_coeff_a: float, extrapolation_value: float, exclude_outside: bool,
        antialias: bool, axes: Any, keep_aspect_ratio_policy: str, opset: int,
    ) -> Array:  # fmt: skip
        chosen = axes_of(range(X.ndim) if axes is None else axes, X.ndim)
        old = [X.shape[i] for i in chosen]
        if sizes is not None and sizes.size:
            new = sizes_under(keep_aspect_ratio_policy, old, [int(n) for n in sizes])
        else:
            assert scales is not None
            new = [(int(np.float64(s) * o), float(s)) for s, o in zip(scales, old, strict=True)]
        count = len(chosen)
        parts = [(float(roi[k]), float(roi[count + k])) for k in range(count)] if roi is not None and roi.size else None
        mapping = "asymmetric" if opset < 11 else coordinate_transformation_mode
        how = Interpolation.of(mode, cubic_coeff_a, antialias=antialias, exclude=exclude_outside)
        kind = np.float32 if mode == "nearest" else np.float64
        y = X if mode == "nearest" else X.astype(np.float64)
        outside: list[tuple[int, Array]] = []
        for k, i in enumerate(chosen):
            axis = Axis(old[k], *new[k], *(parts[k] if parts is not None else (0.0, 1.0)))
            at = axis.origins(mapping, kind) if axis.old and axis.new else np.zeros(axis.new)
            if mapping == "tf_crop_and_resize":
                outside.append((i, (at < 0) | (at > axis.old - 1)))
            elif axis.scale == 1 and axis.new == axis.old and mode != "cubic":
                continue
            if mode == "nearest":
                y = np.take(y, nearest(axis, mapping, "floor" if opset < 11 else nearest_mode), i)
            else:
                y = interpolated(y, i, *how.taps(axis, at))
        for i, gone in outside:
            y = np.where(gone.reshape(-1, *(1,) * (y.ndim - 1 - i)), extrapolation_value, y)
        return y.astype(X.dtype)


__all__: list[str] = []
