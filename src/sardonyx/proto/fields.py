"""How a message class declares its fields: `name: str = optional("string", 3)`.

A type is a scalar's name, the name of a message class (which may come later, or lie inside another), or an `Enum`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sardonyx.proto.enums import Enum
from sardonyx.proto.scalars import SCALARS, Scalar
from sardonyx.proto.wire import LENGTH, VARINT

if TYPE_CHECKING:
    from sardonyx.proto.descriptor import Descriptor, File, Oneof
    from sardonyx.proto.message import Message

__all__ = ["Field", "optional", "packed", "repeated"]

_TYPE_MESSAGE: Final = 11
_TYPE_ENUM: Final = 14
_CPP_TYPES: Final = {1: 5, 2: 6, 3: 2, 4: 4, 5: 1, 8: 7, 9: 9, 11: 10, 12: 9, 13: 3, 14: 8}  # by type


class Field:
    """One field of a message: what its table row says, under the names descriptors use."""

    LABEL_OPTIONAL, LABEL_REQUIRED, LABEL_REPEATED = 1, 2, 3
    TYPE_DOUBLE, TYPE_FLOAT, TYPE_INT64, TYPE_UINT64, TYPE_INT32, TYPE_BOOL = 1, 2, 3, 4, 5, 8
    TYPE_STRING, TYPE_MESSAGE, TYPE_BYTES, TYPE_UINT32, TYPE_ENUM = 9, 11, 12, 13, 14
    is_required = is_extension = has_options = False
    extension_scope = None

    __slots__ = (
        "check",
        "containing_oneof",
        "containing_type",
        "default_value",
        "enum_type",
        "has_default_value",
        "index",
        "is_packed",
        "is_repeated",
        "name",
        "number",
        "oneof",
        "scalar",
        "siblings",
        "type",
        "type_name",
        "wire",
    )

    containing_type: Descriptor

    def __init__(
        self, type_: str | Enum, number: int, *, repeated: bool = False, packed: bool = False, oneof: str | None = None,
        default: Any = None,
    ) -> None:  # fmt: skip
        self.number, self.is_repeated, self.is_packed, self.oneof = number, repeated, packed, oneof
        self.name, self.index = "", 0
        self.containing_oneof: Oneof | None = None
        self.siblings: tuple[str, ...] = ()  # the other members of the oneof
        self.enum_type = type_ if isinstance(type_, Enum) else None
        self.scalar: Scalar | None = None if isinstance(type_, Enum) else SCALARS.get(type_)
        self.check = self.scalar.check if self.scalar else None
        self.default_value: Any = self.scalar.default if self.scalar else None
        self.type, self.wire = (self.scalar.code, self.scalar.wire) if self.scalar else (_TYPE_MESSAGE, LENGTH)
        self.type_name = type_ if isinstance(type_, str) else type_.name
        if isinstance(type_, Enum):
            self.check, self.type, self.wire, self.default_value = type_.check, _TYPE_ENUM, VARINT, type_.values()[0]
        self.has_default_value = default is not None
        if default is not None:
            self.default_value = default
        if repeated:
            self.default_value = []

    def __repr__(self) -> str:
        label = "repeated" if self.is_repeated else "optional"
        return f"<{label} {self.type_name} {self.full_name} = {self.number}>"

    @property
    def is_message(self) -> bool:
        """Whether the field holds messages rather than scalars."""
        return self.check is None

    @property
    def message_class(self) -> type[Message]:
        """The class of the messages the field holds."""
        return self.containing_type.scope[self.type_name]

    @property
    def label(self) -> int:
        """LABEL_OPTIONAL or LABEL_REPEATED."""
        return self.LABEL_REPEATED if self.is_repeated else self.LABEL_OPTIONAL

    @property
    def has_presence(self) -> bool:
        """Whether HasField may be asked."""
        return not self.is_repeated

    @property
    def cpp_type(self) -> int:
        """The number descriptors give the kind of value that C++ holds."""
        return _CPP_TYPES[self.type]

    @property
    def json_name(self) -> str:
        """The name in JSON: words run together."""
        first, *others = self.name.split("_")
        return first + "".join(word.capitalize() for word in others)

    camelcase_name = json_name

    @property
    def file(self) -> File:
        """The file of declarations that the field is in."""
        return self.containing_type.file

    @property
    def full_name(self) -> str:
        """The dotted name, package included."""
        return f"{self.containing_type.full_name}.{self.name}"

    @property
    def message_type(self) -> Descriptor | None:
        """The descriptor of the messages the field holds, or None."""
        return self.message_class.DESCRIPTOR if self.is_message else None


def optional(type_: str | Enum, number: int, *, oneof: str | None = None, default: Any = None) -> Any:
    """A singular field; it is absent until it is set."""
    return Field(type_, number, oneof=oneof, default=default)


def repeated(type_: str | Enum, number: int) -> Any:
    """A field that holds any number of values, each written with its own tag."""
    return Field(type_, number, repeated=True)


def packed(type_: str, number: int) -> Any:
    """A repeated number, written as one run under one tag."""
    return Field(type_, number, repeated=True, packed=True)
