"""Before 13, scales were single numbers."""

from __future__ import annotations

from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Cast, Mul, Reshape, Sub


@down("DequantizeLinear", 13)
def dequantize_by_axis(new: Old) -> Expr:
    """(x - zero point) * scale, where the scale is a vector."""
    shape = new.shape(1)
    if shape is None:
        new.refuse("the shape of its scale is unknown", fix="declare the shapes of the model's inputs")
    if shape in ((), (1,)):
        new.node.set_attr("axis", None)
        return None
    rank, dtype = new.need_rank(0), new.dtype(1)
    if dtype is None:
        new.refuse("the type of its scale is unknown", fix="declare the types of the model's inputs")
    column = [-1, *[1] * (rank - 1 - new.attr("axis") % rank)]
    x = Cast(new.input(0), to=dtype.code)
    if new.input(2) is not None:
        x = Sub(x, Reshape(Cast(new.input(2), to=dtype.code), column))
    return Mul(x, Reshape(new.input(1), column))


@down("QuantizeLinear", 13)
def quantize_whole(new: Old) -> Expr:
    """One scale for all elements."""
    if new.shape(1) not in ((), (1,)):
        new.refuse("it has a scale for each index of an axis")
    new.node.set_attr("axis", None)
