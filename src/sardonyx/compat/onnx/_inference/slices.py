"""Extents of slices as the official package counts them: where nothing is known of what is cut, it compares nothing."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.compat.onnx._inference.asked import Asked, Results, reshaped
from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.core.dims import Dim

__all__ = ["sliced"]

NAMES_KEPT = 10  # the version in which an extent that is no number stays as it is, though it is cut


def sliced(asked: Asked, found: Results) -> Results:
    """What is known of a slice."""
    x = asked.given(0)
    if x is None or not x.has_shape:
        return found
    if asked.version < 10:
        shape = _by_attributes(asked, x.shape)
    elif any(asked.given(i) is None for i in (1, 2)) or any(asked.hidden(i) for i in range(1, 5)):
        shape = _open(x.shape)
    else:
        shape = _by_constants(asked, x.shape)
    return [reshaped(y, shape) for y in found]


def _by_attributes(asked: Asked, shape: Sequence[Dim]) -> Sequence[Dim | None] | None:
    """Axes are met one after the other; those from behind make all extents unknown."""
    starts, ends, axes = (list(asked.attrs.get(name) or ()) for name in ("starts", "ends", "axes"))
    if not {"starts", "ends"} <= asked.stated or len(starts) != len(ends):
        raise refuse_shape("Incorrect or missing attribute value for starts and ends")
    if "axes" not in asked.stated:
        axes = list(range(len(starts)))
    if len(axes) != len(starts):
        raise refuse_shape("Attribute axes has incorrect length")
    if axes != sorted(axes):
        return None
    if any(a < 0 for a in axes):
        return _open(shape)
    made = list[Dim | None](shape)
    met = 0
    for i, d in enumerate(shape):
        if met < len(axes) and axes[met] == i:
            made[i] = _between(starts[met], ends[met], d) if isinstance(d, int) else None
            met += 1
    return made


def _open(shape: Sequence[Dim]) -> Sequence[None] | None:
    """As many extents, all unknown; of a scalar not even that it is one."""
    return (None,) * len(shape) or None


def _between(start: int, end: int, extent: int) -> int | None:
    first = start + extent if start < 0 else start
    last = end + extent if end < 0 else min(end, extent)
    return last - first if 0 <= first <= last else None


def _by_constants(asked: Asked, shape: Sequence[Dim]) -> Sequence[Dim | None]:
    starts, ends, axes, steps = (_integers(asked, i) for i in range(1, 5))
    if starts is None or ends is None or len(starts) != len(ends):
        raise refuse_shape("Incorrect or missing input value for starts and ends")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(axes) == len(steps) == len(starts):
        raise refuse_shape("Input axes or steps has incorrect length")
    made = list[Dim | None](shape)
    met: set[int] = set()
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if not -len(shape) <= axis < len(shape):
            raise refuse_shape(f"Unexpected axis value: {axis}. Expected range [{-len(shape)}, {len(shape)})")
        at = axis % len(shape)
        if at in met:
            raise refuse_shape(f"Axis {at} is referred to more than once.")
        met.add(at)
        extent = shape[at]
        if isinstance(extent, int):
            made[at] = _counted(start, end, step, extent)
        elif asked.version > NAMES_KEPT:
            made[at] = None
    return made


def _counted(start: int, end: int, step: int, extent: int) -> int:
    if step == 0:
        raise refuse_shape("'step' cannot be 0")
    first, last = (n + extent if n < 0 else n for n in (start, end))
    if step < 0:
        first, last = min(max(first, 0), extent - 1), min(max(last, -1), extent)
    else:
        first, last = min(max(first, 0), extent), min(max(last, 0), extent)
    return max(-((first - last) // step), 0)


def _integers(asked: Asked, index: int) -> list[int] | None:
    x = asked.given(index)
    if x is None:
        return None
    found = x.numbers()
    if found is None:
        raise refuse_shape("Only supports `int32_t` or `int64_t` inputs for starts/ends/axes/steps")
    return found
