"""Upsample became Resize, which learned to say which coordinates it means; pooling counts its powers."""

from __future__ import annotations

import numpy as np

from sardonyx.passes.versions.adapter import Old, up
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Resize


@up("Upsample", 7)
def upsample_scales(old: Old) -> Expr:
    """The scales of height and width became scales of every axis."""
    scales = (1.0, 1.0, old.attr("height_scale"), old.attr("width_scale"))
    for name in ("height_scale", "width_scale"):
        old.node.set_attr(name, None)
    old.node.set_attr("scales", scales)


@up("Upsample", 10)
def upsample_to_resize(old: Old) -> Expr:
    """Upsample(x, scales) -> Resize(x, scales)."""
    return Resize(old.input(0), old.input(1), mode=old.attr("mode"))


@up("Resize", 11)
def resize_says_coordinates(old: Old) -> Expr:
    """Resize meant asymmetric coordinates and rounded down to the nearest; the region of interest came before the scales."""
    mode = old.attr("mode")
    return Resize(
        old.input(0),
        np.zeros(0, np.float32),
        old.input(1),
        mode=mode,
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor" if mode in ("nearest", b"nearest") else None,
    )


@up("LpPool GlobalLpPool", 2)
def power_is_whole(old: Old) -> Expr:
    """The power became an integer."""
    power = old.attr("p")
    if power != int(power):
        old.refuse(f"its power {power} is no whole number")
    old.node.set_attr("p", int(power))
