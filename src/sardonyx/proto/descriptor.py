"""What a message class is, as data: the record that the codec, the text formats and `DESCRIPTOR` users read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sardonyx.proto.enums import Enum
from sardonyx.proto.fields import Field

if TYPE_CHECKING:
    from sardonyx.proto.message import Message

__all__ = ["Descriptor", "Oneof", "describe"]


@dataclass(frozen=True, slots=True, eq=False)
class Oneof:
    """A group of fields of which at most one is present."""

    name: str
    fields: tuple[Field, ...]


@dataclass(slots=True, eq=False)
class Descriptor:
    """The fields and enums of one message class; `readers` and `writers` are filled at first use."""

    name: str
    full_name: str
    message_class: type[Message]
    scope: dict[str, type[Message]]
    fields: tuple[Field, ...]
    fields_by_name: dict[str, Field]
    oneofs_by_name: dict[str, Oneof]
    enum_types_by_name: dict[str, Enum]
    readers: dict[int, Any] | None = field(default=None, repr=False)
    writers: list[tuple[str, Any]] | None = field(default=None, repr=False)

    @property
    def fields_by_number(self) -> dict[int, Field]:
        """The fields, keyed by number."""
        return {field.number: field for field in self.fields}

    @property
    def oneofs(self) -> list[Oneof]:
        """The oneofs, in order of declaration."""
        return list(self.oneofs_by_name.values())


def describe(cls: type[Message], package: str, scope: dict[str, type[Message]]) -> Descriptor:
    """Read the declarations in the body of `cls`, and tell each field where it lives."""
    body = vars(cls)
    named = {name: value for name, value in body.items() if isinstance(value, Field)}
    groups: dict[str, list[Field]] = {}
    for name, spec in named.items():
        spec.name = name
        if spec.oneof:
            groups.setdefault(spec.oneof, []).append(spec)
    for group in groups.values():
        for spec in group:
            spec.siblings = tuple(other.name for other in group if other is not spec)
    made = Descriptor(
        name=cls.__name__,
        full_name=f"{package}.{cls.__qualname__}",
        message_class=cls,
        scope=scope,
        fields=tuple(sorted(named.values(), key=lambda spec: spec.number)),
        fields_by_name=named,
        oneofs_by_name={name: Oneof(name, tuple(group)) for name, group in groups.items()},
        enum_types_by_name={name: value for name, value in body.items() if isinstance(value, Enum)},
    )
    for spec in named.values():
        spec.containing_type = made
    return made
