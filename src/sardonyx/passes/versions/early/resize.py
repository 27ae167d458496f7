"""Resize knew one meaning at 10, and was called Upsample before."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Resize, Upsample

_HALF_PIXEL = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel")


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


@down("Resize", 13)
def resize_lists_all(new: Old) -> Expr:
    """The region and the scales could be empty, not left out."""
    for i in (1, 2):
        if new.input(i) is None:
            new.wrap_input(i, np.zeros(0, np.float32))


@down("Resize", 11)
def resize_asymmetric(new: Old) -> Expr:
    """Coordinates were asymmetric and rounded down.

    To the nearest pixel by a whole factor, it comes to the same where others say half a pixel and round.
    """
    mode, coordinates, nearest = (
        _text(new.attr(name)) for name in ("mode", "coordinate_transformation_mode", "nearest_mode")
    )
    scales = _scales(new)
    if mode == "nearest" and coordinates in _HALF_PIXEL and nearest in ("round_prefer_floor", "round_prefer_ceil"):
        same = scales is not None and all(s >= 1 and s == int(s) for s in scales)
    else:
        same = coordinates == "asymmetric" and (mode == "linear" or (mode == "nearest" and nearest == "floor"))
    if not same:
        new.refuse(f"mode '{mode}' with coordinates '{coordinates}' came with opset 11")
    given = new.input(2) if scales is None else np.array(scales, np.float32)
    return Resize(new.input(0), given, mode=mode)


def _scales(new: Old) -> list[float] | None:
    """The scales where they are known, from the sizes where these are given."""
    if new.input(3) is None:
        found = new.array(2)
        return None if found is None else [float(s) for s in found.reshape(-1)]
    sizes, shape = new.numbers(3), new.shape(0)
    if sizes is None or shape is None or not all(isinstance(d, int) and d for d in shape):
        new.refuse("its sizes, or the extents they replace, are computed at run time")
    return [size / int(extent) for size, extent in zip(sizes, shape, strict=True)]


@down("Resize", 10)
def resize_is_upsample(new: Old) -> Expr:
    """It was called Upsample, and made nothing smaller."""
    scales = new.array(1)
    if scales is not None and (scales < 1).any():
        new.refuse("it makes an axis shorter")
    return Upsample(new.input(0), new.input(1), mode=_text(new.attr("mode")))


@down("Upsample", 7)
def upsample_images(new: Old) -> Expr:
    """It scaled the height and the width of images."""
    scales = new.attr("scales")
    if len(scales) != 4 or tuple(scales[:2]) != (1, 1):
        new.refuse(f"it scales other axes than height and width: {list(scales)}")
    new.node.set_attr("scales", None)
    new.node.set_attr("height_scale", float(scales[2]))
    new.node.set_attr("width_scale", float(scales[3]))
