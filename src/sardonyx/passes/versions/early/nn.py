"""Pooling learned to dilate, to round up and to give indices; it said its power as a float at first."""

from __future__ import annotations

from sardonyx.ir import Attr, AttrKind
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr


@down("MaxPool", 10)
def max_pool_dense(new: Old) -> Expr:
    """Windows had no holes; saying so is no loss."""
    dilations = new.attr("dilations")
    if dilations is not None and all(d == 1 for d in dilations):
        new.node.set_attr("dilations", None)


@down("MaxPool", 8)
def max_pool_values(new: Old) -> Expr:
    """It gave no indices."""
    rest = new.node.outputs[1:]
    if any(v.uses for v in rest) or new.returned(rest):
        new.refuse("its indices are read")
    new.keep_outputs(1)
    new.node.set_attr("storage_order", None)


@down("LpPool GlobalLpPool", 2)
def power_is_float(new: Old) -> Expr:
    """The power was a float."""
    new.node.set_attr("p", Attr.of("p", float(new.attr("p")), AttrKind.FLOAT))
