"""Normalizations."""

from __future__ import annotations

from collections.abc import Sequence

import ml_dtypes
import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.registry import aten
from sardonyx.frontends.torch.shape import reshape, shape_of
from sardonyx.ir import Value
from sardonyx.ops.builder import Builder

__all__: list[str] = []


@aten(
    "_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)"
)
def batch_norm(
    g: Builder,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value,
    running_var: Value,
    momentum: float,
    eps: float,
) -> tuple[Value, None, None]:
    return _by_statistics(g, input, weight, bias, running_mean, running_var, eps), None, None


def _by_statistics(
    g: Builder, x: Value, weight: Value | None, bias: Value | None, mean: Value, variance: Value, eps: float
) -> Value:
    scale = weight if weight is not None else _filled(x, _channels(mean, 0), 1)
    shift = bias if bias is not None else _filled(x, _channels(mean, 0), 0)
    return g.BatchNormalization(x, scale, shift, mean, variance, epsilon=eps)


@aten(
    "_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)"
)
def batch_norm_of_the_batch(
    g: Builder, input: Value, weight: Value | None, bias: Value | None, training: bool, momentum: float, eps: float
) -> tuple[Value, None, None]:
    """A batch norm that keeps no statistics normalizes by those of the batch, in use as in training."""
    axes = [0, *range(2, input.rank or 2)]
    centred = g.Sub(input, g.ReduceMean(input, axes))
    deviation = g.Sqrt(g.Add(g.ReduceMean(g.Mul(centred, centred), axes), eps))
    return _affine(g, g.Div(centred, deviation), weight, bias), None, None


def _channels(x: Value, axis: int = 1) -> int:
    count = shape_of(x)[axis]
    if not isinstance(count, int):
        raise UnsupportedError(f"a norm over a dynamic number of channels, {count}", fix="export with that size fixed")
    return count


def _filled(x: Value, size: int, value: float) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    assert x.dtype is not None
    return np.full(size, value, x.dtype.numpy)


@aten(
    "layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor"
)
def layer_norm(
    g: Builder,
    input: Value,
    normalized_shape: Sequence[Dim],
    weight: Value | None,
    bias: Value | None,
    eps: float,
    cudnn_enable: bool,
) -> Value:
    count = len(normalized_shape)
    if weight is None:
        extents = [n for n in normalized_shape if isinstance(n, int)]
        assert len(extents) == count and input.dtype is not None
        weight = g.value(np.ones(extents, input.dtype.numpy))
    if g.opset >= 17:
        return g.LayerNormalization(input, weight, bias, axis=-count, epsilon=eps)
    axes = list(range(-count, 0))
    centred = g.Sub(input, g.ReduceMean(input, axes))
    deviation = g.Sqrt(g.Add(g.ReduceMean(g.Mul(centred, centred), axes), eps))
    scaled = g.Mul(g.Div(centred, deviation), weight)
    return scaled if bias is None else g.Add(scaled, bias)


@aten(
    "native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)"
)
def native_layer_norm(
    g: Builder, input: Value, normalized_shape: Sequence[Dim], weight: Value | None, bias: Value | None, eps: float
) -> tuple[Value, None, None]:
    return layer_norm(g, input, normalized_shape, weight, bias, eps, cudnn_enable=False), None, None


@aten("rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor")
def rms_norm(
    g: Builder, input: Value, normalized_shape: Sequence[Dim], weight: Value | None, eps: float | None
) -> Value:
    assert input.dtype is not None
    epsilon = float(ml_dtypes.finfo(input.dtype.numpy).eps) if eps is None else eps
    axes = list(range(-len(normalized_shape), 0))
    root = g.Sqrt(g.Add(g.ReduceMean(g.Mul(input, input), axes), epsilon))
    scaled = g.Div(input, root)
    return scaled if weight is None else g.Mul(scaled, weight)


@aten(
    "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor"
)
def group_norm(
    g: Builder, input: Value, num_groups: int, weight: Value | None, bias: Value | None, eps: float, cudnn_enabled: bool
) -> Value:
    """Instances of one group each are normalized, then every channel is scaled and shifted."""
    shape = input.shape
    assert shape is not None and input.dtype is not None
    ones, zeros = _filled(input, num_groups, 1), _filled(input, num_groups, 0)
    grouped = g.Reshape(input, [0, num_groups, -1])
    normal = reshape(g, g.InstanceNormalization(grouped, ones, zeros, epsilon=eps), shape)
    return _affine(g, normal, weight, bias)


@aten(
    "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) -> (Tensor, Tensor, Tensor)"
)
def native_group_norm(
    g: Builder, input: Value, weight: Value | None, bias: Value | None, N: Dim, C: Dim, HxW: Dim, group: int, eps: float
) -> tuple[Value, None, None]:
    return group_norm(g, input, group, weight, bias, eps, cudnn_enabled=False), None, None


@aten(
    "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor"
)
def instance_norm(
    g: Builder, input: Value, weight: Value | None, bias: Value | None, running_mean: Value | None, running_var: Value | None,
    use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool,
) -> Value:  # fmt: skip
    if not use_input_stats:
        assert running_mean is not None and running_var is not None
        return _by_statistics(g, input, weight, bias, running_mean, running_var, eps)
    scale = weight if weight is not None else _filled(input, _channels(input), 1)
    shift = bias if bias is not None else _filled(input, _channels(input), 0)
    return g.InstanceNormalization(input, scale, shift, epsilon=eps)


def _affine(g: Builder, x: Value, weight: Value | None, bias: Value | None) -> Value:
    """x * weight + bias along axis 1."""
    column = [-1, *[1] * ((x.rank or 2) - 2)]
    scaled = x if weight is None else g.Mul(x, g.Reshape(weight, column))
    return scaled if bias is None else g.Add(scaled, g.Reshape(bias, column))
