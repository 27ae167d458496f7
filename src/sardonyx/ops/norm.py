"""Normalizations: statistics over some axes, then scale and shift."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import ShapeError, UnsupportedError
from sardonyx.ir import Array
from sardonyx.ops.declare import Flag, Float, Input, Int, Ints, Output, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, axes_of, axis_of, broadcast, known, same
from sardonyx.ops.typesets import FLOATS, FLOATS_BF

GROWN = {1: FLOATS, 13: FLOATS_BF}


def _softmax_like(name: str, run: Any, doc: str, formals: tuple[str, str] = ("input", "output")) -> None:
    """Softmax and its kin. Before opset 13 they flattened the axes from `axis` on into one: models are upgraded first."""

    def infer(x: Known, *, axis: int) -> Dims:
        axis_of(axis, x.rank)
        return x.shape

    def value(x: Array, *, axis: int, opset: int) -> Array:
        if opset < 13:  # the axes from `axis` on count as one
            at = axis % x.ndim
            flat = x.reshape(*x.shape[:at], -1)
            return run(wide(flat), -1).astype(x.dtype).reshape(x.shape)
        return run(wide(x), axis).astype(x.dtype)

    T = types(GROWN)
    block: dict[str, Any] = {"__doc__": doc, "T": T, formals[0]: Input(T), formals[1]: Output(T)}
    block |= {"axis": Int(defaults={1: 1, 13: -1}), "infer": infers(infer), "run": reference(value)}
    operator(name, since=(1, 11, 13))(type(name, (), block))


def softmax(x: Array, axis: int) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True, initial=-np.inf))
    return e / e.sum(axis, keepdims=True)


def log_softmax(x: Array, axis: int) -> Array:
    shifted = x - x.max(axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def hardmax(x: Array, axis: int) -> Array:
    one = np.zeros_like(x)
    if x.size == 0:
        return one
    first = np.expand_dims(x.argmax(axis), axis)
    np.put_along_axis(one, first, 1, axis)
    return one


_softmax_like("Softmax", softmax, "exp(x) over the sum of exp(x) along `axis`.")
_softmax_like("LogSoftmax", log_softmax, "The logarithm of Softmax, without overflow.")
_softmax_like("Hardmax", hardmax, "One at the first largest element along `axis`, zero elsewhere.")


@operator("LayerNormalization", since=(17,))
class LayerNormalization:
    """Y = (X - mean) / sqrt(variance + epsilon) * Scale + B, with the statistics taken over the axes from `axis` on."""

    T = types(FLOATS_BF)
    U = types(frozenset({d.FLOAT32, d.BFLOAT16}))
    X, Scale, B = Input(T), Input(T), Input(T, optional=True)
    Y = Output(T)
    Mean, InvStdDev = Output(U, optional=True), Output(U, optional=True)
    axis, epsilon, stash_type = Int(-1), Float(1e-5), Int(1)

    @infers
    def infer(X: Known, Scale: Known, B: Known | None, *, axis: int, stash_type: int) -> list[Any]:
        if not X.has_shape:
            return [None, *[known(d.dtype(stash_type), None)] * 2]
        at = axis_of(axis, X.rank)
        statistics = known(d.dtype(stash_type), (*X.shape[:at], *(1,) * (X.rank - at)))
        return [X.shape, statistics, statistics]

    @reference
    def run(X: Array, Scale: Array, B: Array | None, *, axis: int, epsilon: float, stash_type: int) -> list[Array]:
        at = axis % X.ndim
        over = tuple(range(at, X.ndim))
        stash = d.dtype(stash_type).numpy
        # Two steps and float32 at least, as the standard's function body has it.
        x = X.astype(np.float64 if X.dtype == np.float64 else np.float32)
        mean = x.mean(over, keepdims=True)
        inverse = 1 / np.sqrt(((x - mean) ** 2).mean(over, keepdims=True) + epsilon)
        y = ((x - mean) * inverse).astype(X.dtype) * Scale
        return [(y if B is None else y + B).astype(X.dtype), mean.astype(stash), inverse.astype(stash)]


@operator("BatchNormalization", since=(1, 6, 7, 9, 14, 15), outputs_together=True)
class BatchNormalization:
    """Y = (X - mean) / sqrt(var + epsilon) * scale + B, per channel; training mode takes the statistics of the batch."""

    T = types({1: FLOATS, 14: FLOATS_BF})
    T1 = types({15: FLOATS_BF})
    T2 = types({14: FLOATS_BF})
    U = types({14: FLOATS_BF})
    X = Input(T)
    scale, B = Input(T, until=15), Input(T, until=15)
    scale15, B15 = Input(T1, since=15, names={1: "scale"}), Input(T1, since=15, names={1: "B"})
    mean, var = Input(T, until=14), Input(T, until=14)
    mean14, var14 = (
        Input(U, since=14, until=15, names={1: "input_mean"}),
        Input(U, since=14, until=15, names={1: "input_var"}),
    )
    mean15, var15 = Input(T2, since=15, names={1: "input_mean"}), Input(T2, since=15, names={1: "input_var"})
    Y = Output(T)
    out_mean, out_var = (
        Output(T, optional=True, until=14, names={1: "mean"}),
        Output(T, optional=True, until=14, names={1: "var"}),
    )
    saved_mean, saved_var = Output(T, optional=True, until=14), Output(T, optional=True, until=14)
    running_mean = Output(U, optional=True, since=14, until=15)
    running_var = Output(U, optional=True, since=14, until=15)
    running_mean15 = Output(T2, optional=True, since=15, names={1: "running_mean"})
    running_var15 = Output(T2, optional=True, since=15, names={1: "running_var"})
    epsilon, momentum = Float(1e-5), Float(0.9)
    training_mode = Flag(0, since=14)
    is_test, spatial = Flag(0, until=7), Int(1, until=9)
    consumed_inputs = Ints(until=6, required=True)

    @infers
    def infer(X: Known, scale: Known, B: Known, mean: Known, var: Known, *, n_outputs: int) -> list[Any]:
        channels: Dim | None = None if not X.has_shape else X.shape[1] if X.rank > 1 else 1
        for name, x in (("scale", scale), ("B", B), ("mean", mean), ("var", var)):
            if x.has_shape and x.rank != 1:
                raise ShapeError(
                    f"{name} must be a vector with one number for each channel", why=f"its rank is {x.rank}"
                )
            if x.has_shape:
                channels = (
                    x.shape[0] if channels is None else same(channels, x.shape[0], f"channels of X and of {name}")
                )
        return [X.dims, *(known(mean.dtype, (channels,)) for _ in range(n_outputs - 1))]

    @reference
    def run(
        X: Array,
        scale: Array,
        B: Array,
        mean: Array,
        var: Array,
        *,
        epsilon: float,
        momentum: float,
        training_mode: bool,
        n_outputs: int,
        opset: int,
    ) -> list[Array]:
        if opset < 14 and n_outputs > 1:
            raise UnsupportedError(
                f"BatchNormalization-{opset} in training mode has no reference",
                why="its running statistics were never defined exactly before opset 14",
                fix="export the model in inference mode",
            )
        per_channel = (1, -1, *(1,) * (X.ndim - 2))
        x, m, v = wide(X), wide(mean), wide(var)
        running = [m, v]
        if training_mode:
            over = tuple(i for i in range(X.ndim) if i != 1)
            m, v = x.mean(over), x.var(over)
            running = [r * momentum + s * (1 - momentum) for r, s in zip(running, (m, v), strict=True)]
        factor = wide(scale) / np.sqrt(v + epsilon)
        y = (x - m.reshape(per_channel)) * factor.reshape(per_channel) + wide(B).reshape(per_channel)
        return [y.astype(X.dtype), *(r.astype(mean.dtype) for r in running)][:n_outputs]


@operator("InstanceNormalization", since=(1, 6, 22))
class InstanceNormalization:
    """Y = (x - mean) / sqrt(variance + epsilon) * scale + B, with the statistics of each channel of each sample."""

    T = types({1: FLOATS, 22: FLOATS_BF})
    input, scale, B = Input(T), Input(T), Input(T)
    output = Output(T)
    epsilon, consumed_inputs = Float(1e-5), Ints(until=6)

    @infers
    def infer(input: Known, scale: Known, B: Known) -> Dims:
        for name, x in (("scale", scale), ("B", B)):
            if x.has_shape:
                same(x.shape[0], input.shape[1], f"extent of {name} and channels")
        return input.shape

    @reference
    def run(input: Array, scale: Array, B: Array, *, epsilon: float) -> Array:
        per_channel = (-1, *(1,) * (input.ndim - 2))
        y = standardized(wide(input), tuple(range(2, input.ndim)), epsilon)
        return (y * wide(scale).reshape(per_channel) + wide(B).reshape(per_channel)).astype(input.dtype)


def standardized(x: Array, over: tuple[int, ...], epsilon: float) -> Array:
    """(x - mean) / sqrt(variance + epsilon)."""
    away = x - x.mean(over, keepdims=True)
    return away / np.sqrt((away**2).mean(over, keepdims=True) + x.dtype.type(epsilon))


@operator("GroupNormalization", since=(18, 21), deprecated=18, revived=21)
class GroupNormalization:
    """Y = (x - mean) / sqrt(variance + epsilon) * scale + bias, with the statistics of each group of channels of each sample.

    Version 18 had a scale and a bias per group instead of per channel.
    """

    T = types(FLOATS_BF)
    X, scale, bias = Input(T), Input(T), Input(T)
    Y = Output(T)
    epsilon, num_groups, stash_type = Float(1e-5), Int(required=True), Int(1, since=21)

    @infers
    def infer(X: Known, scale: Known, bias: Known, *, num_groups: int, opset: int) -> Dims:
        for name, x in (("scale", scale), ("bias", bias)):
            same(x.shape[0], num_groups if opset < 21 else X.shape[1], f"extent of {name} and channels")
        return X.shape

    @reference
    def run(
        X: Array, scale: Array, bias: Array, *, epsilon: float, num_groups: int, stash_type: int, opset: int
    ) -> Array:
        grouped = X.astype(d.dtype(stash_type).numpy).reshape(X.shape[0], num_groups, -1)
        y = standardized(wide(grouped), (2,), epsilon).astype(X.dtype).reshape(X.shape)
        times = X.shape[1] // num_groups if opset < 21 else 1
        per_channel = (-1, *(1,) * (X.ndim - 2))
        factor, shift = (wide(np.repeat(x, times)).reshape(per_channel) for x in (scale, bias))
        return (wide(y) * factor + shift).astype(X.dtype)


@operator("RMSNormalization", since=(23,))
class RMSNormalization:
    """Y = X / sqrt(mean of X ** 2 + epsilon) * scale, with the mean taken over the axes from `axis` on."""

    T, V = types(FLOATS_BF), types(FLOATS_BF)
    X, scale = Input(T), Input(V)
    Y = Output(V)
    axis, epsilon, stash_type = Int(-1), Float(1e-5), Int(1)

    @infers
    def infer(X: Known, scale: Known, *, axis: int) -> Dims:
        at = axis_of(axis, X.rank)
        if scale.has_shape:
            broadcast(X.shape[at:], scale.shape)
        return X.shape

    @reference
    def run(X: Array, scale: Array, *, axis: int, epsilon: float, stash_type: int) -> Array:
        x = wide(X.astype(d.dtype(stash_type).numpy))
        mean = (x**2).mean(tuple(range(axis % X.ndim, X.ndim)), keepdims=True)
        y = (x / np.sqrt(mean + x.dtype.type(epsilon))).astype(X.dtype)
        return (wide(y) * wide(scale)).astype(scale.dtype)


@operator("LpNormalization", since=(1, 22))
class LpNormalization:
    """x over its p-norm along `axis`; zero where the norm is."""

    T = types({1: FLOATS, 22: FLOATS_BF})
    input = Input(T)
    output = Output(T)
    axis, p = Int(-1), Int(2)

    @infers
    def infer(input: Known, *, axis: int) -> Dims:
        axis_of(axis, input.rank)
        return input.shape

    @reference
    def run(input: Array, *, axis: int, p: int) -> Array:
        x = wide(input)
        norm = np.abs(x).sum(axis, keepdims=True) if p == 1 else np.sqrt((x * x).sum(axis, keepdims=True))
        return np.where(norm == 0, 0, x / norm).astype(input.dtype)


@operator("MeanVarianceNormalization", since=(9, 13))
class MeanVarianceNormalization:
    """(X - mean) / (standard deviation + 1e-9), with the statistics taken over `axes`."""

    T = types({9: FLOATS, 13: FLOATS_BF})
    X = Input(T)
    Y = Output(T)
    axes = Ints((0, 2, 3))

    @infers
    def infer(X: Known, *, axes: tuple[int, ...]) -> Dims:
        axes_of(axes, X.rank)
        return X.shape

    @reference
    def run(X: Array, *, axes: tuple[int, ...]) -> Array:
        away = wide(X) - wide(X).mean(axes, keepdims=True)
        return (away / (np.sqrt((away**2).mean(axes, keepdims=True)) + away.dtype.type(1e-9))).astype(X.dtype)


@operator("LRN", since=(1, 13))
class LRN:
    """Y = X / (bias + alpha / size * the sum of X ** 2 over `size` neighbouring channels) ** beta."""

    T = types(GROWN)
    X = Input(T)
    Y = Output(T)
    size, alpha, beta, bias = Int(required=True), Float(0.0001), Float(0.75), Float(1.0)

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array, *, size: int, alpha: float, beta: float, bias: float) -> Array:
        x = wide(X)
        around = [(0, 0), ((size - 1) // 2, size // 2), *[(0, 0)] * (X.ndim - 2)]
        squares = np.lib.stride_tricks.sliding_window_view(np.pad(x * x, around), size, 1).sum(-1)
        return (x / (bias + alpha / size * squares) ** beta).astype(X.dtype)


__all__: list[str] = []
