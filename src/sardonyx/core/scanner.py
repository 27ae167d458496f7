"""A cursor over text that is read token by token: what every text parser begins with, and all that it holds of the text.

A token is a kind and two positions. Nothing is cut out of the text but the short tokens that are compared; a list of
millions of numbers is handed out some hundreds at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from sardonyx.core.errors import ParseError

__all__ = ["Scanner", "plain_numbers", "tokens"]

_UNUSUAL = frozenset(("string", "bad", "open"))  # kinds whose token is not simply what was found
_BLOCK = 2048  # numbers handed out at a time: about 100 KiB of words


def tokens(space: str, kinds: str) -> re.Pattern[str]:
    """One pattern for the space before a token and the token; `kinds` are its named groups, "open" the quote of a string
    that does not end.

    Both should use possessive repeats: what is long is read without remembering where it could be split otherwise.
    """
    return re.compile(rf"(?s:{space})(?:{kinds} | (?P<end>\Z) | (?P<bad>.))", re.VERBOSE | re.DOTALL)


def plain_numbers(space: str, one: str) -> re.Pattern[str]:
    """Up to a block of numbers with commas between them."""
    return re.compile(rf"{space}{one}{space}(?:,{space}{one}{space}){{0,{_BLOCK - 1}}}+")


class Scanner:
    """`kind` and `token` are the token in hand, at text[start:stop]; the kind at the end of the text is "end".

    The token of a string is its opening quote: what it holds is read where it lies.
    """

    LANGUAGE: ClassVar[str]
    TOKENS: ClassVar[re.Pattern[str]]
    NUMBERS: ClassVar[re.Pattern[str]]

    def __init__(self, text: str) -> None:
        self.text = text
        self.kind, self.token = "", ""
        self.start = self.stop = 0
        self.jump(0)

    def advance(self) -> str:
        """Step to the next token; gives the one left behind."""
        passed = self.token
        found = next(self._following, None) or self.TOKENS.match(
            self.text, self.stop
        )  # the end comes as often as asked
        assert found is not None  # the last alternatives take anything
        kind, group = found.lastgroup, found.lastindex
        assert kind is not None and group is not None
        self.kind = kind
        self.start, self.stop = found.span(group)
        if kind not in _UNUSUAL:
            self.token = found[group]
        elif kind == "string":
            self.token = self.text[self.start]
        elif kind == "bad":
            raise self.error(f"no token of {self.LANGUAGE} starts here")
        else:
            raise self.error(
                "this string does not end", fix=f"close it with {self.text[self.start]}; \\ stands before one inside"
            )
        return passed

    def jump(self, position: int) -> None:
        """Go on reading at `position`."""
        self._following = self.TOKENS.finditer(self.text, position)
        self.advance()

    def numbers(self, close: str) -> Iterator[list[str]]:
        """The words of the plain numbers that follow the mark in hand, and go on to `close`, or to what is no plain number.

        Meanwhile `start` is where the words in hand begin: jump there to read them again, one by one. When all were given,
        the token in hand is what follows the last of them.
        """
        stop = at = self.stop
        text = self.text
        while (some := self.NUMBERS.match(text, at)) is not None and some.end() < len(text):
            if text[some.end()] not in (",", close):
                break
            self.start = at
            yield text[at : some.end()].split(",")
            stop = some.end()
            at = stop + 1
            if text[stop] == close:
                break
        self.jump(stop)

    def error(self, what: str, fix: str | None = None) -> ParseError:
        return ParseError(what, text=self.text, position=self.start, fix=fix)

    def shown(self) -> str:
        """The token in hand, for a message."""
        if self.kind == "end":
            return "the end of the text"
        size = self.stop - self.start
        return self.text[self.start : self.start + min(size, 40)] + ("..." if size > 40 else "")

    def at(self, mark: str) -> bool:
        return self.token == mark

    def take(self, mark: str) -> bool:
        """Step over `mark` if it is in hand."""
        if self.token != mark:
            return False
        self.advance()
        return True

    def expect(self, mark: str, where: str = "here") -> None:
        if self.token == mark:
            self.advance()
        else:
            raise self.error(f"'{mark}' is wanted {where}, not {self.shown()}")
