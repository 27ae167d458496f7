"""Texts cut into tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.errors import InputError, ShapeError
from sardonyx.ir import Array
from sardonyx.ops.contrib.shared import contrib
from sardonyx.ops.declare import Input, Int, Output, String, Strings, infers, reference, types
from sardonyx.ops.known import Known, known
from sardonyx.ops.typesets import STRING

__all__: list[str] = []

START, END = "\x02", "\x03"


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise InputError(f"'{expression}' is no regular expression", why=str(error)) from error


def _apart(separators: Sequence[str]) -> Callable[[str], list[str]]:
    """Cut at one separator after the other."""
    patterns = [_compiled(s) for s in separators]

    def cut(text: str) -> list[str]:
        parts = [text]
        for pattern in patterns:
            parts = [piece for part in parts for piece in _between(pattern, part)]
        return parts

    return cut


def _between(pattern: re.Pattern[str], text: str) -> list[str]:
    found, start = list[str](), 0
    for match in pattern.finditer(text):
        if match.end() > match.start():
            found.append(text[start : match.start()])
            start = match.end()
    return [*found, text[start:]]


def _matches(expression: str) -> Callable[[str], list[str]]:
    """What a pattern matches: at each place as much as it can, whichever of its alternatives comes first."""
    pattern = _compiled(expression)
    hasty = "|" in expression or re.search(r"[*+?}]\?", expression) is not None

    def cut(text: str) -> list[str]:
        found, at = list[str](), 0
        while (match := pattern.search(text, at)) is not None:
            start, end = match.span()
            if hasty:
                end = next(e for e in range(len(text), end - 1, -1) if e == end or pattern.fullmatch(text, start, e))
            if end > start:
                found.append(text[start:end])
            at = max(end, start + 1)
        return found

    return cut


@contrib("Tokenizer")
class Tokenizer:
    """The tokens of each text along a new last axis, filled up: what lies between separators, or what an expression matches.

    A separator that is empty, or an expression that is a point, gives characters.
    """

    T = types(STRING)
    X = Input(T)
    Y = Output(T)
    mark, mincharnum, pad_value = Int(required=True), Int(required=True), String(required=True)
    separators, tokenexp = Strings(), String()

    @infers
    def infer(X: Known) -> Known:
        if X.rank not in (1, 2):
            raise ShapeError("Tokenizer takes texts of one or two axes")
        return known(d.STRING, (*X.shape, None))

    @reference
    def run(
        X: Array, *, mark: int, mincharnum: int, pad_value: str, separators: Sequence[str] | None, tokenexp: str | None
    ) -> Array:
        cut: Callable[[str], list[str]]
        if list(separators or ()) == [""] or (not separators and tokenexp == "."):
            if mincharnum > 1:
                raise InputError("single characters cannot be longer than one", fix="set mincharnum to 1")
            cut = list
        elif separators:
            cut = _apart(separators)
        elif tokenexp:
            cut = _matches(tokenexp)
        else:
            raise InputError("Tokenizer is told neither separators nor what a token looks like")
        rows = [[t for t in cut(str(text)) if len(t) >= max(mincharnum, 1)] for text in X.reshape(-1)]
        if mark and any(rows):
            rows = [[START, *row, END] for row in rows]
        most = max(map(len, rows), default=0)
        out: Any = np.full((len(rows), most), pad_value, object)
        for i, row in enumerate(rows):
            out[i, : len(row)] = row
        return out.reshape(*X.shape, most)
