"""ReduceSum was the first to take its axes as an input."""

from __future__ import annotations

from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Identity


@down("ReduceSum", 13)
def reduce_all_or_nothing(new: Old) -> Expr:
    """Without axes all were reduced; that none are could not be said."""
    axes = new.numbers(1)
    if new.attr("noop_with_empty_axes"):
        if new.input(1) is None or axes == []:
            return Identity(new.input(0))
        if axes is None:
            new.refuse("its axes are computed at run time, and may be none")
    new.node.set_attr("noop_with_empty_axes", None)
    return None
