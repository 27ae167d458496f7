"""Extents that must be equal and are symbols: where their numbers differ there is an error, never a read out of bounds."""

from __future__ import annotations

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.ir.text import parse_model

# what is computed -> (the inputs, the nodes, shapes that fit, shapes that do not)
Shapes = tuple[tuple[int, ...], ...]
CASES: dict[str, tuple[str, str, Shapes, Shapes]] = {
    "rows by columns": ("float[M,K] a, float[L,N] b", "y = MatMul(a, b)", ((3, 4), (4, 5)), ((3, 7000), (4, 5))),
    "batches of products": (
        "float[B,M,K] a, float[D,L,N] b", "y = MatMul(a, b)", ((3, 4, 5), (1, 5, 6)), ((3, 4, 5), (2, 5, 6)),
    ),
    "Gemm": ("float[M,K] a, float[N,L] b", "y = Gemm<transB=1>(a, b)", ((3, 4), (5, 4)), ((3, 7000), (5, 4))),
    "channels": (
        "float[B,C,8,8] a, float[2,4,3,3] b", "y = Conv(a, b)", ((1, 4, 8, 8), (2, 4, 3, 3)), ((1, 5, 8, 8), (2, 4, 3, 3)),
    ),
    "channels in groups": (
        "float[B,C,8,8] a, float[6,2,3,3] b", "y = Conv<group=2>(a, b)", ((1, 4, 8, 8), (6, 2, 3, 3)), ((1, 6, 8, 8), (6, 2, 3, 3)),
    ),
    "a bias per filter": (
        "float[B,4,8,8] a, float[O] b", "w = Constant<value = float[2,4,1,1] {1,2,3,4,5,6,7,8}>() y = Conv(a, w, b)",
        ((1, 4, 8, 8), (2,)), ((1, 4, 8, 8), (1,)),
    ),
    "a batch of keys": (
        "float[B,2,S,8] a, float[C,2,T,8] b", "y = Attention(a, b, b)", ((2, 2, 3, 8), (2, 2, 5, 8)), ((2, 2, 3, 8), (1, 2, 5, 8)),
    ),
    "sums": ("float[M,K] a, float[N,L] b", "y = Add(a, b)", ((3, 4), (3, 1)), ((3, 4), (3, 5))),
    "what is joined": ("float[B,C] a, float[D,E] b", "y = Concat<axis=1>(a, b)", ((2, 3), (2, 5)), ((2, 3), (4, 5))),
    "elements to pick": (
        "float[A,B] a, float[C,D] b", "i = Cast<to=7>(b) z = Constant<value = int64 {0}>() j = Mul(i, z) y = GatherElements(a, j)",
        ((3, 4), (2, 3)), ((3, 4), (2, 5)),
    ),
    "pieces": ("float[N,3] a, float[M] b", "s = Constant<value = int64[2] {4,4}>() y, z = Split<axis=0>(a, s)", ((8, 3), (1,)), ((5, 3), (1,))),
    "a fixed shape": (
        "float[N] a, float[M] b", "s = Constant<value = int64[2] {200,300}>() r = Reshape(a, s) y = Neg(r)",
        ((60000,), (1,)), ((40,), (1,)),
    ),
    "rows of four": ("float[N] a, float[M] b", "s = Constant<value = int64[2] {-1,4}>() y = Reshape(a, s)", ((8,), (1,)), ((6,), (1,))),
    "an axis of one": ("float[N,3] a, float[M] b", "s = Constant<value = int64[1] {0}>() y = Squeeze(a, s)", ((1, 3), (1,)), ((4, 3), (1,))),
    "a known row": ("float[N,3] a, float[M] b", "i = Constant<value = int64 {50}>() r = Gather(a, i) y = Neg(r)", ((51, 3), (1,)), ((50, 3), (1,))),
    "a known row from the end": (
        "float[N,3] a, float[M] b", "i = Constant<value = int64 {-5}>() r = Gather(a, i) y = Neg(r)", ((5, 3), (1,)), ((4, 3), (1,)),
    ),
    "the largest": ("float[N] a, float[M] b", "k = Constant<value = int64[1] {9}>() y, z = TopK(a, k)", ((9,), (1,)), ((8,), (1,))),
    "angles": (
        "float[B,2,S,8] a, float[P,Q] b", "p = Constant<value = int64[1,3] {0,1,2}>() y = RotaryEmbedding(a, b, b, p)",
        ((1, 2, 3, 8), (5, 4)), ((1, 2, 3, 8), (5, 9000)),
    ),
    "windows in an image": (
        "float[1,1,H,W] a, float[M] b", "p = MaxPool<kernel_shape=[5,5]>(a) y = GlobalAveragePool(p)",
        ((1, 1, 6, 6), (1,)), ((1, 1, 3, 3), (1,)),
    ),
    "updates": (
        "float[B,C] a, float[D,E] b", "i = Constant<value = int64[2,1] {0, 1}>() y = ScatterND(a, i, b)",
        ((3, 4), (2, 4)), ((3, 4), (1, 4)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_extents_are_compared_when_they_are_known(case: str) -> None:
    inputs, nodes, good, bad = CASES[case]
    model = parse_model(f'<ir_version: 10, opset_import: ["" : 24]> g ({inputs}) => (y) {{ {nodes} }}')
    session = sx.Session(model)
    assert not session.fallbacks  # references compare for themselves
    feeds = {
        name: np.random.default_rng(1).standard_normal(s).astype(np.float32) for name, s in zip("ab", good, strict=True)
    }
    (ours,), (truth,) = session.run(None, feeds), sx.evaluate(model, feeds)
    np.testing.assert_allclose(ours, truth, rtol=1e-5, atol=1e-5)
    with pytest.raises(sx.InputError):
        session.run(None, {name: np.ones(s, np.float32) for name, s in zip("ab", bad, strict=True)})


@pytest.mark.parametrize("extent", [0, 3, 5, 8])
def test_what_lies_before_the_first_element_is_not_read(extent: int) -> None:
    """The last five of fewer are all of them."""
    nodes = "s = Constant<value = int64[1] {-5}>() e = Constant<value = int64[1] {100}>() r = Slice(a, s, e) y = Neg(r)"
    model = parse_model(f'<ir_version: 10, opset_import: ["" : 24]> g (float[N,3] a) => (y) {{ {nodes} }}')
    feeds = {"a": np.arange(extent * 3, dtype=np.float32).reshape(extent, 3)}
    np.testing.assert_array_equal(sx.Session(model).run(None, feeds)[0], sx.evaluate(model, feeds)[0])
