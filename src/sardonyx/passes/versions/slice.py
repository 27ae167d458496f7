"""Cutting and padding: axes came to be named, parts to be counted, and what is added to wrap around."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.passes.versions.adapter import Old, down
from sardonyx.passes.versions.write import write
from sardonyx.rewrite import Expr


@down("Split", 18)
def split_states_sizes(new: Old) -> Expr:
    """The number of parts could not be said: equal ones need no sizes, others are counted out."""
    count, axis, shape = new.attr("num_outputs"), new.attr("axis"), new.shape(0)
    new.node.set_attr("num_outputs", None)
    if count is None:
        return
    extent = None if shape is None else shape[axis]
    if isinstance(extent, int):
        part = -(-extent // count)
        if part * count != extent:
            new.node.set_input(1, None)
            new.wrap_input(1, np.array([*[part] * (count - 1), extent - part * (count - 1)], np.int64))
        return
    (sizes,) = write(
        new,
        """
        shape = Shape (x)  extent = Gather <axis = 0> (shape, axis)
        more = Add (extent, rest)  part = Div (more, count)
        equal = Expand (part, others)  used = Mul (part, others)  last = Sub (extent, used)
        Y = Concat <axis = 0> (equal, last)
        """,
        x=new.input(0),
        axis=[axis if axis >= 0 else axis % new.need_rank(0)],
        count=[count],
        rest=[count - 1],
        others=[count - 1],
    )
    new.node.set_input(1, None)
    new.wrap_input(1, sizes)


@down("Pad", 19)
def pad_by_wrapping(new: Old) -> Expr:
    """What wraps around is picked: the places of each axis, counted on beyond both ends, modulo its extent."""
    if new.attr("mode") not in ("wrap", b"wrap"):
        return None
    rank = new.need_rank(0)
    steps = "\n".join(
        f"""
        here_{d} = Constant <value = int64 {{{d}}}> ()  there_{d} = Constant <value = int64 {{{d + rank}}}> ()
        before_{d} = Gather <axis = 0> (pads, here_{d})  after_{d} = Gather <axis = 0> (pads, there_{d})
        extent_{d} = Gather <axis = 0> (shape, here_{d})
        from_{d} = Neg (before_{d})  to_{d} = Add (extent_{d}, after_{d})  place_{d} = Range (from_{d}, to_{d}, one)
        wrapped_{d} = Mod (place_{d}, extent_{d})
        x_{d + 1} = Gather <axis = {d}> (x_{d}, wrapped_{d})
        """
        for d in range(rank)
    )
    return write(
        new,
        f"x_0 = Identity (x)  shape = Shape (x)  {steps}  Y = Identity (x_{rank})",
        x=new.input(0),
        pads=_every_axis(new),
        one=np.array(1),
    )


@down("Pad", 18)
def pad_every_axis(new: Old) -> Expr:
    """The amounts were given for every axis."""
    if new.input(3) is not None:
        pads = _every_axis(new)
        new.node.set_inputs(new.node.inputs[:3])
        new.wrap_input(1, pads)


def _every_axis(new: Old) -> Any:
    """The amounts of a Pad for every axis: zero for those that it does not name."""
    if new.input(3) is None:
        return new.input(1)
    where, pads, rank = new.numbers(3), new.numbers(1), new.need_rank(0)
    if where is not None and pads is not None:
        full = np.zeros(2 * rank, np.int64)
        places = [axis % rank for axis in where]
        full[[*places, *(p + rank for p in places)]] = pads
        return full
    (found,) = write(
        new,
        """
        wide = Cast <to = 7> (axes)
        below = Less (wide, zero)  behind = Add (wide, rank)  before = Where (below, behind, wide)
        after = Add (before, rank)  places = Concat <axis = 0> (before, after)
        Y = ScatterElements <axis = 0> (none, places, pads)
        """,
        axes=new.input(3),
        pads=new.input(1),
        zero=np.array(0),
        rank=np.array(rank),
        none=[0] * (2 * rank),
    )
    return found


@down("CenterCropPad", 18)
def pad_on_both_sides(new: Old) -> Expr:
    """A Pad by half of what is missing, or by less than nothing where there is too much."""
    rank = new.need_rank(0)
    axes = [a % rank for a in new.attr("axes") or range(rank)]
    return write(
        new,
        """
        shape = Shape (x)  present = Gather <axis = 0> (shape, axes)
        target = Cast <to = 7> (wanted)  more = Sub (target, present)
        before = Div (more, two)  after = Sub (more, before)
        amounts = Concat <axis = 0> (before, after)
        pads = ScatterElements <axis = 0> (none, places, amounts)
        Y = Pad (x, pads)
        """,
        x=new.input(0),
        wanted=new.input(1),
        axes=axes,
        two=np.array(2),
        places=[*axes, *(a + rank for a in axes)],
        none=[0] * (2 * rank),
    )
