"""Casts learned what to do beyond the range of types that came later; to other types that says nothing."""

from __future__ import annotations

from sardonyx.core.dtypes import dtype
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.passes.versions.early.widen import need_type
from sardonyx.rewrite import Expr


@down("Cast CastLike", 24)
def cast_without_rounding(new: Old) -> Expr:
    """How to round was said for powers of two only."""
    _forget(new, "round_mode")


@down("Cast CastLike", 19)
def cast_without_saturation(new: Old) -> Expr:
    """Whether to saturate was said for floats of 8 bits only."""
    _forget(new, "saturate")


def _forget(new: Old, name: str) -> None:
    target = new.dtype(1) if new.node.op_type == "CastLike" else dtype(new.attr("to"))
    for involved in (target, new.dtype(0)):
        if involved is not None:
            need_type(new, involved)
    new.node.set_attr(name, None)
