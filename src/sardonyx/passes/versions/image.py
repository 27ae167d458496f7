"""The modes of GridSample got the names that other operators use."""

from __future__ import annotations

from sardonyx.passes.versions.adapter import Old, up
from sardonyx.rewrite import Expr

_MODES = {"bilinear": "linear", "bicubic": "cubic"}


@up("GridSample", 20)
def grid_sample_modes(old: Old) -> Expr:
    """bilinear -> linear, bicubic -> cubic."""
    mode = old.attr("mode")
    mode = mode.decode() if isinstance(mode, bytes) else mode
    old.node.set_attr("mode", _MODES.get(mode, mode))
