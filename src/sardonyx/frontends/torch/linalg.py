"""Products of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.cast import cast
from sardonyx.frontends.torch.registry import aten
from sardonyx.frontends.torch.shape import shape_of
from sardonyx.ir import TensorType, Value
from sardonyx.ops.builder import Builder

__all__: list[str] = []

Number = int | float

_NARROW = {d.INT8: d.INT32, d.INT16: d.INT32, d.UINT8: d.UINT32, d.UINT16: d.UINT32}  # MatMul takes 32 bits and more


def matmul(g: Builder, a: Value, b: Value) -> Value:
    """a @ b; narrow integers wrap around as torch's do."""
    wide = _NARROW.get(a.dtype) if a.dtype is not None else None
    return g.MatMul(a, b) if wide is None else cast(g, g.MatMul(cast(g, a, wide), cast(g, b, wide)), a.dtype)


def _product(schema: str) -> None:
    @aten(schema)
    def rule(g: Builder, self: Value, other: Value) -> Value:
        return matmul(g, self, other)


_product("matmul(Tensor self, Tensor other) -> Tensor")


@aten("mm(Tensor self, Tensor mat2) -> Tensor")
@aten("bmm(Tensor self, Tensor mat2) -> Tensor")
def mm(g: Builder, self: Value, mat2: Value) -> Value:
    return matmul(g, self, mat2)


@aten("mv(Tensor self, Tensor vec) -> Tensor")
def mv(g: Builder, self: Value, vec: Value) -> Value:
    return matmul(g, self, vec)


@aten("dot(Tensor self, Tensor tensor) -> Tensor")
def dot(g: Builder, self: Value, tensor: Value) -> Value:
    return matmul(g, self, tensor)


@aten("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor")
def linear(g: Builder, input: Value, weight: Value, bias: Value | None) -> Value:
    if input.rank == 2 and weight.rank == 2:
        return g.Gemm(input, weight, bias, transB=True)
    product = matmul(g, input, transposed(g, weight))
    return product if bias is None else g.Add(product, bias)


def transposed(g: Builder, weight: Value) -> Value:
    """The matrix the other way round; a vector stays."""
    return g.Transpose(weight, perm=[1, 0]) if weight.rank == 2 else weight


@aten("addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor")
def addmm(g: Builder, self: Value, mat1: Value, mat2: Value, *, beta: Number, alpha: Number, out: TensorType) -> Value:
    if out.dtype in _NARROW:
        return _scaled_sum(g, self, beta, matmul(g, mat1, mat2), alpha)
    # Torch promises that beta == 0 hides NaN and inf in `self`; 0 * C would let them through.
    return g.Gemm(mat1, mat2, None if beta == 0 else self, alpha=alpha, beta=1.0 if beta == 0 else beta)


@aten("baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor")
def baddbmm(g: Builder, self: Value, batch1: Value, batch2: Value, *, beta: Number, alpha: Number) -> Value:
    return _scaled_sum(g, self, beta, matmul(g, batch1, batch2), alpha)


@aten("addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor")
def addmv(g: Builder, self: Value, mat: Value, vec: Value, *, beta: Number, alpha: Number) -> Value:
    return _scaled_sum(g, self, beta, matmul(g, mat, vec), alpha)


def _scaled_sum(g: Builder, addend: Value, beta: Number, product: Value, alpha: Number) -> Value:
    """beta * addend + alpha * product; beta == 0 hides what is in the addend."""
    term = product if alpha == 1 else g.Mul(product, alpha)
    if beta == 0:
        return term
    return g.Add(addend if beta == 1 else g.Mul(addend, beta), term)


@aten("_linalg_det(Tensor A) -> (Tensor result, Tensor LU, Tensor pivots)")
def det(g: Builder, A: Value) -> tuple[Value, None, None]:
    return g.Det(A), None, None


@aten("_linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet, Tensor LU, Tensor pivots)")
def slogdet(g: Builder, A: Value) -> tuple[Value, Value, None, None]:
    value = g.Det(A)
    return g.Sign(value), g.Log(g.Abs(value)), None, None


@aten(
    "_trilinear(Tensor i1, Tensor i2, Tensor i3, int[] expand1, int[] expand2, int[] expand3, int[] sumdim, int unroll_dim=1) -> Tensor"
)
def trilinear(
    g: Builder, i1: Value, i2: Value, i3: Value, expand1: Sequence[int], expand2: Sequence[int], expand3: Sequence[int],
    sumdim: Sequence[int], unroll_dim: int,
) -> Value:  # fmt: skip
    """The product of the three, each broadcast along its own axes, added up over some."""
    a, b, c = (g.Unsqueeze(x, list(axes)) if axes else x for x, axes in ((i1, expand1), (i2, expand2), (i3, expand3)))
    return g.ReduceSum(g.Mul(g.Mul(a, b), c), list(sumdim), keepdims=False)


# -- distances ---------------------------------------------------------------------------------------------------------------


@aten("_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor")
def cdist(g: Builder, x1: Value, x2: Value, p: float, compute_mode: int | None) -> Value:
    return norm(g, g.Sub(g.Unsqueeze(x1, [-2]), g.Unsqueeze(x2, [-3])), p)


@aten("_pdist_forward(Tensor self, float p=2.) -> Tensor")
def pdist(g: Builder, self: Value, p: float) -> Value:
    """The distances of all pairs of rows."""
    count = shape_of(self)[0]
    if not isinstance(count, int):
        raise UnsupportedError("pdist of a dynamic number of rows", fix="use torch.cdist")
    first, second = np.triu_indices(count, 1)
    return norm(g, g.Sub(g.Gather(self, first, axis=0), g.Gather(self, second, axis=0)), p)


def norm(g: Builder, x: Value, p: float) -> Value:
    """The p-norm along the last axis."""
    match p:
        case 0.0:
            return g.ReduceSum(cast(g, g.Not(g.Equal(x, 0.0)), x.dtype), [-1], keepdims=False)
        case 1.0:
            return g.ReduceL1(x, [-1], keepdims=False)
        case 2.0:
            return g.ReduceL2(x, [-1], keepdims=False)
        case math.inf:
            return g.ReduceMax(g.Abs(x), [-1], keepdims=False)
        case _:
            return g.Pow(g.ReduceSum(g.Pow(g.Abs(x), p), [-1], keepdims=False), 1 / p)
