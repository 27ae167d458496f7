"""Products with constant weights of few bits: MatMulNBits, and DequantizeLinear before a product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import FLOAT32
from sardonyx.engine.blocking import Blocking, FewBitsBlocking
from sardonyx.engine.contract import Axes, ContractHead, Right
from sardonyx.engine.formula import Epilogue, Formula, Step
from sardonyx.engine.kernels.few_bits import FewBitsSpec, few_bits_kernel, few_bits_tile, packed_few_bits
from sardonyx.engine.lower.linalg import left_of
from sardonyx.engine.lowering import Deferred, Lowering, NotNative, lower
from sardonyx.engine.program import Argument
from sardonyx.engine.shared import one_of_equals
from sardonyx.engine.views import View
from sardonyx.ir import Array, Node
from sardonyx.ops.contrib.linalg import CODES, unpacked
from sardonyx.tile import Kernel

__all__ = ["Weights", "few_bits_product"]


@dataclass(frozen=True, eq=False)
class Weights:
    """The right side [k, n]: (numbers - zeros) * scales, with a row of scales for every `block` rows of numbers.

    numbers: u8, of `bits` each. zeros: None means half the range. codes: what the numbers mean, if not themselves; no zeros then.
    """

    numbers: Array
    scales: Array
    zeros: Array | None
    bits: int
    block: int
    codes: tuple[float, ...] = ()


@dataclass(eq=False, kw_only=True)
class FewBitsHead(ContractHead):
    """A product with packed weights."""

    bits: int
    block: int
    middle: int
    offset: bool
    codes: tuple[float, ...] = ()

    def unit(self, low: Lowering, epilogue: Epilogue, out: View) -> tuple[Kernel, Blocking, Argument]:
        spec = FewBitsSpec(self.bits, self.block, self.middle, self.offset, epilogue, self.codes)
        return few_bits_kernel(spec, low.target), FewBitsBlocking(few_bits_tile(low.target), 4, self.block), 0


MOST = 256  # products that are added up before they are scaled


def few_bits_product(low: Lowering, a: View, weights: Weights, shape: Sequence[Dim], node: str) -> Deferred:
    """The deferred product of a [..., k] in float32 with the weights."""
    k = weights.numbers.shape[0]
    low.claim(a.shape[-1], k, f"{node} multiplies rows by columns of one length")
    if a.dtype is not FLOAT32:
        raise NotNative(f"a product of {a.dtype} and packed weights")
    tile = few_bits_tile(low.target)
    rows = 1 if weights.bits == 8 else 32 // weights.bits
    block, scales, zeros = weights.block, weights.scales, weights.zeros
    if block > MOST and block % MOST == 0:  # long sums are cut, at the price of scales that repeat
        again = block // MOST
        scales = np.repeat(scales, again, 0)[: -(-k // MOST)]
        zeros = None if zeros is None else np.repeat(zeros, again, 0)[: -(-k // MOST)]
        block = MOST
    if block % rows:
        raise NotNative(f"blocks of {block} rows")
    panels, middle, offset = packed_few_bits(weights.numbers, scales, zeros, weights.bits, block, tile)
    right = Right(low.constant(one_of_equals(panels), node).buffer, ())
    rank = len(shape)
    if a.strides[-1] != 1 and a.shape[-1] != 1:
        a = low.contiguous(a)
    axes = Axes((), tuple(range(rank - 1)), rank - 1)
    order = tuple(range(rank))
    head = FewBitsHead(
        tuple(shape),
        order,
        axes,
        left_of(a, (), axes.rows),
        right,
        bits=weights.bits,
        block=block,
        middle=middle,
        offset=offset,
        codes=weights.codes,
    )
    return Deferred(tuple(shape), FLOAT32, Formula(("f32",)), [], head, order, (node,))


@lower("MatMulNBits", domain="com.microsoft")
def matmul_n_bits(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source, packed, scales, zeros, order, bias = [*node.inputs, None, None, None][:6]
    assert source is not None
    b, s, z = low.const(packed), low.const(scales), low.const(zeros)
    if b is None or s is None or (zeros is not None and z is None) or order is not None:
        raise NotNative("weights that are computed, or in an order of their own")
    n, k, bits, block = attrs["N"], attrs["K"], attrs["bits"], attrs["block_size"]
    if bits not in (2, 4, 8) or s.dtype != np.float32:
        raise NotNative(f"{bits} bits with scales of {s.dtype}")
    blocks = -(-k // block)
    numbers = unpacked(b.reshape(n, -1), bits)[:, :k].T
    points = None
    if z is not None:
        points = unpacked(z.reshape(n, -1), bits)[:, :blocks] if z.dtype == np.uint8 else z.reshape(n, blocks)
    weights = Weights(numbers, s.reshape(n, blocks).T, None if points is None else points.T, bits, block)
    shape = low.shape(node.output)
    a = low.view(source)
    found = few_bits_product(low, a, weights, (*a.shape[:-1], n), node.name or node.op_type)
    low.claim_all(shape, found.shape, f"{node!r} has a column for each of its N")
    if bias is not None:
        low.claim_all(low.shape(bias), (n,), f"{node!r} has a bias for each column")
        found.formula = Formula(("f32", "f32"), (Step("add", (0, 1), "f32"),))
        found.operands = [low.view(bias).broadcast_to(found.shape)]
    low.give(node.output, found)


@lower("MatMulBnb4", domain="com.microsoft")
def matmul_bnb4(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source, packed, largest = node.inputs
    assert source is not None
    b, s = low.const(packed), low.const(largest)
    n, k, block = attrs["N"], attrs["K"], attrs["block_size"]
    if b is None or s is None or not attrs["transB"]:
        raise NotNative("weights that are computed, or lie by column")
    if k % block or s.dtype != np.float32:
        raise NotNative(f"blocks of {block} that go on in the next row, or scales of {s.dtype}")
    bytes_ = b.reshape(-1)
    numbers = np.stack([bytes_ >> 4, bytes_ & 15], -1).reshape(n, k)  # the high bits first
    codes = tuple(CODES[attrs["quant_type"]].tolist())
    weights = Weights(numbers.T, s.reshape(n, k // block).T, None, 4, block, codes)
    a = low.view(source)
    found = few_bits_product(low, a, weights, (*a.shape[:-1], n), node.name or node.op_type)
    low.claim_all(low.shape(node.output), found.shape, f"{node!r} has a column for each of its N")
    low.give(node.output, found)
