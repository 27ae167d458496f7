"""Windows of means and norms learned to leave gaps; before, only a convolution could."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core.dtypes import FLOAT32, FLOAT64, DType
from sardonyx.ops.pool import Windows
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.passes.versions.write import write
from sardonyx.rewrite import Expr


@down("AveragePool", 19)
def mean_with_gaps(new: Old) -> Expr:
    """Sums over windows, over how many elements each window sees."""
    if not _has_gaps(new):
        new.node.set_attr("dilations", None)
        return None
    slide, spatial = _windows(new)
    number = slide.elements(spatial, padding=bool(new.attr("count_include_pad")))
    return _summed(new, slide, "terms = Identity (wide)", "whole = Div (sums, number)", number=number)


@down("LpPool", 18)
def norm_with_gaps(new: Old) -> Expr:
    """Sums of powers over windows, and their root."""
    if not _has_gaps(new) and not new.attr("ceil_mode"):
        for name in ("dilations", "ceil_mode"):
            new.node.set_attr(name, None)
        return None
    slide, _ = _windows(new)
    terms = "size = Abs (wide)  terms = Pow (size, power)"
    return _summed(new, slide, terms, "whole = Pow (sums, root)", power=new.attr("p"), root=1 / new.attr("p"))


def _has_gaps(new: Old) -> bool:
    return any(d != 1 for d in new.attr("dilations") or ())


def _windows(new: Old) -> tuple[Windows, list[int]]:
    """The windows of the node, and the extents that they slide over."""
    shape = new.shape(0)
    if shape is None or not all(isinstance(n, int) for n in shape[2:]):
        new.refuse(
            "the extents that its windows slide over are unknown", fix="declare the shapes of the model's inputs"
        )
    names = ("kernel_shape", "strides", "dilations", "pads", "auto_pad", "ceil_mode")
    kernel, strides, dilations, pads, auto_pad, ceil = (new.attr(name) for name in names)
    auto_pad = auto_pad.decode() if isinstance(auto_pad, bytes) else auto_pad
    spatial = [int(n) for n in shape[2:]]
    return Windows.over(spatial, kernel, strides, dilations, pads, auto_pad, bool(ceil)), spatial


def _summed(new: Old, slide: Windows, before: str, after: str, **factors: Any) -> Expr:
    """Sums over the windows of every channel, by a convolution with ones."""
    dtype = new.dtype(0)
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    wide: DType = FLOAT64 if dtype is FLOAT64 else FLOAT32
    pads = [p for p, _ in slide.reach] + [q for _, q in slide.reach]
    facts = f"strides = {list(slide.strides)}, dilations = {list(slide.dilations)}, pads = {pads}"
    return write(
        new,
        f"""
        shape = Shape (x)  spatial = Slice (shape, second, end)  images = Concat <axis = 0> (apart, spatial)
        x_wide = Cast <to = {wide.code}> (x)  wide = Reshape (x_wide, images)
        {before}
        sums = Conv <{facts}> (terms, ones)
        {after}
        few = Slice (shape, none, second)  result = Concat <axis = 0> (few, counts)
        joined = Reshape (whole, result)
        Y = Cast <to = {dtype.code}> (joined)
        """,
        "Y",
        x=new.input(0),
        second=[2],
        end=[np.iinfo(np.int64).max],
        apart=[-1, 1],
        none=[0],
        counts=list(slide.counts),
        ones=np.ones((1, 1, *slide.kernel), wide.numpy),
        **{name: np.asarray(value, wide.numpy) for name, value in factors.items()},
    )
