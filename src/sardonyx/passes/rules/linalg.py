"""Products: brought to the form in which what stands around them can join them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.passes.rules.shape import spelled
from sardonyx.rewrite import Expr, Match, Rule, Var, attribute, rewrite, values
from sardonyx.rewrite.example import f32
from sardonyx.rewrite.op import Add, Einsum, Gemm, MatMul, Reshape, Transpose

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

# -- Einstein's notation ------------------------------------------------------------------------------------------------

a, b, equation = *values("a b"), attribute("equation")
_SPREAD = "0123456789"  # labels for the axes of an ellipsis


def _labels(m: Match) -> tuple[str, str, str]:
    """What the axes of a, b and the result are called, those of an ellipsis too; refuses what no product is."""
    left, arrow, result = m[equation].replace(" ", "").partition("->")
    terms = left.split(",")
    m.require(bool(arrow) and len(terms) == 2, "the result, or one of two operands, is not named")
    named: list[str] = []
    for term, given in zip(terms, (m[a], m[b]), strict=True):
        m.require(given.rank is not None, "the rank is unknown")
        rest = (given.rank or 0) - len(term.replace("...", ""))
        m.require(0 <= rest <= len(_SPREAD), "there are too many axes, or too few")
        named.append(term.replace("...", _SPREAD[len(_SPREAD) - rest :] if rest else ""))
    spread = max((t.count("...") * sum(c in _SPREAD for c in n) for t, n in zip(terms, named, strict=True)), default=0)
    named.append(result.replace("...", _SPREAD[len(_SPREAD) - spread :] if spread else ""))
    m.require(all(len(set(n)) == len(n) for n in named), "an axis is named twice")
    return named[0], named[1], named[2]


def _arranged(m: Match, operand: Var, labels: str, parts: Sequence[str], extents: dict[str, Any]) -> Expr | Var:
    """The operand with its axes in the order of the parts: those of the first one by one, those of each other as one."""
    order = "".join(parts)
    turned = operand if order == labels else Transpose(operand, perm=[labels.index(c) for c in order])
    return _grouped(m, turned, [extents[c] for c in order], [extents[c] for c in parts[0]], parts[1:], extents)


def _grouped(
    m: Match, value: Any, given: list[Any], wide: list[Any], parts: Sequence[str], extents: dict[str, Any]
) -> Any:
    if all(len(p) == 1 for p in parts):
        return value
    for part in parts:
        known = [extents[c] for c in part]
        wide = [
            *wide,
            known[0] if len(part) == 1 else math.prod(known) if all(isinstance(d, int) for d in known) else None,
        ]
    new = spelled(given, wide)
    m.require(new is not None, "more than one extent is unknown")
    return Reshape(value, np.array(new, np.int64))


@rewrite(Einsum(a, b, equation=equation))
def einsum_of_two(m: Match) -> Expr:
    """Einsum(a, b) -> MatMul(a', b'), with axes put in order, where something is summed and all that is, is in both."""
    first, second, result = _labels(m)
    m.require(m[a].is_float, "they are no floats")
    shapes = m[a].shape, m[b].shape
    assert shapes[0] is not None and shapes[1] is not None
    extents: dict[str, Any] = dict(zip(second, shapes[1], strict=True))
    extents |= {c: d for c, d in zip(first, shapes[0], strict=True) if c not in extents or d != 1}
    batch = "".join(c for c in result if c in first and c in second)
    rows, columns = ("".join(c for c in result if c in one and c not in batch) for one in (first, second))
    total = "".join(c for c in first if c in second and c not in result)
    m.require(bool(total), "nothing is summed")
    m.require({*first} == {*batch, *rows, *total} and {*second} == {*batch, *columns, *total}, "one alone is summed")
    for c in (*batch, *total):
        m.require(shapes[0][first.index(c)] == shapes[1][second.index(c)] is not None, "an axis may be spread")
    left = _arranged(m, a, first, (batch, rows, total), extents)
    right = _arranged(m, b, second, (batch, total, columns), extents)
    product: Any = MatMul(left, right)
    have = batch + rows + columns
    if len(rows) != 1 or len(columns) != 1:
        new = spelled([None] * len(have), [extents[c] for c in have])
        m.require(new is not None, "more than one extent is unknown")
        product = Reshape(product, np.array(new, np.int64))
    return product if have == result else Transpose(product, perm=[have.index(c) for c in result])


einsum_of_two.fires(Einsum(a, b, equation="bhlk,bhtk->bhlt"), a=f32["n", 2, 3, 4], b=f32["n", 2, 5, 4], tolerance=1e-5)
einsum_of_two.fires(Einsum(a, b, equation="bqhd,bkhd->bhqk"), a=f32[2, 3, 2, 4], b=f32[2, 5, 2, 4], tolerance=1e-5)
einsum_of_two.fires(Einsum(a, b, equation="bhwc, hkc -> bhwk"), a=f32[2, 3, 5, 4], b=f32[3, 6, 4], tolerance=1e-5)
einsum_of_two.fires(Einsum(a, b, equation="...d,de->...e"), a=f32[2, "n", 4], b=f32[4, 3], tolerance=1e-5)
einsum_of_two.fires(Einsum(a, b, equation="i,i->"), a=f32[4], b=f32[4], tolerance=1e-5)
einsum_of_two.fires(Einsum(a, b, equation="nchw,nkhw->nck"), a=f32[2, 3, 4, 5], b=f32[2, 6, 4, 5], tolerance=1e-5)
einsum_of_two.refuses(Einsum(a, b, equation="i,j->ij"), a=f32[4], b=f32[3], because="nothing is summed")
einsum_of_two.refuses(Einsum(a, b, equation="ij,k->k"), a=f32[4, 2], b=f32[3], because="nothing is summed")
einsum_of_two.refuses(Einsum(a, b, equation="ijk,k->i"), a=f32[4, 2, 3], b=f32[3], because="one alone")
einsum_of_two.refuses(Einsum(a, b, equation="ii,i->i"), a=f32[4, 4], b=f32[4], because="named twice")
einsum_of_two.refuses(Einsum(a, b, equation="ij,jk->ik"), a=f32[4, 1], b=f32[3, 2], because="spread")

PRODUCTS: list[Rule] = [gemm_of_flattened, einsum_of_two]
