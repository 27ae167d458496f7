"""Upsample became Resize, which learned to say which coordinates it means; pooling counts its powers."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core.dtypes import FLOAT32, FLOAT64
from sardonyx.passes.versions.adapter import Old, down, up
from sardonyx.passes.versions.sampling import linear, wide_of
from sardonyx.passes.versions.write import write
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


@down("DeformConv", 19)
def deform_conv_by_points(new: Old) -> Expr:
    """Every point of every bent window is read, scaled, and multiplied by the weights."""
    dtype, rank = new.dtype(0), new.need_rank(0) - 2
    x, w, offset = new.shape(0), new.shape(1), new.shape(2)
    known = [*w, x[1], *offset[2:]] if x and w and offset else [None]
    if dtype is None or not all(isinstance(n, int) for n in known):
        new.refuse("the shapes of its inputs are unknown", fix="declare the shapes of the model's inputs")
    assert x is not None and w is not None and offset is not None
    wide, kernel, counts = wide_of(dtype), [int(n) for n in w[2:]], [int(n) for n in offset[2:]]
    strides, dilations, pads = (new.attr(n) for n in ("strides", "dilations", "pads"))
    steps, spread, padding = strides or (1,) * rank, dilations or (1,) * rank, pads or (0,) * 2 * rank
    group, groups = new.attr("group"), new.attr("offset_group")
    per, window, places = int(x[1]) // groups, int(np.prod(kernel)), int(np.prod(counts))
    columns: list[Any] = []
    for g in range(groups):
        points: list[Any] = []
        for i in range(rank):
            shape = [1] * (2 * rank)
            shape[i], shape[rank + i] = kernel[i], counts[i]
            base = np.arange(kernel[i])[:, None] * spread[i] + np.arange(counts[i]) * steps[i] - padding[i]
            full = np.broadcast_to(base.reshape(shape), (*kernel, *counts)).reshape(1, -1)
            points += write(
                new,
                f"""
                all = Reshape (offset, apart)  of_group = Gather <axis = 1> (all, g)  moved = Gather <axis = 2> (of_group, i)
                flat = Reshape (moved, rows)  wide = Cast <to = {wide.code}> (flat)  Y = Add (wide, base)
                """,
                "Y",
                offset=new.input(2),
                apart=[0, groups, window, rank, places],
                g=np.array(g),
                i=np.array(i),
                rows=[0, -1],
                base=full.astype(wide.numpy),
            )
        (part,) = write(
            new,
            f"part = Slice (x, begin, end, channel)  Y = Cast <to = {wide.code}> (part)",
            x=new.input(0),
            begin=[g * per],
            end=[(g + 1) * per],
            channel=[1],
        )
        found = linear(new, part, points, wide)
        if new.input(4) is not None:
            (found,) = write(
                new,
                f"""
                all = Reshape (mask, apart)  of_group = Gather <axis = 1> (all, g)  wide = Cast <to = {wide.code}> (of_group)
                column = Unsqueeze (wide, channel)  Y = Mul (found, column)
                """,
                mask=new.input(4),
                found=found,
                apart=[0, groups, window * places],
                g=np.array(g),
                channel=[1],
            )
        columns.append(found)
    names = [f"part_{i}" for i in range(groups)]
    bias = f"bias = Cast <to = {wide.code}> (B)  column = Reshape (bias, high)  moved = Add (image, column)"
    return write(
        new,
        f"""
        view = Concat <axis = 1> ({", ".join(names)})  blocks = Reshape (view, by_group)
        weight = Cast <to = {wide.code}> (W)  rows = Reshape (weight, by_row)
        sums = MatMul (rows, blocks)  image = Reshape (sums, result)
        {bias if new.input(3) is not None else "moved = Identity (image)"}
        Y = Cast <to = {dtype.code}> (moved)
        """,
        "Y",
        W=new.input(1),
        B=new.input(3),
        by_group=[0, group, int(w[1]) * window, places],
        by_row=[group, int(w[0]) // group, int(w[1]) * window],
        result=[0, int(w[0]), *counts],
        high=[-1, *[1] * rank],
        **dict(zip(names, columns, strict=True)),
    )


@down("Col2Im", 18)
def col2im_by_convolution(new: Old) -> Expr:
    """A transposed convolution that puts each element of a column where its window has it."""
    dtype, extents = new.dtype(0), new.shape(1)
    if dtype is None or extents is None or not isinstance(extents[0], int):
        new.refuse("how many axes its image has is unknown", fix="declare the shapes of the model's inputs")
    rank, wide = extents[0], FLOAT32 if dtype.is_float and dtype.bits <= 32 else FLOAT64
    strides, dilations = (list(new.attr(n) or [1] * rank) for n in ("strides", "dilations"))
    pads = list(new.attr("pads") or [0] * (2 * rank))
    before, both = pads[:rank], [p + q for p, q in zip(pads[:rank], pads[rank:], strict=True)]
    return write(
        new,
        f"""
        block_gaps = Sub (block, ones)  reach_0 = Mul (block_gaps, dilations)  reach = Add (reach_0, ones)
        padded = Add (image, both)  room = Sub (padded, reach)  hops = Div (room, strides)  counts = Add (hops, ones)
        size = ReduceProd <keepdims = 1> (block)
        columns = Concat <axis = 0> (minus, size, counts)  x = Cast <to = {wide.code}> (input)  apart = Reshape (x, columns)
        square = Concat <axis = 0> (size, size)  empty = ConstantOfShape (square)  eye = EyeLike <dtype = {wide.code}> (empty)
        places = Concat <axis = 0> (size, single, block)  weight = Reshape (eye, places)
        summed = ConvTranspose <strides = {strides}, dilations = {dilations}> (apart, weight)
        steps = Mul (hops, strides)  made = Add (steps, reach)  lack_0 = Sub (image, made)  lack = Add (lack_0, before)
        amounts = Concat <axis = 0> (none, cut, none, lack)  whole = Pad (summed, amounts)
        shape = Shape (input)  batch = Gather <axis = 0> (shape, zero)
        result = Concat <axis = 0> (batch, minus, image)  joined = Reshape (whole, result)
        Y = Cast <to = {dtype.code}> (joined)
        """,
        input=new.input(0),
        image=new.input(1),
        block=new.input(2),
        ones=[1] * rank,
        dilations=dilations,
        strides=strides,
        both=both,
        before=before,
        cut=[-p for p in before],
        minus=[-1],
        single=[1],
        none=[0, 0],
        zero=[0],
    )
