"""Enums as the official classes show them: plain ints on the message class, and a wrapper that knows the names."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["Enum"]


class Enum:
    """The named values of one enum: `Enum.Name(1)`, `Enum.Value("FLOAT")`, `Enum.FLOAT`.

    Built from a class that lists the constants, so that a message can inherit them: `TensorProto.FLOAT`.
    """

    def __init__(self, name: str, constants: type[Any]) -> None:
        self.name = name
        self.values_by_name: dict[str, int] = {k: v for k, v in vars(constants).items() if isinstance(v, int)}
        self.names_by_value: dict[int, str] = {v: k for k, v in reversed(self.values_by_name.items())}

    def __repr__(self) -> str:
        return f"<enum {self.name}>"

    def __getattr__(self, name: str) -> int:
        try:
            return self.__dict__["values_by_name"][name]
        except KeyError:
            raise AttributeError(f"Enum {self.__dict__.get('name')} has no value with name {name!r}") from None

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
            return self.values_by_name[name]
        except KeyError:
            raise ValueError(f"Enum {self.name} has no value defined for name {name!r}") from None

    def keys(self) -> list[str]:
        """The names, in order of declaration."""
        return list(self.values_by_name)

    def values(self) -> list[int]:
        """The values, in order of declaration."""
        return list(self.values_by_name.values())

    def items(self) -> list[tuple[str, int]]:
        """(name, value), in order of declaration."""
        return list(self.values_by_name.items())

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
