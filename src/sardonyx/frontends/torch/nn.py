"""Convolution, softmax, dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.cast import cast
from sardonyx.frontends.torch.registry import aten
from sardonyx.ir import TensorType, Value
from sardonyx.ops.builder import Builder

__all__ = ["batched", "per_axis"]


def per_axis(value: int | Sequence[int], count: int) -> list[int]:
    """One number per spatial axis; a single one stands for all."""
    items = list(value) if isinstance(value, Sequence) else [value]
    return items * count if len(items) == 1 else items


# -- convolution ---------------------------------------------------------------------------------------------------------


def convolve(
    g: Builder, input: Value, weight: Value, bias: Value | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Value:
    spatial = (weight.rank or 0) - 2
    pads = per_axis(padding, spatial)
    lifted, undo = batched(g, input, spatial)
    return undo(
        g.Conv(
            lifted, weight, bias,
            kernel_shape=_extents(weight)[2:], strides=per_axis(stride, spatial), dilations=per_axis(dilation, spatial),
            pads=[*pads, *pads], group=groups,
        )
    )  # fmt: skip


def batched(g: Builder, x: Value, spatial: int) -> tuple[Value, Any]:
    """Torch also takes one example without the batch axis."""
    if x.rank == spatial + 2:
        return x, lambda y: y
    return g.Unsqueeze(x, [0]), lambda y: g.Squeeze(y, [0])


def _extents(x: Value) -> list[int]:
    assert x.shape is not None
    if not all(isinstance(n, int) for n in x.shape):
        raise UnsupportedError(f"a kernel of dynamic size {list(x.shape)}")
    return [n for n in x.shape if isinstance(n, int)]


def _convolution(spatial: int) -> None:
    ones, zeros = [1] * spatial, [0] * spatial

    @aten(
        f"conv{spatial}d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[{spatial}] stride={ones}, SymInt[{spatial}] padding={zeros}, "
        f"SymInt[{spatial}] dilation={ones}, SymInt groups=1) -> Tensor"
    )
    def rule(
        g: Builder,
        input: Value,
        weight: Value,
        bias: Value | None,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
    ) -> Value:
        return convolve(g, input, weight, bias, stride, padding, dilation, groups)

    @aten(
        f'conv{spatial}d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[{spatial}] stride={ones}, str padding="valid", '
        f"SymInt[{spatial}] dilation={ones}, SymInt groups=1) -> Tensor"
    )
    def padded(
        g: Builder,
        input: Value,
        weight: Value,
        bias: Value | None,
        stride: Any,
        padding: str,
        dilation: Any,
        groups: int,
    ) -> Value:
        if padding == "valid":
            return convolve(g, input, weight, bias, stride, 0, dilation, groups)
        totals = [step * (k - 1) for k, step in zip(_extents(weight)[2:], per_axis(dilation, spatial), strict=True)]
        before, after = [t // 2 for t in totals], [t - t // 2 for t in totals]
        lifted, undo = batched(g, input, spatial)
        return undo(
            g.Conv(
                lifted, weight, bias,
                kernel_shape=_extents(weight)[2:], strides=per_axis(stride, spatial), dilations=per_axis(dilation, spatial),
                pads=[*before, *after], group=groups,
            )
        )  # fmt: skip


for _spatial in (1, 2, 3):
    _convolution(_spatial)


@aten(
    "convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor"
)
def convolution(
    g: Builder, input: Value, weight: Value, bias: Value | None, stride: list[int], padding: list[int], dilation: list[int],
    transposed: bool, output_padding: list[int], groups: int,
) -> Value:  # fmt: skip
    if not transposed:
        return convolve(g, input, weight, bias, stride, padding, dilation, groups)
    spatial = (weight.rank or 0) - 2
    pads = per_axis(padding, spatial)
    lifted, undo = batched(g, input, spatial)
    return undo(
        g.ConvTranspose(
            lifted, weight, bias,
            kernel_shape=_extents(weight)[2:], strides=per_axis(stride, spatial), dilations=per_axis(dilation, spatial),
            pads=[*pads, *pads], output_padding=per_axis(output_padding, spatial), group=groups,
        )
    )  # fmt: skip


# -- softmax and dropout ---------------------------------------------------------------------------------------------------


def _softmax(name: str, operator: str) -> None:
    @aten(f"{name}.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor")
    def rule(g: Builder, self: Value, dim: int, dtype: DType | None) -> Value:
        return _along(g, operator, cast(g, self, dtype), dim)

    @aten(f"_{name}(Tensor self, int dim, bool half_to_float) -> Tensor")
    def inner(g: Builder, self: Value, dim: int, half_to_float: bool, out: TensorType) -> Value:
        return _along(g, operator, cast(g, self, out.dtype), dim)


def _along(g: Builder, operator: str, x: Value, dim: int) -> Value:
    if x.rank == 0:
        return g.Squeeze(g.op(operator, g.Unsqueeze(x, [0]), axis=0), [0])
    return g.op(operator, x, axis=dim)


_softmax("softmax", "Softmax")
_softmax("log_softmax", "LogSoftmax")


@aten("dropout(Tensor input, float p, bool train) -> Tensor")
def dropout(g: Builder, input: Value, p: float, train: bool | None) -> Any:
    if train and p:
        raise UnsupportedError("dropout in training", fix="call module.eval() before exporting")
    return input


@aten("pixel_shuffle(Tensor self, int upscale_factor) -> Tensor")
def pixel_shuffle(g: Builder, self: Value, upscale_factor: int) -> Value:
    lifted, undo = batched(g, self, 2)
    return undo(g.DepthToSpace(lifted, blocksize=upscale_factor, mode="CRD"))


@aten(
    "col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor"
)
def col2im(
    g: Builder, self: Value, output_size: Sequence[Dim], kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> Value:
    lifted, undo = batched(g, self, 1)
    pads = per_axis(padding, 2)
    return undo(
        g.Col2Im(
            lifted, g.extents.vector(output_size), per_axis(kernel_size, 2),
            dilations=per_axis(dilation, 2), pads=[*pads, *pads], strides=per_axis(stride, 2),
        )
    )  # fmt: skip
