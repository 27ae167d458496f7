"""Repeated fields that Python holds as lists: scalars, checked as they enter, and messages, copied as they enter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, overload

from sardonyx.proto.fields import Field

if TYPE_CHECKING:
    from sardonyx.proto.message import Message

__all__ = ["Messages", "Repeated"]

T = TypeVar("T")
M = TypeVar("M", bound="Message")


class Repeated(list[T]):
    """The values of a repeated scalar field."""

    __slots__ = ("_check", "_owner")

    def __init__(self, field: Field, owner: Message | None = None) -> None:
        self._check: Any = field.check
        self._owner = owner  # only while the owner is not yet present in its own parent

    def append(self, value: T) -> None:
        """Add a value at the end."""
        list.append(self, self._check(value))
        if self._owner is not None:
            self._owner.SetInParent()

    def adopt(self, values: Iterable[T]) -> None:
        """Append values known to be of the field's type."""
        list.extend(self, values)

    def extend(self, values: Iterable[T]) -> None:
        """Add values at the end."""
        check = self._check
        list.extend(self, [check(value) for value in values])
        if self._owner is not None:
            self._owner.SetInParent()

    MergeFrom = extend

    def insert(self, index: SupportsIndex, value: T) -> None:
        """Put a value before the one at `index`."""
        list.insert(self, index, self._check(value))
        if self._owner is not None:
            self._owner.SetInParent()

    @overload
    def __setitem__(self, index: SupportsIndex, value: T) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[T]) -> None: ...
    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        check = self._check
        list.__setitem__(self, index, [check(v) for v in value] if isinstance(index, slice) else check(value))  # pyright: ignore[reportUnknownMemberType]
        if self._owner is not None:
            self._owner.SetInParent()

    def __iadd__(self, values: Iterable[T]) -> Repeated[T]:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.extend(values)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


class Messages(list[M]):
    """The messages of a repeated field; `add` makes one in place, the other methods take copies."""

    __slots__ = ("_field", "_owner")

    def __init__(self, field: Field, owner: Message | None = None) -> None:
        self._field = field
        self._owner = owner

    def add(self, **fields: Any) -> M:
        """Append a new message and return it."""
        cls: Any = self._field.message_class
        made = cls(**fields) if fields else cls.__new__(cls)
        list.append(self, made)
        if self._owner is not None:
            self._owner.SetInParent()
        return made

    def append(self, message: M) -> None:
        """Append a copy of a message."""
        list.append(self, self._copy(message))
        if self._owner is not None:
            self._owner.SetInParent()

    def extend(self, messages: Iterable[M]) -> None:
        """Append copies of messages."""
        list.extend(self, [self._copy(message) for message in messages])
        if self._owner is not None:
            self._owner.SetInParent()

    MergeFrom = extend

    def insert(self, index: SupportsIndex, message: M) -> None:
        """Put a copy of a message before the one at `index`."""
        list.insert(self, index, self._copy(message))
        if self._owner is not None:
            self._owner.SetInParent()

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("'Messages' object does not support item assignment: use CopyFrom on the item")

    def __iadd__(self, messages: Iterable[M]) -> Messages[M]:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.extend(messages)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)

    def fill(self, messages: Iterable[M | Mapping[str, Any]]) -> None:
        """Append copies of messages, or messages made from the fields that mappings name."""
        for message in messages:
            if isinstance(message, Mapping):
                self.add(**message)
            else:
                self.append(message)

    def _copy(self, message: Any) -> M:
        made: Any = self._field.message_class()
        if message.__class__ is made.__class__:
            made.MergeFrom(message)
        else:
            raise TypeError(f"Expected a {made.DESCRIPTOR.full_name} message object, but got {message!r}.")
        return made
