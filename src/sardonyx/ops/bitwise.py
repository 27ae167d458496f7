"""Operations on the bits of integers, and on those of anything."""

from __future__ import annotations

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core import packing
from sardonyx.core.errors import DTypeError
from sardonyx.ir import Array
from sardonyx.ops.declare import Input, Int, Output, String, infers, operator, reference, types
from sardonyx.ops.families import binary, unary
from sardonyx.ops.known import Known, known
from sardonyx.ops.typesets import INTS, IR13, STRING, UNSIGNED

unary("BitwiseNot", (18,), INTS, np.invert, "Every bit turned over.")
binary("BitwiseAnd", (18,), INTS, np.bitwise_and, "The bits that both have.", commutative=True)
binary("BitwiseOr", (18,), INTS, np.bitwise_or, "The bits that either has.", commutative=True)
binary("BitwiseXor", (18,), INTS, np.bitwise_xor, "The bits that just one has.", commutative=True)


def _shifted(x: Array, y: Array, *, direction: str) -> Array:
    """A shift by a negative amount, or by all the bits there are, leaves what the sign fills in: -1 or 0."""
    away = (y < 0) | (y >= 8 * x.dtype.itemsize)
    amount = np.where(away, 0, y).astype(x.dtype)
    if direction == "LEFT":
        return np.where(away, 0, np.left_shift(x, amount)).astype(x.dtype)
    return np.where(away, -(x < 0).astype(np.int8), np.right_shift(x, amount)).astype(x.dtype)


binary(
    "BitShift",
    (11, 28),
    {11: UNSIGNED, 28: INTS},
    _shifted,
    "The bits of X moved by Y places: to the left the number grows by powers of 2, to the right it is effectively decreased.\n"
    "Since 28: for signed types, a right shift is an arithmetic shift, in which the sign fills in; all that is left where"
    " Y is negative.",
    formals=("X", "Y", "Z"),
    attributes={"direction": String(required=True)},
)


@operator("BitCast", since=(26,), elementwise=True)
class BitCast:
    """The same bits, read as another type of the same width."""

    T1 = types(IR13 - STRING)
    T2 = types(IR13 - STRING)
    input = Input(T1)
    output = Output(T2)
    to = Int(required=True)

    @infers
    def infer(input: Known, *, to: int) -> Known:
        target = d.dtype(to)
        if input.dtype is not None and input.dtype.bits != target.bits:
            raise DTypeError(
                f"{input.dtype} has {input.dtype.bits} bits, {target} has {target.bits}",
                fix="use Cast to change the width",
            )
        return known(target, input.dims)

    @reference
    def run(input: Array, *, to: int) -> Array:
        source, target = d.dtype(input.dtype), d.dtype(to)
        if source.packed:
            return packing.from_codes(packing.to_codes(input, source), target).reshape(input.shape)
        return np.ascontiguousarray(input).view(target.numpy).reshape(input.shape)


__all__: list[str] = []
