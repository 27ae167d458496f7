"""Shapes and joins: defaults that became required, parts that are counted."""

from __future__ import annotations

import numpy as np

from sardonyx.passes.versions.adapter import Old, up
from sardonyx.rewrite import Expr


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
    axis = old.attr("axis")
    old.node.set_attr("axis", None)
    old.wrap_input(2, np.array(1 if axis is None else axis, np.int64))


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
