"""The modes of GridSample got the names that other operators use; RoiAlign learned to shift by half a pixel."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from sardonyx.passes.versions.adapter import Old, down, up
from sardonyx.passes.versions.sampling import at_places, wide_of
from sardonyx.passes.versions.write import write
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
    """linear -> bilinear, cubic -> bicubic: only images were sampled, anything else is read point by point."""
    if new.need_rank(0) != 4:
        return _sampled(new)
    mode = new.attr("mode")
    mode = mode.decode() if isinstance(mode, bytes) else mode
    new.node.set_attr("mode", {v: k for k, v in _MODES.items()}.get(mode, mode))
    return None


@down("GridSample", 16)
def grid_sample_by_points(new: Old) -> Expr:
    """What lies around each point is read and weighed."""
    return _sampled(new)


REFLECTED = """
    span = Sub (end, begin)  flat = Equal (span, zero)  some = Where (flat, one, span)
    away_0 = Sub (p, begin)  away = Abs (away_0)
    times = Div (away, some)  turns = Floor (times)  whole = Mul (turns, some)  rest = Sub (away, whole)
    half = Div (turns, two)  pairs = Floor (half)  even_0 = Mul (pairs, two)  even = Equal (even_0, turns)
    forth = Add (rest, begin)  back = Sub (end, rest)  there = Where (even, forth, back)  y = Where (flat, begin, there)
"""


def _sampled(new: Old) -> Expr:
    """GridSample in pieces: for each axis the places around every point and their weights, then all their products."""
    dtype, grid, rank = new.dtype(0), new.dtype(1), new.need_rank(0) - 2
    if dtype is None or grid is None:
        new.refuse("the type of an input is unknown", fix="declare the types of the model's inputs")
    mode, padding = (v.decode() if isinstance(v := new.attr(n), bytes) else v for n in ("mode", "padding_mode"))
    wide, corners = wide_of(grid), bool(new.attr("align_corners"))
    reach = {"nearest": 0, "cubic": 2, "bicubic": 2}.get(mode, 1)
    numbers: dict[str, Any] = {
        name: np.array(value, wide.numpy)
        for name, value in {"zero": 0, "one": 1, "two": 2, "half": 0.5, "minus": -1, "a": -0.75}.items()
    }
    numbers |= {"a2": np.array(1.25, wide.numpy), "a3": np.array(2.25, wide.numpy), "a4": np.array(-3, wide.numpy)}
    numbers |= {"five": np.array(5, wide.numpy), "eight": np.array(8, wide.numpy)}
    taps: list[list[tuple[Any, Any]]] = []
    for i in range(rank):
        (at, begin, end, extent, last) = write(
            new,
            f"""
            shape = Shape (x)  n_i = Gather <axis = 0> (shape, place)  n = Cast <to = {wide.code}> (n_i)
            points = Reshape (grid, rows)  g_0 = Gather <axis = 2> (points, turn)  g = Cast <to = {wide.code}> (g_0)
            from_one = Add (g, one)  last = Sub (n, one)
            {
                "share = Div (from_one, two)  at = Mul (share, last)"
                if corners
                else "scaled = Mul (from_one, n)  short = Sub (scaled, one)  at = Div (short, two)"
            }
            {"begin = Identity (zero)  end = Identity (last)" if corners else "begin = Neg (half)  end = Sub (n, half)"}
            """,
            "at begin end n last",
            x=new.input(0),
            grid=new.input(1),
            place=np.array(i + 2),
            rows=[0, -1, rank],
            turn=np.array(rank - 1 - i),
            **numbers,
        )
        ends = {"begin": begin, "end": end, "extent": extent, "last": last}
        if reach == 0:
            (at,) = write(new, "y = Round (p)", "y", p=at)
        if padding == "border" and reach < 2:  # of a cubic, only the neighbours are held or mirrored
            (at,) = write(new, "low = Min (p, last)  y = Max (low, zero)", "y", p=at, **ends, **numbers)
        elif padding == "reflection" and reach < 2:
            (at,) = write(new, REFLECTED, "y", p=at, **ends, **numbers)
        taps.append([_tap(new, at, k, reach, padding, ends, numbers) for k in range(1 - reach, reach + 1) or [0]])
    return (_joined(new, taps, reach, dtype),)


def _tap(new: Old, at: Any, k: int, reach: int, padding: str, ends: Any, numbers: Any) -> tuple[Any, Any]:
    """The k-th place around the points of one axis, and its weight."""
    floor = "near = Identity (at)" if reach == 0 else "floor = Floor (at)  near = Add (floor, k)"
    kernel = "weight_0 = Identity (one)"
    if reach == 1:
        kernel = "rest = Sub (one, d)  weight_0 = Max (rest, zero)"
    elif reach == 2:
        kernel = """
            d2 = Mul (d, d)  i_0 = Mul (a2, d)  i_1 = Sub (i_0, a3)  i_2 = Mul (i_1, d2)  inner = Add (i_2, one)
            o_0 = Sub (d, five)  o_1 = Mul (o_0, d)  o_2 = Add (o_1, eight)  o_3 = Mul (o_2, d)  o_4 = Mul (o_3, a)
            outer = Sub (o_4, a4)  is_near = LessOrEqual (d, one)  is_far = Less (d, two)
            far = Where (is_far, outer, zero)  weight_0 = Where (is_near, inner, far)
        """
    inside = "held = Identity (p)"
    if padding == "border":
        inside = "low = Min (p, last)  held = Max (low, zero)"
    elif padding == "reflection":
        inside = f"{REFLECTED}  size = Abs (y)  whole_y = Floor (size)  sign = Sign (y)  held = Mul (whole_y, sign)"
    return write(
        new,
        f"""
        {floor}
        gap = Sub (near, at)  d = Abs (gap)
        {kernel}
        strange = IsNaN (near)  p = Where (strange, zero, near)
        {inside}
        below = Max (held, minus)  index_f = Min (below, extent)  index = Cast <to = 7> (index_f)
        weight = Unsqueeze (weight_0, channel)
        """,
        "index weight",
        at=at,
        k=np.array(k, numbers["one"].dtype),
        channel=[1] if reach else [0],
        **ends,
        **numbers,
    )


def _joined(new: Old, taps: list[list[tuple[Any, Any]]], reach: int, dtype: Any) -> Any:
    """The sum over all combinations of places, in the shape of the result."""
    x, wide = new.input(0), wide_of(dtype)
    nothing = np.zeros((), wide.numpy)
    if reach == 0:
        nothing = np.array("", object) if dtype.numpy is None or dtype.text == "string" else np.zeros((), dtype.numpy)
    else:
        (x,) = write(new, f"Y = Cast <to = {wide.code}> (x)", x=x)
    total: Any = None
    for taken in itertools.product(*taps):
        part = at_places(new, x, [place for place, _ in taken], nothing)
        for _, weight in taken if reach else ():
            (part,) = write(new, f"w_as = Cast <to = {wide.code}> (w)  Y = Mul (x, w_as)", x=part, w=weight)
        total = part if total is None else write(new, "Y = Add (a, b)", a=total, b=part)[0]
    (found,) = write(
        new,
        f"""
        x_shape = Shape (x)  few = Slice (x_shape, zero, two)
        g_shape = Shape (grid)  points = Slice (g_shape, one, last)  shape = Concat <axis = 0> (few, points)
        shaped = Reshape (total, shape)  Y = {f"Cast <to = {dtype.code}>" if reach else "Identity"} (shaped)
        """,
        x=new.input(0),
        grid=new.input(1),
        total=total,
        zero=[0],
        one=[1],
        two=[2],
        last=[-1],
    )
    return found


@down("AffineGrid", 20)
def affine_grid_in_pieces(new: Old) -> Expr:
    """The coordinates of every point, and one, times theta."""
    dtype, shape = new.dtype(0), new.shape(0)
    if dtype is None or shape is None or not isinstance(shape[1], int):
        new.refuse("the shape of theta is unknown", fix="declare the shapes of the model's inputs")
    rank, wide = shape[1], wide_of(dtype)
    lines: list[str] = []
    for i in range(rank):
        place = "c_{0} = Identity (r_{0})  m_{0} = Sub (n_{0}, one)  d_{0} = Max (m_{0}, one)"
        if not new.attr("align_corners"):
            place = "c_{0} = Add (r_{0}, half)  d_{0} = Identity (n_{0})"
        lines.append(
            f"""
            axis_{{0}} = Constant <value = int64 {{{{{i + 2}}}}}> ()  i_{{0}} = Gather <axis = 0> (size, axis_{{0}})
            n_{{0}} = Cast <to = {wide.code}> (i_{{0}})  r_i_{{0}} = Range (zero_i, i_{{0}}, one_i)  r_{{0}} = Cast <to = {wide.code}> (r_i_{{0}})
            {place}
            s_{{0}} = Div (two, d_{{0}})  t_{{0}} = Mul (c_{{0}}, s_{{0}})  line_{{0}} = Sub (t_{{0}}, one)
            others_{{0}} = Constant <value_ints: ints = {[j for j in range(rank + 1) if j != i]}> ()
            apart_{{0}} = Unsqueeze (line_{{0}}, others_{{0}})  full_{{0}} = Expand (apart_{{0}}, column)
            """.replace("{0}", str(i))
            .replace("{{", "{")
            .replace("}}", "}")
        )
    names = ", ".join(f"full_{i}" for i in reversed(range(rank)))
    return write(
        new,
        f"""
        spatial = Slice (size, second, end)  column = Concat <axis = 0> (spatial, single)
        {" ".join(lines)}
        ones = Expand (one, column)
        base = Concat <axis = {rank}> ({names}, ones)  flat = Reshape (base, rows)
        theta_w = Cast <to = {wide.code}> (theta)  theta_t = Transpose <perm = [0, 2, 1]> (theta_w)
        points = MatMul (flat, theta_t)  Y_w = Cast <to = {dtype.code}> (points)
        batch = Slice (size, none, single)  t_shape = Shape (theta)  count = Slice (t_shape, none, single)
        shape = Concat <axis = 0> (count, spatial, axes)  Y = Reshape (Y_w, shape)
        """,
        theta=new.input(0),
        size=new.input(1),
        none=[0],
        single=[1],
        second=[2],
        end=[np.iinfo(np.int64).max],
        rows=[-1, rank + 1],
        axes=[rank],
        zero_i=np.array(0),
        one_i=np.array(1),
        one=np.ones((), wide.numpy),
        two=np.array(2, wide.numpy),
        half=np.array(0.5, wide.numpy),
    )


@down("RoiAlign", 16)
def roi_align_unshifted(new: Old) -> Expr:
    """Coordinates were not shifted."""
    if new.attr("coordinate_transformation_mode") not in ("output_half_pixel", b"output_half_pixel"):
        new.refuse("its coordinates are shifted by half a pixel")
    new.node.set_attr("coordinate_transformation_mode", None)
