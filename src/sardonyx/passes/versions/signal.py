"""Fourier transforms and mel filters: the axis came to be an input; before opset 17 they were products with matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core.dtypes import FLOAT32, FLOAT64, DType
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.passes.versions.write import at_each_axis, write
from sardonyx.rewrite import Expr


@down("DFT", 20)
def dft_axis_attribute(new: Old) -> Expr:
    """The axis was an attribute, of another default; one that is computed is looked for among all (it is just one)."""
    if new.input(2) is None:
        new.node.set_attr("axis", -2)
    if new.input(2) is None or new.numbers(2) is not None:
        return None
    rank = new.need_rank(0)
    facts = f"inverse = {int(new.attr('inverse'))}, onesided = {int(new.attr('onesided'))}"
    length = ", length" if new.input(1) is not None else ""
    return write(
        new,
        f"""
        x_0 = Identity (x)
        below = Less (axis, zero)  behind = Add (axis, rank)  place = Where (below, behind, axis)
        hit = Equal (place, every)
        {at_each_axis(rank - 1, lambda d: f"y = DFT <axis = {d}, {facts}> (x_0{length})")}
        Y = Identity (x_end)
        """,
        x=new.input(0),
        length=new.input(1),
        axis=new.input(2),
        zero=np.array(0),
        rank=np.array(rank),
        every=np.arange(rank - 1),
    )


@down("DFT", 17)
def dft_by_matrices(new: Old) -> Expr:
    """The signal, cut or filled up with zeros, times cosines and sines."""
    inverse, onesided, wide = bool(new.attr("inverse")), bool(new.attr("onesided")), _wide(new)
    rank, parts = new.need_rank(0), _parts(new)
    axis = new.attr("axis") % rank
    turn = [i for i in range(rank - 1) if i != axis] + [axis, rank - 1]
    back = [turn.index(i) for i in range(rank)]
    half = inverse and onesided
    given = "N_1 = Identity (present)"
    if new.input(1) is not None:
        given = "N_wide = Cast <to = 7> (length)  N_1 = Reshape (N_wide, minus)"
    elif half:
        given = "gaps = Sub (present, first)  N_1 = Mul (gaps, second)"
    rows = "half_N = Div (N_1, second)  rows = Add (half_N, first)" if half else "rows = Identity (N_1)"
    return write(
        new,
        f"""
        x_wide = Cast <to = {wide.code}> (x)  x_turned = Transpose <perm = {turn}> (x_wide)
        shape = Shape (x_turned)  present = Gather <axis = 0> (shape, before_last)
        {given}  {rows}
        cut = Slice (x_turned, zeroth, rows, before_last)
        lack_0 = Sub (rows, present)  lack = Max (lack_0, zeroth)
        pads = Concat <axis = 0> (none, lack, zeroth)  z = Pad (cut, pads)
        {_fourier(parts, inverse, onesided, wide)}
        y_back = Transpose <perm = {back}> (y)
        Y = Cast <to = {_dtype(new).code}> (y_back)
        """,
        x=new.input(0),
        length=new.input(1),
        before_last=[rank - 2],
        none=[0] * (2 * rank - 2),
        minus=[-1],
        **_CONSTANTS,
    )


@down("STFT", 17)
def stft_by_matrices(new: Old) -> Expr:
    """Frames are picked from the signal, weighted by the window, and transformed."""
    dtype, wide, parts = _dtype(new), _wide(new), _parts(new)
    size = "whole = Shape (window)" if new.input(2) is not None else "whole = Gather <axis = 0> (shape, first)"
    length = (
        "N_0 = Cast <to = 7> (length)  N_1 = Reshape (N_0, minus)"
        if new.input(3) is not None
        else "N_1 = Identity (whole)"
    )
    weigh = "z = Identity (frames)"
    if new.input(2) is not None:
        weigh = f"w = Cast <to = {wide.code}> (window)  column = Unsqueeze (w, minus)  z = Mul (frames, column)"
    return write(
        new,
        f"""
        shape = Shape (x)  extent = Gather <axis = 0> (shape, first)
        {size}  {length}
        step_0 = Cast <to = 7> (step)  step_1 = Reshape (step_0, minus)
        room = Sub (extent, N_1)  hops = Div (room, step_1)  count_1 = Add (hops, first)  count = Squeeze (count_1, zeroth)
        one = Squeeze (first, zeroth)  zero = Squeeze (zeroth, zeroth)  N_scalar = Squeeze (N_1, zeroth)
        frame = Range (zero, count, one)  start_0 = Mul (frame, step_1)  start = Unsqueeze (start_0, first)
        offset = Range (zero, N_scalar, one)  place = Add (start, offset)
        x_wide = Cast <to = {wide.code}> (x)  frames = Gather <axis = 1> (x_wide, place)
        {weigh}
        {_fourier(parts, False, bool(new.attr("onesided")), wide)}
        Y = Cast <to = {dtype.code}> (y)
        """,
        x=new.input(0),
        step=new.input(1),
        window=new.input(2),
        length=new.input(3),
        minus=[-1],
        **_CONSTANTS,
    )


_CONSTANTS: dict[str, Any] = {
    "zeroth": [0],
    "first": [1],
    "second": [2],
    "every": [np.iinfo(np.int64).max],
    "tau": np.array(math.tau),
    "weight_1": np.array(1.0),
    "weight_2": np.array(2.0),
}


def _fourier(parts: int, inverse: bool, onesided: bool, wide: DType) -> str:
    """y, of z [..., n, parts] and the length N_1: numbers k * j of whole turns, modulo N, give the angles."""
    half = "half = Div (N_1, second)  short = Add (half, first)  short_end = Squeeze (short, zeroth)"
    ends = (
        ("short_end", "N_end") if onesided and not inverse else ("N_end", "short_end") if onesided else ("N_end",) * 2
    )
    weights = ""
    if inverse:
        weights = """
            N_real = Cast <to = 11> (N_1)
            twice = Mul (in, second)  middle = Mod (twice, N_1)  alone = Equal (middle, zeroth)
        """
        scale = "weight = Where (alone, weight_1, weight_2)" if onesided else "weight = Identity (weight_1)"
        weights += f"{scale}  part = Div (weight, N_real)  C_w = Mul (C_0, part)  S_w = Mul (S_0, part)"
    else:
        weights = "C_w = Identity (C_0)  S_w = Identity (S_0)"
    real, imaginary = ("Sub", "Add") if inverse else ("Add", "Sub")
    split = "re = Slice (z, zeroth, first, last_axis)  im = Slice (z, first, every, last_axis)"
    if parts == 2:
        both = f"""{split}
            C_re = MatMul (C, re)  S_im = MatMul (S, im)  y_re = {real} (C_re, S_im)
            C_im = MatMul (C, im)  S_re = MatMul (S, re)  y_im = {imaginary} (C_im, S_re)
        """
    else:
        both = f"y_re = MatMul (C, z)  S_re = MatMul (S, z)  y_im = {'Identity' if inverse else 'Neg'} (S_re)"
    return f"""
        f_zero = Squeeze (zeroth, zeroth)  f_one = Squeeze (first, zeroth)  N_end = Squeeze (N_1, zeroth)
        {half}
        out_0 = Range (f_zero, {ends[0]}, f_one)  in = Range (f_zero, {ends[1]}, f_one)
        out = Unsqueeze (out_0, first)  product = Mul (out, in)  turns = Mod (product, N_1)
        turns_f = Cast <to = 11> (turns)  N_f = Cast <to = 11> (N_1)  share = Div (turns_f, N_f)  angle = Mul (share, tau)
        C_0 = Cos (angle)  S_0 = Sin (angle)
        {weights}
        C = Cast <to = {wide.code}> (C_w)  S = Cast <to = {wide.code}> (S_w)
        last_axis = Neg (first)
        {both}
        {"y = Identity (y_re)" if inverse and onesided else "y = Concat <axis = -1> (y_re, y_im)"}
    """


def _dtype(new: Old) -> DType:
    dtype = new.dtype(0)
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    return dtype


def _wide(new: Old) -> DType:
    return FLOAT64 if _dtype(new) is FLOAT64 else FLOAT32


def _parts(new: Old) -> int:
    """1 for a real signal, 2 for one with imaginary parts."""
    shape = new.shape(0)
    if shape is None or shape[-1] not in (1, 2):
        new.refuse("whether its input is real or complex is unknown", fix="declare the shapes of the model's inputs")
    return int(shape[-1])


@down("MelWeightMatrix", 17)
def mel_in_pieces(new: Old) -> Expr:
    """Triangles between corners that lie equally far apart in mel."""
    mel = "{0}_f = Cast <to = 11> ({0})  {0}_r = Div ({0}_f, scale)  {0}_p = Add ({0}_r, one)  {0}_l = Log ({0}_p)  {0}_m = Mul ({0}_l, mels)"
    return write(
        new,
        f"""
        {mel.format("low")}  {mel.format("high")}
        count = Cast <to = 7> (bins)  edges = Add (count, two_i)  edges_f = Cast <to = 11> (edges)
        span = Sub (high_m, low_m)  width = Div (span, edges_f)
        corner_0 = Range (zero_i, edges, one_i)  corner_f = Cast <to = 11> (corner_0)
        steps = Mul (corner_f, width)  mel = Add (low_m, steps)
        ratio = Div (mel, mels)  power = Exp (ratio)  rest = Sub (power, one)  hertz = Mul (rest, scale)
        size = Cast <to = 7> (length)  more = Add (size, one_i)  more_f = Cast <to = 11> (more)  rate_f = Cast <to = 11> (rate)
        scaled = Mul (more_f, hertz)  place = Div (scaled, rate_f)  corners = Floor (place)
        left = Slice (corners, v0, m2)  center = Slice (corners, v1, m1)  right = Slice (corners, v2, end)
        half = Div (size, two_i)  rows = Add (half, one_i)
        row_0 = Range (zero_i, rows, one_i)  row_f = Cast <to = 11> (row_0)  row = Unsqueeze (row_f, v1)
        up = Sub (center, left)  flat_up = Equal (up, zero)  up_1 = Where (flat_up, one, up)
        on = Equal (row, center)  on_f = Cast <to = 11> (on)
        from_left = Sub (row, left)  slope = Div (from_left, up_1)  rising = Where (flat_up, on_f, slope)
        down = Sub (right, center)  flat = Equal (down, zero)  down_1 = Where (flat, one, down)
        to_right = Sub (right, row)  falling = Div (to_right, down_1)
        after_left = GreaterOrEqual (row, left)  to_center = LessOrEqual (row, center)  in_rise = And (after_left, to_center)
        from_center = GreaterOrEqual (row, center)  before = Less (row, right)  in_fall = And (from_center, before)
        y_0 = Where (in_rise, rising, zero)  y_1 = Where (in_fall, falling, y_0)
        Y = Cast <to = {new.attr("output_datatype")}> (y_1)
        """,
        bins=new.input(0),
        length=new.input(1),
        rate=new.input(2),
        low=new.input(3),
        high=new.input(4),
        scale=np.array(700.0),
        mels=np.array(2595 / math.log(10)),
        zero=np.array(0.0),
        one=np.array(1.0),
        zero_i=np.array(0),
        one_i=np.array(1),
        two_i=np.array(2),
        v0=[0],
        v1=[1],
        v2=[2],
        m1=[-1],
        m2=[-2],
        end=[np.iinfo(np.int64).max],
    )
