"""The elements of a tensor as a file's typed fields, and the text syntax, list them: one number or string per entry.

Floats of 32 and 64 bits and integers are themselves; complex numbers are two floats; every other float is its bit pattern;
elements of 2 and 4 bits share an entry as they share a byte, those of 6 bits have one each.
"""

from __future__ import annotations

import math

import numpy as np

from sardonyx.core import dtypes, packing
from sardonyx.core.dtypes import DType
from sardonyx.ir.tensor import Array, Tensor

__all__ = ["RANK", "count_entries", "entry_type", "from_entries", "to_entries", "unfit"]

_PLAIN = {
    **{d: d.numpy for d in (dtypes.FLOAT32, dtypes.FLOAT64, dtypes.INT64, dtypes.UINT64, dtypes.UINT32)},
    dtypes.COMPLEX64: np.dtype(np.float32),
    dtypes.COMPLEX128: np.dtype(np.float64),
    dtypes.STRING: np.dtype(object),
}

RANK = 64  # NumPy's limit


def _shares_bytes(dtype: DType) -> bool:
    return dtype.packed and dtype.bits != 6


def entry_type(dtype: DType) -> np.dtype[np.generic]:
    """The NumPy type of an entry of a tensor of `dtype`."""
    return _PLAIN.get(dtype, np.dtype(np.int32))


def count_entries(dtype: DType, shape: tuple[int, ...]) -> int:
    """How many entries a tensor of this type and shape has."""
    elements = math.prod(shape)
    if _shares_bytes(dtype):
        return dtype.nbytes(elements)
    return 2 * elements if dtype.kind == "complex" else elements


def unfit(dtype: DType, shape: tuple[int, ...]) -> str | None:
    """Why no array can have this type and shape, or None. An extent of 0 does not excuse others from being addressable."""
    if any(d < 0 for d in shape):
        return "it has a negative extent"
    if len(shape) > RANK:
        return f"an array has at most {RANK} dims"
    if math.prod(max(d, 1) for d in shape) * dtype.itemsize >= 1 << 63:
        return "its extents multiply to more than 63 bits of address"
    return None


def to_entries(tensor: Tensor) -> Array:
    """The entries of `tensor`, flat."""
    dtype = tensor.dtype
    if _shares_bytes(dtype):
        return np.frombuffer(tensor.raw(), np.uint8).astype(np.int32)
    array = np.ascontiguousarray(tensor.numpy()).reshape(-1)
    if dtype in _PLAIN:
        return array if dtype is dtypes.STRING else array.view(_PLAIN[dtype])
    if dtype.packed:
        return packing.to_codes(array, dtype).astype(np.int32)
    return (array.view(f"u{dtype.itemsize}") if dtype.is_float else array).astype(np.int32)


def from_entries(entries: Array, dtype: DType, shape: tuple[int, ...]) -> Array:
    """The elements that `entries` state; there must be `count_entries` of them."""
    if dtype is dtypes.STRING:
        return entries.reshape(shape)
    if dtype in _PLAIN:
        return np.ascontiguousarray(entries, _PLAIN[dtype]).view(dtype.numpy).reshape(shape)
    codes = entries.astype(np.int64, copy=False)
    if _shares_bytes(dtype):
        codes = packing.unpack(codes.astype(np.uint8), dtype.bits, math.prod(shape))
    if dtype.packed:
        array = packing.from_codes(codes.astype(np.uint8), dtype)
    elif dtype.is_float:
        array = codes.astype(f"u{dtype.itemsize}").view(dtype.numpy)
    else:
        array = codes.astype(dtype.numpy)
    return array.reshape(shape)
