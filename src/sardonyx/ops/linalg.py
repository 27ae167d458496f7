"""Products of matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import BFLOAT16
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Flag, Float, Input, Output, String, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, broadcast, same
from sardonyx.ops.typesets import FLOATS, NUMBERS, NUMBERS_BF, WIDE_INTS


def matrix(x: Known, name: str, *, transpose: bool) -> tuple[Dim | None, Dim | None]:
    """The two dims of a matrix, as they count after `transpose`; None for what nothing is known of."""
    if not x.has_shape:
        return None, None
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
        if k is not None and k2 is not None:
            same(k, k2, "inner dimensions of A' and B'")
        if C is not None and C.has_shape and m is not None and n is not None:
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


@operator("Einsum", since=(12, 28))
class Einsum:
    """A sum of products in Einstein's notation: a label that the result lacks is summed over; "..." stands for broadcast axes."""

    T = types({12: NUMBERS, 28: NUMBERS_BF})
    Inputs = Input(T, variadic=True)
    Output = Output(T)
    equation = String(required=True)

    @infers
    def infer(*inputs: Known, equation: str) -> Dims:
        return einsum_shape(equation, [x.shape for x in inputs])

    @reference
    def run(*inputs: Array, equation: str) -> Array:
        return np.asarray(np.einsum(equation, *map(wide, inputs), optimize=True)).astype(inputs[0].dtype)


def einsum_shape(equation: str, shapes: Sequence[tuple[Dim, ...]]) -> Dims:
    """The shape that an equation gives.

    Raises:
        ShapeError: it does not fit the shapes, or is none.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ShapeError(f"'{equation}' has {len(terms)} operands", why=f"{len(shapes)} were given")
    extents: dict[str, Dim] = {}
    spread: tuple[Dim, ...] = ()
    for term, shape in zip(terms, shapes, strict=True):
        before, dots, after = term.partition("...")
        labels = before + after
        rest = len(shape) - len(labels)
        if rest < 0 or (rest and not dots) or not all(c.isalpha() for c in labels):
            raise ShapeError(f"'{term}' of '{equation}' does not describe {show_shape(shape)}")
        spread = broadcast(spread, shape[len(before) : len(before) + rest])
        for label, extent in zip(labels, shape[: len(before)] + shape[len(before) + rest :], strict=True):
            (extents[label],) = broadcast((extents.get(label, 1),), (extent,))
    if not arrow:
        right = "..." + "".join(sorted(c for c in extents if left.count(c) == 1))
    before, dots, after = right.partition("...")
    unknown = [c for c in before + after if c not in extents]
    if unknown:
        raise ShapeError(f"'{right}' of '{equation}' names '{unknown[0]}'", why="no operand has it")
    return *(extents[c] for c in before), *(spread if dots else ()), *(extents[c] for c in after)


@operator("Det", since=(11, 22))
class Det:
    """The determinant of each matrix in the last two axes."""

    T = types({11: FLOATS, 22: FLOATS | {BFLOAT16}})
    X = Input(T)
    Y = Output(T)

    @infers
    def infer(X: Known) -> Dims:
        if X.rank < 2:
            raise ShapeError(f"{show_shape(X.shape)} is no matrix", why=f"its rank is {X.rank}")
        same(X.shape[-2], X.shape[-1], "rows and columns")
        return X.shape[:-2]

    @reference
    def run(X: Array) -> Array:
        return np.asarray(np.linalg.det(wide(X))).astype(X.dtype)


__all__: list[str] = []
