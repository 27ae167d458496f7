"""Convolution and pooling over any number of spatial axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import INT8, UINT8
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Flag, Input, Int, Ints, Output, String, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, same
from sardonyx.ops.typesets import FLOATS, FLOATS_BF, I64

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
    if isinstance(count, int) and isinstance(extent, int) and (count - 1) * stride >= extent + pads[0]:
        count -= 1  # it would start in the padding behind
    return count


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
        X: Known, W: Known, B: Known | None, *, strides: Any, dilations: Any, pads: Any, auto_pad: str, group: int
    ) -> Dims:
        if X.rank < 3 or W.rank != X.rank:
            raise ShapeError(
                f"Conv cannot slide W{show_shape(W.shape)} over X{show_shape(X.shape)}",
                why="both need [N, C, spatial ...]",
            )
        same(X.shape[1], W.shape[1] * group, "channels of X and of W times group")
        spatial = windows_shape(
            X.shape[2:], W.shape[2:], strides=strides, dilations=dilations, pads=pads, auto_pad=auto_pad
        )
        return X.shape[0], W.shape[0], *spatial

    @reference
    def run(
        X: Array, W: Array, B: Array | None, *, strides: Any, dilations: Any, pads: Any, auto_pad: str, group: int
    ) -> Array:
        rank = X.ndim - 2
        kernel, steps, spread = W.shape[2:], strides or (1,) * rank, dilations or (1,) * rank
        padding = padding_of(X.shape[2:], kernel, steps, spread, pads, auto_pad)
        x = np.pad(wide(X), [(0, 0), (0, 0), *padding])
        counts = [(x.shape[2 + i] - spread[i] * (kernel[i] - 1) - 1) // steps[i] + 1 for i in range(rank)]
        view = windows(x, kernel, steps, spread, counts)
        per = W.shape[0] // group
        axes = [1, *range(2 + rank, 2 + 2 * rank)]
        blocks = [
            np.tensordot(
                view[:, g * W.shape[1] : (g + 1) * W.shape[1]],
                wide(W)[g * per : (g + 1) * per],
                (axes, [1, *range(2, 2 + rank)]),
            )
            for g in range(group)
        ]
        y = np.moveaxis(np.concatenate(blocks, -1), -1, 1)
        if B is not None:
            y = y + wide(B).reshape(-1, *(1,) * rank)
        return y.astype(X.dtype)


@operator("MaxPool", since=(1, 8, 10, 11, 12, 22))
class MaxPool:
    """The largest element of each window, and where it lies in the flattened input."""

    T = types({1: FLOATS, 12: FLOATS | {INT8, UINT8}, 22: FLOATS_BF | {INT8, UINT8}})
    I = types({8: I64})  # noqa: E741 the standard's name
    X = Input(T)
    Y = Output(T)
    Indices = Output(I, optional=True, since=8)
    kernel_shape, strides, pads = Ints(required=True), Ints(), Ints()
    dilations, ceil_mode = Ints(since=10), Flag(0, since=10)
    auto_pad, storage_order = String("NOTSET"), Int(0, since=8)

    @infers
    def infer(
        X: Known, *, kernel_shape: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str, ceil_mode: bool
    ) -> list[Dims]:
        spatial = windows_shape(
            X.shape[2:],
            kernel_shape,
            strides=strides,
            dilations=dilations,
            pads=pads,
            auto_pad=auto_pad,
            ceil=ceil_mode,
        )
        shape = (*X.shape[:2], *spatial)
        return [shape, shape]

    @reference
    def run(
        X: Array,
        *,
        kernel_shape: Any,
        strides: Any,
        dilations: Any,
        pads: Any,
        auto_pad: str,
        ceil_mode: bool,
        storage_order: int,
        n_outputs: int,
    ) -> list[Array]:
        rank = X.ndim - 2
        steps, spread = strides or (1,) * rank, dilations or (1,) * rank
        padding = padding_of(X.shape[2:], kernel_shape, steps, spread, pads, auto_pad)
        counts = [
            static(window_extent(X.shape[2 + i], kernel_shape[i], steps[i], spread[i], padding[i], ceil=ceil_mode))
            for i in range(rank)
        ]
        padded = [
            (front, max(back, (n - 1) * s + dl * (k - 1) + 1 - x - front))
            for (front, back), n, s, dl, k, x in zip(
                padding, counts, steps, spread, kernel_shape, X.shape[2:], strict=True
            )
        ]
        low = -np.inf if X.dtype.kind not in "iu" else np.iinfo(X.dtype).min
        whole = [(0, 0), (0, 0), *padded]
        view = windows(np.pad(X, whole, constant_values=low), kernel_shape, steps, spread, counts)
        flat = view.reshape(*view.shape[: 2 + rank], -1)
        best = flat.argmax(-1)
        y = np.take_along_axis(flat, best[..., None], -1)[..., 0]
        if n_outputs == 1:
            return [y]
        order = "F" if storage_order else "C"
        positions = np.arange(math.prod(X.shape[2:])).reshape(X.shape[2:], order=order)
        grid = np.broadcast_to(positions, X.shape).astype(np.int64)
        grid = grid + np.arange(math.prod(X.shape[:2])).reshape(*X.shape[:2], *(1,) * rank) * positions.size
        places = windows(np.pad(grid, whole, constant_values=-1), kernel_shape, steps, spread, counts)
        index = np.take_along_axis(places.reshape(flat.shape), best[..., None], -1)[..., 0]
        return [y, index]


def _global_pool(name: str, pool: Any, doc: str) -> None:
    def infer(X: Known) -> Dims:
        return *X.shape[:2], *(1,) * (X.rank - 2)

    def run(X: Array) -> Array:
        return pool(wide(X), axis=tuple(range(2, X.ndim)), keepdims=True).astype(X.dtype)

    T = types({1: FLOATS, 22: FLOATS_BF})
    block = {"__doc__": doc, "T": T, "X": Input(T), "Y": Output(T), "infer": infers(infer), "run": reference(run)}
    operator(name, since=(1, 22))(type(name, (), block))


_global_pool("GlobalAveragePool", np.mean, "The mean over all spatial axes.")
_global_pool("GlobalMaxPool", np.max, "The maximum over all spatial axes.")

__all__: list[str] = []
