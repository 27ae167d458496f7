"""Quantizing in blocks, to 16 bits and to fewer than 8 came late; before, it was a division, rounding and a Cast."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dtypes import DType
from sardonyx.ops import lookup
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.passes.versions.early.widen import need_type
from sardonyx.passes.versions.write import write
from sardonyx.rewrite import Expr

# The byte that holds what was packed tighter, for constants.
BYTE = {d.INT4: d.INT8, d.INT2: d.INT8, d.UINT4: d.UINT8, d.UINT2: d.UINT8}
PLAIN = (d.INT8, d.UINT8, d.INT16, d.UINT16, d.INT32)


@down("DequantizeLinear", 25)
def dequantize_quarters(new: Old) -> Expr:
    """Constants of two bits lie in bytes."""
    _in_bytes(new, (d.INT2, d.UINT2))


@down("DequantizeLinear", 23)
def dequantize_to_scale(new: Old) -> Expr:
    """The result had the type of the scale."""
    dtype, wanted = new.dtype(1), new.attr("output_dtype")
    if wanted and (dtype is None or wanted != dtype.code):
        return _dequantized(new, d.dtype(wanted))
    new.node.set_attr("output_dtype", None)
    return None


@down("DequantizeLinear", 21)
def dequantize_blocks(new: Old) -> Expr:
    """A scale was for all elements or for one axis, and what it scaled was a byte."""
    _in_bytes(new, tuple(BYTE))
    if new.attr("block_size") or new.dtype(0) in (d.INT16, d.UINT16):
        scale = new.dtype(1)
        if scale is None:
            new.refuse("the type of its scale is unknown", fix="declare the types of the model's inputs")
        return _dequantized(new, scale)
    return None


@down("QuantizeLinear", 23)
def quantize_as_precise(new: Old) -> Expr:
    """The division was that of the scale's type."""
    dtype, wanted = new.dtype(1), new.attr("precision")
    if wanted and (dtype is None or wanted != dtype.code):
        return _quantized(new, d.dtype(wanted))
    new.node.set_attr("precision", None)
    return None


@down("QuantizeLinear", 21)
def quantize_blocks(new: Old) -> Expr:
    """A scale was for all elements or for one axis, and what came out was a byte; its type was that of the zero point."""
    to, scale = _target(new), new.dtype(1)
    if scale is None:
        new.refuse("the type of its scale is unknown", fix="declare the types of the model's inputs")
    if new.attr("block_size") or to in (d.INT16, d.UINT16):
        return _quantized(new, scale)
    new.node.set_attr("output_dtype", None)
    if new.input(2) is None and to is not d.UINT8:
        new.wrap_input(2, np.zeros(1 if new.shape(1) == (1,) else (), to.numpy))
    return None


def _in_bytes(new: Old, kinds: tuple[DType, ...]) -> None:
    """Constants of those types become bytes: the same numbers."""
    if new.dtype(0) not in kinds:
        return
    for i in (0, 2):
        given, array, dtype = new.input(i), new.array(i), new.dtype(i)
        if given is None:
            continue
        if array is None or dtype is None:
            need_type(new, dtype)
            new.refuse("what it dequantizes is computed at run time")
        new.wrap_input(i, array.astype(BYTE[dtype].numpy))
        new.release([given])


def _target(new: Old) -> DType:
    given = new.dtype(2)
    return given if given is not None else d.dtype(new.attr("output_dtype") or d.UINT8.code)


def _known(new: Old, dtype: DType) -> None:
    """Refuse element types that the older version does not know in this operator, and arithmetic does not either."""
    op = lookup("", new.node.op_type)
    assert op is not None
    need_type(new, dtype)
    if dtype not in PLAIN:
        new.refuse(f"{op.name} takes no {dtype} before opset {new.written}, and no arithmetic does")


def _dequantized(new: Old, to: DType) -> Expr:
    """(x - zero point) * scale, in float32."""
    kind = new.dtype(0)
    assert kind is not None
    _known(new, kind)
    text, values = _spread(new)
    difference = "less = Identity (x_wide)"
    if new.input(2) is not None:
        difference = "zero_wide = Cast <to = 7> (zero_spread)  less = Sub (x_wide, zero_wide)"
    return write(
        new,
        f"""
        {text}
        x_wide = Cast <to = 7> (x)  {difference}
        less_f = Cast <to = 1> (less)  scale_f = Cast <to = 1> (scale_spread)
        y = Mul (less_f, scale_f)  Y = Cast <to = {to.code}> (y)
        """,
        **values,
    )


def _quantized(new: Old, divides: DType) -> Expr:
    """round(x / scale) + zero point, no more and no less than fits."""
    to = _target(new)
    _known(new, to)
    text, values = _spread(new)
    limits = np.iinfo(to.numpy)  # pyright: ignore[reportArgumentType, reportCallIssue] all of PLAIN are integers
    moved = "moved = Identity (whole)"
    if new.input(2) is not None:
        moved = "zero_f = Cast <to = 1> (zero_spread)  moved = Add (whole, zero_f)"
    return write(
        new,
        f"""
        {text}
        x_as = Cast <to = {divides.code}> (x)  scale_as = Cast <to = {divides.code}> (scale_spread)
        ratio_as = Div (x_as, scale_as)  ratio = Cast <to = 1> (ratio_as)
        whole = Round (ratio)  {moved}
        strange = IsNaN (moved)  number = Where (strange, nothing, moved)
        fits = Clip (number, least, most)  Y = Cast <to = {to.code}> (fits)
        """,
        nothing=np.zeros((), np.float32),
        least=np.array(limits.min, np.float32),
        most=np.array(limits.max, np.float32),
        **values,
    )


def _spread(new: Old) -> tuple[str, dict[str, Any]]:
    """The scale and the zero point as they meet the elements: one for all, for each index of the axis, or for each block."""
    scale, rank, block = new.shape(1), new.need_rank(0), new.attr("block_size")
    if scale is None:
        new.refuse("the shape of its scale is unknown", fix="declare the shapes of the model's inputs")
    axis = new.attr("axis") % rank if rank else 0
    values: dict[str, Any] = {"x": new.input(0), "scale": new.input(1), "zero": new.input(2)}
    names = ["scale", *(["zero"] if new.input(2) is not None else [])]
    if block and len(scale) == rank and rank:
        times = [1] * (rank + 1)
        times[axis + 1] = block
        values |= {"behind": [axis + 1], "times": times, "grown": [block if i == axis else 1 for i in range(rank)]}
        values |= {"none": [0], "at": [axis]}
        text = "shape = Shape (x)  extent = Gather <axis = 0> (shape, at)"
        for n in names:
            text += f"""
                {n}_apart = Unsqueeze ({n}, behind)  {n}_tiled = Tile ({n}_apart, times)
                {n}_shape = Shape ({n})  {n}_whole = Mul ({n}_shape, grown)  {n}_all = Reshape ({n}_tiled, {n}_whole)
                {n}_spread = Slice ({n}_all, none, extent, at)
            """
        return text, values
    if len(scale) == 1 and scale != (1,) and rank > 1:
        values["column"] = [-1, *[1] * (rank - 1 - axis)]
        return "  ".join(f"{n}_spread = Reshape ({n}, column)" for n in names), values
    if scale == (1,):
        values["column"] = [1] * rank
        return "  ".join(f"{n}_spread = Reshape ({n}, column)" for n in names), values
    return "  ".join(f"{n}_spread = Identity ({n})" for n in names), values
