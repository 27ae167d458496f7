"""The cursor that the text parsers share: tokens by position, numbers by the block, faults with their place."""

from __future__ import annotations

import pytest

from sardonyx.core.errors import ParseError
from sardonyx.core.scanner import Scanner, plain_numbers, tokens


class Small(Scanner):
    LANGUAGE = "a small language"
    TOKENS = tokens(
        r"[ \n]*+",
        r"""(?P<word>[a-z]++) | (?P<number>[0-9]++) | (?P<mark>[][,]) | (?P<string>"[^"]*+") | (?P<open>")""",
    )
    NUMBERS = plain_numbers(" *+", "[0-9]++")


def read(text: str) -> list[tuple[str, str, int]]:
    scanner, found = Small(text), []
    while scanner.kind != "end":
        found.append((scanner.kind, scanner.token, scanner.start))
        scanner.advance()
    return found


def test_tokens_have_kind_and_place_and_strings_stay_where_they_are() -> None:
    assert read(' ab 12\n,"x y"') == [("word", "ab", 1), ("number", "12", 4), ("mark", ",", 7), ("string", '"', 8)]


@pytest.mark.parametrize(("text", "says"), [("a ?", "no token of a small language"), ('a "b', "does not end")])
def test_what_is_no_token_is_refused_at_its_place(text: str, says: str) -> None:
    with pytest.raises(ParseError, match=says) as caught:
        read(text)
    assert caught.value.column == 3


@pytest.mark.parametrize(
    ("text", "numbers", "rest"),
    [
        ("[1, 22 ,3]", ["1", "22", "3"], "]"),
        ("[1,2,a]", ["1", "2"], ","),
        ("[1,2,]", ["1", "2"], ","),
        ("[]", [], "]"),
        ("[a]", [], "a"),
        ("[1 2]", [], "1"),
        ("[1,2", [], "1"),
    ],
)
def test_numbers_are_given_up_to_what_is_none(text: str, numbers: list[str], rest: str) -> None:
    scanner = Small(text)
    assert [word.strip() for words in scanner.numbers("]") for word in words] == numbers
    assert scanner.token == rest


def test_numbers_come_in_blocks_and_a_block_can_be_read_again() -> None:
    scanner = Small("[" + ",".join(map(str, range(5000))) + "]")
    sizes, start = [], 0
    for words in scanner.numbers("]"):
        sizes.append(len(words))
        start = scanner.start
    assert sum(sizes) == 5000 and len(sizes) == 3 and scanner.at("]")
    scanner.jump(start)
    assert scanner.token == str(sum(sizes[:-1]))


def test_a_fault_in_a_long_line_shows_what_stands_around_it() -> None:
    with pytest.raises(ParseError) as caught:
        read("a " * 500_000 + "? " + "b " * 500_000)
    assert len(str(caught.value)) < 1000 and caught.value.column == 1_000_001
    shown, caret = str(caught.value).splitlines()[2:4]
    assert shown[caret.index("^")] == "?"
