"""The modes of GridSample got the names that other operators use; RoiAlign learned to shift by half a pixel."""

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


@up("RoiAlign", 16)
def roi_align_coordinates(old: Old) -> Expr:
    """Coordinates were not shifted; since 16 they are by default."""
    old.node.set_attr("coordinate_transformation_mode", "output_half_pixel")
