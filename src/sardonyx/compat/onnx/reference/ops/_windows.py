"""Sliding windows: the functions of convolution, of columns and images, and of pooling that programs take one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnx.reference._execute import one
from sardonyx.compat.onnx.reference.op_run import OpRun
from sardonyx.ops.nn import windows

__all__ = [
    "Im2Col",
    "_col2im_naive_implementation_2d",
    "_conv_implementation",
    "_deform_conv_implementation",
    "_get_index",
    "_get_indices",
    "_global_average_pool",
    "_global_max_pool",
    "_is_out",
    "_make_ind",
    "col2im_naive_implementation",
    "get_output_shape_auto_pad",
    "get_output_shape_explicit_padding",
    "get_pad_shape",
    "get_pad_with_auto_pad",
    "im2col",
    "pool",
]

Array = np.ndarray[Any, Any]
Extents = Sequence[int]


def _get_indices(i: int, shape: Extents) -> Array:
    """Where element `i` of a tensor is, along each axis; the first axis has no end."""
    found: list[int] = []
    for n in reversed(shape[1:]):
        i, rest = divmod(i, n)
        found.append(rest)
    return np.array([i, *reversed(found)], dtype=np.int64)


def _get_index(indices: Extents, shape: Extents) -> int:
    """The number of the element at `indices`, which may lie outside."""
    found = 0
    for i, n in zip(indices, shape, strict=True):
        found = found * n + int(i)
    return found


def _is_out(ind: Extents, shape: Extents) -> bool:
    """Whether `ind` lies outside."""
    return any(i < 0 or i >= n for i, n in zip(ind, shape, strict=True))


def _make_ind(dim: int, shape: Extents) -> Array:
    """At each place, its index along axis `dim`."""
    return np.indices(tuple(shape), dtype=np.int64)[dim]


def im2col(
    X: Array, kernel_shape: Extents, pads: Extents, strides: Extents, dilations: Extents | None = None
) -> tuple[Array, tuple[int, ...]]:
    """The windows of X [N, C, *spatial] as columns [C * kernel, N * windows], and how many there are along each axis."""
    rank = len(kernel_shape)
    spread = dilations or (1,) * rank
    padded = np.pad(X, [(0, 0), (0, 0), *((pads[i], pads[i + rank]) for i in range(rank))])
    counts = tuple((padded.shape[2 + i] - spread[i] * (kernel_shape[i] - 1) - 1) // strides[i] + 1 for i in range(rank))
    view = windows(padded, kernel_shape, strides, spread, counts)  # [N, C, *counts, *kernel]
    ordered = np.moveaxis(np.moveaxis(view, 0, 1), range(2, 2 + rank), range(-rank, 0))  # [C, N, *kernel, *counts]
    columns = np.moveaxis(ordered, 1, 1 + rank)
    return columns.reshape(X.shape[1] * math.prod(kernel_shape), X.shape[0] * math.prod(counts)), counts


def _conv_implementation(
    X: Array,
    W: Array,
    B: Array | None,
    auto_pad: str | None,
    dilations: Extents | None,
    group: int | None,
    kernel_shape: Extents | None,
    pads: Extents | None,
    strides: Extents | None,
) -> Array:
    """Conv."""
    if X.shape[1] != W.shape[1] * (group or 1) or W.shape[0] % (group or 1):
        raise ValueError(f"shapes {X.shape} of X and {W.shape} of W do not fit {group} groups")
    flat = None if B is None else np.broadcast_to(np.reshape(B, -1), W.shape[0]) if B.size == 1 else B.reshape(-1)
    attrs = {"dilations": dilations, "group": group, "kernel_shape": kernel_shape, "pads": pads, "strides": strides}
    return one("Conv", X, W, flat, auto_pad=auto_pad, **attrs)


def _deform_conv_implementation(
    X: Array,
    W: Array,
    offset: Array,
    B: Array | None,
    mask: Array | None,
    dilations: Extents | None,
    group: int | None,
    kernel_shape: Extents | None,
    offset_group: int | None,
    pads: Extents | None,
    strides: Extents | None,
) -> Array:
    """DeformConv."""
    attrs = {"dilations": dilations, "group": group, "kernel_shape": kernel_shape, "pads": pads, "strides": strides}
    return one("DeformConv", X, W, offset, B, mask, offset_group=offset_group, **attrs)


def col2im_naive_implementation(
    data: Array, image_shape: Extents, kernel_shape: Extents, dilations: Extents, pads: Extents, strides: Extents
) -> Array:
    """The image that columns [kernel, windows] were cut from; where windows overlap, they add up."""
    image, kernel = np.asarray(image_shape, np.int64), np.asarray(kernel_shape, np.int64)
    attrs = {"dilations": list(dilations), "pads": list(pads), "strides": list(strides)}
    return one("Col2Im", data[None], image, kernel, **attrs)[0, 0]


_col2im_naive_implementation_2d = col2im_naive_implementation


def _global_average_pool(x: Array) -> Array:
    return one("GlobalAveragePool", x)


def _global_max_pool(x: Array) -> Array:
    return one("GlobalMaxPool", x)


def get_pad_shape(auto_pad: str, shape: Extents, kernel: Extents, strides: Extents | None, out: Extents) -> list[int]:
    """How much padding along each axis makes `out` windows, where SAME asks for it."""
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        return [0] * len(shape)
    steps = strides or (1,) * len(shape)
    return [(o - 1) * s + k - n for o, s, k, n in zip(out, steps, kernel, shape, strict=True)]


def get_pad_with_auto_pad(auto_pad: str, pad_shape: Extents) -> list[int]:
    """The padding in front of each axis, then behind each."""
    less, more = [p // 2 for p in pad_shape], [p - p // 2 for p in pad_shape]
    found = {"SAME_UPPER": [*less, *more], "SAME_LOWER": [*more, *less]}
    return found.get(auto_pad, [0] * (2 * len(pad_shape)))


def get_output_shape_explicit_padding(
    pads: Extents | None,
    input_spatial_shape: Extents,
    kernel_spatial_shape: Extents,
    strides_spatial: Extents | None,
    dilations: Extents | None = None,
    ceil_mode: bool = False,
) -> tuple[list[int], list[int]]:
    """How many windows there are along each axis, and the padding that all of them fit into."""
    rank = len(input_spatial_shape)
    padding, steps = list(pads or (0,) * (2 * rank)), strides_spatial or (1,) * rank
    spread = (1,) * rank if dilations is None else dilations
    counts: list[int] = []
    for i, extent in enumerate(input_spatial_shape):
        reach = spread[i] * (kernel_spatial_shape[i] - 1) + 1
        room = extent + padding[i] + padding[i + rank] - reach
        count = (-(-room // steps[i]) if ceil_mode else room // steps[i]) + 1
        if ceil_mode and (count - 1) * steps[i] >= extent + padding[i]:
            count -= 1  # a window that starts in the padding behind does not count
        more = max((count - 1) * steps[i] - room, 0)
        padding[i], padding[i + rank] = padding[i] + more // 2, padding[i + rank] + more - more // 2
        counts.append(int(count))
    return counts, padding


def get_output_shape_auto_pad(
    auto_pad: str, input_spatial_shape: Extents, kernel_spatial_shape: Extents, strides_spatial: Extents | None
) -> list[int]:
    """How many windows there are along each axis."""
    steps = strides_spatial or (1,) * len(input_spatial_shape)
    room = [
        n if auto_pad.startswith("SAME") else n - k + 1
        for n, k in zip(input_spatial_shape, kernel_spatial_shape, strict=True)
    ]
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        raise ValueError(f"auto_pad is SAME_UPPER, SAME_LOWER or VALID, not {auto_pad}")
    return [(n - 1) // s + 1 for n, s in zip(room, steps, strict=True)]


def pool(
    padded: Array,
    x_shape: Extents,
    kernel: Extents,
    strides: Extents | None,
    out_shape: Extents,
    pooling_type: str,
    pads_required: Extents | None = None,
    pads: Extents | None = None,
    dilations: Extents | None = None,
    count_include_pad: int = 0,
    p: int = 1,
) -> Array:
    """AVG, MAX or LPPOOL over the windows of a padded image, in which NaN marks what does not count."""
    rank = len(kernel)
    steps, spread, padding = strides or (1,) * rank, dilations or (1,) * rank, pads or (0,) * (2 * rank)
    over: dict[str, Any] = {
        "AVG": lambda v: np.average(v),
        "MAX": lambda v: np.max(v),
        "LPPOOL": lambda v: np.sum(np.abs(v) ** p) ** (1.0 / p),
    }
    if pooling_type not in over:
        raise NotImplementedError(f"pooling is AVG, MAX or LPPOOL, not {pooling_type}")
    ends = [x_shape[2 + i] + padding[i] + padding[rank + i] for i in range(rank)]
    y = np.zeros((*x_shape[:2], *out_shape), padded.dtype)
    for at in np.ndindex(*y.shape):
        starts = [s * n for s, n in zip(steps, at[2:], strict=True)]
        reach = [
            range(b, min(b + d * (k - 1) + 1, e), d) for b, d, k, e in zip(starts, spread, kernel, ends, strict=True)
        ]
        values = padded[at[0], at[1]][np.ix_(*reach)].reshape(-1)
        whole = count_include_pad == 1 and pooling_type != "MAX"
        y[at] = over[pooling_type](values if whole else values[~np.isnan(values)])
    return y


class Im2Col(OpRun):
    """The windows of an image as columns; `kernel_shape` is the shape of the weights."""

    op_domain = "experimental"

    def _run(
        self, img: Array, kernel_shape: Any, dilations: Any = None, pads: Any = None, strides: Any = None
    ) -> tuple[Array]:
        rank = img.ndim - 2
        kernel = tuple(int(k) for k in kernel_shape[2:])
        return (im2col(img, kernel, pads or (0,) * (2 * rank), strides or (1,) * rank, dilations)[0],)
