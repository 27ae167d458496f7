"""Before 11 axes were counted from the front; before 10, what is cut, padded and repeated was said by attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.ir import Attr, AttrKind, Tensor
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr, Op
from sardonyx.rewrite.op import Expand, Mul, Tile

_REDUCTIONS = (
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare"
)
_NUMBERS = {"float16", "float32", "float64", "int32", "int64", "uint32", "uint64"}  # what Mul took at 7


@down(
    "ArgMax ArgMin Compress Concat Flatten Gather Hardmax LogSoftmax Softmax Split Squeeze TopK Unsqueeze "
    + _REDUCTIONS,
    11,
)
def axes_from_the_front(new: Old) -> Expr:
    """Axes were not negative. (A last axis could be called -1 where that was the default.)"""
    node = new.node
    if node.op_type == "TopK" and new.attr("largest") == 0:
        return _smallest(new)
    for name in ("axis", "axes"):
        attr = node.attrs.get(name)
        if attr is None or attr.ref:
            continue
        single = attr.kind == AttrKind.INT
        axes = [attr.value] if single else list(attr.value)
        if any(a < 0 for a in axes) and not (node.op_type == "TopK" and axes == [-1]):
            rank = new.need_rank(0) + (len(axes) if node.op_type == "Unsqueeze" else 0)
            axes = [a % rank for a in axes]
            node.set_attr(name, Attr.of(name, axes[0] if single else axes, attr.kind))
    if node.op_type == "TopK":
        node.set_attr("sorted", None)  # any order was asked for; that of the older version is one
    return None


def _smallest(new: Old) -> Expr:
    """The smallest are the largest of the negated."""
    dtype, negate = new.dtype(0), Op("Neg")
    if dtype is None or dtype.kind not in ("float", "int"):
        new.refuse("it looks for the smallest of values that cannot be negated")
    found = Op("TopK")(negate(new.input(0)), new.input(1), axis=new.attr("axis"))
    return negate(found), found[1]


@down("Slice", 10)
def slice_by_attributes(new: Old) -> Expr:
    """Starts, ends and axes were attributes, steps were ones."""
    node = new.node
    steps = new.numbers(4)
    if new.input(4) is not None and (steps is None or any(s != 1 for s in steps)):
        new.refuse("it steps over elements")
    for i, name in enumerate(("starts", "ends", "axes"), 1):
        if new.input(i) is None:
            continue
        numbers = new.numbers(i)
        if numbers is None:
            new.refuse(f"its '{name}' is computed at run time, and was an attribute before")
        if name == "axes" and any(a < 0 for a in numbers):
            rank = new.need_rank(0)
            numbers = [a % rank for a in numbers]
        node.set_attr(name, Attr.of(name, numbers, AttrKind.INTS))
    given = node.inputs
    node.set_inputs(given[:1])
    new.release(given)


@down("ConstantOfShape", 9)
def constant_by_expand(new: Old) -> Expr:
    """One element, expanded to the shape."""
    value = new.attr("value")
    element = value.numpy() if isinstance(value, Tensor) else np.zeros(1, np.float32)
    return Expand(element.reshape(()), new.input(0))


@down("Expand", 8)
def expand_by_product(new: Old) -> Expr:
    """A product with ones has the wider shape."""
    shape, dtype = new.numbers(1), new.dtype(0)
    if shape is None or dtype is None or str(dtype) not in _NUMBERS:
        new.refuse("the shape is computed at run time, or the elements are no numbers")
    return Mul(new.input(0), np.ones(shape, dtype.numpy))


@down("Tile", 6)
def tile_one_axis(new: Old) -> Expr:
    """One axis was repeated at a time."""
    repeats, dtype = new.numbers(1), new.dtype(0)
    if repeats is None or dtype is None:
        new.refuse("how often it repeats is computed at run time")
    tiled: Any = new.input(0)
    for axis, count in enumerate(repeats):
        if count != 1:
            tiled = Tile(tiled, np.asarray(count, dtype.numpy), np.asarray(axis, dtype.numpy))
    return Op("Identity")(tiled)


@down("Pad", 2)
def pad_was_padding(new: Old) -> Expr:
    """`pads` was called `paddings`."""
    pads = new.attr("pads")
    new.node.set_attr("pads", None)
    new.node.set_attr("paddings", pads)
