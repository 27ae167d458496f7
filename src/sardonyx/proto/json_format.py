"""Messages -> JSON, by the protobuf JSON mapping: lowerCamelCase names, 64-bit integers as strings, bytes in base64."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sardonyx.proto.fields import Field
from sardonyx.proto.scalars import shortest

if TYPE_CHECKING:
    from sardonyx.proto.message import Message

__all__ = ["camel", "to_json"]

_FLOATS: Final = (Field.TYPE_FLOAT, Field.TYPE_DOUBLE)
_QUOTED: Final = (Field.TYPE_INT64, Field.TYPE_UINT64)


def to_json(message: Message, *, indent: int | None = 2, declared: bool = False) -> str:
    """The JSON of a message; fields that the tables do not know are left out.

    Args:
        declared: name fields as they are declared, not in camel case.
    """
    return json.dumps(_object(message, str if declared else camel), indent=indent)


def camel(name: str) -> str:
    """The name of a field as JSON has it."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _object(message: Message, named: Callable[[str], str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for field, value in message.ListFields():
        held = [_json(field, item, named) for item in value] if field.is_repeated else _json(field, value, named)
        made[named(field.name)] = held
    return made


def _json(field: Field, value: Any, named: Callable[[str], str]) -> Any:
    if field.is_message:
        return _object(value, named)
    if field.enum_type is not None:
        return field.enum_type.Name(value)
    if field.type == Field.TYPE_BYTES:
        return base64.b64encode(value).decode()
    if field.type in _QUOTED:
        return str(value)
    if field.type in _FLOATS and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return shortest(value) if field.type == Field.TYPE_FLOAT else value
