"""The scalar types of protobuf: wire type, default, and which Python values a field of the type takes."""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sardonyx.proto.wire import FIXED32, FIXED64, LENGTH, VARINT

__all__ = ["SCALARS", "Scalar", "round_to_float32", "shortest"]

_FLOAT: Final = struct.Struct("<f")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One scalar type.

    Attributes:
        code: the number descriptors give the type.
        check: the value as stored, or TypeError / ValueError.
        dtype: how NumPy spells an element, for those that may be packed.
    """

    name: str
    code: int
    wire: int
    default: Any
    check: Callable[[Any], Any]
    dtype: str | None = None


def round_to_float32(value: float) -> float:
    """The float32 nearest to a number; beyond the largest one, infinity."""
    try:
        return _FLOAT.unpack(_FLOAT.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def shortest(value: float) -> float:
    """The float of the fewest digits that is the same float32."""
    candidates = (float(f"{value:.{digits}g}") for digits in range(6, 10))
    return next(short for short in candidates if round_to_float32(short) == value)


def _real(value: Any) -> float:
    if isinstance(value, (str, bytes, bytearray)):
        raise TypeError(f"must be real number, not {type(value).__name__}")
    return float(value)


def _single(value: Any) -> float:
    return round_to_float32(_real(value))


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if value.__class__ is not int:
            if isinstance(value, bool):
                raise TypeError("Expected an int, got a boolean.")
            value = operator.index(value)
        if not low <= value <= high:
            raise ValueError(f"Value out of range: {value}")
        return value

    return check


def _boolean(value: Any) -> bool:
    return bool(operator.index(value))


def _string(value: Any) -> str:
    if isinstance(value, str):
        if not value.isascii():
            value.encode()  # a lone surrogate cannot be written: refuse it where it enters
        return str(value)
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"bad argument type for built-in operation: expected str, {type(value).__name__} found")


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value if value.__class__ is bytes else bytes(value)
    raise TypeError(f"expected bytes, {type(value).__name__} found")


_INT32, _INT64 = _integer(-(2**31), 2**31 - 1), _integer(-(2**63), 2**63 - 1)
_UINT32, _UINT64 = _integer(0, 2**32 - 1), _integer(0, 2**64 - 1)

SCALARS: Final = {
    scalar.name: scalar
    for scalar in (
        Scalar("double", 1, FIXED64, 0.0, _real, "<f8"),
        Scalar("float", 2, FIXED32, 0.0, _single, "<f4"),
        Scalar("int64", 3, VARINT, 0, _INT64, "<i8"),
        Scalar("uint64", 4, VARINT, 0, _UINT64, "<u8"),
        Scalar("int32", 5, VARINT, 0, _INT32, "<i4"),
        Scalar("bool", 8, VARINT, False, _boolean, "?"),
        Scalar("string", 9, LENGTH, "", _string),
        Scalar("bytes", 12, LENGTH, b"", _bytes),
        Scalar("uint32", 13, VARINT, 0, _UINT32, "<u4"),
    )
}
