"""Products of matrices: one kernel for all, with the elementwise nodes behind it drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import FLOAT32, FLOAT64
from sardonyx.engine.contract import Axes, ContractHead, Left, pack_right
from sardonyx.engine.formula import Formula
from sardonyx.engine.fuse import Steps
from sardonyx.engine.lowering import Deferred, Lowering, NotNative, kind_of, lower
from sardonyx.engine.program import Table
from sardonyx.engine.space import collapse
from sardonyx.engine.tables import row_table
from sardonyx.engine.views import View, product
from sardonyx.ir import Node, Value

__all__ = ["as_matrices", "give_squeezed", "left_of"]


def left_of(a: View, outer: Sequence[int], rows: Sequence[int]) -> Left:
    """A [..., k] as rows."""
    facts = [x for axis in rows for x in (a.shape[axis], a.strides[axis])]
    pitch = next((a.strides[axis] for axis in reversed(rows) if a.shape[axis] != 1), 0)
    even = len(collapse(a.shape, [a], rows).extents) == 1
    return Left(a, tuple(a.strides[i] for i in outer), Table(row_table, tuple(facts)), a.shape[-1], 1, pitch, even)


def product_of(low: Lowering, a: View, b: View, shape: tuple[Dim, ...], nodes: tuple[str, ...]) -> Deferred:
    """The deferred product of [..., m, k] and [..., k, n]."""
    if a.dtype not in (FLOAT32, FLOAT64) or b.dtype is not a.dtype:
        raise NotNative(f"a product of {a.dtype} and {b.dtype}")
    low.claim(a.shape[-1], b.shape[-2], f"{nodes[0]} multiplies rows by columns of one length")
    if a.strides[-1] != 1 and a.shape[-1] != 1:
        a = low.contiguous(a)
    rank = len(shape)
    batch = tuple(range(rank - 2))
    shared = all(d == 1 for d in b.shape[:-2])
    if shared:
        axes = Axes((), tuple(range(rank - 1)), rank - 1)
        b = b.squeezed(range(b.rank - 2))
        right = pack_right(low, b, (), nodes, rows=product(shape[:-1]))
    else:
        axes = Axes(batch, (rank - 2,), rank - 1)
        right = pack_right(low, b, shape[:-2], nodes, rows=shape[-2])
    a = a.broadcast_to((*shape[:-1], a.shape[-1]))
    left = left_of(a, axes.outer, axes.rows)
    order = tuple(range(rank))
    head = ContractHead(shape, order, axes, left, right)
    if not head.fits:  # batches repeat in a pattern of more than two axes
        wide = low.contiguous(b.broadcast_to((*shape[:-2], *b.shape[-2:])))
        return product_of(low, low.contiguous(a), wide, shape, nodes)
    return Deferred(shape, a.dtype, Formula((kind_of(a.dtype),)), [], head, order, nodes)


@lower("MatMul")
def matmul(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """A vector is a matrix of one row, or of one column, whose axis goes again."""
    left, right = node.inputs
    assert left is not None and right is not None
    if low.dtype(left) not in (FLOAT32, FLOAT64):
        raise NotNative(f"MatMul of {low.dtype(left)}")
    a, b, shape, gone = as_matrices(low.view(left), low.view(right), low.shape(node.output))
    give_squeezed(low, node.output, product_of(low, a, b, shape, (node.name or node.op_type,)), gone)


def as_matrices(a: View, b: View, shape: tuple[Dim, ...]) -> tuple[View, View, tuple[Dim, ...], list[int]]:
    """The factors and the shape of a product with vectors made matrices, and the axes of the result that go again."""
    gone: list[int] = []
    if b.rank == 1:
        b, shape = b.unsqueezed([1]), (*shape, 1)
        gone.append(len(shape) - 1)
    if a.rank == 1:
        a, shape = a.unsqueezed([0]), (*shape[:-1], 1, shape[-1])
        gone = [i + 1 for i in gone]
        gone.append(len(shape) - 2)
    return a, b, shape, gone


def give_squeezed(low: Lowering, output: Value, found: Deferred, gone: Sequence[int]) -> None:
    """Say what a node's output is, less some axes of extent 1."""
    low.give(output, low.force(found, output.name).squeezed(gone) if gone else found)


@lower("Gemm")
def gemm(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """alpha and beta * C become the first steps of the epilogue."""
    left, right, added = [*node.inputs, None][:3]
    assert left is not None and right is not None
    if low.dtype(left) not in (FLOAT32, FLOAT64):
        raise NotNative(f"Gemm of {low.dtype(left)}")
    a, b, shape = low.view(left), low.view(right), low.shape(node.output)
    a = a.permuted((1, 0)) if attrs["transA"] else a
    b = b.permuted((1, 0)) if attrs["transB"] else b
    found = product_of(low, a, b, shape, (node.name or node.op_type,))
    kind = kind_of(a.dtype)
    kinds = [kind]
    operands: list[View] = []
    if added is not None and attrs["beta"] != 0:
        operands = [_beside(low, found, low.view(added).broadcast_to(shape))]
        kinds.append(kind)
    steps = Steps(len(kinds), kinds)
    result = 0
    if attrs["alpha"] != 1:
        result = steps.step("mul", result, steps.number(attrs["alpha"], kind))
    if operands:
        term = 1 if attrs["beta"] == 1 else steps.step("mul", 1, steps.number(attrs["beta"], kind))
        result = steps.step("add", result, term)
    found.formula, found.operands = Formula(tuple(kinds[: 1 + len(operands)]), tuple(steps.steps)), operands
    low.give(node.output, found)


def _beside(low: Lowering, product: Deferred, operand: View) -> View:
    """The operand, or a copy of it that can be read beside the product."""
    assert product.head is not None
    return operand if product.head.accepts(operand) else low.contiguous(operand)
