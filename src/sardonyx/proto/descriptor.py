"""What a message class is, as data: the record that the codec, the text formats and `DESCRIPTOR` users read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sardonyx.proto.enums import Enum, EnumValue
from sardonyx.proto.fields import Field

if TYPE_CHECKING:
    from sardonyx.proto.message import Message

__all__ = ["Descriptor", "File", "Oneof", "describe"]


@dataclass(frozen=True, slots=True)
class File:
    """The file of declarations a message comes from."""

    name: str
    package: str


@dataclass(frozen=True, slots=True, eq=False)
class Oneof:
    """A group of fields of which at most one is present."""

    name: str
    fields: tuple[Field, ...]
    index: int
    containing_type: Descriptor

    @property
    def full_name(self) -> str:
        """The dotted name, package included."""
        return f"{self.containing_type.full_name}.{self.name}"


@dataclass(slots=True, eq=False)
class Descriptor:
    """The fields and enums of one message class; `readers`, `deferring` (the readers
    that leave repeated messages in the file) and `writers` are filled at first use."""

    name: str
    full_name: str
    message_class: type[Message]
    scope: dict[str, type[Message]]
    fields: tuple[Field, ...]
    fields_by_name: dict[str, Field]
    enum_types_by_name: dict[str, Enum]
    file: File
    oneofs_by_name: dict[str, Oneof] = field(default_factory=dict[str, Oneof])
    nested_types_by_name: dict[str, Descriptor] = field(default_factory=dict[str, "Descriptor"])
    containing_type: Descriptor | None = field(default=None, repr=False)
    has_options: bool = False
    is_extendable: bool = False
    readers: dict[int, Any] = field(default_factory=dict[int, Any], repr=False)
    deferring: dict[int, Any] = field(default_factory=dict[int, Any], repr=False)
    writers: list[tuple[str, Any]] | None = field(default=None, repr=False)

    @property
    def fields_by_number(self) -> dict[int, Field]:
        """The fields, keyed by number."""
        return {field.number: field for field in self.fields}

    @property
    def fields_by_camelcase_name(self) -> dict[str, Field]:
        """The fields, keyed by their names in JSON."""
        return {field.camelcase_name: field for field in self.fields}

    @property
    def oneofs(self) -> list[Oneof]:
        """The oneofs, in order of declaration."""
        return list(self.oneofs_by_name.values())

    @property
    def nested_types(self) -> list[Descriptor]:
        """The messages declared inside, in order of declaration."""
        return list(self.nested_types_by_name.values())

    @property
    def enum_types(self) -> list[Enum]:
        """The enums declared inside, in order of declaration."""
        return list(self.enum_types_by_name.values())

    @property
    def enum_values_by_name(self) -> dict[str, EnumValue]:
        """The values of these enums, by name."""
        return {value.name: value for enum in self.enum_types for value in enum.DESCRIPTOR.values}

    @property
    def extensions(self) -> list[Field]:
        """Fields that other files add: there are none."""
        return []

    @property
    def _concrete_class(self) -> type[Message]:  # what the official text formats ask for
        return self.message_class


def describe(cls: type[Message], package: str, scope: dict[str, type[Message]]) -> Descriptor:
    """Read the declarations in the body of `cls`, and tell each field where it lives."""
    body = vars(cls)
    named = {name: value for name, value in body.items() if isinstance(value, Field)}
    groups: dict[str, list[Field]] = {}
    for index, (name, spec) in enumerate(named.items()):
        spec.name, spec.index = name, index
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
        enum_types_by_name={name: value for name, value in body.items() if isinstance(value, Enum)},
        file=File(cls._file or f"{package}.proto", package),
    )
    for i, (name, group) in enumerate(groups.items()):
        made.oneofs_by_name[name] = oneof = Oneof(name, tuple(group), i, made)
        for spec in group:
            spec.containing_oneof = oneof
    for spec in named.values():
        spec.containing_type = made
    for enum in made.enum_types:
        enum.full_name = f"{made.full_name}.{enum.name}"
    for inner in body.values():
        if isinstance(inner, type) and isinstance(nested := vars(inner).get("DESCRIPTOR"), Descriptor):
            made.nested_types_by_name[nested.name] = nested
            nested.containing_type = made
    return made
