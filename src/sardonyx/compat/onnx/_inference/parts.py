"""Extents of the parts of a tensor as the official package counts them: only an axis of a known extent is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.compat.onnx._inference.asked import Asked, Results, axis_of, no_shape, reshaped
from sardonyx.compat.onnx._inference.errors import refuse_shape, refuse_type

__all__ = ["parted"]


def parted(asked: Asked, found: Results) -> Results:
    """What is known of the parts of a Split."""
    x, axis = asked.given(0), axis_of(asked)
    if x is None or not x.has_shape:
        return found
    if not -x.rank <= axis < x.rank:
        raise refuse_type(f"Invalid value of attribute 'axis'. Rank={x.rank} Value={axis}")
    extent, at = x.shape[axis], axis % x.rank
    sizes: Sequence[int | None] = [None] * len(found)
    if isinstance(extent, int):
        if asked.version >= 18 and asked.given(1) is not None and "num_outputs" in asked.stated:
            raise refuse_shape("Both 'split' input and 'num_outputs' attribute were given")
        given = asked.given(1)
        left_out = asked.version < 18 and given is not None and given.type is None  # as which it counts there
        if asked.version >= 13 and asked.hidden(1) and not left_out:
            return no_shape(asked, found)
        sizes = _sizes(asked, extent)
    return [reshaped(y, (*x.shape[:at], n, *x.shape[at + 1 :])) for y, n in zip(found, sizes, strict=False)]


def _sizes(asked: Asked, extent: int) -> list[int]:
    given = asked.given(1)
    stated = asked.attrs.get("split") if given is None else given.numbers()
    n, count = asked.attrs.get("num_outputs"), asked.n_outputs
    if stated is not None:
        if len(stated) != count:
            raise refuse_shape(f"Mismatch between number of splits ({len(stated)}) and outputs ({count})")
        if sum(stated) != extent:
            raise refuse_shape(f"Mismatch between the sum of 'split' ({sum(stated)}) and the split extent ({extent})")
        return list(stated)
    if asked.version < 18:
        if extent % count:
            raise refuse_shape("The input is not evenly splittable")
        return [extent // count] * count
    if n is None:
        raise refuse_shape("Neither 'split' input nor 'num_outputs' attribute has been given")
    if n < 1:
        raise refuse_shape("Attribute `num_outputs` value cannot be lower than 1")
    if n < count:
        raise refuse_shape(f"Attribute `num_outputs` is {n}, but there are {count} outputs")
    part = -(-extent // n)  # all but the last are of one size, even where nothing is left for that
    return [part] * (n - 1) + [extent - part * (n - 1)]
