"""Products: brought to the form in which what stands around them can join them."""

from __future__ import annotations

import numpy as np

from sardonyx.passes.rules.shape import spelled
from sardonyx.rewrite import Expr, Match, Rule, rewrite, values
from sardonyx.rewrite.example import f32
from sardonyx.rewrite.op import Add, Gemm, MatMul, Reshape, Transpose

__all__ = ["PRODUCTS"]

x, w, bias, shape, inner_shape = values("x w bias? shape inner_shape")
_GEMM = Gemm.any(Reshape.any(x, inner_shape), w, bias, alpha=1.0, beta=1.0, transA=0)


@rewrite(Reshape.any(_GEMM, shape))
def gemm_of_flattened(m: Match) -> Expr:
    """Reshape(Gemm(Reshape(x, [-1, k]), w, b), [..., n]) -> x @ w + b: no view stands between the sum and what reads it."""
    given, out, rows = m[x].shape, m.operand(m.root.output).shape, m[_GEMM].shape
    m.require(given is not None and out is not None and rows is not None, "the rank is unknown")
    assert given is not None and out is not None and rows is not None
    m.require(len(out) > 2 and out[-1] == rows[-1], "the columns are arranged anew")
    features = m.operand(m.node(_GEMM).inputs[0]).dim(1)  # pyright: ignore[reportArgumentType] Gemm has two inputs
    wide = (*out[:-1], features)
    new = spelled(given, wide)
    m.require(wide == given or new is not None, "more than one extent is unknown")
    swapped = bool(m.attr(_GEMM, "transB"))
    rows_of_x = x if wide == given else Reshape(x, np.array(new, np.int64))
    product = MatMul(rows_of_x, Transpose(w, perm=[1, 0]) if swapped else w)
    if bias not in m:
        return product
    m.require(m[bias].broadcasts_to(1, rows[-1]), "the bias differs from row to row")
    added = Reshape(bias, np.array([-1])) if m[bias].rank == 2 else bias
    return Add(product, added)


gemm_of_flattened.fires(
    Reshape(Gemm(Reshape(x, inner_shape), w, bias), np.array([2, -1, 5])),
    x=f32[2, "n", 6], w=f32[6, 5], bias=f32[5], inner_shape=[-1, 6], tolerance=1e-5,
)  # fmt: skip
gemm_of_flattened.fires(
    Reshape(Gemm(Reshape(x, inner_shape), w, bias, transB=1), shape),
    x=f32[2, 3, 6], w=f32[5, 6], bias=f32[1, 5], inner_shape=[-1, 6], shape=[2, 3, 5], tolerance=1e-5,
)  # fmt: skip
gemm_of_flattened.fires(
    Reshape(Gemm(Reshape(x, inner_shape), w), shape),
    x=f32["n", 3, 2, 3], w=f32[6, 5], inner_shape=[-1, 6], shape=[-1, 3, 5], tolerance=1e-5,
)  # fmt: skip
gemm_of_flattened.refuses(
    Reshape(Gemm(Reshape(x, inner_shape), w, bias), shape),
    x=f32[2, 3, 6], w=f32[6, 5], bias=f32[6, 5], inner_shape=[-1, 6], shape=[2, 3, 5], because="row to row",
)  # fmt: skip

PRODUCTS: list[Rule] = [gemm_of_flattened]
