"""Extents of reductions as the official package counts them: the first versions look at no axis, the later ones at all."""

from __future__ import annotations

from sardonyx.compat.onnx._inference.asked import Asked, Results, no_shape, reshaped
from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.core.dims import Dim

__all__ = ["REDUCTIONS", "reduced"]

REDUCTIONS = tuple(
    f"Reduce{name}" for name in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
)
AXES_TAKEN = 13  # the version since which axes are taken as an input, whether the operator has that or not


def reduced(asked: Asked, found: Results) -> Results:
    """The first input's shape without the axes that are reduced, or with a 1 for each."""
    x, given = asked.given(0), asked.given(1)
    if x is None or not x.has_shape:
        return found
    axes = asked.attrs.get("axes")
    if asked.version >= AXES_TAKEN and len(asked.inputs) > 1:
        if axes is not None:
            raise refuse_shape("axes as an input and attribute cannot be specified at the same time.")
        if given is not None and asked.hidden(1):
            return no_shape(asked, found)
        axes = None if given is None else given.numbers()
        if given is not None and axes is None:
            raise refuse_shape("the axes are a constant of another type than int64")
    if not axes and asked.attrs.get("noop_with_empty_axes"):
        return [reshaped(y, x.shape) for y in found]
    counted = _counted(asked, [int(a) for a in axes or ()], x.rank)
    kept: list[Dim] = []
    for i, d in enumerate(x.shape):
        if axes and i not in counted:
            kept.append(d)
        elif asked.attrs.get("keepdims"):
            kept.append(1)
    return [reshaped(y, kept) for y in found]


def _counted(asked: Asked, axes: list[int], rank: int) -> set[int]:
    checked = asked.version >= (12 if asked.op_type in ("ReduceMax", "ReduceMin") else 11)
    for axis in axes if checked else ():
        if not -rank <= axis < rank:
            raise refuse_shape(f"axis must be in [-rank, rank-1]. input rank was {rank}")
    return {a + rank if a < 0 else a for a in axes}
