"""Products of matrices."""

from __future__ import annotations

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import BFLOAT16
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Flag, Float, Input, Output, infers, operator, reference, types
from sardonyx.ops.known import Dims, Known, broadcast, same
from sardonyx.ops.typesets import FLOATS, WIDE_INTS


def matrix(x: Known, name: str, *, transpose: bool) -> tuple[Dim, Dim]:
    """The two dims of a matrix, as they count after `transpose`."""
    if x.rank != 2:
        raise ShapeError(f"{name} must be a matrix, not {show_shape(x.shape)}", why=f"its rank is {x.rank}")
    rows, columns = x.shape
    return (columns, rows) if transpose else (rows, columns)


def accumulate(a: Array, b: Array) -> Array:
    """a @ b; narrow floats are multiplied in float32 and rounded once."""
    if a.dtype.itemsize == 2 and a.dtype.kind not in "iu":
        return np.matmul(a.astype(np.float32), b.astype(np.float32))
    return np.matmul(a, b)


@operator("Gemm", since=(1, 6, 7, 9, 11, 13))
class Gemm:
    """Y = alpha * A' @ B' + beta * C, where A' is A, or its transpose when transA is set (B' likewise)."""

    T = types({1: FLOATS, 9: FLOATS | WIDE_INTS, 13: FLOATS | WIDE_INTS | {BFLOAT16}})
    A, B, C = Input(T), Input(T), Input(T, optional_since=11)
    Y = Output(T)
    alpha, beta = Float(1.0), Float(1.0)
    transA, transB = Flag(0), Flag(0)
    broadcast = Flag(0, until=7)  # since 7, C always broadcasts into Y

    @infers
    def infer(A: Known, B: Known, C: Known | None, *, transA: bool, transB: bool) -> Dims:
        m, k = matrix(A, "A", transpose=transA)
        k2, n = matrix(B, "B", transpose=transB)
        same(k, k2, "inner dimensions of A' and B'")
        if C is not None and C.has_shape:
            broadcast(C.shape, (m, n))
        return (m, n)

    @reference
    def run(A: Array, B: Array, C: Array | None, *, alpha: float, beta: float, transA: bool, transB: bool) -> Array:
        y = alpha * accumulate(A.T if transA else A, B.T if transB else B)
        return (y if C is None else y + beta * C).astype(A.dtype)


@operator("MatMul", since=(1, 9, 13))
class MatMul:
    """Y = A @ B with NumPy's rules: leading dims broadcast, a vector is a row on the left and a column on the right."""

    T = types({1: FLOATS, 9: FLOATS | WIDE_INTS, 13: FLOATS | WIDE_INTS | {BFLOAT16}})
    A, B = Input(T), Input(T)
    Y = Output(T)

    @infers
    def infer(A: Known, B: Known) -> Dims:
        return matmul_shape(A.shape, B.shape)

    @reference
    def run(A: Array, B: Array) -> Array:
        return accumulate(A, B).astype(A.dtype)


def matmul_shape(a: tuple[Dim, ...], b: tuple[Dim, ...]) -> Dims:
    """The shape of a product under NumPy's rules."""
    if not a or not b:
        raise ShapeError(
            "MatMul multiplies no scalars", why=f"the shapes are {show_shape(a)} and {show_shape(b)}", fix="use Mul"
        )
    left, right = (1, *a) if len(a) == 1 else a, (*b, 1) if len(b) == 1 else b
    same(left[-1], right[-2], "inner dimensions of A and B")
    rows = () if len(a) == 1 else (left[-2],)
    columns = () if len(b) == 1 else (right[-1],)
    return (*broadcast(left[:-2], right[:-2]), *rows, *columns)
