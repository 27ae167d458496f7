"""Texts cut into tokens, beside onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.core.errors import SardonyxError
from tests.ops.contrib.peer import both, evaluated

# texts, and how they are cut
CASES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "words": (["ab  cd ", " x"], {"separators": [" "]}),
    "two axes": ([["ab cd", "x"], ["", ""]], {"separators": [" "]}),
    "short ones left out": (["ab c", "x"], {"separators": [" "], "mincharnum": 2}),
    "characters count, not bytes": (["éa b"], {"separators": [" "], "mincharnum": 2}),
    "several separators": (["a;b c"], {"separators": [" ", ";"]}),
    "the first separator first": (["aXYbXc"], {"separators": ["X", "XY"]}),
    "the longer one first": (["aXYbXc"], {"separators": ["XY", "X"]}),
    "a class of separators": (["a b\tc"], {"separators": ["\\s"]}),
    "separators before an expression": (["a b"], {"separators": [" "], "tokenexp": "a"}),
    "characters": (["abc", "x y", ""], {"separators": [""]}),
    "any character": (["abc", "xé"], {"tokenexp": "."}),
    "an expression": (["a1b22", "x-y"], {"tokenexp": "[a-z]+"}),
    "the longest alternative": (["aab ab1", "c"], {"tokenexp": "(a|aa|ab)(1)?"}),
    "the longest for the lazy, too": (["aaa b"], {"tokenexp": "a+?"}),
    "words of an expression": (["Hello, world", "a"], {"tokenexp": "\\w+", "mincharnum": 2}),
    "nothing": (["", ""], {"separators": [" "]}),
}


@pytest.mark.parametrize("mark", [0, 1])
@pytest.mark.parametrize("case", CASES)
def test_tokens(case: str, mark: int) -> None:
    texts, facts = CASES[case]
    attrs: dict[str, Any] = {"mark": mark, "mincharnum": 1, "pad_value": "#", **facts}
    [(ours, theirs)] = both("Tokenizer", [np.array(texts, object)], **attrs)
    assert ours.shape == theirs.shape
    assert ours.tolist() == theirs.tolist()


def test_what_cannot_be_cut() -> None:
    facts: dict[str, Any] = {"mark": 0, "pad_value": "#"}
    with pytest.raises(SardonyxError, match="longer than one"):
        evaluated("Tokenizer", [np.array(["a"], object)], mincharnum=2, separators=[""], **facts)
    with pytest.raises(SardonyxError, match="neither separators"):
        evaluated("Tokenizer", [np.array(["a"], object)], mincharnum=1, **facts)
    with pytest.raises(SardonyxError, match="no regular expression"):
        evaluated("Tokenizer", [np.array(["a"], object)], mincharnum=1, tokenexp="(", **facts)
