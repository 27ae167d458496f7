"""Protobuf text format -> messages; every misfit is a ParseError that points at the token."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sardonyx.core.errors import ParseError
from sardonyx.proto.fields import Field
from sardonyx.proto.wire import MAX_DEPTH

if TYPE_CHECKING:
    from sardonyx.proto.message import Message

__all__ = ["from_text"]

M = TypeVar("M", bound="Message")

# Possessive: what is long is read without remembering, byte by byte, where it could be split otherwise.
_SPACE: Final = re.compile(r"(?:\s++|#[^\n]*+)*+")
_TOKEN: Final = re.compile(
    r"""(?P<word>[A-Za-z_]\w*) | (?P<number>-?[0-9.](?:[eE][+-]|[\w.])*+) | (?P<minus>-[A-Za-z]\w*)
      | (?P<string>"(?:[^"\\\n]++|\\.)*+" | '(?:[^'\\\n]++|\\.)*+') | (?P<mark>[\[\]{}<>:,;])""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_SIMPLE: Final = dict(zip(b"abfnrtv\\'\"?", b"\a\b\f\n\r\t\v\\'\"?", strict=True))
_CLOSERS: Final = {"{": "}", "<": ">"}
_FLOAT: Final = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[fF]?")
_INTEGER: Final = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d{0,99})")
_NON_FINITE: Final = {"inf": "inf", "infinity": "inf", "nan": "nan"}


def from_text(cls: type[M], text: str) -> M:
    """A message read from text format."""
    message = cls()
    _Parser(text).fill(message, "", 1)
    return message


class _Parser:
    """One token of look-ahead over the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.kind, self.token = "", ""
        self.start = self.stop = 0
        self.advance()

    def advance(self) -> str:
        """Move to the next token; the one left behind."""
        passed = self.token
        space = _SPACE.match(self.text, self.stop)
        self.start = space.end() if space else self.stop
        found = _TOKEN.match(self.text, self.start)
        if found is None and self.start < len(self.text):
            raise ParseError("this is no token of the text format", text=self.text, position=self.start)
        self.kind, self.token = (found.lastgroup or "", found.group()) if found else ("end", "")
        self.stop = found.end() if found else self.start
        return passed

    def error(self, what: str) -> ParseError:
        return ParseError(what, text=self.text, position=self.start)

    def taken(self, mark: str) -> bool:
        """Step over a mark if it is there."""
        if self.token != mark or self.kind != "mark":
            return False
        self.advance()
        return True

    def expect(self, mark: str) -> None:
        if not self.taken(mark):
            raise self.error(f"{mark!r} is wanted here")

    def fill(self, message: Message, closer: str, depth: int) -> None:
        """Read fields up to the closing mark, or to the end of the text."""
        if depth > MAX_DEPTH:
            raise self.error("messages are nested too deeply")
        fields = message.DESCRIPTOR.fields_by_name
        seen: set[str] = set()
        while self.kind != "end" and self.token != closer:
            field = fields.get(self.token)
            if field is None:
                raise self.error(f"{message.DESCRIPTOR.name} has no field {self.token!r}")
            group = field.oneof or field.name
            if group in seen and not field.is_repeated:
                raise self.error(f"{group!r} is set twice")
            seen.add(group)
            self.advance()
            self.field(message, field, depth)
            if not self.taken(","):
                self.taken(";")
        if closer:
            self.expect(closer)

    def field(self, message: Message, field: Field, depth: int) -> None:
        if not field.is_message:
            self.expect(":")
        else:
            self.taken(":")
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
        if not self.taken("["):
            one()
            return
        while not self.taken("]"):
            one()
            if self.token != "]":
                self.expect(",")

    def message(self, child: Message, depth: int) -> None:
        closer = _CLOSERS.get(self.token)
        if closer is None:
            raise self.error("'{' is wanted here")
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
            pieces: list[bytes] = []
            while self.kind == "string":
                pieces.append(self.unquote(self.token[1:-1]))
                self.advance()
            raw = b"".join(pieces)
            return raw if field.type == Field.TYPE_BYTES else raw.decode()
        if field.type in (Field.TYPE_FLOAT, Field.TYPE_DOUBLE):
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

    def unquote(self, body: str) -> bytes:
        """The bytes that a quoted string stands for."""

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

        raw, out, at = body.encode(), bytearray(), 0
        for found in _ESCAPE.finditer(raw):  # `sub` would hold an object for every byte of a weight until the end
            out += raw[at : found.start()]
            out += one(found)
            at = found.end()
        return bytes(out + raw[at:])
