"""The modes of GridSample got the names that other operators use; RoiAlign learned to shift by half a pixel."""

from __future__ import annotations

from sardonyx.passes.versions.adapter import Old, down, up
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


@down("GridSample", 20)
def grid_sample_old_modes(new: Old) -> Expr:
    """linear -> bilinear, cubic -> bicubic: only images were sampled."""
    if new.need_rank(0) != 4:
        new.refuse("it samples no image of two axes")
    mode = new.attr("mode")
    mode = mode.decode() if isinstance(mode, bytes) else mode
    new.node.set_attr("mode", {v: k for k, v in _MODES.items()}.get(mode, mode))


@down("RoiAlign", 16)
def roi_align_unshifted(new: Old) -> Expr:
    """Coordinates were not shifted."""
    if new.attr("coordinate_transformation_mode") not in ("output_half_pixel", b"output_half_pixel"):
        new.refuse("its coordinates are shifted by half a pixel")
    new.node.set_attr("coordinate_transformation_mode", None)
