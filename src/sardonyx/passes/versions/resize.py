"""Resize came to name its axes, to keep the aspect ratio, to let every pixel count, and to centre what it cuts off."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.passes.versions.adapter import Old, down
from sardonyx.passes.versions.write import write
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Cast


def _text(new: Old, name: str) -> Any:
    value = new.attr(name)
    return value.decode() if isinstance(value, bytes) else value


@down("Resize", 19)
def resize_off_centre(new: Old) -> Expr:
    """What a new extent is short of the scaled one was cut off at the end, not at both."""
    return _by_places(new) if _text(new, "coordinate_transformation_mode") == "half_pixel_symmetric" else None


@down("Resize", 18)
def resize_every_axis(new: Old) -> Expr:
    """Sizes, scales and the region were given for every axis, and each axis had a scale of its own."""
    if new.attr("antialias") or _text(new, "keep_aspect_ratio_policy") != "stretch":
        return _by_places(new)
    axes, rank = new.attr("axes"), new.rank(0)
    for name in ("axes", "antialias", "keep_aspect_ratio_policy"):
        new.node.set_attr(name, None)
    if axes is None:
        return None
    rank = new.need_rank(0)
    places = [a % rank for a in axes]
    for i in (1, 2, 3):
        given = new.input(i)
        if given is None or new.shape(i) == (0,):
            continue
        kind = np.int64 if i == 3 else new.dtype(i).numpy if new.dtype(i) else np.float32  # pyright: ignore[reportOptionalMemberAccess]
        all_places = [*places, *(p + rank for p in places)] if i == 1 else places
        start = np.repeat([0, 1], rank) if i == 1 else np.ones(rank)
        whole = "Shape (x)" if i == 3 else "Identity (start)"
        (full,) = write(
            new,
            f"whole = {whole}  Y = ScatterElements <axis = 0> (whole, places, given)",
            x=new.input(0),
            start=start.astype(kind),
            places=all_places,
            given=given,
        )
        new.wrap_input(i, full)
    return None


# Where a new element lies on the old axis, for each way to say it: `at` of `place`, `scale`, `old` and `new`.
PLACES = {
    "asymmetric": "at = Div (place, scale)",
    "align_corners": """
        gaps = Sub (whole, one)  none = Equal (gaps, zero)  some = Where (none, one, gaps)  ends = Sub (old, one)
        far = Mul (place, ends)  there = Div (far, some)  at = Where (none, zero, there)
    """,
    "tf_half_pixel_for_nn": "centre = Add (place, half)  at = Div (centre, scale)",
    "half_pixel": "centre = Add (place, half)  there = Div (centre, scale)  at = Sub (there, half)",
    "pytorch_half_pixel": """
        centre = Add (place, half)  there = Div (centre, scale)  moved = Sub (there, half)
        many = Greater (new, one)  at = Where (many, moved, zero)
    """,
    "half_pixel_symmetric": """
        centre = Add (place, half)  there = Div (centre, scale)  moved = Sub (there, half)
        kept = Div (new, whole)  lost = Sub (one, kept)  middle = Mul (old, half)  shift = Mul (middle, lost)
        at = Add (moved, shift)
    """,
}
ROUNDED = {
    "round_prefer_floor": "less = Sub (at, half)  near = Ceil (less)",
    "round_prefer_ceil": "more = Add (at, half)  near = Floor (more)",
    "floor": "near = Floor (at)",
    "ceil": "near = Ceil (at)",
}
KERNELS = {
    "linear": "gap = Abs (t)  rest = Sub (one, gap)  weight = Max (rest, zero)",
    "cubic": """
        d = Abs (t)  d2 = Mul (d, d)
        i_0 = Mul (a2, d)  i_1 = Sub (i_0, a3)  i_2 = Mul (i_1, d2)  inner = Add (i_2, one)
        o_0 = Sub (d, five)  o_1 = Mul (o_0, d)  o_2 = Add (o_1, eight)  o_3 = Mul (o_2, d)  o_4 = Mul (o_3, a)
        outer = Sub (o_4, a4)
        is_near = LessOrEqual (d, one)  is_far = Less (d, two)
        far = Where (is_far, outer, zero)  weight = Where (is_near, inner, far)
    """,
}


def _by_places(new: Old) -> Expr:
    """Axis by axis: the elements nearest to where the new ones lie, or a product with the weights of all."""
    mode, mapping = _text(new, "mode"), _text(new, "coordinate_transformation_mode")
    dtype, rank = new.dtype(0), new.need_rank(0)
    if dtype is None or mapping not in PLACES:
        new.refuse(f"the type of its input is unknown, or its coordinates '{mapping}' go with an older meaning")
    axes = [a % rank for a in new.attr("axes") or range(rank)]
    code = 1 if mode == "nearest" else 11  # halves are told apart in the precision that scales have
    kind = np.float32 if mode == "nearest" else np.float64
    a = new.attr("cubic_coeff_a")
    named = {"zero": 0, "one": 1, "two": 2, "five": 5, "eight": 8, "half": 0.5, "a": a, "a2": a + 2, "a3": a + 3}
    named |= {"a4": 4 * a, "reach": 2 if mode == "cubic" else 1}
    numbers: dict[str, Any] = {n: np.array(x, kind) for n, x in named.items()}
    numbers |= {"zero_i": np.array(0), "one_i": np.array(1), "behind": [1], "last": [-1]}
    x, *extents = write(
        new,
        f"""
        shape = Shape (x)  old = Gather <axis = 0> (shape, axes)  old_d = Cast <to = 11> (old)
        {_scales(new)}
        next = Cast <to = 7> (new_d)
        y = {"Identity" if mode == "nearest" else "Cast <to = 11>"} (x)
        """,
        "y old next scale_d",
        x=new.input(0),
        scales=new.input(2),
        sizes=new.input(3),
        axes=axes,
        half=np.array(0.5),
        count=[len(axes)],
    )
    for k, axis in enumerate(axes):
        text = _axis(new, axis, rank, code)
        (x,) = write(new, text, x=x, olds=extents[0], news=extents[1], scales=extents[2], k=np.array(k), **numbers)
    return (x if mode == "nearest" else Cast(x, to=dtype.code),)


def _scales(new: Old) -> str:
    """scale_d and new_d: of each axis, in double."""
    if new.input(3) is None or new.shape(3) == (0,):
        return "scale_d = Cast <to = 11> (scales)  exact_d = Mul (scale_d, old_d)  new_d = Floor (exact_d)"
    policy = _text(new, "keep_aspect_ratio_policy")
    ratio = "wanted_d = Cast <to = 11> (sizes)  ratio_d = Div (wanted_d, old_d)"
    if policy == "stretch":
        return f"{ratio}  scale_d = Identity (ratio_d)  new_d = Identity (wanted_d)"
    pick = "ReduceMin" if policy == "not_larger" else "ReduceMax"
    return f"""{ratio}
        chosen_d = {pick} <keepdims = 1> (ratio_d)  scale_d = Expand (chosen_d, count)
        exact_d = Mul (scale_d, old_d)  more_d = Add (exact_d, half)  new_d = Floor (more_d)
    """


def _axis(new: Old, axis: int, rank: int, code: int) -> str:
    """x resized along one axis."""
    text = f"""
        oi = Gather <axis = 0> (olds, k)  ni = Gather <axis = 0> (news, k)  s = Gather <axis = 0> (scales, k)
        old = Cast <to = {code}> (oi)  new = Cast <to = {code}> (ni)  scale = Cast <to = {code}> (s)
        whole = Mul (scale, old)
        place_i = Range (zero_i, ni, one_i)  place = Cast <to = {code}> (place_i)
        {PLACES[_text(new, "coordinate_transformation_mode")]}
        last_i = Sub (oi, one_i)
    """
    mode = _text(new, "mode")
    if mode == "nearest":
        return f"""{text}
            {ROUNDED[_text(new, "nearest_mode")]}
            near_i = Cast <to = 7> (near)  below = Min (near_i, last_i)  index = Max (below, zero_i)
            Y = Gather <axis = {axis}> (x, index)
        """
    shrinks, excludes = bool(new.attr("antialias")), bool(new.attr("exclude_outside"))
    turn = [i for i in range(rank) if i != axis] + [axis]
    back = [turn.index(i) for i in range(rank)]
    inside = "after = GreaterOrEqual (tap, zero_i)  before = LessOrEqual (tap, last_i)  inside = And (after, before)"
    counted = f"{inside}  counted = Where (inside, weight, zero)" if excludes else "counted = Identity (weight)"
    return f"""{text}
        shrink = {"Min (scale, one)" if shrinks else "Identity (one)"}
        wide_d = Div (reach, shrink)  wide_up = Ceil (wide_d)  wide_more = Add (wide_up, one)  wide = Cast <to = 7> (wide_more)
        from = Neg (wide)  end = Add (oi, wide)  tap = Range (from, end, one_i)  tap_d = Cast <to = 11> (tap)
        column = Unsqueeze (at, behind)  away = Sub (tap_d, column)  t = Mul (away, shrink)
        {KERNELS[mode]}
        {counted}
        total = ReduceSum <keepdims = 1> (counted, last)  empty = Equal (total, zero)  sum = Where (empty, one, total)
        share = {"Div (counted, sum)" if shrinks or excludes else "Identity (counted)"}
        low = Min (tap, last_i)  index = Max (low, zero_i)  taken = Gather <axis = {axis}> (x, index)
        turned = Transpose <perm = {turn}> (taken)  weights = Transpose <perm = [1, 0]> (share)
        made = MatMul (turned, weights)  Y = Transpose <perm = {back}> (made)
    """
