"""Elements narrower than a byte: an LSB-first bit stream in files, one element per byte in memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sardonyx.core.dtypes import DType
from sardonyx.core.errors import FormatError

__all__ = ["pack", "unpack"]

# How many elements fill how many whole bytes: the period of the bit stream.
_PERIOD = {2: (4, 1), 4: (2, 1), 6: (4, 3)}


def pack(codes: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint8]:
    """Codes of `bits` bits (2, 4 or 6; one per byte, any shape) -> ceil(n * bits / 8) bytes."""
    flat = codes.reshape(-1)
    elements, size = _PERIOD[bits]
    padded = np.zeros(-(-flat.size // elements) * elements, np.uint32)
    padded[: flat.size] = flat & ((1 << bits) - 1)
    words = (padded.reshape(-1, elements) << (np.arange(elements, dtype=np.uint32) * bits)).sum(1, dtype=np.uint32)
    stream = words.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :size]
    return np.ascontiguousarray(stream).reshape(-1)[: (flat.size * bits + 7) // 8]


def unpack(stream: npt.NDArray[np.uint8], bits: int, count: int) -> npt.NDArray[np.uint8]:
    """The inverse of `pack`: the first `count` codes of a bit stream."""
    elements, size = _PERIOD[bits]
    groups = -(-count // elements)
    if stream.size < (count * bits + 7) // 8:
        raise FormatError(
            f"{count} elements of {bits} bits need {(count * bits + 7) // 8} bytes, {stream.size} are there"
        )
    padded = np.zeros((groups, 4), np.uint8)
    full = np.zeros(groups * size, np.uint8)
    full[: min(full.size, stream.size)] = stream[: full.size]
    padded[:, :size] = full.reshape(groups, size)
    words = padded.view("<u4").astype(np.uint32)
    codes = (words >> (np.arange(elements, dtype=np.uint32) * bits)) & ((1 << bits) - 1)
    return codes.astype(np.uint8).reshape(-1)[:count]


def from_codes(codes: npt.NDArray[np.uint8], kind: DType) -> npt.NDArray[np.generic]:
    """One code per byte -> an array of `kind`; signed integers are sign-extended."""
    if kind.kind == "int":
        shift = 8 - kind.bits
        return ((codes << shift).astype(np.uint8).view(np.int8) >> shift).astype(kind.numpy)
    if kind.kind == "uint":
        return codes.astype(kind.numpy)
    return codes.view(kind.numpy)


def to_codes(array: npt.NDArray[np.generic], kind: DType) -> npt.NDArray[np.uint8]:
    """The inverse of `from_codes`."""
    mask = np.uint8((1 << kind.bits) - 1)
    if kind.is_integer:
        return array.astype(np.int8).view(np.uint8) & mask
    return np.ascontiguousarray(array).view(np.uint8) & mask
