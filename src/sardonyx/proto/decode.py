"""Bytes -> fields: one closure per field, chosen by tag; no copy of large payloads, no trust in any length.

A reader takes (buf, view, pos, end, fields, depth), stores what it reads in `fields`, and returns where it stopped.
`buf` is what is indexed and sliced for small things; `view` is the same bytes as a memoryview, cut for large ones.
Reading past `buf` raises IndexError, reading past the message's own end is checked where a value is complete.
"""

from __future__ import annotations

import mmap
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeAlias, overload

import numpy as np

from sardonyx.core.errors import FormatError
from sardonyx.proto.packed import Packed
from sardonyx.proto.packed_wire import decode_packed
from sardonyx.proto.repeated import Messages, Repeated
from sardonyx.proto.wire import (
    LENGTH,
    MAX_DEPTH,
    Bytes,
    read_length,
    read_tag,
    read_varint,
    skip,
    too_deep,
    truncated,
    varint,
)

if TYPE_CHECKING:
    from sardonyx.proto.descriptor import Descriptor
    from sardonyx.proto.fields import Field
    from sardonyx.proto.message import Message

__all__ = ["Buffer", "Deferred", "byte_length", "decode_fields", "noting_bad_strings", "settle"]

Buffer: TypeAlias = "bytes | bytearray | memoryview | mmap.mmap | np.ndarray[Any, Any]"
Fields: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Bytes, memoryview, int, int, Fields, int], int]
Readers: TypeAlias = dict[int, Reader]

_VIEW_FROM: Final = 256  # a memoryview costs about this much: shorter payloads are cheaper as bytes
# What lies in a model, its graph or a function is deferred; deeper, what a message of so many bytes holds: few are sooner
# decoded than noted.
_DEFER_ABOVE: Final = 2
_DEFER_FROM: Final = 1024
_append: Final = list[Any].append


def decode_fields(descriptor: Descriptor, data: Buffer, *, defer: bool = False) -> Fields:
    """Decode a whole message to its fields, as a message's `__dict__` holds them.

    Large payloads are views of `data`, which they keep alive; a buffer that could still change is copied first. With `defer`,
    repeated messages, at every depth, are not decoded but `Deferred`, unless what they lie in is short.
    """
    if isinstance(data, str):
        raise TypeError("expected bytes, str found")
    source: Any = data
    view = memoryview(source).cast("B")
    if not view.readonly:
        source = bytes(view)
        view = memoryview(source)
    buf: Any = source if isinstance(source, (bytes, mmap.mmap)) else view
    fields: Fields = {}
    try:
        _message(_readers(descriptor, defer), buf, view, 0, len(view), fields, 0)
    except IndexError:
        raise truncated(len(view), 1, 0) from None
    return fields


def byte_length(data: Buffer) -> int:
    """The number of bytes in a buffer, whatever its items are."""
    source: Any = data
    return memoryview(source).nbytes


def _message(readers: Readers, buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> None:
    while pos < end:
        start = pos
        tag = buf[pos]
        pos += 1
        if tag > 127:
            second = buf[pos]
            if second < 128:
                tag = tag & 127 | second << 7
                pos += 1
            else:
                tag, pos = read_tag(buf, start)
        reader = readers.get(tag)
        if reader is not None:
            pos = reader(buf, view, pos, end, fields, depth)
        else:
            pos = _skip_unknown(readers, buf, tag, start, pos, end, depth)
            if pos <= end:
                chunk = view[start:pos] if pos - start >= _VIEW_FROM else bytes(view[start:pos])
                fields.setdefault("_unknown", []).append(chunk)
    if pos > end:
        raise truncated(end, pos - end, 0)


def _skip_unknown(readers: Readers, buf: Bytes, tag: int, start: int, pos: int, end: int, depth: int) -> int:
    """Step over the field `tag` and the unknown ones that follow it; where the next known field starts."""
    while True:
        if tag < 8:
            raise FormatError("field number 0 is not legal", offset=start, fix="is this an ONNX file at all?")
        start = skip(buf, pos, end, tag, depth)
        if start >= end:
            return start
        tag, pos = read_tag(buf, start)
        if tag in readers:
            return start


class Deferred(Sequence[Any]):
    """Repeated messages that stay in the file: each is decoded when it is asked for, and kept by nobody.

    Whoever reads a model once, front to back, so holds no more of its messages than the one in hand. What is wrong with a
    message is said when it is reached.
    """

    __slots__ = ("_buf", "_depth", "_descriptor", "_view", "places")

    def __init__(self, descriptor: Descriptor, buf: Bytes, view: memoryview, depth: int) -> None:
        self._descriptor, self._buf, self._view, self._depth = descriptor, buf, view, depth
        self.places = array("Q" if len(view) >> 32 else "I")  # where the length of each message stands

    def _decoded(self, places: Sequence[int], *, defer: bool) -> Iterator[Message]:
        buf, view, depth = self._buf, self._view, self._depth
        readers, cls = _readers(self._descriptor, defer), self._descriptor.message_class
        new = cls.__new__
        try:
            for pos in places:
                size = buf[pos]
                pos += 1
                if size > 127:
                    size, pos = read_length(buf, pos - 1)
                message = new(cls)
                if size:
                    _message(readers, buf, view, pos, pos + size, message.__dict__, depth)
                yield message
        except IndexError:
            raise truncated(len(view), 1, 0) from None

    def __iter__(self) -> Iterator[Message]:
        return self._decoded(self.places, defer=True)

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> list[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | list[Message]:
        if isinstance(index, slice):
            return list(self._decoded(self.places[index], defer=True))
        return next(self._decoded((self.places[index],), defer=True))

    def check(self) -> None:
        """Decode the messages for what is wrong with them alone."""
        for _ in self._decoded(self.places, defer=False):
            pass

    def whole(self) -> list[Message]:
        """The messages, decoded to their last field, for one who keeps them."""
        return list(self._decoded(self.places, defer=False))


def settle(fields: Fields) -> None:
    """Decode whatever is deferred in the fields of a message that nobody will read: what is wrong there is still refused."""
    for value in fields.values():
        if isinstance(value, Deferred):
            value.check()
        elif hasattr(value, "DESCRIPTOR"):
            settle(vars(value))


def _readers(descriptor: Descriptor, defer: bool) -> Readers:
    """The readers of the fields of a message by their tags, made at first use."""
    readers = descriptor.deferring if defer else descriptor.readers
    if not readers:
        for field in descriptor.fields:
            readers[field.number << 3 | field.wire] = _reader(field, defer)
            if field.is_repeated and field.wire != LENGTH:
                readers[field.number << 3 | LENGTH] = _packed_reader(field)
    return readers


def _reader(field: Field, defer: bool) -> Reader:
    if field.enum_type is not None:
        return _enum_reader(field)
    if field.scalar is None and field.is_repeated:
        return _deferred_reader(field) if defer else _repeated_message_reader(field)
    if field.scalar is None:
        return _message_reader(field, defer)
    if field.scalar.name == "bytes" and not field.is_repeated:
        return _bytes_reader(field.name, field.siblings)
    read = _VALUES[field.scalar.name]
    if field.is_repeated and read is _string_reader:
        return _strings_reader(field)
    if field.is_repeated:
        return _repeated_reader(field, read)
    if field.siblings:
        return _oneof_reader(field.name, field.siblings, read)
    return read(field.name)


# --- singular scalars: each factory makes the reader that stores the value under a name


def _string_reader(name: str) -> Reader:
    def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
        size = buf[pos]
        pos += 1
        if size > 127:
            size, pos = read_length(buf, pos - 1)
        stop = pos + size
        if stop > end:
            raise truncated(pos, size, end - pos)
        try:
            fields[name] = str(buf[pos:stop], "utf-8")
        except UnicodeDecodeError as error:
            fields[name] = _not_utf8(name, pos, error)
        return stop

    return read


# Strings that are not UTF-8, where somebody wants to know of them and still see the rest.
_FOUND: ContextVar[list[FormatError] | None] = ContextVar("_FOUND", default=None)


@contextmanager
def noting_bad_strings() -> Iterator[list[FormatError]]:
    """While this is open, a string that is not UTF-8 is noted and not refused: wrong bytes are shown as ``\\xff``."""
    found: list[FormatError] = []
    token = _FOUND.set(found)
    try:
        yield found
    finally:
        _FOUND.reset(token)


def _not_utf8(name: str, pos: int, error: UnicodeDecodeError) -> str:
    refusal = FormatError(f"the string {name!r} is not UTF-8", offset=pos + error.start, why=error.reason)
    found = _FOUND.get()
    if found is None:
        raise refusal from None
    found.append(refusal)
    return error.object.decode("utf-8", "backslashreplace")


def _short_bytes_reader(name: str) -> Reader:
    def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
        size, pos = read_length(buf, pos)
        stop = pos + size
        if stop > end:
            raise truncated(pos, size, end - pos)
        fields[name] = bytes(buf[pos:stop])
        return stop

    return read


def _varint_reader(convert: Callable[[int], Any] | None) -> Callable[[str], Reader]:
    def factory(name: str) -> Reader:
        def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
            value = buf[pos]
            pos += 1
            if value > 127:
                value, pos = read_varint(buf, pos - 1)
            if pos > end:
                raise truncated(end, pos - end, 0)
            fields[name] = value if convert is None else convert(value)
            return pos

        return read

    return factory


def _fixed_reader(layout: struct.Struct) -> Callable[[str], Reader]:
    unpack, size = layout.unpack_from, layout.size

    def factory(name: str) -> Reader:
        def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
            if pos + size > end:
                raise truncated(pos, size, end - pos)
            fields[name] = unpack(buf, pos)[0]
            return pos + size

        return read

    return factory


def _signed64(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _signed32(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


_VALUES: Final[dict[str, Callable[[str], Reader]]] = {
    "string": _string_reader,
    "bytes": _short_bytes_reader,
    "int64": _varint_reader(_signed64),
    "uint64": _varint_reader(None),
    "int32": _varint_reader(_signed32),
    "uint32": _varint_reader(0xFFFFFFFF.__and__),
    "bool": _varint_reader(bool),
    "float": _fixed_reader(struct.Struct("<f")),
    "double": _fixed_reader(struct.Struct("<d")),
}


def _bytes_reader(name: str, siblings: tuple[str, ...]) -> Reader:
    def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
        size, pos = read_length(buf, pos)
        stop = pos + size
        if stop > end:
            raise truncated(pos, size, end - pos)
        for sibling in siblings:
            fields.pop(sibling, None)
        fields[name] = view[pos:stop] if size >= _VIEW_FROM else bytes(buf[pos:stop])
        return stop

    return read


def _enum_reader(field: Field) -> Reader:
    """An enum's reader; a number the enum does not know is kept as an unknown field, as proto2 wants."""
    assert field.enum_type is not None and not field.is_repeated
    name, known, tag = field.name, field.enum_type.names_by_value, field.number << 3
    shortest = len(varint(tag))

    def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
        value, stop = read_varint(buf, pos)
        if stop > end:
            raise truncated(end, stop - end, 0)
        number = _signed32(value)
        if number in known:
            fields[name] = number
        else:
            sizes = range(shortest, 6)  # the tag may be written longer than it needs: keep what is there
            start = next(pos - size for size in sizes if read_varint(buf, pos - size) == (tag, pos))
            fields.setdefault("_unknown", []).append(bytes(buf[start:stop]))
        return stop

    return read


# --- oneofs, repeated fields, messages


def _oneof_reader(name: str, siblings: tuple[str, ...], factory: Callable[[str], Reader]) -> Reader:
    inner = factory(name)

    def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
        for sibling in siblings:
            fields.pop(sibling, None)
        return inner(buf, view, pos, end, fields, depth)

    return read


def _strings_reader(field: Field) -> Reader:
    name = field.name

    def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
        size = buf[pos]
        pos += 1
        if size > 127:
            size, pos = read_length(buf, pos - 1)
        stop = pos + size
        if stop > end:
            raise truncated(pos, size, end - pos)
        values = fields.get(name)
        if values is None:
            values = fields[name] = Repeated[str](field)
        try:
            _append(values, str(buf[pos:stop], "utf-8"))
        except UnicodeDecodeError as error:
            _append(values, _not_utf8(name, pos, error))
        return stop

    return read


def _repeated_reader(field: Field, factory: Callable[[str], Reader]) -> Reader:
    """Read one value into a scratch place, and append it."""
    name, packed = field.name, field.is_packed
    make: Any = Packed if packed else Repeated
    inner = factory("")

    def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
        values: Any = fields.get(name)
        if values is None:
            values = fields[name] = make(field)
        scratch: Fields = {}
        pos = inner(buf, view, pos, end, scratch, depth)
        if packed:
            values.adopt([scratch[""]])
        else:
            _append(values, scratch[""])
        return pos

    return read


def _packed_reader(field: Field) -> Reader:
    name, packed, scalar = field.name, field.is_packed, field.scalar
    assert scalar is not None
    make: Any = Packed if packed else Repeated

    def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
        size, pos = read_length(buf, pos)
        stop = pos + size
        if stop > end:
            raise truncated(pos, size, end - pos)
        values: Any = fields.get(name)
        if values is None:
            values = fields[name] = make(field)
        found = decode_packed(scalar, view, pos, stop)
        if packed:
            values.adopt(found)
        else:
            list.extend(values, found if isinstance(found, list) else found.tolist())
        return stop

    return read


def _message_reader(field: Field, defer: bool) -> Reader:
    name, siblings = field.name, field.siblings
    cls, descriptor = field.message_class, field.message_class.DESCRIPTOR
    new, readers = cls.__new__, descriptor.deferring if defer else descriptor.readers

    def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
        size = buf[pos]
        pos += 1
        if size > 127:
            size, pos = read_length(buf, pos - 1)
        stop = pos + size
        if stop > end:
            raise truncated(pos, size, end - pos)
        if depth >= MAX_DEPTH:
            raise too_deep(pos)
        for sibling in siblings:
            dropped = fields.pop(sibling, None)
            if dropped is not None and defer:
                settle({sibling: dropped})
        message = fields.get(name)
        if message is None:
            message = fields[name] = new(cls)
        if size:
            inner = readers or _readers(descriptor, defer)
            _message(inner, buf, view, pos, stop, message.__dict__, depth + 1)
        return stop

    return read


def _repeated_message_reader(field: Field) -> Reader:
    name = field.name
    cls, descriptor = field.message_class, field.message_class.DESCRIPTOR
    new, readers = cls.__new__, descriptor.readers

    def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
        size = buf[pos]
        pos += 1
        if size > 127:
            size, pos = read_length(buf, pos - 1)
        stop = pos + size
        if stop > end:
            raise truncated(pos, size, end - pos)
        if depth >= MAX_DEPTH:
            raise too_deep(pos)
        messages = fields.get(name)
        if messages is None:
            messages = fields[name] = Messages[Any](field)
        message = new(cls)
        _append(messages, message)
        if size:
            _message(readers or _readers(descriptor, False), buf, view, pos, stop, message.__dict__, depth + 1)
        return stop

    return read


def _deferred_reader(field: Field) -> Reader:
    """Note where messages lie: this one, and those of the same field that follow it at once. Where few can be, decode them."""
    name, descriptor, tag = field.name, field.message_class.DESCRIPTOR, field.number << 3 | LENGTH
    again = tag if tag < 128 else -1  # a tag of two bytes is read as any other
    decode = _repeated_message_reader(field)

    def read(buf: Bytes, view: memoryview, pos: int, end: int, fields: Fields, depth: int) -> int:
        messages = fields.get(name)
        if messages is None and (depth < _DEFER_ABOVE or end - pos >= _DEFER_FROM):
            messages = fields[name] = Deferred(descriptor, buf, view, depth + 1)
        if not isinstance(messages, Deferred):
            return decode(buf, view, pos, end, fields, depth)
        note = messages.places.append
        while True:
            note(pos)
            size = buf[pos]
            pos += 1
            if size > 127:
                size, pos = read_length(buf, pos - 1)
            if size > end - pos:
                raise truncated(pos, size, end - pos)
            if depth >= MAX_DEPTH:
                raise too_deep(pos)
            pos += size
            if pos >= end or buf[pos] != again:
                return pos
            pos += 1

    return read
