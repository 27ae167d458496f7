"""Reductions of truth values came late; before, they were reductions of integers."""

from __future__ import annotations

from sardonyx.core.dtypes import BOOL, INT32
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr, Op
from sardonyx.rewrite.op import Cast


@down("ReduceMax ReduceMin", 20)
def reduce_truth(new: Old) -> Expr:
    """ReduceMax(x) -> Cast(ReduceMax(Cast(x)))"""
    if new.dtype(0) is not BOOL:
        return None
    reduce = Op(new.node.op_type)
    return Cast(reduce(Cast(new.input(0), to=INT32.code), new.input(1), **new.node.attrs), to=BOOL.code)
