"""Strings: normalizing, joining, splitting, matching and counting them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.errors import InputError, ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import (
    Flag,
    Floats,
    Input,
    Int,
    Ints,
    Output,
    String,
    Strings,
    infers,
    operator,
    reference,
    types,
)
from sardonyx.ops.known import Dims, Known, broadcast, known
from sardonyx.ops.typesets import BOOL, I64, INDICES, STRING


def strings(items: Iterable[str], shape: Sequence[int]) -> Array:
    """A tensor of strings."""
    array = np.empty(int(np.prod(shape)), object)
    array[:] = list(items)
    return array.reshape(tuple(shape))


CASES: dict[str, Callable[[str], str]] = {"NONE": lambda s: s, "LOWER": str.lower, "UPPER": str.upper}


@operator("StringNormalizer", since=(10,))
class StringNormalizer:
    """The strings that are no stop words, in one case. If none is left, one empty string is."""

    X = Input("tensor(string)")
    Y = Output("tensor(string)")
    case_change_action, is_case_sensitive = String("NONE"), Flag(0)
    locale, stopwords = String(), Strings()

    @infers
    def infer(X: Known, *, stopwords: Sequence[str] | None) -> Dims:
        if X.rank not in (1, 2):
            raise ShapeError(f"StringNormalizer takes [C] or [1, C], not {show_shape(X.shape)}")
        return *X.shape[:-1], None if stopwords else X.shape[-1]

    @reference
    def run(X: Array, *, case_change_action: str, is_case_sensitive: bool, stopwords: Sequence[str] | None) -> Array:
        key = CASES["NONE" if is_case_sensitive else "LOWER"]
        stops = {key(s) for s in stopwords or ()}
        kept = [s for s in X.reshape(-1) if key(s) not in stops] or [""]
        change = CASES[case_change_action]
        return strings((change(s) for s in kept), (*X.shape[:-1], len(kept)))


@operator("StringConcat", since=(20,), elementwise=True)
class StringConcat:
    """Each string of X followed by the one of Y."""

    T = types(STRING)
    X, Y = Input(T), Input(T)
    Z = Output(T)

    @infers
    def infer(X: Known, Y: Known) -> Dims:
        return broadcast(X.shape, Y.shape)

    @reference
    def run(X: Array, Y: Array) -> Array:
        return np.asarray(np.add(X, Y), object)


@operator("StringSplit", since=(20,))
class StringSplit:
    """Each string cut at a delimiter, or at runs of white space; empty strings fill the new last axis. Z counts the parts."""

    T1, T2, T3 = types(STRING), types(STRING), types(I64)
    X = Input(T1)
    Y, Z = Output(T2), Output(T3)
    delimiter, maxsplit = String(), Int()

    @infers
    def infer(X: Known) -> list[Known]:
        return [known(d.STRING, (*X.shape, None)), known(d.INT64, X.shape)]

    @reference
    def run(X: Array, *, delimiter: str | None, maxsplit: int | None) -> list[Array]:
        parts: list[list[str]] = [
            s.split(delimiter or None, -1 if maxsplit is None else maxsplit) for s in X.reshape(-1)
        ]
        most = max(map(len, parts), default=0)
        filled = [s for part in parts for s in part + [""] * (most - len(part))]
        return [strings(filled, (*X.shape, most)), np.array([len(p) for p in parts], np.int64).reshape(X.shape)]


@operator("RegexFullMatch", since=(20,), elementwise=True)
class RegexFullMatch:
    """Whether a pattern matches the whole string."""

    T1, T2 = types(STRING), types(BOOL)
    X = Input(T1)
    Y = Output(T2)
    pattern = String()

    @infers
    def infer(X: Known, *, pattern: str | None) -> Known:
        return known(d.BOOL, X.shape)

    @reference
    def run(X: Array, *, pattern: str) -> Array:
        try:
            matches = re.compile(pattern).fullmatch
        except re.error as error:
            raise InputError(f"{pattern!r} is no regular expression", why=str(error)) from error
        return np.array([matches(s) is not None for s in X.reshape(-1)], bool).reshape(X.shape)


@operator("TfIdfVectorizer", since=(9,))
class TfIdfVectorizer:
    """How often each n-gram of a pool occurs in each row, weighted or not ("TF", "TFIDF"), or just whether ("IDF").

    The items of an n-gram may skip up to `max_skip_count` others between them.
    """

    T, T1 = types(STRING | INDICES), types(frozenset({d.FLOAT32}))
    X = Input(T)
    Y = Output(T1)
    mode = String(required=True)
    min_gram_length, max_gram_length, max_skip_count = Int(required=True), Int(required=True), Int(required=True)
    ngram_counts, ngram_indexes = Ints(required=True), Ints(required=True)
    pool_int64s, pool_strings, weights = Ints(), Strings(), Floats()

    @infers
    def infer(X: Known, *, ngram_indexes: Sequence[int]) -> Dims:
        if X.rank not in (1, 2):
            raise ShapeError(f"TfIdfVectorizer takes [C] or [N, C], not {show_shape(X.shape)}")
        return *X.shape[:-1], max(ngram_indexes) + 1

    @reference
    def run(
        X: Array, *, mode: str, min_gram_length: int, max_gram_length: int, max_skip_count: int,
        ngram_counts: Sequence[int], ngram_indexes: Sequence[int], pool_int64s: Sequence[int] | None,
        pool_strings: Sequence[str] | None, weights: Sequence[float] | None,
    ) -> Array:  # fmt: skip
        places = dict(zip(ngrams(pool_int64s or pool_strings or (), ngram_counts), ngram_indexes, strict=False))
        rows = X.reshape(-1, X.shape[-1]).tolist()
        counts = np.zeros((len(rows), max(ngram_indexes) + 1), np.float32)
        for i, row in enumerate(rows):
            for gram, number in grams_of(row, min_gram_length, max_gram_length, max_skip_count).items():
                if gram in places:
                    counts[i, places[gram]] += number
        if mode == "IDF":
            counts = (counts > 0).astype(np.float32)
        if weights and mode != "TF":
            per_place = np.ones(counts.shape[1], np.float32)
            per_place[list(ngram_indexes)] = [weights[place] for place in ngram_indexes]
            counts = counts * per_place
        return counts.reshape(*X.shape[:-1], counts.shape[1])


def ngrams(pool: Sequence[Any], starts: Sequence[int]) -> list[tuple[Any, ...]]:
    """The n-grams of a pool: from the first start on those of one item, from the second on those of two, ..."""
    found: list[tuple[Any, ...]] = []
    for n, (start, end) in enumerate(zip(starts, [*starts[1:], len(pool)], strict=True), 1):
        found += [tuple(pool[i : i + n]) for i in range(start, end - n + 1, n)]
    return found


def grams_of(row: Sequence[Any], least: int, most: int, skips: int) -> Counter[tuple[Any, ...]]:
    """How often each n-gram occurs in a row, for every n and every number of items skipped."""
    found: Counter[tuple[Any, ...]] = Counter()
    for step in range(1, skips + 2):
        for n in range(least, most + 1):
            if n > 1 or step == 1:  # one item skips nothing
                found.update(tuple(row[i : i + n * step : step]) for i in range(len(row) - (n - 1) * step))
    return found


__all__: list[str] = []
