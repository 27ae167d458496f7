"""The base of all messages: presence, defaults, merging, equality, in the manner of the official classes.

A message keeps its fields in its own `__dict__` under their public names, so that reading one costs what reading any
attribute costs. What is absent falls through to the class: a default, or a descriptor that makes the container.
A singular message that was only read is a *stub*: it waits in its parent's dict with `_link` set, and becomes present,
together with its parents, at its first change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, ClassVar, NoReturn, Self, TypeVar

import numpy as np

from sardonyx.core.errors import FormatError
from sardonyx.proto.decode import Buffer, byte_length, decode_fields
from sardonyx.proto.descriptor import Descriptor, describe
from sardonyx.proto.encode import encode_fields, write_chunks
from sardonyx.proto.fields import Field
from sardonyx.proto.packed import Packed
from sardonyx.proto.peer import as_protobuf
from sardonyx.proto.repeated import Messages, Repeated
from sardonyx.proto.wire import FIXED32, FIXED64, Bytes

__all__ = ["Message", "parse"]

M = TypeVar("M", bound="Message")


def _name(given: Any) -> str:
    """The name of a field, as text or bytes."""
    if isinstance(given, str):
        return given
    if isinstance(given, bytes):
        return given.decode("utf-8", "replace")
    raise ValueError(f"Expected a field name, but got non-string argument {given}.")


class Message:
    """A protobuf message. Subclasses declare their fields; `package=` opens a new family of classes."""

    DESCRIPTOR: ClassVar[Descriptor]
    _package: ClassVar[str]
    _file: ClassVar[str | None] = None  # where the official package declares the class
    _scope: ClassVar[dict[str, type[Message]]]
    _link: tuple[Message, Field] | None = None
    _unknown: list[Bytes]
    __hash__ = None  # pyright: ignore[reportAssignmentType]  # mutable

    def __init_subclass__(cls, package: str | None = None) -> None:
        if package is not None:
            cls._package, cls._scope = package, {}
            return
        cls.DESCRIPTOR = describe(  # pyright: ignore[reportConstantRedefinition]  # the official name
            cls, cls._package, cls._scope
        )
        cls._scope[cls.__qualname__] = cls
        for field in cls.DESCRIPTOR.fields:
            setattr(cls, field.name, _absent(field))
            setattr(cls, f"{field.name.upper()}_FIELD_NUMBER", field.number)

    def __init__(self, **fields: Any) -> None:
        for name, value in fields.items():
            field = self.DESCRIPTOR.fields_by_name.get(name)
            if field is None:
                raise ValueError(f'Protocol message {self.DESCRIPTOR.name} has no "{name}" field.')
            if value is None:
                continue
            if field.is_repeated:
                if not hasattr(value, "__iter__") and not hasattr(value, "__getitem__"):
                    raise TypeError(f"Argument for field {field.full_name} is not iterable")
                held: Any = getattr(self, name)
                (held.fill if field.is_message else held.extend)(value)
            elif field.is_message:
                child: Message = getattr(self, name)
                if isinstance(value, Mapping):
                    child.__init__(**value)
                    child.SetInParent()
                else:
                    child.MergeFrom(value)
            else:
                setattr(self, name, value)

    # --- single fields

    def __setattr__(self, name: str, value: Any) -> None:
        field = self.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            raise AttributeError(f'Protocol message {self.DESCRIPTOR.name} has no "{name}" field.')
        check = field.check
        if check is None or field.is_repeated:
            if value is self.__dict__.get(name):  # what `message.field += values` ends with
                return
            kind = "message" if not field.is_repeated else "map, or repeated"
            raise AttributeError(f'Assignment not allowed to {kind} field "{name}" in protocol message object.')
        self._put(field, check(value))
        if self._link is not None:
            self.SetInParent()

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("Cannot delete field attribute: use ClearField")

    def _put(self, field: Field, value: Any) -> None:
        for sibling in field.siblings:
            if self._has(sibling):
                del self.__dict__[sibling]
        self.__dict__[field.name] = value

    def _has(self, name: str) -> bool:
        value = self.__dict__.get(name)
        return value is not None and getattr(value, "_link", None) is None

    def _field(self, name: str) -> Field:
        field = self.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            raise ValueError(f'Protocol message {self.DESCRIPTOR.name} has no "{name}" field.')
        return field

    def HasField(self, field_name: str) -> bool:
        """Whether a singular field, or any member of a oneof, is present."""
        field_name = _name(field_name)
        if field_name in self.DESCRIPTOR.oneofs_by_name:
            return self.WhichOneof(field_name) is not None
        field = self._field(field_name)
        if field.is_repeated:
            raise ValueError(f"Field {field.full_name} does not have presence.")
        return self._has(field_name)

    def __contains__(self, field_name: str) -> bool:
        return self.HasField(field_name)

    def WhichOneof(self, oneof_group: str) -> str | None:
        """The name of the present member of a oneof."""
        oneof_group = _name(oneof_group)
        oneof = self.DESCRIPTOR.oneofs_by_name.get(oneof_group)
        if oneof is None:
            raise ValueError(f'Protocol message {self.DESCRIPTOR.name} has no oneof "{oneof_group}" field.')
        return next((field.name for field in oneof.fields if self._has(field.name)), None)

    def ClearField(self, field_name: str) -> None:
        """Make a field, or the present member of a oneof, absent."""
        field_name = _name(field_name)
        if field_name in self.DESCRIPTOR.oneofs_by_name:
            present = self.WhichOneof(field_name)
            if present is None:
                return
            field_name = present
        self.__dict__.pop(self._field(field_name).name, None)
        self.SetInParent()

    def view(self, field_name: str) -> memoryview:
        """The payload of a bytes field where it lies, without the copy that reading the attribute makes."""
        field = self._field(field_name)
        if field.type != Field.TYPE_BYTES or field.is_repeated:
            raise ValueError(f"Field {field.full_name} is no single bytes field: it has no view.")
        return memoryview(self.__dict__.get(field_name, field.default_value))

    def set_view(self, field_name: str, payload: Bytes) -> None:
        """Set a bytes field to a payload that is not copied: whoever passes a view keeps its bytes unchanged."""
        field = self._field(field_name)
        self.view(field_name)
        self._put(field, payload if isinstance(payload, bytes) else memoryview(payload).cast("B"))
        self.SetInParent()

    def entries(self, field_name: str) -> Sequence[Any]:
        """The values of a repeated field where they lie, without the container that reading an absent field makes."""
        return self.__dict__.get(field_name, ())

    # --- the whole message

    def SetInParent(self) -> None:
        """Make this message present in the one it was read from."""
        link = self.__dict__.pop("_link", None)
        if link is not None:
            parent, field = link
            if parent.__dict__.get(field.name) is self:  # else it was replaced meanwhile
                parent._put(field, self)
                parent.SetInParent()

    def _present(self) -> Iterator[tuple[Field, Any]]:
        """The fields that are present, by number, with their values as stored."""
        fields = self.__dict__
        for field in self.DESCRIPTOR.fields:
            value = fields.get(field.name)
            if value is not None and (len(value) if field.is_repeated else self._has(field.name)):
                yield field, value

    def ListFields(self) -> list[tuple[Field, Any]]:
        """(field, value) of all that is present, by number."""
        return [(field, getattr(self, field.name)) for field, _ in self._present()]

    def Clear(self) -> None:
        """Make everything absent."""
        self.SetInParent()
        stubs = {name: value for name, value in self.__dict__.items() if getattr(value, "_link", None) is not None}
        self.__dict__.clear()
        self.__dict__.update(stubs)  # what was read but not set still belongs to this message

    def MergeFrom(self, other_msg: Self) -> None:
        """Add another message of the same class: its scalars win, its repeated fields are appended."""
        self._require_same_class(other_msg, "MergeFrom")
        for field, value in list(other_msg._present()):
            if not field.is_repeated:
                if field.is_message:
                    getattr(self, field.name).MergeFrom(value)
                else:
                    self._put(field, value)
            elif field.is_packed:
                getattr(self, field.name).share(value)
            elif field.is_message:
                list.extend(getattr(self, field.name), [message.__deepcopy__() for message in value])
            else:
                list.extend(getattr(self, field.name), value)
        unknown = other_msg.__dict__.get("_unknown")
        if unknown:
            self.__dict__["_unknown"] = [*self.__dict__.get("_unknown", ()), *unknown]
        self.SetInParent()

    def CopyFrom(self, other_msg: Self) -> None:
        """Become a copy of another message of the same class."""
        if other_msg is self:
            return
        self._require_same_class(other_msg, "CopyFrom")
        self.Clear()
        self.MergeFrom(other_msg)

    def _require_same_class(self, other: object, method: str) -> None:
        if other.__class__ is not self.__class__:
            expected = f"expected {self.__class__} got {other.__class__}."
            raise TypeError(f"Parameter to {method}() must be instance of same class: {expected}")

    def DiscardUnknownFields(self) -> None:
        """Forget the fields that the tables do not know, here and below."""
        self.__dict__.pop("_unknown", None)
        for field, value in self._present():
            if field.is_message:
                for message in value if field.is_repeated else (value,):
                    message.DiscardUnknownFields()

    def IsInitialized(self) -> bool:
        """Whether all required fields are present: none are required."""
        return True

    def FindInitializationErrors(self) -> list[str]:
        """The paths of required fields that are absent."""
        return []

    # --- the wire

    @classmethod
    def FromString(cls, s: Buffer) -> Self:
        """A message decoded from bytes; large payloads stay views of them."""
        return cls._decoded(s)

    @classmethod
    def _decoded(cls, data: Buffer, *, defer: bool = False) -> Self:
        message = cls.__new__(cls)
        try:
            message.__dict__.update(decode_fields(cls.DESCRIPTOR, data, defer=defer))
        except FormatError as error:
            known = as_protobuf(error, "message", "DecodeError")
            if known is error:
                raise
            raise known from error
        return message

    def ParseFromString(self, serialized: Buffer) -> int:
        """Become what bytes say, and return their number. When they are malformed, nothing changes."""
        message = self.FromString(serialized)
        self.Clear()
        if self.__dict__:
            self.MergeFrom(message)
        else:
            self.__dict__.update(message.__dict__)
        return byte_length(serialized)

    def MergeFromString(self, serialized: Buffer) -> int:
        """Merge in what bytes say, and return their number."""
        self.MergeFrom(self.FromString(serialized))
        return byte_length(serialized)

    def _chunks(self) -> tuple[list[Bytes], int]:
        chunks: list[Bytes] = []
        size = encode_fields(self.DESCRIPTOR, self.__dict__, chunks)
        return chunks, size

    def SerializeToString(self, *, deterministic: bool | None = None) -> bytes:
        """The encoding as one bytes object (it is always deterministic)."""
        return b"".join(self._chunks()[0])

    SerializePartialToString = SerializeToString

    def serialize_to(self, file: IO[bytes]) -> int:
        """Stream the encoding to a file without assembling it in memory; the number of bytes written."""
        chunks, size = self._chunks()
        write_chunks(chunks, file)
        return size

    def ByteSize(self) -> int:
        """The length of the encoding."""
        return self._chunks()[1]

    # --- Python's protocols

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message) or other.__class__ is not self.__class__:
            return False
        mine, theirs = list(self._present()), list(other._present())
        return (
            [field for field, _ in mine] == [field for field, _ in theirs]
            and all(_same(field, a, b) for (field, a), (_, b) in zip(mine, theirs, strict=True))
            and b"".join(self.__dict__.get("_unknown", ())) == b"".join(other.__dict__.get("_unknown", ()))
        )

    def __deepcopy__(self, memo: Any = None) -> Self:
        copied = self.__class__()
        copied.MergeFrom(self)
        return copied

    __copy__ = __deepcopy__

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).FromString, (self.SerializeToString(),)

    def __str__(self) -> str:
        from sardonyx.proto.text import to_text

        return to_text(self)

    __repr__ = __str__


def parse(cls: type[M], buffer: Buffer, *, defer: bool = False) -> M:
    """Decode a message from anything that holds bytes (an mmap too); large payloads stay views of it.

    With `defer`, repeated messages stay there too (`Deferred`): for one who goes through them once and edits nothing.
    """
    return cls._decoded(buffer, defer=defer)


def _same(field: Field, a: Any, b: Any) -> bool:
    if field.scalar is None or field.wire not in (FIXED32, FIXED64):
        return a == b
    bits = "<u4" if field.wire == FIXED32 else "<u8"  # by bits, as the official classes do: NaN == NaN, 0.0 != -0.0
    x, y = (np.ascontiguousarray(values, field.scalar.dtype).view(bits) for values in (a, b))
    return np.array_equal(x, y)


# --- what a class holds in place of each field, for when the message holds nothing


def _absent(field: Field) -> Any:
    if field.is_repeated:
        return _Container(field)
    if field.is_message:
        return _Child(field)
    return _Payload(field) if field.type == Field.TYPE_BYTES else field.default_value


class _Container:
    """Makes the container of a repeated field when it is first asked for."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.make: Any = Packed if field.is_packed else Messages if field.is_message else Repeated

    def __get__(self, message: Any, cls: Any = None) -> Any:
        if message is None:
            return self.field
        owner = message if "_link" in message.__dict__ else None
        made = message.__dict__[self.field.name] = self.make(self.field, owner)
        return made


class _Child:
    """Makes the stub of a singular message when it is first asked for."""

    def __init__(self, field: Field) -> None:
        self.field = field

    def __get__(self, message: Any, cls: Any = None) -> Any:
        if message is None:
            return self.field
        made = message.__dict__[self.field.name] = self.field.message_class()
        made.__dict__["_link"] = (message, self.field)
        return made


class _Payload:
    """Turns the view of a large payload into bytes when it is asked for as bytes (`Message.view` does not)."""

    def __init__(self, field: Field) -> None:
        self.field = field

    def __get__(self, message: Any, cls: Any = None) -> Any:
        if message is None:
            return self.field
        value = message.__dict__.get(self.field.name)
        if value is None:
            return self.field.default_value
        if value.__class__ is memoryview:
            value = message.__dict__[self.field.name] = bytes(value)
        return value

    def __set__(self, message: Any, value: Any) -> None:  # makes this win over the message's own dict
        setattr(message, self.field.name, value)
