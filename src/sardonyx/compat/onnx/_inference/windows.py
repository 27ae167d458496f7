"""Extents of what windows that slide over images give, as the official package counts them.

Our rules refuse a window that does not fit into its image. The official rule counts on, to extents of 0 and below, and
looks at no channels.
"""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.compat.onnx._inference.asked import Asked, Results, View, all_numbers, no_shape, reshaped
from sardonyx.compat.onnx._inference.errors import counted
from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import INT64
from sardonyx.ir import TensorType
from sardonyx.ops import Known

__all__ = ["windows"]

ALL_STARTS_UNTIL = 22  # the version since which, rounded up, no window starts in the padding behind the image


def windows(images: int = 0, weights: int | None = None) -> View:
    """Windows over one input, whose extents another one has unless `kernel_shape` gives them."""

    def apply(asked: Asked, found: Results) -> Results:
        x, w = asked.given(images), None if weights is None else asked.given(weights)
        if x is None or not x.has_shape or (weights is not None and (w is None or not w.has_shape)):
            return no_shape(asked, _with_places(asked, found))
        kernel = asked.attrs.get("kernel_shape") or (w.shape[2:] if w is not None else ())
        if not all_numbers(kernel):
            return no_shape(asked, found)
        shape = (x.shape[0], w.shape[0] if w is not None else x.shape[1], *_slid(asked, x.shape[2:], kernel))
        return [reshaped(y, shape) for y in _with_places(asked, found)]

    return apply


def _with_places(asked: Asked, found: Results) -> Results:
    """Where the largest elements were: a second output has a type even in versions that have none."""
    pool = asked.op_type in ("AveragePool", "MaxPool")
    return [*found, Known(TensorType(INT64, None))] if pool and asked.n_outputs > 1 == len(found) else found


def _slid(asked: Asked, image: Sequence[Dim | None], kernel: Sequence[Dim | None]) -> list[Dim | None]:
    n = len(image)
    strides, dilations, pads = (asked.attrs.get(name) for name in ("strides", "dilations", "pads"))
    steps, gaps = strides or [1] * n, dilations or [1] * n
    sizes = [counted((int(k) - 1) * gap + 1) for k, gap in zip(kernel, gaps, strict=True) if isinstance(k, int)]
    made: list[Dim | None] = []
    for i, (extent, size, step) in enumerate(zip(image, sizes, steps, strict=True)):
        if not isinstance(extent, int):
            made.append(None)
            continue
        before, after = (pads[i], pads[n + i]) if pads else _padded(asked, extent, size, step)
        room = extent + before + after - size
        if asked.attrs.get("ceil_mode"):
            moves = _cut(room + step - 1, step) if asked.version >= ALL_STARTS_UNTIL else -(-room // step)
            starts_behind = asked.version >= ALL_STARTS_UNTIL and moves * step >= extent + before
            made.append(moves if starts_behind else 1 + moves)
        else:
            made.append(1 + _cut(room, step))
    return made


def _cut(room: int, step: int) -> int:
    """A quotient cut towards 0."""
    return room // step if room >= 0 else -(-room // step)


def _padded(asked: Asked, extent: int, size: int, step: int) -> tuple[int, int]:
    """The padding before and behind that makes as many windows as steps fit into the image."""
    total = max(size - (extent % step or step), 0)
    match asked.attrs.get("auto_pad"):
        case "SAME_UPPER":
            return total // 2, total - total // 2
        case "SAME_LOWER":
            return total - total // 2, total // 2
        case _:
            return 0, 0
