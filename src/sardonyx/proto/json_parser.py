"""JSON -> messages, by the protobuf JSON mapping: each value goes into its field as it is read; no tree of objects between.

Names may be lowerCamelCase or as declared, enums names or numbers. What does not fit is a ParseError that names the field.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from functools import cache
from json.decoder import (
    JSONDecodeError,
    scanstring,  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]  # not in the stubs
)
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from sardonyx.core.errors import ParseError
from sardonyx.core.scanner import Scanner, plain_numbers, tokens
from sardonyx.proto.fields import Field
from sardonyx.proto.json_format import camel
from sardonyx.proto.wire import MAX_DEPTH

if TYPE_CHECKING:
    from sardonyx.proto.descriptor import Descriptor
    from sardonyx.proto.message import Message

__all__ = ["from_json"]

M = TypeVar("M", bound="Message")

_SPACE: Final = r"[ \t\n\r]*+"
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_FLOATS: Final = (Field.TYPE_FLOAT, Field.TYPE_DOUBLE)
_NON_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_WORDS: Final = {"true": True, "false": False, "null": None}


def from_json(cls: type[M], text: str) -> M:
    """A message read from JSON.

    Raises:
        ParseError: `text` is not JSON, or does not fit the tables; it has the path to the value.
    """
    message = cls()
    reader = _Reader(text, cls.__name__)
    reader.fill(message, 1)
    if reader.kind != "end":
        raise reader.error(f"this is not JSON: {reader.shown()} does not belong here")
    return message


@cache
def _fields(descriptor: Descriptor) -> dict[str, Field]:
    """The fields by every name that a key may have."""
    return {camel(field.name): field for field in descriptor.fields} | descriptor.fields_by_name


class _Reader(Scanner):
    """`kind` is word, number, string, mark, or end."""

    LANGUAGE = "JSON"
    TOKENS = tokens(
        _SPACE,
        rf"""(?P<mark>[][{{}}:,]) | (?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+") | (?P<open>")
          | (?P<number>{_NUMBER}) | (?P<word>-?[A-Za-z]++)""",
    )
    NUMBERS = plain_numbers(_SPACE, rf'(?:{_NUMBER}|"{_NUMBER}")')

    def __init__(self, text: str, root: str) -> None:
        self.path: list[str | int] = [root]
        super().__init__(text)

    def wrong(self, wanted: str) -> ParseError:
        """The value in hand does not fit the field at the end of the path."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return self.error(f"{''.join(steps)[1:]} does not fit: {wanted} is wanted, not {self.shown()}")

    def fill(self, message: Message, depth: int) -> None:
        """Read an object into `message`."""
        if depth > MAX_DEPTH:
            raise self.error("messages are nested too deeply")
        if not self.at("{"):
            raise self.wrong("an object")
        self.advance()
        if self.at("}"):
            self.advance()
            return
        fields = _fields(message.DESCRIPTOR)
        seen: dict[str, str] = {}  # the field or oneof -> the key that set it
        while True:
            field = self.key(fields, message.DESCRIPTOR.name, seen)
            if self.token != "null":
                self.path.append(field.name)
                self.field(message, field, depth)
                self.path.pop()
            else:
                self.advance()
            if not self.take(","):
                self.close("}")
                return

    def key(self, fields: dict[str, Field], owner: str, seen: dict[str, str]) -> Field:
        """The field that the key in hand names; the value is in hand then."""
        if self.kind != "string":
            raise self.error(f"this is not JSON: a key in double quotes is wanted, not {self.shown()}")
        key = self.string()
        field = fields.get(key)
        if field is None:
            raise self.error(f'{owner} has no field "{key:.100}"', fix="known: " + ", ".join(fields))
        earlier = seen.setdefault(field.oneof or field.name, "")
        if earlier == key:
            raise self.error("a JSON object has the same key twice")
        if earlier:
            raise self.error(f"{key!r} and {earlier!r} exclude each other")
        seen[field.oneof or field.name] = key
        self.advance()
        self.close(":")
        return field

    def close(self, mark: str) -> None:
        if not self.take(mark):
            raise self.error(f"this is not JSON: '{mark}' is wanted here, not {self.shown()}")

    def field(self, message: Message, field: Field, depth: int) -> None:
        """Read the value in hand into a field."""
        if field.is_repeated:
            values: Any = getattr(message, field.name)
            if field.is_message:
                self.array(values, lambda: self.fill(values.add(), depth + 1))
            else:
                self.array(values, lambda: values.adopt((self.scalar(field),)), field)
        elif field.is_message:
            child: Message = getattr(message, field.name)
            child.SetInParent()
            self.fill(child, depth + 1)
        else:
            setattr(message, field.name, self.scalar(field))

    def array(self, values: Any, one: Callable[[], None], field: Field | None = None) -> None:
        if not self.at("["):
            raise self.wrong("an array")
        if field is not None and field.scalar is not None and field.scalar.dtype not in (None, "?"):
            self.run(field, values)
        else:
            self.advance()
        if len(values):
            if self.kind == "mark" and not self.take(","):
                self.close("]")
                return
        elif self.take("]"):
            return
        self.path.append(len(values))
        while True:
            self.path[-1] = len(values)
            one()
            if self.token != ",":
                break
            self.advance()
        self.path.pop()
        self.close("]")

    def run(self, field: Field, values: Any) -> None:
        """The plain numbers that an array begins with; equal ones near each other are one object."""
        read = float if field.type in _FLOATS else int
        assert field.check is not None
        for words in self.numbers("]"):
            try:
                value = {word: field.check(read(word.strip(' \t\n\r"'))) for word in set(words)}
            except (ValueError, OverflowError):
                value = None
            if value is None or not all(map(math.isfinite, value.values())):
                self.jump(self.start)  # let each be read, and refused, by itself
                return
            values.adopt([value[word] for word in words])

    # --- single values

    def string(self) -> str:
        """What the string in hand says."""
        try:
            return cast("str", scanstring(self.text, self.start + 1)[0])
        except JSONDecodeError as error:
            raise ParseError(f"this is not JSON: {error.msg}", text=self.text, position=error.pos) from None

    def scalar(self, field: Field) -> Any:
        """The value in hand as Python has it, if it fits its field."""
        try:
            value = _read(field, self.value())
        except (ValueError, TypeError, OverflowError, binascii.Error) as error:
            if isinstance(error, ParseError):
                raise
            raise self.wrong(f"{field.type_name} ({error})") from None
        self.advance()
        return value

    def value(self) -> Any:
        if self.kind == "string":
            return self.string()
        if self.kind == "number":
            return int(self.token) if self.token.lstrip("-").isdigit() else float(self.token)
        if self.token in _NON_FINITE:
            raise self.error(f"{self.token} is not JSON", fix=f'write "{self.token}" as a string')
        if self.token not in _WORDS:
            raise self.wrong("a string or a number")
        return _WORDS[self.token]


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
