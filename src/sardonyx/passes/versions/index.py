"""Scatter got its full name."""

from __future__ import annotations

from sardonyx.passes.versions.adapter import Old, up
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import ScatterElements


@up("Scatter", 11)
def scatter_elements(old: Old) -> Expr:
    """Scatter -> ScatterElements."""
    return ScatterElements(old.input(0), old.input(1), old.input(2), axis=old.attr("axis"))
