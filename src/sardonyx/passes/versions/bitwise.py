"""Operations on bits came late; before, there were shifts of unsigned integers, and arithmetic."""

from __future__ import annotations

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dtypes import DType
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.passes.versions.write import write
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Cast, Sub

UNSIGNED = {8: d.UINT8, 16: d.UINT16, 32: d.UINT32, 64: d.UINT64}
TRUTH = {"BitwiseAnd": "And", "BitwiseOr": "Or", "BitwiseXor": "Xor"}


def _integers(new: Old) -> DType:
    dtype = new.dtype(0)
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    return dtype


@down("BitwiseNot", 18)
def not_by_subtraction(new: Old) -> Expr:
    """In two's complement the bits of x turned over are -1 - x; of unsigned numbers, the largest less x."""
    dtype = _integers(new)
    return Sub(
        np.array(-1).astype(dtype.numpy), new.input(0)
    )  # the largest of unsigned ones has every bit set, as -1 has


@down("BitwiseAnd BitwiseOr BitwiseXor", 18)
def bit_by_bit(new: Old) -> Expr:
    """Each bit, shifted down to the end, is a truth value; these are joined and weighed again."""
    dtype = _integers(new)
    plain = UNSIGNED[dtype.bits]
    places = np.arange(dtype.bits)
    return write(
        new,
        f"""
        a_plain = Cast <to = {plain.code}> (a)  a_column = Unsqueeze (a_plain, last)
        b_plain = Cast <to = {plain.code}> (b)  b_column = Unsqueeze (b_plain, last)
        a_down = BitShift <direction = "RIGHT"> (a_column, places)  a_odd = Mod (a_down, two)  a_bit = Cast <to = 9> (a_odd)
        b_down = BitShift <direction = "RIGHT"> (b_column, places)  b_odd = Mod (b_down, two)  b_bit = Cast <to = 9> (b_odd)
        bit = {TRUTH[new.node.op_type]} (a_bit, b_bit)
        one = Cast <to = 7> (bit)  weight = Mul (one, weights)
        sum = ReduceSum <keepdims = 0> (weight, last)
        Y = Cast <to = {dtype.code}> (sum)
        """,
        a=new.input(0),
        b=new.input(1),
        last=[-1],
        places=places.astype(plain.numpy),
        two=np.array(2, plain.numpy),
        weights=(np.uint64(1) << places.astype(np.uint64)).view(np.int64),  # the last is the sign
    )


@down("BitShift", 28)
def shift_without_sign(new: Old) -> Expr:
    """Only unsigned integers were shifted. To the right, a negative number goes as what it is short of -1, and comes back."""
    dtype = _integers(new)
    if dtype in UNSIGNED.values():
        return None
    plain, left = UNSIGNED[dtype.bits], new.attr("direction") in ("LEFT", b"LEFT")
    outside = "Y = Where (away, zero, moved)"
    if not left:
        outside = """
            back = Sub (minus, moved)  signed = Where (negative, back, moved)
            sign = Where (negative, minus, zero)  Y = Where (away, sign, signed)
        """
    start = "short = Sub (minus, x)  start = Where (negative, short, x)" if not left else "start = Identity (x)"
    return write(
        new,
        f"""
        before = Less (by, zero)  beyond = GreaterOrEqual (by, bits)  away = Or (before, beyond)
        near = Where (away, zero, by)  count = Cast <to = {plain.code}> (near)
        negative = Less (x, zero)
        {start}
        plain = Cast <to = {plain.code}> (start)
        shifted = BitShift <direction = "{"LEFT" if left else "RIGHT"}"> (plain, count)
        moved = Cast <to = {dtype.code}> (shifted)
        {outside}
        """,
        x=new.input(0),
        by=new.input(1),
        zero=np.zeros((), dtype.numpy),
        minus=np.array(-1, dtype.numpy),
        bits=np.array(dtype.bits, dtype.numpy),
    )


@down("BitCast", 26)
def bits_of_integers(new: Old) -> Expr:
    """Between integers of one width a Cast keeps the bits; those of other types cannot be read or set."""
    source, target = _integers(new), d.dtype(new.attr("to"))
    if source is target:
        return new.input(0)
    truth = source is d.BOOL and target in (d.INT8, d.UINT8)  # whose bytes are 0 and 1
    if not truth and not (source.is_integer and target.is_integer):
        new.refuse(f"no older operator reads the bits of {source} as {target}")
    return Cast(new.input(0), to=target.code)
