"""Pooling over windows, of given extents or as many as are wanted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.nn import batched, per_axis
from sardonyx.frontends.torch.registry import aten
from sardonyx.frontends.torch.shape import reshape, shape_of
from sardonyx.ir import Value
from sardonyx.ops.builder import Builder

__all__: list[str] = []


# -- pooling -------------------------------------------------------------------------------------------------------------


def _pool(spatial: int) -> None:
    n = spatial
    one, zero = ("[1]", "[0]") if n == 1 else ("1", "0")  # as torch spells them
    window = f"int[{n}] kernel_size, int[{n}] stride=[], int[{n}] padding={zero}"

    def max_pool(
        g: Builder, x: Value, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, outputs: int | None
    ) -> Any:
        sizes, pads = per_axis(kernel, n), per_axis(padding, n)
        return g.MaxPool(
            x, kernel_shape=sizes, strides=per_axis(stride, n) if stride else sizes, pads=[*pads, *pads],
            dilations=per_axis(dilation, n), ceil_mode=ceil, outputs=outputs,
        )  # fmt: skip

    @aten(f"max_pool{n}d(Tensor self, {window}, int[{n}] dilation={one}, bool ceil_mode=False) -> Tensor")
    def max_pool_rule(
        g: Builder, self: Value, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
    ) -> Value:
        lifted, undo = batched(g, self, n)
        return undo(max_pool(g, lifted, kernel_size, stride, padding, dilation, ceil_mode, None))

    if n > 1:

        @aten(
            f"max_pool{n}d_with_indices(Tensor self, {window}, int[{n}] dilation={one}, bool ceil_mode=False) -> (Tensor, Tensor)"
        )
        def with_indices(
            g: Builder, self: Value, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
        ) -> tuple[Value, Value]:
            """Torch counts the places within one channel, the standard within the whole tensor."""
            lifted, undo = batched(g, self, n)
            y, places = max_pool(g, lifted, kernel_size, stride, padding, dilation, ceil_mode, 2)
            plane = g.ReduceProd(g.Shape(lifted, start=2), [0], keepdims=False)
            return undo(y), undo(g.Mod(places, plane))

    suffix = "bool ceil_mode=False, bool count_include_pad=True" + (", int? divisor_override=None" if n > 1 else "")

    @aten(f"avg_pool{n}d(Tensor self, {window}, {suffix}) -> Tensor")
    def avg_pool_rule(
        g: Builder, self: Value, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool,
        divisor_override: int | None = None,
    ) -> Value:  # fmt: skip
        lifted, undo = batched(g, self, n)
        sizes, pads = per_axis(kernel_size, n), per_axis(padding, n)
        if divisor_override is not None and ceil_mode:
            raise UnsupportedError("average pooling with ceil_mode and divisor_override")
        mean = g.AveragePool(
            lifted, kernel_shape=sizes, strides=per_axis(stride, n) if stride else sizes, pads=[*pads, *pads],
            ceil_mode=ceil_mode, count_include_pad=count_include_pad or divisor_override is not None,
        )  # fmt: skip
        if divisor_override is not None:
            mean = g.Mul(mean, math.prod(sizes) / divisor_override)
        return undo(mean)


for _spatial in (1, 2, 3):
    _pool(_spatial)


# -- as many windows as wanted -----------------------------------------------------------------------------------------------


def _windows(extent: int, count: int) -> list[range]:
    """Where torch lets the windows begin and end: they cover everything, and may overlap."""
    return [range(i * extent // count, -(-(i + 1) * extent // count)) for i in range(count)]


def _fixed(extent: Dim, count: int) -> int:
    if not isinstance(extent, int):
        raise UnsupportedError(
            f"adaptive pooling from a dynamic size, {extent}, to {count}",
            fix="pool to 1, or export with that size fixed",
        )
    return extent


def _adaptive_mean(spatial: int, name: str, size: str) -> None:
    @aten(f"{name}(Tensor self, {size} output_size) -> Tensor")
    def rule(g: Builder, self: Value, output_size: Sequence[int]) -> Value:
        """A mean over all, an average pool of equal windows, or else a product with the matrix of window weights per axis."""
        lifted, undo = batched(g, self, spatial)
        wanted = per_axis(output_size, spatial)
        if all(n == 1 for n in wanted):
            return undo(g.GlobalAveragePool(lifted))
        extents = [_fixed(e, n) for e, n in zip(shape_of(lifted)[2:], wanted, strict=True)]
        if all(e % n == 0 for e, n in zip(extents, wanted, strict=True)):
            windows = [e // n for e, n in zip(extents, wanted, strict=True)]
            return undo(g.AveragePool(lifted, kernel_shape=windows, strides=windows))
        result = lifted
        assert self.dtype is not None
        for axis, (extent, count) in enumerate(zip(extents, wanted, strict=True), 2):
            if extent == count:
                continue
            weights = np.zeros((extent, count), self.dtype.numpy)
            for i, window in enumerate(_windows(extent, count)):
                weights[window, i] = 1 / len(window)
            order = [*(i for i in range(spatial + 2) if i != axis), axis]
            back = [order.index(i) for i in range(spatial + 2)]
            last = axis == spatial + 1
            product = g.MatMul(result if last else g.Transpose(result, perm=order), weights)
            result = product if last else g.Transpose(product, perm=back)
        return undo(result)


_adaptive_mean(1, "adaptive_avg_pool1d", "int[1]")
_adaptive_mean(2, "adaptive_avg_pool2d", "SymInt[2]")
_adaptive_mean(3, "adaptive_avg_pool3d", "SymInt[3]")
_adaptive_mean(2, "_adaptive_avg_pool2d", "SymInt[2]")
_adaptive_mean(3, "_adaptive_avg_pool3d", "SymInt[3]")


def _adaptive_max(spatial: int) -> None:
    @aten(f"adaptive_max_pool{spatial}d(Tensor self, int[{spatial}] output_size) -> (Tensor, Tensor)")
    def rule(g: Builder, self: Value, output_size: Sequence[int]) -> tuple[Value, Value]:
        """Every window as a row of places, the short ones filled up with their first place; then the largest of the row."""
        lifted, undo = batched(g, self, spatial)
        wanted = per_axis(output_size, spatial)
        extents = [_fixed(e, n) for e, n in zip(shape_of(lifted)[2:], wanted, strict=True)]
        places = _rows(extents, wanted)
        flat = g.Reshape(lifted, [0, 0, -1])
        rows = g.Gather(flat, places, axis=2)  # batch, channel, windows, window
        best = g.Unsqueeze(g.ArgMax(rows, axis=-1, keepdims=False), [-1])
        listed = g.Expand(places, g.Concat(g.Shape(rows, end=2), np.ones(2, np.int64), axis=0))
        where = g.Squeeze(g.GatherElements(listed, best, axis=-1), [-1])
        shape = (*shape_of(lifted)[:2], *wanted)
        values = g.ReduceMax(rows, [-1], keepdims=False)
        return undo(reshape(g, values, shape)), undo(reshape(g, where, shape))


def _rows(extents: Sequence[int], counts: Sequence[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    axes = [_windows(e, n) for e, n in zip(extents, counts, strict=True)]
    rows: list[list[int]] = []
    for windows in itertools.product(*axes):
        corners = itertools.product(*windows)
        rows.append([int(np.ravel_multi_index(at, tuple(extents))) for at in corners])
    longest = max(map(len, rows))
    return np.array([row + row[:1] * (longest - len(row)) for row in rows], np.int64)


for _spatial in (1, 2, 3):
    _adaptive_max(_spatial)


def _unpool(spatial: int, extra: str) -> None:
    @aten(f"max_unpool{spatial}d(Tensor self, Tensor indices, SymInt[{spatial}] output_size{extra}) -> Tensor")
    def rule(g: Builder, self: Value, indices: Value, output_size: Sequence[Dim], **windows: Any) -> Value:
        """Each element back at its place within its plane, among zeros."""
        lifted, undo = batched(g, self, spatial)
        places, _ = batched(g, indices, spatial)
        assert self.dtype is not None
        shape = (*shape_of(lifted)[:2], *output_size)
        plane: Dim = math.prod(output_size)  # pyright: ignore[reportArgumentType, reportAssignmentType] dims multiply
        zeros = g.Expand(np.zeros((), self.dtype.numpy), g.extents.vector([*shape[:2], plane]))
        flat = [g.Reshape(x, [0, 0, -1]) for x in (places, lifted)]
        return undo(reshape(g, g.ScatterElements(zeros, *flat, axis=2), shape))


_unpool(2, "")
_unpool(3, ", int[3] stride, int[3] padding")
