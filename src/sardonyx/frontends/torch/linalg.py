"""Products of matrices."""

from __future__ import annotations

from sardonyx.core import dtypes as d
from sardonyx.frontends.torch.cast import cast
from sardonyx.frontends.torch.registry import aten
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
