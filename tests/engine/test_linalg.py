"""Products of matrices: ragged, batched, transposed, symbolic, with epilogues, at every level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.oracle import LEVELS, agree, calls, floats, parse, run


def numbers(*shape: int, seed: int = 0, kind: str = "float") -> Any:
    return floats(*shape, seed=seed).astype(np.float64 if kind == "double" else np.float32)


def constant(name: str, array: Any) -> str:
    """An initializer in text."""
    dims = ",".join(map(str, array.shape))
    return f"float[{dims}] {name} = {{{', '.join(repr(float(x)) for x in array.reshape(-1))}}}"


SHAPES = [(1, 1, 1), (1, 40, 70), (2, 7, 33), (3, 300, 16), (9, 17, 5), (15, 64, 31), (29, 600, 65), (49, 33, 100)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["float", "double"])
def test_matmul(shape: tuple[int, int, int], kind: str, level: str) -> None:
    m, k, n = shape
    model = parse(f"({kind}[m,{k}] x, {kind}[{k},{n}] w) => ({kind}[m,{n}] y) {{ y = MatMul(x, w) }}")
    tolerance = 2e-6 if kind == "float" else 1e-14
    agree(model, [numbers(m, k, kind=kind), numbers(k, n, seed=1, kind=kind)], level, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("level", LEVELS)
@settings(deadline=None, max_examples=20)
@given(m=st.integers(0, 70), k=st.integers(1, 600), n=st.integers(0, 150))
def test_any_extents(level: str, m: int, k: int, n: int) -> None:
    """No extent is known when the kernels are made."""
    model = parse("(float[m,k] x, float[k,n] w, float[n] b) => (float[m,n] y) { h = MatMul(x, w)  y = Add(h, b) }")
    agree(model, [floats(m, k), floats(k, n, seed=1), floats(n, seed=2)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("columns", [3, 32, 50])
def test_constant_weights(columns: int, level: str) -> None:
    """Weights are packed when the model is compiled; as they are, and seen through a transposition."""
    w = floats(20, columns, seed=3)
    plain = f"(float[m,20] x) => (float[m,{columns}] y) <{constant('w', w)}> {{ y = MatMul(x, w) }}"
    turned = f"(float[m,20] x) => (float[m,{columns}] y) <{constant('w', w.T.copy())}> {{ y = Gemm<transB = 1>(x, w) }}"
    for text in (plain, turned):
        agree(parse(text), [floats(30, 20)], level)


BATCHES = {
    "same": ((2, 3), (2, 3)),
    "matrix on the right": ((2, 3), ()),
    "matrix on the left": ((), (2, 3)),
    "repeated left": ((2, 1), (2, 3)),
    "repeated right": ((4, 3), (1, 3)),
    "both repeated": ((2, 1, 3), (1, 4, 1)),
    "three": ((2, 2, 3), (2, 2, 3)),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
def test_batches(batch: tuple[tuple[int, ...], tuple[int, ...]], level: str) -> None:
    a, b = (*batch[0], 17, 20), (*batch[1], 20, 37)
    left, right = (",".join(map(str, s)) for s in (a, b))
    model = parse(f"(float[{left}] x, float[{right}] w) => (y) {{ y = MatMul(x, w) }}")
    agree(model, [floats(*a), floats(*b, seed=1)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((20,), (20, 7)),
        ((5, 20), (20,)),
        ((20,), (20,)),
        ((3, 20), (2, 20, 7)),
        ((20,), (2, 20, 7)),
        ((2, 5, 20), (20,)),
    ],
)
def test_vectors(a: tuple[int, ...], b: tuple[int, ...], level: str) -> None:
    left, right = (",".join(map(str, s)) for s in (a, b))
    model = parse(f"(float[{left}] x, float[{right}] w) => (y) {{ y = MatMul(x, w) }}")
    agree(model, [floats(*a), floats(*b, seed=1)], level)


@pytest.mark.parametrize("level", LEVELS)
def test_heads(level: str) -> None:
    """Both sides are views of heads that lie together: nothing is copied but for packing."""
    model = parse(
        "(float[b,s,24] q, float[b,s,24] k) => (float[b,3,s,s] y) <int64[4] heads = {0, 0, 3, 8}> {"
        "a = Reshape(q, heads)  c = Reshape(k, heads)  p = Transpose<perm = [0, 2, 1, 3]>(a)"
        "r = Transpose<perm = [0, 2, 3, 1]>(c)  y = MatMul(p, r) }"
    )
    assert calls(model) == 2
    agree(model, [floats(2, 19, 24), floats(2, 19, 24, seed=1)], level)


GEMMS = {
    "row": ("<alpha = 0.5, beta = 2.0>", (5, 20), (20, 33), (33,)),
    "column": ("", (5, 20), (20, 33), (5, 1)),
    "matrix": ("<transB = 1>", (5, 20), (33, 20), (5, 33)),
    "number": ("<transA = 1>", (20, 5), (20, 33), ()),
    "all": ("<transA = 1, transB = 1, alpha = -1.5, beta = 0.25>", (20, 5), (33, 20), (1, 33)),
    "none": ("<alpha = 3.0>", (5, 20), (20, 33), None),
    "beta zero": ("<beta = 0.0>", (5, 20), (20, 33), (33,)),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", GEMMS.values(), ids=GEMMS)
def test_gemm(case: tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...] | None], level: str) -> None:
    attributes, *shapes = case
    given = [(n, s) for n, s in zip("abc", shapes, strict=True) if s is not None]
    inputs = ", ".join(f"float[{','.join(map(str, s))}] {n}" for n, s in given)
    model = parse(f"({inputs}) => (float[5,33] y) {{ y = Gemm{attributes}({', '.join(n for n, _ in given)}) }}")
    agree(model, [floats(*s, seed=i) for i, (_, s) in enumerate(given)], level)


@pytest.mark.parametrize("level", LEVELS)
def test_epilogue(level: str) -> None:
    """Bias, activation, residual and a factor by row in one kernel."""
    model = parse(
        "(float[b,s,20] x, float[20,70] w, float[70] bias, float[b,s,70] r, float[b,s,1] f) => (float[b,s,70] y) {"
        "m = MatMul(x, w)  h = Add(m, bias)  g = Gelu(h)  t = Mul(g, f)  y = Add(r, t) }"
    )
    assert calls(model) == 2  # packing, and everything else
    feeds = [
        floats(2, 9, 20),
        floats(20, 70, seed=1),
        floats(70, seed=2),
        floats(2, 9, 70, seed=3),
        floats(2, 9, 1, seed=4),
    ]
    agree(model, feeds, level, atol=4e-6)


@pytest.mark.parametrize("level", LEVELS)
def test_rows_far_apart(level: str) -> None:
    """Rows 4096 bytes apart are copied before use."""
    agree(
        parse("(float[m,1024] x, float[1024,40] w) => (y) { y = MatMul(x, w) }"),
        [floats(90, 1024), floats(1024, 40, seed=1)],
        level,
    )


def test_same_bits_for_any_threads() -> None:
    model = parse("(float[m,700] x, float[700,300] w) => (y) { y = MatMul(x, w) }")
    feeds = [floats(100, 700), floats(700, 300, seed=1)]
    one, two, five = (run(model, feeds, LEVELS[-1], threads=n)[0] for n in (1, 2, 5))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, five)
    np.testing.assert_array_equal(one[:37], run(model, [feeds[0][:37], feeds[1]], LEVELS[-1])[0])


def test_error_is_that_of_short_sums() -> None:
    """Against float64, a product of depth 5000 is no worse than twice NumPy's."""
    a, b = floats(30, 5000), floats(5000, 40, seed=1)
    truth = a.astype(np.float64) @ b.astype(np.float64)
    [y] = run(parse("(float[m,5000] x, float[5000,40] w) => (y) { y = MatMul(x, w) }"), [a, b], LEVELS[-1])
    assert np.abs(y - truth).mean() < 2 * np.abs(a @ b - truth).mean()
