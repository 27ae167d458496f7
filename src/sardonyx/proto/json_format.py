"""Messages <-> JSON, by the protobuf JSON mapping: lowerCamelCase names, 64-bit integers as strings, bytes in base64."""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast

from sardonyx.core.errors import FormatError
from sardonyx.proto.fields import Field
from sardonyx.proto.scalars import round_to_float32
from sardonyx.proto.wire import MAX_DEPTH

if TYPE_CHECKING:
    from sardonyx.proto.message import Message

__all__ = ["from_json", "to_json"]

M = TypeVar("M", bound="Message")

_FLOATS: Final = (Field.TYPE_FLOAT, Field.TYPE_DOUBLE)
_QUOTED: Final = (Field.TYPE_INT64, Field.TYPE_UINT64)
_NON_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def to_json(message: Message, *, indent: int | None = 2) -> str:
    """The JSON of a message; fields that the tables do not know are left out."""
    return json.dumps(_object(message), indent=indent)


def from_json(cls: type[M], text: str) -> M:
    """A message read from JSON; what does not fit the tables raises FormatError with the path to it."""
    try:
        parsed = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise FormatError(f"this is not JSON: {error.msg}", offset=error.pos) from None
    except RecursionError:
        raise FormatError("the JSON is nested too deeply") from None
    except ValueError as error:  # an integer of more digits than Python converts
        raise FormatError("this is not JSON that a message can be read from", why=str(error)) from None
    message = cls()
    _fill(message, parsed, cls.__name__, 1)
    return message


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _object(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for field, value in message.ListFields():
        made[_camel(field.name)] = [_json(field, item) for item in value] if field.is_repeated else _json(field, value)
    return made


def _json(field: Field, value: Any) -> Any:
    if field.is_message:
        return _object(value)
    if field.enum_type is not None:
        return field.enum_type.Name(value)
    if field.type == Field.TYPE_BYTES:
        return base64.b64encode(value).decode()
    if field.type in _QUOTED:
        return str(value)
    if field.type in _FLOATS and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return _shortest(value) if field.type == Field.TYPE_FLOAT else value


def _shortest(value: float) -> float:
    """The float of the fewest digits that is the same float32."""
    candidates = (float(f"{value:.{digits}g}") for digits in range(6, 10))
    return next(short for short in candidates if round_to_float32(short) == value)


# --- reading


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise FormatError("a JSON object has the same key twice", why=next(n for n in names if names.count(n) > 1))
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise FormatError(f"{name} is not JSON", fix=f'write "{name}" as a string')


def _wrong(path: str, value: Any, wanted: str) -> FormatError:
    return FormatError("a JSON value does not fit its field", where=path, why=f"{wanted} is wanted, got {value!r:.60}")


def _fill(message: Message, content: Any, path: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise FormatError("messages are nested too deeply", where=path, why=f"more than {MAX_DEPTH} levels")
    if not isinstance(content, dict):
        raise _wrong(path, content, "an object")
    by_name = {_camel(field.name): field for field in message.DESCRIPTOR.fields} | message.DESCRIPTOR.fields_by_name
    seen: dict[str, str] = {}  # the field or oneof -> the key that set it
    for key, value in cast("dict[str, Any]", content).items():
        field = by_name.get(key)
        if field is None:
            raise FormatError(
                f'{message.DESCRIPTOR.name} has no field "{key}"', where=path, fix="known: " + ", ".join(by_name)
            )
        if seen.setdefault(field.oneof or field.name, key) != key:
            raise FormatError(f"{key!r} and {seen[field.oneof or field.name]!r} exclude each other", where=path)
        if value is not None:
            _set(message, field, value, f"{path}.{key}", depth)


def _set(message: Message, field: Field, value: Any, path: str, depth: int) -> None:
    if not field.is_repeated:
        if field.is_message:
            child: Message = getattr(message, field.name)
            child.SetInParent()
            _fill(child, value, path, depth + 1)
        else:
            setattr(message, field.name, _scalar(field, value, path))
        return
    if not isinstance(value, list):
        raise _wrong(path, value, "an array")
    items, target = cast("list[Any]", value), getattr(message, field.name)
    if field.is_message:
        for i, item in enumerate(items):
            _fill(target.add(), item, f"{path}[{i}]", depth + 1)
    else:
        target.extend([_scalar(field, item, f"{path}[{i}]") for i, item in enumerate(items)])


def _scalar(field: Field, value: Any, path: str) -> Any:
    """The value of a field as Python has it; every misfit is a FormatError."""
    try:
        return _read(field, value)
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise _wrong(path, value, f"{field.type_name} ({error})") from None


def _read(field: Field, value: Any) -> Any:
    assert field.check is not None
    if field.type == Field.TYPE_BOOL:
        if not isinstance(value, bool):
            raise TypeError("true or false")
        return value
    if isinstance(value, bool):
        raise TypeError("a boolean is no number or string")
    if field.type in (Field.TYPE_STRING, Field.TYPE_BYTES) and not isinstance(value, str):
        raise TypeError("a string")
    if field.type == Field.TYPE_STRING:
        return field.check(value)
    if field.type == Field.TYPE_BYTES:
        standard = value.replace("-", "+").replace("_", "/")
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    if field.type in _FLOATS:
        return _read_float(field, value)
    if field.enum_type is not None and isinstance(value, str):
        return field.enum_type.Value(value)
    if isinstance(value, str):
        if value != value.strip() or "_" in value:
            raise ValueError("digits only")
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return field.check(value)


def _read_float(field: Field, value: Any) -> float:
    assert field.check is not None
    if isinstance(value, str):
        if value in _NON_FINITE:
            return _NON_FINITE[value]
        value = float(value)
    number = field.check(value)
    if not math.isfinite(number):
        raise ValueError("beyond the range of the type")
    return number
