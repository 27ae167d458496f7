"""The ONNX text syntax as tokens, with one of look-ahead. White space and comments (# to the end of the line) mean nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sardonyx.core.errors import ParseError
from sardonyx.core.scanner import Scanner, plain_numbers, tokens
from sardonyx.ir.text.words import unquote

__all__ = ["Lexer"]

_BLANK: Final = r"[ \t\n\v\f\r]"
_GAP: Final = rf"{_BLANK}*+"
_WORD: Final = r"[A-Za-z_][A-Za-z0-9_]*+"
_WORDS: Final = rf"{_WORD}{_GAP}(?:,{_GAP}{_WORD}{_GAP})*+"
# `[name] a, b = domain.Op (c, d)`: no attributes, nothing in quotes, no comment, no name left out.
_PLAIN_NODE: Final = re.compile(
    rf"(?:\[{_GAP}({_WORD}){_GAP}\]{_GAP})?+({_WORDS})={_GAP}({_WORD}{_GAP}(?:\.{_GAP}{_WORD}{_GAP})*+)"
    rf"\({_GAP}({_WORDS})?+\){_GAP}(?![<#])"
)


class Lexer(Scanner):
    """`kind` is word, mark, number, string, or end."""

    LANGUAGE = "the ONNX text syntax"
    exact = False  # whether an unknown element type has no word, and dims below 0 stay what they are
    TOKENS = tokens(
        rf"(?:{_BLANK}++|\#[^\n]*+)*+",
        r"""(?P<word>[A-Za-z_][A-Za-z0-9_]*+) | (?P<mark>=> | [][(){}<>,:=.?@])
          | (?P<number>-(?i:infinity|inf|nan)(?![A-Za-z0-9]) | -?[0-9]++(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]++)?)
          | (?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+") | (?P<open>")""",
    )
    NUMBERS = plain_numbers(rf"{_BLANK}*+", r"-?(?:[0-9]++(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]++)?|(?i:infinity|inf|nan))")

    def plain_nodes(self) -> Iterator[tuple[str, str, str, str]]:
        """The label, outputs, operator and inputs of the nodes in hand that are but words, each found in one step; blanks
        are left out. The token in hand is what follows them."""
        at, text = self.start, self.text
        while (found := _PLAIN_NODE.match(text, at)) is not None:
            label, outputs, operator, inputs = found.groups("")
            yield label, "".join(outputs.split()), "".join(operator.split()), "".join(inputs.split())
            at = found.end()
        if at != self.start:
            self.jump(at)

    def string(self, what: str) -> str | bytes:
        """A quoted string; bytes if it holds what is not UTF-8."""
        if self.kind != "string":
            raise self.error(f"{what} is wanted here, in double quotes")
        found = unquote(self.text[self.start + 1 : self.stop - 1])
        self.advance()
        return found

    def plain(self, what: str) -> str:
        """A quoted string that is text."""
        start = self.start
        found = self.string(what)
        if isinstance(found, bytes):
            raise ParseError(f"{what} must be UTF-8", text=self.text, position=start)
        return found

    def name(self, what: str) -> str:
        """An identifier, or any name in quotes."""
        if self.kind == "word":
            return self.advance()
        if self.kind != "string":
            raise self.error(f"{what} is wanted here, not {self.shown()}")
        return self.plain(what)

    def integer(self, what: str) -> int:
        """A 64-bit integer."""
        if self.kind != "number" or not self.token.lstrip("-").isdigit() or len(self.token) > 20:
            raise self.error(f"{what} is wanted here, an integer of 64 bits")
        value = int(self.token)
        if not -(1 << 63) <= value < 1 << 63:
            raise self.error(f"{value} does not fit into 64 bits")
        self.advance()
        return value
