"""How far windows reach: the functions of paddings, of extents, and of pooling over them that programs take one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnx.reference.ops._windows import _get_index, _get_indices

__all__ = [
    "_col2im_shape_check",
    "_col2im_shape_check_2d",
    "_get_output_shape",
    "_get_output_shape_no_ceil",
    "_get_pad_shape",
    "_pool",
]

Array = np.ndarray[Any, Any]
Extents = Sequence[int]
_SAME = ("SAME_UPPER", "SAME_LOWER")
_KINDS: dict[str, Callable[[Array], Any]] = {"AVG": np.average, "MAX": np.max}


def _get_pad_shape(auto_pad: str, size: Extents, kernel: Extents, strides: Extents, out: Extents) -> tuple[int, ...]:
    """How much padding each axis needs, both ends together."""
    if not size:
        raise RuntimeError("Unable to compute pad shape of no axes")
    if auto_pad not in _SAME:
        return (0,) * len(size)
    return tuple((o - 1) * s + k - n for n, k, s, o in zip(size, kernel, strides, out, strict=True))


def _get_output_shape_no_ceil(auto_pad: str, size: Extents, kernel: Extents, strides: Extents) -> tuple[int, ...]:
    """How many windows fit along each axis."""
    if auto_pad not in (*_SAME, "VALID"):
        return (0,) * len(size)
    reach = [0 if auto_pad in _SAME else k - 1 for k in kernel]
    return tuple(math.ceil((n - r) / s) for n, r, s in zip(size, reach, strides, strict=True))


def _get_output_shape(
    auto_pad: str,
    size: Extents,
    kernel: Extents,
    strides: Extents,
    pad_shape: Extents | None = None,
    ceil_mode: int | None = 0,
) -> tuple[int, ...]:
    """How many windows there are along each axis; with `ceil_mode`, the last may reach beyond the end."""
    found = _get_output_shape_no_ceil(auto_pad, size, kernel, strides)
    if ceil_mode and auto_pad == "VALID":
        if pad_shape is None:
            raise ValueError("pad_shape cannot be None if auto_pad is 'VALID' and ceil_mode is 1.")
        found = tuple(
            math.ceil((n + p - k) / s + 1) for n, p, k, s in zip(size, pad_shape, kernel, strides, strict=True)
        )
    if not found:
        raise RuntimeError("Unable to compute output shape of no axes")
    if min(found) <= 0:
        raise RuntimeError(f"output shape cannot be null or negative, out_shape={found}")
    return found


def _pool(
    padded: Array,
    x_shape: Extents,
    kernel_shape: Extents,
    strides_shape: Extents,
    out_shape: Extents,
    pad_shape: Extents,
    pooling_type: str,
    count_include_pad: int | None = 0,
    ceil_mode: int | None = 0,
    indices: bool = False,
    pads: Array | None = None,
) -> Any:
    """The average or maximum of each window of `padded`, whose padding is NaN; with `indices`, also where maxima lie."""
    if pooling_type not in _KINDS:
        raise NotImplementedError(f"Pooling type {pooling_type!r} is neither AVG nor MAX")
    reduce, rounded = _KINDS[pooling_type], math.ceil if ceil_mode else math.floor
    counts = [
        rounded((n + p - k) / s + 1)
        for n, p, k, s in zip(x_shape[2:], pad_shape, kernel_shape, strides_shape, strict=True)
    ]
    y = np.zeros((*x_shape[:2], *out_shape))
    z = np.full(y.shape, -1, np.int64)
    for place in itertools.product(*map(range, (*x_shape[:2], *counts))):
        begins = [i * s for i, s in zip(place[2:], strides_shape, strict=True)]
        window = padded[place[:2]][tuple(slice(b, b + k) for b, k in zip(begins, kernel_shape, strict=True))].ravel()
        known = window if count_include_pad == 1 and pooling_type == "AVG" else window[~np.isnan(window)]
        y[place] = reduce(known)
        if indices:
            assert pads is not None
            at = _get_indices(int(np.argmax(np.nan_to_num(window, nan=known.min()))), out_shape)
            z[place] = _get_index(tuple(at + place[2:] - pads[:, 0]), x_shape[2:])
    return (y.astype(padded.dtype), z) if indices else y.astype(padded.dtype)


def _blocks(output: Extents, kernel: Extents, dilations: Extents, pads: Array, strides: Extents) -> list[int]:
    whole = zip(output, kernel, dilations, np.sum(pads, 1).tolist(), strides, strict=True)
    return [(n + p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in whole]


def _col2im_shape_check(
    X: Array, output_shape: Extents, kernel_shape: Extents, dilations: Extents, pads: Array, strides: Extents
) -> None:
    """Refuse columns that are not those of an image of `output_shape`."""
    size, blocks = math.prod(kernel_shape), _blocks(output_shape, kernel_shape, dilations, pads, strides)
    if X.shape[0] % size:
        raise ValueError(f"Expected size of input's dimension 1 to be divisible by {size}, but got {X.shape[0]}")
    if X.shape[1] != math.prod(blocks):
        raise ValueError(
            f"expected size of input's dimension 2 to be {math.prod(blocks)} for {blocks}, got {X.shape[1]}"
        )


def _col2im_shape_check_2d(
    X: Array, output_shape: Extents, kernel_shape: Extents, dilations: Extents, pads: Array, strides: Extents
) -> None:
    """The same of an image of two axes; a batch may stand before the columns."""
    if X.ndim not in (2, 3) or 0 in X.shape[-2:]:
        raise ValueError(f"Expected 2D or 3D (batch mode) columns that are not empty, got {X.shape}")
    _col2im_shape_check(X.reshape(-1, *X.shape[-2:])[0], output_shape, kernel_shape, dilations, pads, strides)
    blocks = _blocks(output_shape, kernel_shape, dilations, pads, strides)
    if min(blocks) < 1:
        raise ValueError(f"the sliding blocks {blocks} are too small (non-positive)")
