"""Convolution, pooling, softmax, dropout."""

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

__all__: list[str] = []


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
    batched, undo = _batched(g, input, spatial)
    return undo(
        g.Conv(
            batched, weight, bias,
            kernel_shape=_extents(weight)[2:], strides=per_axis(stride, spatial), dilations=per_axis(dilation, spatial),
            pads=[*pads, *pads], group=groups,
        )
    )  # fmt: skip


def _batched(g: Builder, x: Value, spatial: int) -> tuple[Value, Any]:
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
        batched, undo = _batched(g, input, spatial)
        return undo(
            g.Conv(
                batched, weight, bias,
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
    batched, undo = _batched(g, input, spatial)
    return undo(
        g.ConvTranspose(
            batched, weight, bias,
            kernel_shape=_extents(weight)[2:], strides=per_axis(stride, spatial), dilations=per_axis(dilation, spatial),
            pads=[*pads, *pads], output_padding=per_axis(output_padding, spatial), group=groups,
        )
    )  # fmt: skip


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
        batched, undo = _batched(g, self, n)
        return undo(max_pool(g, batched, kernel_size, stride, padding, dilation, ceil_mode, None))

    if n > 1:

        @aten(
            f"max_pool{n}d_with_indices(Tensor self, {window}, int[{n}] dilation={one}, bool ceil_mode=False) -> (Tensor, Tensor)"
        )
        def with_indices(
            g: Builder, self: Value, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
        ) -> tuple[Value, Value]:
            """Torch counts the places within one channel, the standard within the whole tensor."""
            batched, undo = _batched(g, self, n)
            y, places = max_pool(g, batched, kernel_size, stride, padding, dilation, ceil_mode, 2)
            plane = g.ReduceProd(g.Shape(batched, start=2), [0], keepdims=False)
            return undo(y), undo(g.Mod(places, plane))

    suffix = "bool ceil_mode=False, bool count_include_pad=True" + (", int? divisor_override=None" if n > 1 else "")

    @aten(f"avg_pool{n}d(Tensor self, {window}, {suffix}) -> Tensor")
    def avg_pool_rule(
        g: Builder, self: Value, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool
    ) -> Value:
        batched, undo = _batched(g, self, n)
        sizes, pads = per_axis(kernel_size, n), per_axis(padding, n)
        return undo(
            g.AveragePool(
                batched, kernel_shape=sizes, strides=per_axis(stride, n) if stride else sizes, pads=[*pads, *pads],
                ceil_mode=ceil_mode, count_include_pad=count_include_pad,
            )
        )  # fmt: skip


for _spatial in (1, 2, 3):
    _pool(_spatial)


def _adaptive(spatial: int, name: str, size: str) -> None:
    @aten(f"{name}(Tensor self, {size} output_size) -> Tensor")
    def rule(g: Builder, self: Value, output_size: Sequence[Dim]) -> Value:
        """A mean over all where one number is wanted, an average pool where the windows are equal."""
        batched, undo = _batched(g, self, spatial)
        wanted = per_axis(output_size, spatial)  # pyright: ignore[reportArgumentType] sizes of pools are numbers
        if all(n == 1 for n in wanted):
            return undo(g.GlobalAveragePool(batched))
        shape = batched.shape
        assert shape is not None
        strides: list[int] = []
        for extent, n in zip(shape[2:], wanted, strict=True):
            if not isinstance(extent, int) or extent % n:
                raise UnsupportedError(f"adaptive pooling from {extent} to {n}, whose windows are not equal")
            strides.append(extent // n)
        return undo(g.AveragePool(batched, kernel_shape=strides, strides=strides))


_adaptive(1, "adaptive_avg_pool1d", "int[1]")
_adaptive(2, "adaptive_avg_pool2d", "SymInt[2]")
_adaptive(3, "adaptive_avg_pool3d", "SymInt[3]")
_adaptive(2, "_adaptive_avg_pool2d", "SymInt[2]")
_adaptive(3, "_adaptive_avg_pool3d", "SymInt[3]")


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
    batched, undo = _batched(g, self, 2)
    return undo(g.DepthToSpace(batched, blocksize=upscale_factor, mode="CRD"))
