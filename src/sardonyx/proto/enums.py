"""Enums as the official classes show them: plain ints on the message class, and a wrapper that knows the names."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

__all__ = ["Enum", "EnumDescriptor", "EnumValue"]


class EnumValue(int):
    """A value of an enum, which knows its name."""

    name: str
    index: int

    @property
    def number(self) -> int:
        """The value as a plain int."""
        return int(self)


def _value(name: str, number: int, index: int) -> EnumValue:
    made = EnumValue(number)
    made.name, made.index = name, index
    return made


@dataclass(frozen=True, slots=True, eq=False)
class EnumDescriptor:
    """What an enum is, as data, under the names that users of descriptors know."""

    name: str
    full_name: str
    values: list[EnumValue]
    is_closed: bool = True

    @property
    def values_by_name(self) -> dict[str, EnumValue]:
        """The values, by name."""
        return {value.name: value for value in self.values}

    @property
    def values_by_number(self) -> dict[int, EnumValue]:
        """The values, by number; the first name counts."""
        return {value.number: value for value in reversed(self.values)}


class Enum:
    """The named values of one enum: `Enum.Name(1)`, `Enum.Value("FLOAT")`, `Enum.FLOAT`.

    Built from a class that lists the constants, so that a message can inherit them: `TensorProto.FLOAT`.
    """

    is_closed = True

    def __init__(self, name: str, constants: type[Any], package: str = "") -> None:
        self.name = name
        self.full_name = f"{package}.{name}" if package else name  # a message that holds the enum puts its own in front
        numbers = {k: v for k, v in vars(constants).items() if isinstance(v, int)}
        self.values_by_name = {k: _value(k, v, i) for i, (k, v) in enumerate(numbers.items())}
        self.names_by_value: dict[int, str] = {v: k for k, v in reversed(numbers.items())}

    def __repr__(self) -> str:
        return f"<enum {self.name}>"

    def __getattr__(self, name: str) -> int:
        try:
            return int(self.__dict__["values_by_name"][name])
        except KeyError:
            raise AttributeError(f"Enum {self.__dict__.get('name')} has no value with name {name!r}") from None

    @property
    def DESCRIPTOR(self) -> EnumDescriptor:
        """The enum as data."""
        return EnumDescriptor(self.name, self.full_name, list(self.values_by_name.values()))

    @property
    def values_by_number(self) -> dict[int, EnumValue]:
        """The values, by number, with their names."""
        return self.DESCRIPTOR.values_by_number

    def Name(self, number: int) -> str:
        """The name of a value."""
        if not hasattr(number, "__index__"):
            raise TypeError(f"Enum value for {self.name} must be an int, but got {type(number)} {number!r}.")
        try:
            return self.names_by_value[number]
        except KeyError:
            raise ValueError(f"Enum {self.name} has no name defined for value {number!r}") from None

    def Value(self, name: str) -> int:
        """The value of a name."""
        try:
            return int(self.values_by_name[name])
        except KeyError:
            raise ValueError(f"Enum {self.name} has no value defined for name {name!r}") from None

    def keys(self) -> list[str]:
        """The names, in order of declaration."""
        return list(self.values_by_name)

    def values(self) -> list[int]:
        """The values, in order of declaration."""
        return [int(value) for value in self.values_by_name.values()]

    def items(self) -> list[tuple[str, int]]:
        """(name, value), in order of declaration."""
        return [(name, int(value)) for name, value in self.values_by_name.items()]

    def check(self, value: Any) -> int:
        """The value a field of this enum stores: a declared number, or the number of a declared name."""
        if isinstance(value, str):
            value = self.Value(value)
        elif isinstance(value, bool):
            raise TypeError("Expected an int, got a boolean.")
        number = operator.index(value)
        if number not in self.names_by_value:
            raise ValueError(f"invalid enumerator {number}")
        return number
