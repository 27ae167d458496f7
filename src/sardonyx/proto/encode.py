"""Fields -> bytes: one closure per field appends chunks to a list and returns their total length.

Lengths come out of the same single pass: a message's header is filled in after its content. Large payloads are chunks
of their own, never copied, so that a file of any size can be streamed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

from sardonyx.proto.packed_wire import encode_packed
from sardonyx.proto.wire import LENGTH, Bytes, tag_bytes, varint

if TYPE_CHECKING:
    from sardonyx.proto.descriptor import Descriptor
    from sardonyx.proto.fields import Field

__all__ = ["encode_fields", "write_chunks"]

Chunks: TypeAlias = list[Bytes]
Writer: TypeAlias = Callable[[Any, Chunks], int]

_ALONE_FROM: Final = 4096  # bytes: longer payloads become chunks of their own
_FLUSH_AT: Final = 1 << 20  # bytes of small chunks gathered before a write


def encode_fields(descriptor: Descriptor, fields: dict[str, Any], out: Chunks) -> int:
    """Append the encoding of a message's fields, by number, unknown ones last; return its length."""
    size = 0
    for name, write in descriptor.writers or _writers(descriptor):
        value = fields.get(name)
        if value is not None:
            size += write(value, out)
    for chunk in fields.get("_unknown", ()):
        out.append(chunk)
        size += len(chunk)
    return size


def write_chunks(chunks: Chunks, file: IO[bytes]) -> None:
    """Write chunks in order: small ones gathered, large ones straight from where they lie."""
    pending: Chunks = []
    gathered = 0
    for chunk in chunks:
        if len(chunk) >= _ALONE_FROM:
            file.write(b"".join(pending))
            file.write(chunk)
            pending, gathered = [], 0
            continue
        pending.append(chunk)
        gathered += len(chunk)
        if gathered >= _FLUSH_AT:
            file.write(b"".join(pending))
            pending, gathered = [], 0
    file.write(b"".join(pending))


def _writers(descriptor: Descriptor) -> list[tuple[str, Writer]]:
    if descriptor.writers is None:
        descriptor.writers = [(field.name, _writer(field)) for field in descriptor.fields]
    return descriptor.writers


def _writer(field: Field) -> Writer:
    tag = tag_bytes(field.number, field.wire)
    if field.is_message:
        descriptor = field.message_class.DESCRIPTOR
        return _messages_writer(tag, descriptor) if field.is_repeated else _message_writer(tag, descriptor)
    if field.is_packed:
        return _packed_writer(tag_bytes(field.number, LENGTH), field)
    encode = _ENCODERS[field.scalar.name if field.scalar else "int32"](tag)
    if field.is_repeated:
        return _repeated_writer(encode)
    if field.scalar is not None and field.scalar.name == "bytes":
        return _bytes_writer(tag)

    def write(value: Any, out: Chunks) -> int:
        chunk = encode(value)
        out.append(chunk)
        return len(chunk)

    return write


# --- scalars: each factory takes the tag, and makes the function value -> tag + value


def _string_encoder(tag: bytes) -> Callable[[str], bytes]:
    heads = [tag + varint(size) for size in range(128)]

    def encode(value: str) -> bytes:
        raw = value.encode()
        size = len(raw)
        return heads[size] + raw if size < 128 else tag + varint(size) + raw

    return encode


def _bytes_encoder(tag: bytes) -> Callable[[Bytes], bytes]:
    return lambda value: b"".join((tag, varint(len(value)), value))


def _varint_encoder(tag: bytes) -> Callable[[int], bytes]:
    singles = [tag + varint(value) for value in range(128)]
    return lambda value: singles[value] if 0 <= value < 128 else tag + varint(value)


def _fixed_encoder(layout: str) -> Callable[[bytes], Callable[[float], bytes]]:
    pack = struct.Struct(layout).pack
    return lambda tag: lambda value: tag + pack(value)


_ENCODERS: Final[dict[str, Callable[[bytes], Callable[[Any], bytes]]]] = {
    "string": _string_encoder,
    "bytes": _bytes_encoder,
    "int64": _varint_encoder,
    "uint64": _varint_encoder,
    "int32": _varint_encoder,
    "uint32": _varint_encoder,
    "bool": _varint_encoder,
    "float": _fixed_encoder("<f"),
    "double": _fixed_encoder("<d"),
}


def _repeated_writer(encode: Callable[[Any], bytes]) -> Writer:
    def write(values: list[Any], out: Chunks) -> int:
        chunk = b"".join([encode(value) for value in values])
        out.append(chunk)
        return len(chunk)

    return write


def _bytes_writer(tag: bytes) -> Writer:
    def write(value: Bytes, out: Chunks) -> int:
        size = len(value)
        head = tag + varint(size)
        if size < _ALONE_FROM:
            out.append(b"".join((head, value)))
        else:
            out.append(head)
            out.append(value)
        return len(head) + size

    return write


def _packed_writer(tag: bytes, field: Field) -> Writer:
    scalar = field.scalar
    assert scalar is not None

    def write(values: Any, out: Chunks) -> int:
        if not len(values):
            return 0
        run = encode_packed(scalar, values.stored)
        head = tag + varint(len(run))
        out.append(head)
        out.append(run)
        return len(head) + len(run)

    return write


# --- messages


def _message_writer(tag: bytes, descriptor: Descriptor) -> Writer:
    def write(message: Any, out: Chunks) -> int:
        fields = message.__dict__
        if "_link" in fields:  # only read, never set
            return 0
        at = len(out)
        out.append(b"")
        size = encode_fields(descriptor, fields, out)
        out[at] = head = tag + varint(size)
        return len(head) + size

    return write


def _messages_writer(tag: bytes, descriptor: Descriptor) -> Writer:
    def write(messages: list[Any], out: Chunks) -> int:
        total = 0
        for message in messages:
            at = len(out)
            out.append(b"")
            size = encode_fields(descriptor, message.__dict__, out)
            out[at] = head = tag + varint(size)
            total += len(head) + size
        return total

    return write
