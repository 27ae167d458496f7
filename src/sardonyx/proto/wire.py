"""The protobuf wire format, below any schema: varints, tags, and how to step over a field nobody knows.

Limits are those of the official decoder, except that a length may exceed 2 GB: what it refuses is refused here.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from sardonyx.core.errors import FormatError

__all__ = [
    "FIXED32",
    "FIXED64",
    "GROUP",
    "GROUP_END",
    "LENGTH",
    "MAX_DEPTH",
    "VARINT",
    "Bytes",
    "read_length",
    "read_tag",
    "read_varint",
    "skip",
    "tag_bytes",
    "too_deep",
    "truncated",
    "varint",
]

Bytes: TypeAlias = bytes | memoryview
"""What the decoder reads from (an mmap is used like bytes: an index gives a byte, a slice a copy)."""

VARINT, FIXED64, LENGTH, GROUP, GROUP_END, FIXED32 = range(6)
MAX_DEPTH: Final = 100

_MASK64: Final = (1 << 64) - 1
_SINGLE: Final = [bytes((value,)) for value in range(128)]


def varint(value: int) -> bytes:
    """The shortest encoding of an integer; a negative one takes its 64-bit two's complement."""
    if 0 <= value < 128:
        return _SINGLE[value]
    value &= _MASK64
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag_bytes(number: int, wire: int) -> bytes:
    """The bytes that open a field."""
    return varint(number << 3 | wire)


def truncated(offset: int, need: int, have: int) -> FormatError:
    """The error for a field that wants more bytes than its message has left."""
    return FormatError(
        "the file is cut short or corrupt: a field is longer than what is left",
        offset=offset,
        why=f"the field needs {need} bytes, its message has {max(have, 0)} left",
        fix="get the file again and compare its size or checksum with the original",
    )


def too_deep(offset: int) -> FormatError:
    """The error for messages nested beyond MAX_DEPTH."""
    return FormatError("messages are nested too deeply", offset=offset, why=f"more than {MAX_DEPTH} levels")


def read_varint(buf: Bytes, pos: int) -> tuple[int, int]:
    """Decode the varint at `pos`: its low 64 bits, and where it ends. IndexError where the buffer does."""
    result = shift = 0
    start = pos
    while True:
        byte = buf[pos]
        pos += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result & _MASK64, pos
        shift += 7
        if shift == 70:
            raise FormatError("a varint is longer than 10 bytes", offset=start)


def read_length(buf: Bytes, pos: int) -> tuple[int, int]:
    """Decode a length: at most 5 bytes, unless it truly needs more."""
    value, stop = read_varint(buf, pos)
    if stop - pos > 5 and value < 1 << 35:
        raise FormatError("a length is written with more than 5 bytes", offset=pos)
    return value, stop


def read_tag(buf: Bytes, pos: int) -> tuple[int, int]:
    """Decode a tag: at most 5 bytes and 32 bits."""
    value, stop = read_varint(buf, pos)
    if stop - pos > 5 or value >= 1 << 32:
        raise FormatError("a field tag has more than 32 bits", offset=pos)
    return value, stop


def skip(buf: Bytes, pos: int, end: int, tag: int, depth: int) -> int:
    """Step over the value of the field `tag` whose value begins at `pos`; the position after it."""
    number, wire = tag >> 3, tag & 7
    if wire == VARINT:
        _, stop = read_varint(buf, pos)
    elif wire == LENGTH:
        size, pos = read_length(buf, pos)
        stop = pos + size
    elif wire == FIXED32:
        stop = pos + 4
    elif wire == FIXED64:
        stop = pos + 8
    elif wire == GROUP:
        return _skip_group(buf, pos, end, number, depth + 1)
    else:
        raise FormatError(f"wire type {wire} has no meaning here", offset=pos, why=f"field {number}")
    if stop > end:
        raise truncated(pos, stop - pos, end - pos)
    return stop


def _skip_group(buf: Bytes, pos: int, end: int, number: int, depth: int) -> int:
    if depth > MAX_DEPTH:
        raise too_deep(pos)
    while pos < end:
        tag, pos = read_tag(buf, pos)
        if tag & 7 == GROUP_END:
            if tag >> 3 != number:
                raise FormatError("a group is closed by another number", offset=pos, why=f"{number}, {tag >> 3}")
            return pos
        pos = skip(buf, pos, end, tag, depth)
    raise truncated(pos, 1, 0)
