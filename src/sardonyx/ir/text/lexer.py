"""The ONNX text syntax as tokens, with one of look-ahead. White space and comments (# to the end of the line) mean nothing."""

from __future__ import annotations

import re
from typing import Final

from sardonyx.core.errors import ParseError
from sardonyx.ir.text.words import unquote

__all__ = ["Lexer"]

# Possessive: what is long is read without remembering, byte by byte, where it could be split otherwise.
_SPACE: Final = re.compile(r"(?:[ \t\n\v\f\r]++|#[^\n]*+)*+")
_TOKEN: Final = re.compile(
    r"""(?P<word>[A-Za-z_][A-Za-z0-9_]*) | (?P<arrow>=>) | (?P<mark>[][(){}<>,:=.?@])
      | (?P<number>-(?i:infinity|inf|nan)(?![A-Za-z0-9]) | -?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)
      | (?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+") | (?P<open>") """,
    re.VERBOSE | re.DOTALL,
)


class Lexer:
    """`kind` and `token` are the token in hand; kind is word, mark, arrow, number, string, or end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.kind, self.token = "", ""
        self.start = self.stop = 0
        self.advance()

    def advance(self) -> str:
        """Step to the next token; gives the one left behind."""
        passed = self.token
        space = _SPACE.match(self.text, self.stop)
        self.start = space.end() if space else self.stop
        found = _TOKEN.match(self.text, self.start)
        if found is None:
            if self.start < len(self.text):
                raise self.error("no token of the ONNX text syntax starts here")
            self.kind, self.token, self.stop = "end", "", self.start
            return passed
        self.kind, self.token, self.stop = found.lastgroup or "", found.group(), found.end()
        if self.kind == "open":
            raise self.error(
                "this string does not end", fix="close it with a double quote; \\ stands before a quote inside"
            )
        return passed

    def jump(self, position: int) -> None:
        """Go on reading at `position`."""
        self.stop = position
        self.advance()

    def error(self, what: str, fix: str | None = None) -> ParseError:
        return ParseError(what, text=self.text, position=self.start, fix=fix)

    def shown(self) -> str:
        """The token in hand, for a message."""
        if self.kind == "end":
            return "the end of the text"
        return self.token if len(self.token) <= 40 else self.token[:40] + "..."

    def at(self, mark: str) -> bool:
        return self.token == mark and self.kind in ("mark", "arrow")

    def take(self, mark: str) -> bool:
        """Step over `mark` if it is in hand."""
        if not self.at(mark):
            return False
        self.advance()
        return True

    def expect(self, mark: str, where: str) -> None:
        if not self.take(mark):
            raise self.error(f"'{mark}' is wanted {where}, not {self.shown()}")

    def string(self, what: str) -> str | bytes:
        """A quoted string; bytes if it holds what is not UTF-8."""
        if self.kind != "string":
            raise self.error(f"{what} is wanted here, in double quotes")
        return unquote(self.advance())

    def plain(self, what: str) -> str:
        """A quoted string that is text."""
        start = self.start
        found = self.string(what)
        if isinstance(found, bytes):
            raise ParseError(f"{what} must be UTF-8", text=self.text, position=start)
        return found

    def name(self, what: str) -> str:
        """An identifier, or any name in quotes."""
        if self.kind == "string":
            return self.plain(what)
        if self.kind != "word":
            raise self.error(f"{what} is wanted here, not {self.shown()}")
        return self.advance()

    def integer(self, what: str) -> int:
        """A 64-bit integer."""
        if self.kind != "number" or not self.token.lstrip("-").isdigit() or len(self.token) > 20:
            raise self.error(f"{what} is wanted here, an integer of 64 bits")
        value = int(self.token)
        if not -(1 << 63) <= value < 1 << 63:
            raise self.error(f"{value} does not fit into 64 bits")
        self.advance()
        return value
