"""Convolution over any number of spatial axes, and the arithmetic of sliding windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core.dims import Dim
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Input, Int, Ints, Output, String, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, same
from sardonyx.ops.sampling import linear
from sardonyx.ops.typesets import CLASSIC_BF, FLOATS, FLOATS_BF

Pads = list[tuple[int, int]]


def window_extent(
    extent: Dim, kernel: int, stride: int, dilation: int, pads: tuple[int, int], *, ceil: bool = False
) -> Dim:
    """How many windows fit along one axis; with `ceil`, one that starts inside but ends outside counts too."""
    reach = dilation * (kernel - 1) + 1
    room = extent + (pads[0] + pads[1] - reach)
    if not ceil:
        return dims.floordiv(room, stride) + 1
    count = dims.ceildiv(room, stride) + 1
    if pads[1] + stride <= reach:
        return count
    return dims.dmin(count, dims.ceildiv(extent + pads[0], stride))  # none starts in the padding behind


def static(extent: Dim) -> int:
    """An extent that references know to be a number."""
    assert isinstance(extent, int)
    return extent


def same_pads(extent: int, kernel: int, stride: int, dilation: int, *, upper: bool) -> tuple[int, int]:
    """The padding that makes ceil(extent / stride) windows; an odd one goes behind when `upper`, else in front."""
    total = max((-(-extent // stride) - 1) * stride + dilation * (kernel - 1) + 1 - extent, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if upper else (large, small)


def explicit(auto_pad: str, pads: Sequence[int] | None, rank: int) -> Pads | None:
    """The padding in front and behind of each axis; None when SAME asks for what only the extents tell."""
    if auto_pad.startswith("SAME"):
        return None
    if auto_pad == "VALID" or not pads:
        return [(0, 0)] * rank
    return [(pads[i], pads[i + rank]) for i in range(rank)]


def windows_shape(
    spatial: Sequence[Dim],
    kernel: Sequence[Dim],
    *,
    strides: Any,
    dilations: Any,
    pads: Any,
    auto_pad: str,
    ceil: bool = False,
) -> list[Dim | None]:
    """The spatial extents that sliding a window gives."""
    rank = len(spatial)
    steps, spread = strides or (1,) * rank, dilations or (1,) * rank
    padding = explicit(auto_pad, pads, rank)
    if padding is None:
        return [dims.ceildiv(x, s) for x, s in zip(spatial, steps, strict=True)]
    result: list[Dim | None] = []
    for i, x in enumerate(spatial):
        k = kernel[i]
        extent = window_extent(x, k, steps[i], spread[i], padding[i], ceil=ceil) if isinstance(k, int) else None
        if isinstance(extent, int) and extent < 0:
            raise ShapeError(
                f"a window of {k} does not fit into extent {x} of spatial axis {i}",
                fix="pad the input or use a smaller kernel",
            )
        result.append(extent)
    return result


def padding_of(
    shape: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Any,
    auto_pad: str,
) -> Pads:
    """The padding of each spatial axis, SAME resolved."""
    found = explicit(auto_pad, pads, len(kernel))
    if found is not None:
        return found
    upper = auto_pad == "SAME_UPPER"
    return [same_pads(*facts, upper=upper) for facts in zip(shape, kernel, strides, dilations, strict=True)]


def windows(
    x: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], counts: Sequence[int]
) -> Array:
    """A view [N, C, *counts, *kernel] of `x` [N, C, *spatial]."""
    outer = tuple(s * n for s, n in zip(x.strides[2:], strides, strict=True))
    inner = tuple(s * n for s, n in zip(x.strides[2:], dilations, strict=True))
    return np.lib.stride_tricks.as_strided(
        x, (*x.shape[:2], *counts, *kernel), (*x.strides[:2], *outer, *inner), writeable=False
    )


def convolved(x: Array, w: Array, *, strides: Any, dilations: Any, pads: Any, auto_pad: str, group: int) -> Array:
    """Each window of `x` times `w`, summed up in their type."""
    rank = x.ndim - 2
    kernel, steps, spread = w.shape[2:], strides or (1,) * rank, dilations or (1,) * rank
    x = np.pad(x, [(0, 0), (0, 0), *padding_of(x.shape[2:], kernel, steps, spread, pads, auto_pad)])
    counts = [(x.shape[2 + i] - spread[i] * (kernel[i] - 1) - 1) // steps[i] + 1 for i in range(rank)]
    view = windows(x, kernel, steps, spread, counts)
    per = w.shape[0] // group
    axes = [1, *range(2 + rank, 2 + 2 * rank)]
    blocks = [
        np.tensordot(
            view[:, g * w.shape[1] : (g + 1) * w.shape[1]],
            w[g * per : (g + 1) * per],
            (axes, [1, *range(2, 2 + rank)]),
        )
        for g in range(group)
    ]
    return np.moveaxis(np.concatenate(blocks, -1), -1, 1)


def window_facts(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """What of the attributes of a convolution says how its window moves."""
    return {name: attrs[name] for name in ("strides", "dilations", "pads", "auto_pad", "group")}


def convolution_shape(
    X: Known, W: Known, *, kernel_shape: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str, group: int
) -> Dims:
    """The shape of a convolution of X by W, whose spatial extents may be given as `kernel_shape` too."""
    if X.rank < 3 or W.rank != X.rank:
        raise ShapeError(
            f"Conv cannot slide W{show_shape(W.shape)} over X{show_shape(X.shape)}",
            why="both need [N, C, spatial ...]",
        )
    same(X.shape[1], W.shape[1] * group, "channels of X and of W times group")
    spatial = windows_shape(
        X.shape[2:],
        _kernel(W, kernel_shape),
        strides=strides,
        dilations=dilations,
        pads=pads,
        auto_pad=auto_pad,
    )
    return X.shape[0], W.shape[0], *spatial


def _kernel(W: Known, kernel_shape: Sequence[int] | None) -> Sequence[Dim]:
    """The spatial extents of a filter."""
    spatial = W.shape[2:]
    if not kernel_shape:
        return spatial
    if len(kernel_shape) != len(spatial):
        raise ShapeError(f"kernel_shape {list(kernel_shape)} does not fit W{show_shape(W.shape)}")
    return [same(a, b, "extents of W and of kernel_shape") for a, b in zip(kernel_shape, spatial, strict=True)]


@operator("Conv", since=(1, 11, 22))
class Conv:
    """Y[n, m, ...] = B[m] + the sum over channels and window of X * W; `group` blocks of channels do not mix."""

    T = types({1: FLOATS, 22: FLOATS_BF})
    X, W, B = Input(T), Input(T), Input(T, optional=True)
    Y = Output(T)
    kernel_shape, strides, dilations, pads = Ints(), Ints(), Ints(), Ints()
    auto_pad, group = String("NOTSET"), Int(1)

    @infers
    def infer(
        X: Known, W: Known, B: Known | None, *, kernel_shape: Any, strides: Any, dilations: Any, pads: Any,
        auto_pad: str, group: int,
    ) -> Dims:  # fmt: skip
        return convolution_shape(
            X,
            W,
            kernel_shape=kernel_shape,
            strides=strides,
            dilations=dilations,
            pads=pads,
            auto_pad=auto_pad,
            group=group,
        )

    @reference
    def run(
        X: Array, W: Array, B: Array | None, *, strides: Any, dilations: Any, pads: Any, auto_pad: str, group: int
    ) -> Array:
        y = convolved(wide(X), wide(W), strides=strides, dilations=dilations, pads=pads, auto_pad=auto_pad, group=group)
        if B is not None:
            y = y + wide(B).reshape(-1, *(1,) * (X.ndim - 2))
        return y.astype(X.dtype)


def overlap(
    columns: Array, extents: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Pads
) -> Array:
    """The inverse of `windows`: columns [N, C, *kernel, *counts] added up where they lie in [N, C, *extents]."""
    rank = len(extents)
    kernel, counts = columns.shape[2 : 2 + rank], columns.shape[2 + rank :]
    front = [max(a, 0) for a, _ in pads]
    whole = [
        max((k - 1) * d + (n - 1) * s + 1, a + e) + max(-a, 0)
        for k, d, n, s, (a, _), e in zip(kernel, dilations, counts, strides, pads, extents, strict=True)
    ]
    image = np.zeros((*columns.shape[:2], *whole), columns.dtype)
    for place in np.ndindex(*kernel):
        at = tuple(
            slice(start := k * d + max(-a, 0), start + (n - 1) * s + 1 if n else start, s)
            for k, d, n, s, (a, _) in zip(place, dilations, counts, strides, pads, strict=True)
        )
        image[(slice(None), slice(None), *at)] += columns[(slice(None), slice(None), *place)]
    return image[(slice(None), slice(None), *(slice(a, a + e) for a, e in zip(front, extents, strict=True)))]


def transposed_extents(
    spatial: Sequence[Any], kernel: Sequence[Any], *, strides: Any, dilations: Any, pads: Any, auto_pad: str,
    output_padding: Any, output_shape: Any,
) -> list[tuple[Any, tuple[Any, Any]]]:  # fmt: skip
    """The extent of each axis that a transposed convolution makes, and what it cuts off in front and behind."""
    result: list[tuple[Any, tuple[Any, Any]]] = []
    padding = explicit(auto_pad, pads, len(spatial))
    for i, x in enumerate(spatial):
        stride, spread = strides[i] if strides else 1, dilations[i] if dilations else 1
        added = output_padding[i] if output_padding else 0
        whole = (x - 1) * stride + added + (kernel[i] - 1) * spread + 1
        if output_shape or padding is None:
            extent = output_shape[i] if output_shape else x * stride
            small = dims.floordiv(whole - extent, 2)
            large = whole - extent - small
            result.append((extent, (small, large) if auto_pad == "SAME_UPPER" else (large, small)))
        else:
            result.append((whole - padding[i][0] - padding[i][1], padding[i]))
    return result


@operator("ConvTranspose", since=(1, 11, 22))
class ConvTranspose:
    """The gradient of Conv: each element of X, times W, added into the window it belongs to; `group` blocks do not mix."""

    T = types({1: FLOATS, 22: FLOATS_BF})
    X, W, B = Input(T), Input(T), Input(T, optional=True)
    Y = Output(T)
    kernel_shape, strides, dilations, pads = Ints(), Ints(), Ints(), Ints()
    output_padding, output_shape = Ints(), Ints()
    auto_pad, group = String("NOTSET"), Int(1)

    @infers
    def infer(
        X: Known, W: Known, B: Known | None, *, kernel_shape: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str,
        group: int, output_padding: Any, output_shape: Any,
    ) -> Dims:  # fmt: skip
        if X.rank < 3 or W.rank != X.rank:
            raise ShapeError(
                f"ConvTranspose cannot slide W{show_shape(W.shape)} over X{show_shape(X.shape)}",
                why="both need [N, C, spatial ...]",
            )
        if pads and auto_pad not in ("NOTSET", ""):
            raise ShapeError("pads and auto_pad say two things", why=f"auto_pad is {auto_pad}", fix="leave one out")
        same(X.shape[1], W.shape[0], "channels of X and of W")
        found = transposed_extents(
            X.shape[2:], _kernel(W, kernel_shape), strides=strides, dilations=dilations, pads=pads, auto_pad=auto_pad,
            output_padding=output_padding, output_shape=output_shape,
        )  # fmt: skip
        return X.shape[0], W.shape[1] * group, *(extent for extent, _ in found)

    @reference
    def run(
        X: Array, W: Array, B: Array | None, *, strides: Any, dilations: Any, pads: Any, auto_pad: str, group: int,
        output_padding: Any, output_shape: Any,
    ) -> Array:  # fmt: skip
        rank = X.ndim - 2
        found = transposed_extents(
            X.shape[2:], W.shape[2:], strides=strides, dilations=dilations, pads=pads, auto_pad=auto_pad,
            output_padding=output_padding, output_shape=output_shape,
        )  # fmt: skip
        x = wide(X).reshape(X.shape[0], group, X.shape[1] // group, *X.shape[2:])
        w = wide(W).reshape(group, W.shape[0] // group, *W.shape[1:])
        blocks = [np.tensordot(x[:, g], w[g], (1, 0)) for g in range(group)]  # [N, *spatial, M/group, *kernel]
        columns = np.moveaxis(np.stack(blocks, 1), range(2, 2 + rank), range(-rank, 0))
        columns = columns.reshape(X.shape[0], -1, *W.shape[2:], *X.shape[2:])
        extents, cuts = [e for e, _ in found], [c for _, c in found]
        y = overlap(columns, extents, strides or (1,) * rank, dilations or (1,) * rank, cuts)
        return (y if B is None else y + wide(B).reshape(-1, *(1,) * rank)).astype(X.dtype)


@operator("Col2Im", since=(18,))
class Col2Im:
    """Columns [N, C * block, windows] as the image [N, C, *image_shape] they were cut from; where they overlap, they add up."""

    T = types(CLASSIC_BF)
    input = Input(T)
    image_shape, block_shape = Input("tensor(int64)"), Input("tensor(int64)")
    output = Output(T)
    dilations, pads, strides = Ints(), Ints(), Ints()

    @infers
    def infer(input: Known, image_shape: Known, block_shape: Known) -> Dims | None:
        image, block = image_shape.ints(), block_shape.ints()
        if image is None:
            rank = image_shape.shape[0]
            return (input.shape[0], None, *(None,) * rank) if isinstance(rank, int) else None
        size: Dim = 1
        for extent in block or ():
            size = size * extent
        return input.shape[0], None if block is None else dims.floordiv(input.shape[1], size), *image

    @reference
    def run(input: Array, image_shape: Array, block_shape: Array, *, dilations: Any, pads: Any, strides: Any) -> Array:
        image, block = [int(x) for x in image_shape], [int(x) for x in block_shape]
        rank = len(image)
        steps, spread = strides or (1,) * rank, dilations or (1,) * rank
        padding = explicit("NOTSET", pads, rank) or []
        counts = [static(window_extent(*facts)) for facts in zip(image, block, steps, spread, padding, strict=True)]
        columns = wide(input).reshape(input.shape[0], -1, *block, *counts)
        return overlap(columns, image, steps, spread, padding).astype(input.dtype)


@operator("DeformConv", since=(19, 22))
class DeformConv:
    """A convolution whose window is bent: each of its points is moved by an offset and scaled by a mask.

    Between its elements X is interpolated linearly; around X is zero.
    """

    T = types({19: FLOATS, 22: FLOATS_BF})
    X, W, offset = Input(T), Input(T), Input(T)
    B, mask = Input(T, optional=True), Input(T, optional=True)
    Y = Output(T)
    kernel_shape, strides, dilations, pads = Ints(), Ints(), Ints(), Ints()
    group, offset_group = Int(1), Int(1)

    @infers
    def infer(
        X: Known, W: Known, offset: Known, *rest: Known | None, kernel_shape: Any, strides: Any, dilations: Any,
        pads: Any, group: int,
    ) -> Dims:  # fmt: skip
        if X.rank < 3 or W.rank != X.rank or (offset.has_shape and offset.rank != X.rank):
            shown = ", ".join(show_shape(x.dims) for x in (X, W, offset))
            raise ShapeError("X, W and offset need [N, C, spatial ...]", why=f"the shapes are {shown}")
        same(X.shape[1], W.shape[1] * group, "channels of X and of W times group")
        spatial = windows_shape(
            X.shape[2:], _kernel(W, kernel_shape), strides=strides, dilations=dilations, pads=pads, auto_pad="NOTSET"
        )
        return X.shape[0], W.shape[0], *spatial

    @reference
    def run(
        X: Array, W: Array, offset: Array, B: Array | None, mask: Array | None, *, strides: Any, dilations: Any,
        pads: Any, group: int, offset_group: int,
    ) -> Array:  # fmt: skip
        rank = X.ndim - 2
        kernel, counts = W.shape[2:], offset.shape[2:]
        steps, spread, padding = strides or (1,) * rank, dilations or (1,) * rank, pads or (0,) * 2 * rank
        x = wide(X)
        moved = wide(offset).reshape(X.shape[0], offset_group, *kernel, rank, *counts)
        scale = None if mask is None else wide(mask).reshape(X.shape[0], offset_group, *kernel, *counts)
        per = X.shape[1] // offset_group
        columns: list[Array] = []
        for g in range(offset_group):
            points: list[Array] = []
            for i in range(rank):
                base = np.arange(kernel[i])[:, None] * spread[i] + np.arange(counts[i]) * steps[i] - padding[i]
                shape = [1] * (2 * rank)
                shape[i], shape[rank + i] = kernel[i], counts[i]
                points.append(np.take(moved[:, g], i, 1 + rank) + base.reshape(shape))
            found = linear(x[:, g * per : (g + 1) * per], points)
            columns.append(found if scale is None else found * scale[:, g, None])
        view = np.concatenate(columns, 1)  # [N, C, *kernel, *counts]
        inner, outer = W.shape[1], W.shape[0] // group
        blocks = [
            np.tensordot(
                view[:, g * inner : (g + 1) * inner],
                wide(W)[g * outer : (g + 1) * outer],
                ([*range(1, 2 + rank)], [*range(1, 2 + rank)]),
            )
            for g in range(group)
        ]
        y = np.moveaxis(np.concatenate(blocks, -1), -1, 1)
        return (y if B is None else y + wide(B).reshape(-1, *(1,) * rank)).astype(X.dtype)


__all__: list[str] = []
