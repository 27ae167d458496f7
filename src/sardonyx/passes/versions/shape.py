"""Shapes and joins: defaults that became required, parts that are counted."""

from __future__ import annotations

import numpy as np

from sardonyx.passes.versions.adapter import Old, down, up
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import DFT, Slice
from sardonyx.rewrite.op import Shape as ShapeOf


@up("Concat", 4)
def concat_axis(old: Old) -> Expr:
    """The axis was 1 unless given; since then it must be given."""
    if "axis" not in old.node.attrs:
        old.node.set_attr("axis", 1)


@up("Split", 18)
def split_counts_parts(old: Old) -> Expr:
    """Without sizes, the number of parts must be said."""
    if old.input(1) is None:
        old.node.set_attr("num_outputs", len(old.node.outputs))


@up("Pad", 2)
def pad_renamed(old: Old) -> Expr:
    """`paddings` became `pads`."""
    pads = old.attr("paddings")
    old.node.set_attr("paddings", None)
    old.node.set_attr("pads", pads)


@up("DFT", 20)
def dft_axis(old: Old) -> Expr:
    """The axis became an input, with another default."""
    axis = np.array(old.attr("axis"), np.int64)
    return DFT(old.input(0), old.input(1), axis, inverse=old.attr("inverse"), onesided=old.attr("onesided"))


@up("Tile", 6)
def tile_every_axis(old: Old) -> Expr:
    """One axis was repeated; since 6, a number for each."""
    tiles, axis, rank = old.numbers(1), old.numbers(2), old.need_rank(0)
    if tiles is None or axis is None:
        old.refuse("how often it repeats which axis is computed at run time")
    repeats = [1] * rank
    repeats[axis[0]] = tiles[0]
    old.node.set_inputs([old.input(0)])
    old.wrap_input(1, np.array(repeats, np.int64))


@down("Split", 18)
def split_states_sizes(new: Old) -> Expr:
    """The number of parts could not be said: equal ones need no sizes, others must be known."""
    count, shape = new.attr("num_outputs"), new.shape(0)
    new.node.set_attr("num_outputs", None)
    if count is None:
        return
    extent = None if shape is None else shape[new.attr("axis")]
    if not isinstance(extent, int):
        new.refuse("into which sizes it splits depends on the input")
    part = -(-extent // count)
    if part * count != extent:
        new.node.set_input(1, None)
        new.wrap_input(1, np.array([*[part] * (count - 1), extent - part * (count - 1)], np.int64))


@down("Shape", 15)
def slice_of_shape(new: Old) -> Expr:
    """Shape gave all extents; a part of them is sliced off."""
    start, end = new.attr("start"), new.attr("end")
    for name in ("start", "end"):
        new.node.set_attr(name, None)
    if start in (0, None) and end is None:
        return None
    stop = np.iinfo(np.int64).max if end is None else end
    return Slice(ShapeOf(new.input(0)), np.array([start or 0]), np.array([stop]))


@down("Pad", 18)
def pad_every_axis(new: Old) -> Expr:
    """The amounts were given for every axis."""
    axes = new.input(3)
    if new.attr("mode") in ("wrap", b"wrap"):
        new.refuse("mode 'wrap' came with opset 19")
    if axes is None:
        return
    where, pads, rank = new.numbers(3), new.numbers(1), new.need_rank(0)
    if where is None or pads is None:
        new.refuse("which axes it pads is computed at run time")
    full = [0] * (2 * rank)
    for i, axis in enumerate(where):
        full[axis % rank], full[axis % rank + rank] = pads[i], pads[i + len(where)]
    new.node.set_inputs(new.node.inputs[:3])
    new.wrap_input(1, np.array(full, np.int64))
