"""A run of packed numbers, both ways: an array over the very bytes where the width is fixed, else decoded whole."""

from __future__ import annotations

from array import array
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sardonyx.core.errors import FormatError
from sardonyx.proto.scalars import Scalar
from sardonyx.proto.wire import VARINT, read_varint, varint

__all__ = ["decode_packed", "encode_packed"]

Array = npt.NDArray[Any]

_ARRAY_FROM: Final = 64  # bytes: below, a plain loop beats the set-up of array operations
_BLOCK: Final = 1 << 14  # bytes decoded at a time, so that scratch memory stays small
_MASK64: Final = (1 << 64) - 1


def decode_packed(scalar: Scalar, view: memoryview, pos: int, stop: int) -> list[Any] | Array:
    """The numbers in view[pos:stop]."""
    assert scalar.dtype is not None
    size = stop - pos
    if scalar.wire == VARINT:
        if size < _ARRAY_FROM:
            return _decode_few(np.dtype(scalar.dtype), view[pos:stop], pos)
        return _decode_many(np.dtype(scalar.dtype), np.frombuffer(view, np.uint8, size, pos), pos)
    width = np.dtype(scalar.dtype).itemsize
    if size % width:
        raise FormatError(
            f"a packed run of {scalar.name} is no whole number of values", offset=pos, why=f"{size} bytes, {width} each"
        )
    found = np.frombuffer(view, scalar.dtype, size // width, pos)
    return found if size >= _ARRAY_FROM else found.tolist()


def _decode_few(dtype: np.dtype[Any], data: memoryview, offset: int) -> list[Any]:
    pos, stop = 0, len(data)
    raw: list[int] = []
    while pos < stop:
        value = data[pos]
        pos += 1
        if value > 127:
            try:
                value, pos = read_varint(data, pos - 1)
            except IndexError:
                raise FormatError("the last varint of a packed run is cut short", offset=offset + pos) from None
        raw.append(value)
    return raw if max(raw, default=0) < 128 and dtype.kind != "b" else _narrow(np.array(raw, np.uint64), dtype).tolist()


def _decode_many(dtype: np.dtype[Any], data: npt.NDArray[np.uint8], offset: int) -> Array:
    if data[-1] > 127:
        raise FormatError("the last varint of a packed run is cut short", offset=offset + len(data))
    out = np.empty(np.count_nonzero(data < 128), dtype)
    done = pos = 0
    while pos < len(data):
        block = data[pos : pos + _BLOCK]
        ends = np.flatnonzero(block < 128)
        if not len(ends):
            raise FormatError("a varint is longer than 10 bytes", offset=offset + pos)
        starts = np.concatenate(([0], ends[:-1] + 1))
        lengths = ends - starts + 1
        longest = int(lengths.max())
        if longest > 10:
            raise FormatError("a varint is longer than 10 bytes", offset=offset + pos + int(starts[lengths.argmax()]))
        raw = (block[starts] & 127).astype(np.uint64)
        for place in range(1, longest):
            reach = np.flatnonzero(lengths > place)
            raw[reach] |= (block[starts[reach] + place] & 127).astype(np.uint64) << np.uint64(7 * place)
        out[done : done + len(raw)] = _narrow(raw, dtype)
        done += len(raw)
        pos += int(ends[-1]) + 1
    out.flags.writeable = False
    return out


def _narrow(raw: npt.NDArray[np.uint64], dtype: np.dtype[Any]) -> Array:
    """Cut 64 bits down to the type: keep the low ones (and any bit makes a bool true)."""
    return raw != 0 if dtype.kind == "b" else raw.view(np.int64).astype(dtype, copy=False)


def encode_packed(scalar: Scalar, values: array[Any] | Array) -> bytes | memoryview:
    """The bytes of a packed run; fixed-width arrays are viewed, not copied."""
    assert scalar.dtype is not None
    if scalar.wire != VARINT:
        return np.ascontiguousarray(values, scalar.dtype).view(np.uint8).data
    if len(values) < _ARRAY_FROM:
        return b"".join([varint(value) for value in values.tolist()])
    raw = np.asarray(values, scalar.dtype)
    blocks = [_encode_block(raw[at : at + _BLOCK]) for at in range(0, len(raw), _BLOCK)]
    return b"".join(blocks)


def _encode_block(values: Array) -> bytes:
    raw = values.astype(np.int64).view(np.uint64) if values.dtype.kind != "u" else values.astype(np.uint64)
    lengths = np.ones(len(raw), np.int64)
    for place in range(1, 10):
        lengths += raw >= np.uint64(1 << 7 * place)
    stops = np.cumsum(lengths)
    out = np.empty(int(stops[-1]), np.uint8)
    starts = stops - lengths
    for place in range(int(lengths.max())):
        reach = np.flatnonzero(lengths > place)
        more = (lengths[reach] > place + 1).astype(np.uint8) << 7
        out[starts[reach] + place] = ((raw[reach] >> np.uint64(7 * place)) & np.uint64(127)).astype(np.uint8) | more
    return out.tobytes()
