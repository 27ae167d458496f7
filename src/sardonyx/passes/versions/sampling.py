"""Reading a tensor between its elements, in the words of versions that had no operator for it.

What is read are points [N, P], flattened; all around the tensor is zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core.dtypes import FLOAT32, FLOAT64, DType
from sardonyx.passes.versions.adapter import Old
from sardonyx.passes.versions.write import write

__all__ = ["at_places", "linear", "wide_of"]


def wide_of(dtype: DType | None) -> DType:
    """The type that points and weights are computed in."""
    return FLOAT64 if dtype is FLOAT64 else FLOAT32


def at_places(new: Old, x: Any, places: Sequence[Any], nothing: Any) -> Any:
    """Elements [N, C, P] of x [N, C, *spatial] at whole places, one tensor of int64 [N, P] for each spatial axis."""
    rank = len(places)
    steps = ["index_0 = Identity (start)", "inside_0 = Identity (yes)"]
    for i in range(rank):
        steps.append(f"""
            axis_{i} = Constant <value = int64 {{{i + 2}}}> ()  n_{i} = Gather <axis = 0> (shape, axis_{i})
            end_{i} = Sub (n_{i}, one)  low_{i} = Min (p_{i}, end_{i})  held_{i} = Max (low_{i}, zero)
            row_{i} = Mul (index_{i}, n_{i})  index_{i + 1} = Add (row_{i}, held_{i})
            is_{i} = Equal (held_{i}, p_{i})  inside_{i + 1} = And (inside_{i}, is_{i})
        """)
    (found,) = write(
        new,
        f"""
        shape = Shape (x)
        {" ".join(steps)}
        flat = Reshape (x, rows)
        index = Unsqueeze (index_{rank}, channel)  spread_0 = Shape (index)
        channels = Gather <axis = 0> (shape, channel)  spread = Concat <axis = 0> (single, channels, single)
        index_all = Expand (index, spread)
        taken = GatherElements <axis = 2> (flat, index_all)
        inside = Unsqueeze (inside_{rank}, channel)
        Y = Where (inside, taken, nothing)
        """,
        x=x,
        **{f"p_{i}": p for i, p in enumerate(places)},
        nothing=nothing,
        start=np.array(0),
        yes=np.array(True),
        zero=np.array(0),
        one=np.array(1),
        rows=[0, 0, -1],
        channel=[1],
        single=[1],
    )
    return found


def linear(new: Old, x: Any, points: Sequence[Any], wide: DType) -> Any:
    """x [N, C, *spatial] interpolated linearly at points [N, P] of each spatial axis: [N, C, P]."""
    nothing = np.zeros((), wide.numpy)
    sides: list[tuple[Any, Any]] = []
    for point in points:
        low, high, left, right = write(
            new,
            """
            floor = Floor (p)  right = Sub (p, floor)  left = Sub (one, right)
            held = Clip (floor, least, most)  low = Cast <to = 7> (held)  high = Add (low, next)
            left_column = Unsqueeze (left, channel)  right_column = Unsqueeze (right, channel)
            """,
            "low high left_column right_column",
            p=point,
            one=np.ones((), wide.numpy),
            least=np.array(-2, wide.numpy),
            most=np.array(2.0**30, wide.numpy),
            next=np.array(1),
            channel=[1],
        )
        sides.append(((low, left), (high, right)))
    total: Any = None
    for corner in itertools.product(*sides):
        part = at_places(new, x, [place for place, _ in corner], nothing)
        for _, weight in corner:
            (part,) = write(new, "Y = Mul (x, w)", x=part, w=weight)
        total = part if total is None else write(new, "Y = Add (a, b)", a=total, b=part)[0]
    return total
