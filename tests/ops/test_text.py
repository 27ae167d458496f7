"""Strings: what the official cases leave open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.core.errors import InputError, ShapeError
from tests.ops.apply import apply


def text(*items: Any) -> Any:
    return np.array(items, object)


def test_stop_words_go_in_either_case() -> None:
    words = text("Monday", "TUESDAY", "friday")
    attrs: dict[str, Any] = {"stopwords": ["monday", "Tuesday"], "case_change_action": "UPPER"}
    assert apply("StringNormalizer", words, **attrs).tolist() == ["FRIDAY"]
    assert apply("StringNormalizer", words, is_case_sensitive=1, **attrs).tolist() == ["MONDAY", "TUESDAY", "FRIDAY"]


def test_an_empty_string_stands_for_nothing() -> None:
    assert apply("StringNormalizer", text(["a"], ["a"]).T, stopwords=["a"]).tolist() == [[""]]
    with pytest.raises(ShapeError):
        apply("StringNormalizer", np.empty((1, 1, 1), object))


def test_concat_broadcasts() -> None:
    assert apply("StringConcat", text("a", "b"), text(["c"], ["d"])).tolist() == [["ac", "bc"], ["ad", "bd"]]


def test_split_fills_up() -> None:
    parts, counts = apply("StringSplit", text("a  b c", ""), outputs=2)
    assert parts.tolist() == [["a", "b", "c"], ["", "", ""]] and counts.tolist() == [3, 0]
    parts, counts = apply("StringSplit", text("a,,b", "c"), outputs=2, delimiter=",", maxsplit=1)
    assert parts.tolist() == [["a", ",b"], ["c", ""]] and counts.tolist() == [2, 1]
    parts, counts = apply("StringSplit", np.empty((0, 2), object), outputs=2)
    assert parts.shape == (0, 2, 0) and counts.shape == (0, 2)


def test_a_match_is_of_the_whole_string() -> None:
    assert apply("RegexFullMatch", text("abc", "abcd", "xabc"), pattern="a.c").tolist() == [True, False, False]
    with pytest.raises(InputError, match="no regular expression"):
        apply("RegexFullMatch", text("a"), pattern="(")


def test_ngrams_are_counted_weighted_and_skipped() -> None:
    attrs: dict[str, Any] = {
        "min_gram_length": 1, "max_gram_length": 2, "ngram_counts": [0, 2], "ngram_indexes": [0, 1, 2],
        "pool_strings": ["a", "b", "a", "b"], "weights": [1.0, 2.0, 0.5],
    }  # fmt: skip
    row = text("a", "b", "c", "b")
    assert apply("TfIdfVectorizer", row, mode="TF", max_skip_count=0, **attrs).tolist() == [1, 2, 1]
    assert apply("TfIdfVectorizer", row, mode="TF", max_skip_count=2, **attrs).tolist() == [1, 2, 2]
    assert apply("TfIdfVectorizer", row[None], mode="IDF", max_skip_count=0, **attrs).tolist() == [[1, 2, 0.5]]
    assert apply("TfIdfVectorizer", row, mode="TFIDF", max_skip_count=0, **attrs).tolist() == [1, 4, 0.5]
