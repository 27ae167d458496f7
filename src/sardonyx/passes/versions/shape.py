"""Shapes and joins: defaults that became required, zeros that are extents."""

from __future__ import annotations

import numpy as np

from sardonyx.core.dtypes import STRING, DType
from sardonyx.ir import SequenceType, Tensor, TensorType
from sardonyx.passes.versions.adapter import Old, down, up
from sardonyx.passes.versions.write import write
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import DFT, SequenceErase, SequenceInsert, Slice, Tile
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
    return Tile(old.input(0), np.array(repeats, np.int64))


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


@down("Reshape", 14)
def reshape_to_nothing(new: Old) -> Expr:
    """A zero in the shape took the input's extent. Where it is one, the result is empty, and can be made from its shape."""
    allowed, target = new.attr("allowzero"), new.numbers(1)
    new.node.set_attr("allowzero", None)
    if not allowed or (target is not None and 0 not in target):
        return None
    dtype = new.dtype(0)
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    rank = new.shape(1)
    if rank is None or not isinstance(rank[0], int):
        new.refuse("the rank of its result is computed at run time")
    empty = "empty = Expand (nothing, shape)"
    if target is not None:
        return write(new, "Y = Expand (nothing, shape)", nothing=_nothing(dtype), shape=new.input(1))
    return write(
        new,
        f"""
        zeros = Equal (shape, zero)  count = Cast <to = 7> (zeros)  any = ReduceMax <keepdims = 0> (count)
        hit = Cast <to = 9> (any)
        Y = If (hit) <then_branch = none () => (empty) {{ {empty} }},
                      else_branch = some () => (full) {{ full = Reshape (x, shape) }}>
        """,
        x=new.input(0),
        shape=new.input(1),
        zero=np.array(0),
        nothing=_nothing(dtype),
    )


def _nothing(dtype: DType) -> Tensor:
    """One element of a type, to make a tensor of that has none."""
    kind = np.array([""], object) if dtype is STRING else np.zeros(1, dtype.numpy)
    return Tensor(kind, dtype=dtype)


@down("Identity", 14)
def identity_of_sequence(new: Old) -> Expr:
    """A sequence could not pass through: what is added at its end and taken away again leaves it as it was."""
    value = new.input(0)
    kind = None if value is None else new.facts.type(value)
    if not isinstance(kind, SequenceType) or not isinstance(kind.element, TensorType) or kind.element.dtype is None:
        return None
    last = Tensor(np.zeros(1, kind.element.dtype.numpy), dtype=kind.element.dtype)
    return SequenceErase(SequenceInsert(value, last))


@down("SpaceToDepth", 28)
def space_to_depth_by_column(new: Old) -> Expr:
    """Depth came first; that a channel stays together is said by turning axes."""
    column = new.attr("mode") in ("CRD", b"CRD")
    new.node.set_attr("mode", None)
    if not column:
        return None
    return write(
        new,
        """
        shape = Shape (x)  few = Slice (shape, none, second)  spatial = Slice (shape, second, end)
        small = Div (spatial, size)
        high = Gather <axis = 0> (small, none)  wide = Gather <axis = 0> (small, first)
        channels = Gather <axis = 0> (few, first)  batch = Gather <axis = 0> (few, none)
        blocks = Concat <axis = 0> (few, high, size, wide, size)  apart = Reshape (x, blocks)
        turned = Transpose <perm = [0, 1, 3, 5, 2, 4]> (apart)
        area = Mul (size, size)  depth = Mul (channels, area)
        result = Concat <axis = 0> (batch, depth, small)  Y = Reshape (turned, result)
        """,
        x=new.input(0),
        size=[new.attr("blocksize")],
        none=[0],
        first=[1],
        second=[2],
        end=[np.iinfo(np.int64).max],
    )
