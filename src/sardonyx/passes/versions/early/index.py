"""Scatter had a short name."""

from __future__ import annotations

from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Scatter


@down("ScatterElements", 11)
def scatter(new: Old) -> Expr:
    """ScatterElements -> Scatter"""
    axis = new.attr("axis")
    if axis < 0:
        axis %= new.need_rank(0)
    return Scatter(new.input(0), new.input(1), new.input(2), axis=axis)
