"""Reductions: of truth values they came late, and most took their axes as an attribute; so did running products."""

from __future__ import annotations

import numpy as np

from sardonyx.core.dtypes import BOOL, FLOAT32, FLOAT64, INT32, DType
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.passes.versions.write import at_each_axis, write
from sardonyx.rewrite import Expr, Op
from sardonyx.rewrite.op import Cast, Greater


@down("ReduceMax ReduceMin", 20)
def reduce_truth(new: Old) -> Expr:
    """The largest or smallest of zeros and ones; of nothing, the other end of the integers, whose sign says it."""
    if new.dtype(0) is not BOOL:
        return None
    found = Op(new.node.op_type)(Cast(new.input(0), to=INT32.code), new.input(1), **new.node.attrs)
    return Greater(found, np.int32(0))


# What each reduction is in terms of sums along axes that may be computed: of what, and what becomes of the sum.
SUMS = {
    "ReduceMean": ("Identity (x_0)", "counts = Gather <axis = 0> (shape, chosen)  n = ReduceProd <keepdims = 0> (counts)"
                   "  count = Cast <to = {code}> (n)  y = Div (total, count)"),
    "ReduceL1": ("Abs (x_0)", "y = Identity (total)"),
    "ReduceL2": ("Mul (x_0, x_0)", "y = Sqrt (total)"),
    "ReduceSumSquare": ("Mul (x_0, x_0)", "y = Identity (total)"),
    "ReduceLogSum": ("Identity (x_0)", "y = Log (total)"),
}  # fmt: skip
ROOTS_AND_LOGS = {"ReduceL2", "ReduceLogSum", "ReduceLogSumExp"}


@down("ReduceMax ReduceMin ReduceProd ReduceMean ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp", 18)
def reduce_computed_axes(new: Old) -> Expr:
    """Axes computed at run time: sums took them; an extreme or a product is taken axis by axis, where each is asked for."""
    node, noop, keep = new.node, new.attr("noop_with_empty_axes"), new.attr("keepdims")
    known = new.numbers(1) if new.input(1) is not None else []
    if known or (known == [] and not noop):
        node.set_attr("noop_with_empty_axes", None)
        return None
    dtype, rank, name = new.dtype(0), new.need_rank(0), node.op_type
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    wide = _computed_in(dtype, name in ROOTS_AND_LOGS)
    one_by_one = at_each_axis(rank, lambda d: f"y = {name} <axes = [{d}]> (x_{d})")
    if name == "ReduceLogSumExp":
        one_by_one = at_each_axis(rank, lambda d: f"y = ReduceMax <axes = [{d}]> (x_{d})")
        steps = f"""{one_by_one}
            endless = IsInf (x_end)  peak = Where (endless, nought, x_end)
            left = Sub (x_0, peak)  grown = Exp (left)
            total = ReduceSum <noop_with_empty_axes = 1> (grown, chosen)
            log = Log (total)  y_kept = Add (log, peak)
        """
        last = "y = Identity (y_kept)" if keep else "y = Squeeze (y_kept, chosen)"
    elif name in SUMS:
        before, after = SUMS[name]
        total = f"total = ReduceSum <keepdims = {keep}, noop_with_empty_axes = 1> (terms, chosen)"
        steps, last = f"terms = {before}  {total}", after.format(code=wide.code)
    else:
        steps, last = one_by_one, "y = Identity (x_end)" if keep else "y = Squeeze (x_end, chosen)"
    every = "all = Equal (asked, none)  hit = Or (named, all)" if not noop else "hit = Identity (named)"
    return write(
        new,
        f"""
        x_0 = Cast <to = {wide.code}> (x)
        shape = Shape (x)
        below = Less (axes, none)  behind = Add (axes, rank)  place = Where (below, behind, axes)
        column = Unsqueeze (place, second)
        same = Equal (column, every)
        ones = Cast <to = 7> (same)
        times = ReduceSum <keepdims = 0> (ones, first)
        named = Greater (times, none)
        asked = Size (axes)
        {every}
        where = NonZero (hit)  chosen = Squeeze (where, first)
        {steps}
        {last}
        Y = Cast <to = {dtype.code}> (y)
        """,
        x=new.input(0),
        axes=new.input(1) if new.input(1) is not None else np.zeros(0, np.int64),
        none=np.array(0),
        rank=np.array(rank),
        every=np.arange(rank),
        first=[0],
        second=[1],
        nought=np.zeros((), wide.numpy),
    )


def _computed_in(dtype: DType, real: bool) -> DType:
    """The type that sums are taken in: not a narrow one; for roots and logarithms, one that has them."""
    if dtype.bits < 32 and dtype.is_float:
        return FLOAT32
    return FLOAT64 if real and not dtype.is_float else dtype


@down("CumProd", 26)
def running_product(new: Old) -> Expr:
    """A Scan along the axis, which the product goes through."""
    dtype, rank = new.dtype(0), new.need_rank(0)
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    wide = _computed_in(dtype, False)
    way, shown = int(bool(new.attr("reverse"))), "before" if new.attr("exclusive") else "product"

    def along(d: int) -> str:
        others = [i for i in range(rank) if i != d]
        return f"""
            others = Constant <value_ints: ints = {others}> ()
            extents = Gather <axis = 0> (shape, others)  start = Expand (one, extents)
            last, y = Scan <num_scan_inputs = 1, scan_input_axes = [{d}], scan_output_axes = [{d}],
                scan_input_directions = [{way}], scan_output_directions = [{way}],
                body = step (before, x) => (after, shown) {{
                    product = Mul (before, x)  after = Identity (product)  shown = Identity ({shown}) }}> (start, x_{d})
        """

    return write(
        new,
        f"""
        x_0 = Cast <to = {wide.code}> (x)
        shape = Shape (x)
        axis_wide = Cast <to = 7> (axis)
        below = Less (axis_wide, none)  behind = Add (axis_wide, rank)  place = Where (below, behind, axis_wide)
        hit = Equal (place, every)
        {at_each_axis(rank, along)}
        Y = Cast <to = {dtype.code}> (x_end)
        """,
        x=new.input(0),
        axis=new.input(1),
        none=np.array(0),
        rank=np.array(rank),
        every=np.arange(rank),
        one=np.ones((), wide.numpy),
    )
