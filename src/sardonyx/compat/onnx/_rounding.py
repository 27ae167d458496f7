"""How numbers become those of narrower types."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

__all__ = ["saturate_cast", "to_float8e8m0"]

Array = np.ndarray[Any, Any]
_NAN, _LARGEST = 255, 254


def saturate_cast(x: Array, dtype: Any) -> Array:
    """`x` in `dtype`: what is too large becomes the largest value, and integers are rounded to even first."""
    dtype = np.dtype(dtype)
    if np.issubdtype(dtype, np.integer) or dtype.name in ("int4", "uint4", "int2", "uint2"):
        limits: Any = ml_dtypes.iinfo(dtype)
        x = np.round(x)
    else:
        limits = ml_dtypes.finfo(dtype)
    return np.clip(x, limits.min, limits.max).astype(dtype)


def to_float8e8m0(x: Array, saturate: bool = True, round_mode: str = "up") -> Array:
    """The powers of two of `x`: the sign goes, and `round_mode` (up, down or nearest) decides between two of them.

    Without `saturate`, what is beyond the largest power is NaN.
    """
    bits = np.asarray(x, np.float32).view(np.uint32)
    exponent = ((bits >> 23) & 0xFF).astype(np.int64)
    fraction = bits & 0x7FFFFF
    if round_mode == "up":
        more = fraction > 0
    elif round_mode == "nearest":  # ties go up, except to the smallest power, which half of it does not reach
        more = (fraction >= 0x400000) & ((exponent > 0) | (fraction > 0x400000))
    elif round_mode == "down":
        more = np.zeros(fraction.shape, bool)
    else:
        raise ValueError(f"Unsupported rounding mode: {round_mode}")
    codes = exponent + more
    codes = np.where(codes > _LARGEST, _LARGEST if saturate else _NAN, codes)
    return np.where(exponent == _NAN, _NAN, codes).astype(np.uint8).view(ml_dtypes.float8_e8m0fnu)
