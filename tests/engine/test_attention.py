"""Attention, by head, without scores in memory."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.engine.oracle import LEVELS, agree, calls, floats, needs, parse

pytestmark = needs("Attention")

# queries, keys, depth, width
SIZES = [(5, 9, 8, 8), (33, 70, 20, 37), (64, 64, 64, 64), (40, 300, 16, 24), (1, 17, 33, 5)]


def heads(queries: int, keys: int, depth: int, width: int, *, own: int = 4, shared: int = 4) -> list[Any]:
    return [
        floats(2, own, queries, depth, scale=1.5),
        floats(2, shared, keys, depth, seed=1),
        floats(2, shared, keys, width, seed=2),
    ]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("attributes", ["", "<is_causal = 1>", "<scale = 0.3, softcap = 2.0>"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_heads(sizes: tuple[int, int, int, int], attributes: str, level: str) -> None:
    model = parse(
        f"(float[b,4,q,{sizes[2]}] x, float[b,4,k,{sizes[2]}] y, float[b,4,k,{sizes[3]}] z) => (float[b,4,q,{sizes[3]}] o)"
        f"{{ o = Attention{attributes}(x, y, z) }}"
    )
    agree(model, heads(*sizes), level, rtol=1e-5, atol=4e-6)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("own", "shared", "queries"), [(6, 2, "19"), (4, 1, "q")])
def test_shared_heads(own: int, shared: int, queries: str, level: str) -> None:
    """Three axes, several heads on one head of keys, the result read as [batch, row, element]."""
    model = parse(
        f"(float[b,{queries},{own * 8}] x, float[b,k,{shared * 8}] y, float[b,k,{shared * 5}] z) => (o)"
        f"{{ h = Attention<q_num_heads = {own}, kv_num_heads = {shared}, is_causal = 1>(x, y, z)  o = Neg(h) }}"
    )
    feeds = [floats(2, 19, own * 8), floats(2, 30, shared * 8, seed=1), floats(2, 30, shared * 5, seed=2)]
    agree(model, feeds, level, rtol=1e-5, atol=4e-6)


MASKS = {"full": (2, 4, 21, 35), "by key": (2, 1, 1, 35), "by query": (21, 35), "one for a head": (4, 1, 35)}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize(("kind", "causal"), list(itertools.product(["bool", "float"], [0, 1])))
def test_mask(kind: str, causal: int, shape: tuple[int, ...], level: str) -> None:
    """A query whose every key is masked gives zeros."""
    dims = ",".join(map(str, shape))
    model = parse(
        f"(float[2,4,21,16] x, float[2,4,35,16] y, float[2,4,35,16] z, {kind}[{dims}] m) => (float[2,4,21,16] o)"
        f"{{ o = Attention<is_causal = {causal}>(x, y, z, m) }}"
    )
    keep = np.random.default_rng(5).random(shape) < 0.6
    keep.reshape(-1, 35)[0] = False
    mask = keep if kind == "bool" else np.where(keep, floats(*shape, seed=6), -np.inf).astype(np.float32)
    agree(model, [*heads(21, 35, 16, 16), mask], level, rtol=1e-5, atol=4e-6)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["bool", "float"])
def test_mask_of_many_keys(kind: str, level: str) -> None:
    """More keys than a block has; the mask's rows dense, and transposed."""
    keep = np.random.default_rng(5).random((37, 300)) < 0.5
    mask = keep if kind == "bool" else np.where(keep, floats(37, 300, seed=6), -np.inf).astype(np.float32)
    body = "(float[2,4,37,16] x, float[2,4,300,16] y, float[2,4,300,16] z, {0}[{1}] m) => (o) {{ {2} }}"
    dense = body.format(kind, "37,300", "o = Attention(x, y, z, m)")
    agree(parse(dense), [*heads(37, 300, 16, 16), mask], level, rtol=1e-5, atol=4e-6)
    turned = body.format(kind, "300,37", "t = Transpose(m)  o = Attention(x, y, z, t)")
    agree(parse(turned), [*heads(37, 300, 16, 16), mask.T.copy()], level, rtol=1e-5, atol=4e-6)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("past", [0, 1, 12])
def test_past(past: int, level: str) -> None:
    """The present is the past and what is new; a query sees the keys up to its own."""
    model = parse(
        "(float[b,2,q,16] x, float[b,2,q,16] y, float[b,2,q,16] z, float[b,2,p,16] k, float[b,2,p,16] v) => (o, n, w)"
        "{ o, n, w = Attention<is_causal = 1>(x, y, z, , k, v) }"
    )
    new = [floats(2, 2, 5, 16, seed=i) for i in range(3)]
    agree(model, [*new, floats(2, 2, past, 16, seed=3), floats(2, 2, past, 16, seed=4)], level, rtol=1e-5, atol=4e-6)


def test_heads_are_views() -> None:
    """As exported models say it: Reshape and Transpose on both sides copy nothing."""
    model = parse(
        "(float[b,s,32] q, float[b,s,32] k, float[b,s,32] v) => (o) <int64[4] split = {0, 0, 2, 16}, int64[3] join = {0, 0, 32}> {"
        "qh = Reshape(q, split)  kh = Reshape(k, split)  vh = Reshape(v, split)"
        "qt = Transpose<perm = [0, 2, 1, 3]>(qh)  kt = Transpose<perm = [0, 2, 1, 3]>(kh)"
        "vt = Transpose<perm = [0, 2, 1, 3]>(vh)  a = Attention(qt, kt, vt)"
        "t = Transpose<perm = [0, 2, 1, 3]>(a)  o = Reshape(t, join) }"
    )
    agree(model, [floats(2, 11, 32, seed=i) for i in range(3)], LEVELS[-1], rtol=1e-5, atol=4e-6)
    assert calls(model) == 1


ROWS = [(1, 1, 40), (1, 4, 300), (5, 1, 21), (2, 4, 35)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("attributes", ["<is_causal = 1>", "<scale = 0.3, softcap = 2.0>"])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("sizes", ROWS, ids=str)
def test_few_rows(sizes: tuple[int, int, int], known: bool, attributes: str, level: str) -> None:
    """Rows are the queries of all heads that share keys; whether they are few is known at once, or to each run."""
    queries, group, keys = sizes
    count = str(queries) if known else "q"
    model = parse(
        f"(float[b,{2 * group},{count},20] x, float[b,2,k,20] y, float[b,2,k,37] z) => (float[b,{2 * group},{count},37] o)"
        f"{{ o = Attention{attributes}(x, y, z) }}"
    )
    agree(model, heads(queries, keys, 20, 37, own=2 * group, shared=2), level, rtol=1e-5, atol=4e-6)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", [(2, 4, 3, 35), (2, 1, 1, 35), (3, 35), (4, 1, 35)], ids=str)
@pytest.mark.parametrize(("kind", "queries"), [("bool", 1), ("float", 3), ("bool", 40), ("float", 40)])
def test_mask_of_shared_heads(kind: str, queries: int, shape: tuple[int, ...], level: str) -> None:
    shape = (*shape[:-2], queries if shape[-2] == 3 else 1, shape[-1])
    model = parse(
        f"(float[2,4,{queries},16] x, float[2,2,35,16] y, float[2,2,35,16] z, {kind}[{','.join(map(str, shape))}] m)"
        f" => (float[2,4,{queries},16] o) {{ o = Attention(x, y, z, m) }}"
    )
    keep = np.random.default_rng(5).random(shape) < 0.6
    keep.reshape(-1, 35)[0] = False
    mask = keep if kind == "bool" else np.where(keep, floats(*shape, seed=6), -np.inf).astype(np.float32)
    agree(model, [*heads(queries, 35, 16, 16, shared=2), mask], level, rtol=1e-5, atol=4e-6)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("turned", [False, True])
def test_mask_of_few_rows_that_lies_otherwise(turned: bool, level: str) -> None:
    shape = "[35,2]" if turned else "[2,1]"
    given = f"(float[2,4,2,16] x, float[2,2,35,16] y, float[2,2,35,16] z, bool{shape} m) => (float[2,4,2,16] o)"
    model = parse(
        given + ("{ t = Transpose(m)  o = Attention(x, y, z, t) }" if turned else "{ o = Attention(x, y, z, m) }")
    )
    mask = np.random.default_rng(5).random((35, 2) if turned else (2, 1)) < 0.5
    agree(model, [*heads(2, 35, 16, 16, shared=2), mask], level, rtol=1e-5, atol=4e-6)


WINDOWS = [
    "left_window_size = 3",
    "right_window_size = 2",
    "left_window_size = 130, right_window_size = 0",
    "is_causal = 1",
]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("attributes", WINDOWS)
@pytest.mark.parametrize("queries", [2, 21])
@pytest.mark.parametrize("counted", [False, True])
def test_windows_and_counts(counted: bool, queries: int, attributes: str, level: str) -> None:
    """The queries are the last ones of those keys that there are; nobody looks beyond them, or out of the window."""
    model = parse(
        "(float[b,4,q,16] x, float[b,2,k,16] y, float[b,2,k,16] z, int64[b] n) => (float[b,4,q,16] o)"
        f"{{ o = Attention<{attributes}>(x, y, z, , , {', n' if counted else ''}) }}",
        opset=26,
    )
    feeds = [*heads(queries, 300, 16, 16, shared=2), np.array([queries, 220])]
    agree(model, feeds, level, rtol=1e-5, atol=4e-6)
