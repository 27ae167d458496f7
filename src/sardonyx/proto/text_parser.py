"""Protobuf text format -> messages; every misfit is a ParseError that points at the token."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sardonyx.core.errors import ParseError
from sardonyx.core.scanner import Scanner, plain_numbers, tokens
from sardonyx.proto.fields import Field
from sardonyx.proto.wire import MAX_DEPTH

if TYPE_CHECKING:
    from sardonyx.proto.message import Message

__all__ = ["from_text"]

M = TypeVar("M", bound="Message")

_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_SIMPLE: Final = dict(zip(b"abfnrtv\\'\"?", b"\a\b\f\n\r\t\v\\'\"?", strict=True))
_CLOSERS: Final = {"{": "}", "<": ">"}
_FLOAT: Final = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[fF]?")
_INTEGER: Final = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d{0,99})")
_FLOATS: Final = (Field.TYPE_FLOAT, Field.TYPE_DOUBLE)
_NON_FINITE: Final = {"inf": "inf", "infinity": "inf", "nan": "nan"}


def from_text(cls: type[M], text: str) -> M:
    """A message read from text format."""
    message = cls()
    _Parser(text).fill(message, "", 1)
    return message


class _Parser(Scanner):
    """`kind` is word, number, minus, string, mark, or end."""

    LANGUAGE = "the text format"
    TOKENS = tokens(
        r"(?:\s++|\#[^\n]*+)*+",
        r"""(?P<word>[A-Za-z_]\w*+) | (?P<number>-?[0-9.](?:[eE][+-]|[\w.])*+) | (?P<minus>-[A-Za-z]\w*+)
          | (?P<string>"(?:[^"\\\n]++|\\[^\n])*+" | '(?:[^'\\\n]++|\\[^\n])*+') | (?P<mark>[][{}<>:,;])
          | (?P<open>["'])""",
    )
    NUMBERS = plain_numbers(r"\s*+", r"-?(?:0|[1-9]\d{0,99})(?:\.\d*+)?(?:[eE][+-]?\d++)?(?![\w.])")

    def fill(self, message: Message, closer: str, depth: int) -> None:
        """Read fields up to the closing mark, or to the end of the text."""
        if depth > MAX_DEPTH:
            raise self.error("messages are nested too deeply")
        fields = message.DESCRIPTOR.fields_by_name
        seen: set[str] = set()
        while self.kind != "end" and self.token != (closer or None):
            field = fields.get(self.token)
            if field is None:
                raise self.error(f"{message.DESCRIPTOR.name} has no field {self.shown()!r}")
            group = field.oneof or field.name
            if group in seen and not field.is_repeated:
                raise self.error(f"{group!r} is set twice")
            seen.add(group)
            self.advance()
            self.field(message, field, depth)
            if not self.take(","):
                self.take(";")
        if closer:
            self.expect(closer)

    def field(self, message: Message, field: Field, depth: int) -> None:
        if not field.is_message:
            self.expect(":")
        else:
            self.take(":")
        if not field.is_repeated:
            if field.is_message:
                self.message(getattr(message, field.name), depth)
            else:
                self.checked(field, lambda value: setattr(message, field.name, value))
            return
        values = getattr(message, field.name)
        one: Callable[[], None] = (
            (lambda: self.message(values.add(), depth))
            if field.is_message
            else (lambda: self.checked(field, values.append))
        )
        if not self.at("["):
            one()
            return
        self.run(field, values)
        while not self.take("]"):
            one()
            if self.token != "]":
                self.expect(",")

    def run(self, field: Field, values: Any) -> None:
        """The plain numbers that a list begins with; equal ones near each other are one object."""
        if field.scalar is None or field.scalar.dtype in (None, "?"):
            self.advance()
            return
        read = float if field.type in _FLOATS else int
        for words in self.numbers("]"):
            try:
                value = {word: field.scalar.check(read(word)) for word in set(words)}
            except (ValueError, OverflowError):  # let each be read, and refused, by itself
                self.jump(self.start)
                return
            values.adopt([value[word] for word in words])
        self.take(",")

    def message(self, child: Message, depth: int) -> None:
        closer = _CLOSERS.get(self.token)
        if closer is None:
            raise self.error(f"'{{' is wanted here, not {self.shown()}")
        self.advance()
        child.SetInParent()
        self.fill(child, closer, depth + 1)

    def checked(self, field: Field, put: Callable[[Any], None]) -> None:
        """Read a scalar and store it; what the field refuses is an error at its first token."""
        start = self.start
        try:
            put(self.scalar(field))
        except (ValueError, TypeError, OverflowError) as error:
            if isinstance(error, ParseError):
                raise
            raise ParseError(f"{field.full_name} refuses this value: {error}", text=self.text, position=start) from None

    def scalar(self, field: Field) -> Any:
        if field.type in (Field.TYPE_STRING, Field.TYPE_BYTES):
            if self.kind != "string":
                raise self.error(f"a quoted string is wanted for {field.full_name}")
            raw = bytearray()
            while self.kind == "string":
                self.unquote(self.text[self.start + 1 : self.stop - 1], raw)
                self.advance()
            return bytes(raw) if field.type == Field.TYPE_BYTES else raw.decode()
        if field.type in _FLOATS:
            return self.number()
        if field.type == Field.TYPE_BOOL and self.token in ("true", "True", "t", "false", "False", "f"):
            return self.advance()[0] in "tT"
        if field.enum_type is not None and self.kind == "word":
            return self.advance()
        if not _INTEGER.fullmatch(self.token):
            raise self.error(f"an integer is wanted for {field.full_name}")
        token = self.advance()
        digits = token.removeprefix("-")
        base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
        return int(digits, base) * (-1 if token.startswith("-") else 1)

    def number(self) -> float:
        sign = "-" if self.token.startswith("-") else ""
        named = _NON_FINITE.get(self.token.removeprefix("-").lower())
        if named is None and not _FLOAT.fullmatch(self.token):
            raise self.error("a number is wanted")
        token = self.advance()
        return float(sign + named if named else token.rstrip("fF"))

    def unquote(self, body: str, out: bytearray) -> None:
        """Add the bytes that a quoted string stands for."""

        def one(found: re.Match[bytes]) -> bytes:
            code = found[1]
            if code[:1] in b"01234567":
                return bytes((int(code, 8) & 255,))
            if code[:1] == b"x" and len(code) > 1:
                return bytes((int(code[1:], 16),))
            if code[:1] in b"uU" and len(code) > 1:
                return chr(int(code[1:], 16)).encode()
            if code[0] not in _SIMPLE:
                raise self.error(f"the escape \\{code.decode(errors='replace')} has no meaning")
            return bytes((_SIMPLE[code[0]],))

        if "\\" not in body:
            out += body.encode()
            return
        raw, at = body.encode(), 0
        for found in _ESCAPE.finditer(raw):  # `sub` would hold an object for every byte of a weight until the end
            out += raw[at : found.start()]
            out += one(found)
            at = found.end()
        out += memoryview(raw)[at:]
