"""Extents of 0, extents known only at the run, and any number of threads, for every kernel that is no contraction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.engine.oracle import LEVELS, agree, floats, parse, run

EMPTY: dict[str, tuple[str, list[Any]]] = {
    "softmax": ("(float[a,b,c] x) => (float[a,b,c] y) { y = Softmax(x) }", [(0, 5, 7)]),
    "softmax across": ("(float[a,b,c] x) => (float[a,b,c] y) { y = Softmax<axis = 1>(x) }", [(2, 5, 0)]),
    "layer norm": (
        "(float[a,b,8] x, float[8] s) => (float[a,b,8] y) { y = LayerNormalization(x, s) }",
        [(2, 0, 8), (8,)],
    ),
    "sums of nothing": ("(float[a,b] x) => (y) <int64[1] q = {1}> { y = ReduceSum(x, q) }", [(3, 0)]),
    "sums of nothing across": ("(float[a,b] x) => (y) <int64[1] q = {0}> { y = ReduceSum(x, q) }", [(0, 40)]),
    "no sums": ("(float[a,b] x) => (y) <int64[1] q = {1}> { y = ReduceSum(x, q) }", [(0, 40)]),
    "concat": ("(float[a,b] x, float[c,b] z) => (y) { y = Concat<axis = 0>(x, z) }", [(0, 4), (3, 4)]),
    "pooling": ("(float[n,c,8,8] x) => (y) { y = MaxPool<kernel_shape = [2, 2]>(x) }", [(0, 4, 8, 8)]),
    "depthwise": (
        "(float[n,8,6,6] x, float[8,1,3,3] w) => (y) { y = Conv<group = 8>(x, w) }",
        [(0, 8, 6, 6), (8, 1, 3, 3)],
    ),
    "attention": (
        "(float[b,2,q,8] x, float[b,2,k,8] y, float[b,2,k,8] z) => (o) { o = Attention(x, y, z) }",
        [(1, 2, 0, 8), (1, 2, 3, 8), (1, 2, 3, 8)],
    ),
    "a sum": ("(float[a,b] x, float[b] z) => (y) { y = Add(x, z) }", [(0, 4), (4,)]),
    "a transposition": ("(float[a,b,c] x) => (y) { y = Transpose<perm = [0, 2, 1]>(x) }", [(2, 0, 4)]),
}


@pytest.mark.parametrize("case", EMPTY.values(), ids=EMPTY)
def test_no_elements(case: tuple[str, list[Any]]) -> None:
    text, shapes = case
    agree(parse(text), [floats(*s, seed=i) for i, s in enumerate(shapes)], LEVELS[-1])


LARGE: dict[str, tuple[str, list[Any]]] = {
    "softmax": ("(float[a,b] x) => (float[a,b] y) { y = Softmax(x) }", [(90, 300)]),
    "softmax across": ("(float[a,b,c] x) => (float[a,b,c] y) { y = Softmax<axis = 1>(x) }", [(3, 20, 500)]),
    "layer norm": (
        "(float[a,300] x, float[300] s) => (float[a,300] y) { y = LayerNormalization(x, s) }",
        [(90, 300), (300,)],
    ),
    "sums across": ("(float[a,b] x) => (y) <int64[1] q = {0}> { y = ReduceSum(x, q) }", [(200, 700)]),
    "depthwise": (
        "(float[n,80,h,w] x, float[80,1,3,3] f) => (y) { y = Conv<group = 80, pads = [1, 1, 1, 1], strides = [2, 2]>(x, f) }",
        [(2, 80, 33, 29), (80, 1, 3, 3)],
    ),
    "pooling": (
        "(float[n,c,h,w] x) => (y) { y = MaxPool<kernel_shape = [3, 3], strides = [2, 2]>(x) }",
        [(2, 20, 33, 29)],
    ),
    "attention": (
        "(float[b,6,q,32] x, float[b,6,k,32] y, float[b,6,k,32] z) => (o) { o = Attention<is_causal = 1>(x, y, z) }",
        [(2, 6, 150, 32)] * 3,
    ),
}


@pytest.mark.parametrize("case", LARGE.values(), ids=LARGE)
def test_threads_change_no_bit(case: tuple[str, list[Any]]) -> None:
    text, shapes = case
    feeds = [floats(*s, seed=i) for i, s in enumerate(shapes)]
    model = parse(text)
    alone = run(model, feeds, LEVELS[-1], threads=1)
    for threads in (2, 3):
        for a, b in zip(alone, run(model, feeds, LEVELS[-1], threads=threads), strict=True):
            np.testing.assert_array_equal(a, b)
    agree(model, feeds, LEVELS[-1], rtol=1e-5, atol=1e-5)
