"""Normalizations of sums, of embeddings, and of groups of channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import UnsupportedError
from sardonyx.ir import Array
from sardonyx.ops.contrib.shared import BYTES, FLOAT, HALVES, contrib, restored, single
from sardonyx.ops.declare import Float, Input, Int, Output, String, infers, reference, types
from sardonyx.ops.known import Known, axis_of, known
from sardonyx.ops.typesets import FLOATS, FLOATS_BF

_32: Any = frozenset({d.INT32})
_NARROW: Any = FLOATS - {d.FLOAT64}


def layer_normalized(x: Array, gamma: Array | None, beta: Array | None, epsilon: float) -> Array:
    """(x - mean) / deviation * gamma + beta, along the last axis."""
    x = single(x)
    centred = x - x.mean(-1, keepdims=True)
    y = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + x.dtype.type(epsilon))
    y = y if gamma is None else y * single(gamma)
    return y if beta is None else y + single(beta)


def rms_normalized(x: Array, gamma: Array, epsilon: float, axis: int = -1) -> tuple[Array, Array]:
    """x / root mean square * gamma from an axis on, and the inverse root mean square."""
    x = single(x)
    over = tuple(range(axis % x.ndim, x.ndim))
    inverse = 1 / np.sqrt((x**2).mean(over, keepdims=True) + x.dtype.type(epsilon))
    return x * inverse * single(gamma), inverse


def _statistics(x: Known, n_outputs: int) -> list[Any]:
    """What is known of the outputs of a sum that is normalized."""
    line = known(d.FLOAT32, (*x.shape[:-1], 1))
    return [x.shape, line, line, x.shape][:n_outputs]


@contrib("SkipLayerNormalization")
class SkipLayerNormalization:
    """LayerNormalization of input + skip + bias along the last axis, and the sum."""

    T, U = types(HALVES), types(FLOAT)
    input, skip, gamma = Input(T), Input(T), Input(T)
    beta, bias = Input(T, optional=True), Input(T, optional=True)
    output = Output(T)
    mean, inv_std_var = Output(U, optional=True), Output(U, optional=True)
    input_skip_bias_sum = Output(T, optional=True)
    epsilon = Float(1e-12)

    @infers
    def infer(input: Known, *_: Known | None, n_outputs: int) -> list[Any]:
        return _statistics(input, n_outputs)

    @reference
    def run(
        input: Array, skip: Array, gamma: Array, beta: Array | None, bias: Array | None, *, epsilon: float
    ) -> list[Array]:
        total = single(input) + single(skip) + (0 if bias is None else single(bias))
        mean = total.mean(-1, keepdims=True)
        inverse = 1 / np.sqrt(((total - mean) ** 2).mean(-1, keepdims=True) + np.float32(epsilon))
        y = layer_normalized(total, gamma, beta, epsilon)
        return [y.astype(input.dtype), mean, inverse.astype(np.float32), total.astype(input.dtype)]


@contrib("SkipSimplifiedLayerNormalization")
class SkipSimplifiedLayerNormalization:
    """RMSNormalization of input + skip + bias along the last axis, and the sum."""

    T, U = types(HALVES), types(FLOAT)
    input, skip, gamma, bias = Input(T), Input(T), Input(T), Input(T, optional=True)
    output = Output(T)
    mean, inv_std_var = Output(U, optional=True), Output(U, optional=True)
    input_skip_bias_sum = Output(T, optional=True)
    epsilon = Float(1e-12)

    @infers
    def infer(input: Known, *_: Known | None, n_outputs: int) -> list[Any]:
        return _statistics(input, n_outputs)

    @reference
    def run(input: Array, skip: Array, gamma: Array, bias: Array | None, *, epsilon: float) -> list[Array]:
        total = single(input) + single(skip) + (0 if bias is None else single(bias))
        y, inverse = rms_normalized(total, gamma, epsilon)
        mean = total.mean(-1, keepdims=True)
        return [y.astype(input.dtype), mean, inverse.astype(np.float32), total.astype(input.dtype)]


@contrib("SimplifiedLayerNormalization")
class SimplifiedLayerNormalization:
    """X / root mean square * scale, with the mean taken over the axes from `axis` on. Models write it in the standard's domain."""

    T, V = types(FLOATS_BF), types(FLOATS_BF)
    U = types(frozenset({d.FLOAT32, d.FLOAT64}))
    X, scale = Input(T), Input(V)
    Y, inv_std_var = Output(V), Output(U, optional=True)
    axis, epsilon, stash_type = Int(-1), Float(1e-5), Int(1)

    @infers
    def infer(X: Known, scale: Known, *, axis: int, stash_type: int) -> list[Any]:
        at = axis_of(axis, X.rank)
        return [X.shape, known(d.dtype(stash_type), (*X.shape[:at], *(1,) * (X.rank - at)))]

    @reference
    def run(X: Array, scale: Array, *, axis: int, epsilon: float, stash_type: int) -> list[Array]:
        y, inverse = rms_normalized(X, scale, epsilon, axis)
        return [y.astype(scale.dtype), inverse.astype(d.dtype(stash_type).numpy)]


# -- embeddings -----------------------------------------------------------------------------------------------------------


def _embedded(
    ids: Array, segments: Array | None, tables: tuple[Array, Array, Array | None], positions: Array | None
) -> Array:
    words, places, kinds = tables
    total = words[ids] + (places[: ids.shape[1]] if positions is None else places[positions])
    return total if segments is None or kinds is None else total + kinds[segments]


def _counted(ids: Array, mask: Array | None) -> Array:
    """How many ones the mask has in each row, 0 without one."""
    return np.zeros(ids.shape[0], np.int32) if mask is None else (mask == 1).sum(1, dtype=np.int32)


@contrib("EmbedLayerNormalization")
class EmbedLayerNormalization:
    """The sum of the embeddings of words, of their places and of their segments, normalized along the last axis."""

    T1, T = types(_32), types(_NARROW)
    input_ids, segment_ids = Input(T1), Input(T1, optional=True)
    word_embedding, position_embedding, segment_embedding = Input(T), Input(T), Input(T, optional=True)
    gamma, beta, mask, position_ids = Input(T), Input(T), Input(T1, optional=True), Input(T1, optional=True)
    output, mask_index, embedding_sum = Output(T), Output(T1, optional=True), Output(T, optional=True)
    epsilon, mask_index_type = Float(1e-12), Int()

    @infers
    def infer(ids: Known, segments: Known | None, words: Known, *_: Known | None) -> list[Any]:
        shape: tuple[Dim, ...] = (*ids.shape, words.shape[1])
        return [known(words.dtype, shape), known(d.INT32, ids.shape[:1]), known(words.dtype, shape)]

    @reference
    def run(
        ids: Array, segments: Array | None, words: Array, places: Array, kinds: Array | None, gamma: Array, beta: Array,
        mask: Array | None, positions: Array | None, *, epsilon: float,
    ) -> list[Array]:  # fmt: skip
        total = _embedded(ids, segments, (single(words), single(places), kinds), positions)
        y = layer_normalized(total, gamma, beta, epsilon)
        return [y.astype(words.dtype), _counted(ids, mask), total.astype(words.dtype)]


@contrib("QEmbedLayerNormalization")
class QEmbedLayerNormalization:
    """EmbedLayerNormalization with quantized embeddings and factors."""

    T1, T2, T = types(_32), types(BYTES), types(FLOAT)
    input_ids, segment_ids = Input(T1), Input(T1, optional=True)
    word_embedding_quant, position_embedding_quant = Input(T2), Input(T2)
    segment_embedding, gamma_quant, beta_quant = Input(T2, optional=True), Input(T2), Input(T2)
    mask = Input(T1, optional=True)
    word_embedding_scale, position_embedding_scale, segment_embedding_scale = (
        Input(T),
        Input(T),
        Input(T, optional=True),
    )
    gamma_scale, beta_scale = Input(T), Input(T)
    word_embedding_zero_point, position_embedding_zero_point = Input(T2), Input(T2)
    segment_embedding_zero_point = Input(T2, optional=True)
    gamma_zero_point, beta_zero_point = Input(T2), Input(T2)
    layernorm_out, mask_index_out = Output(T), Output(T1)
    epsilon = Float(1e-12)

    @infers
    def infer(ids: Known, segments: Known | None, words: Known, *_: Known | None) -> list[Any]:
        return [known(d.FLOAT32, (*ids.shape, words.shape[1])), known(d.INT32, ids.shape[:1])]

    @reference
    def run(ids: Array, segments: Array | None, *given: Array | None, epsilon: float) -> list[Array]:
        quantized, mask, scales, points = given[:5], given[5], given[6:11], given[11:16]
        tables = [
            None if q is None or s is None else restored(q, s, z)
            for q, s, z in zip(quantized, scales, points, strict=True)
        ]
        words, places, kinds, gamma, beta = tables
        assert words is not None and places is not None
        total = _embedded(ids, segments, (words, places, kinds), None)
        return [layer_normalized(total, gamma, beta, epsilon), _counted(ids, mask)]


# -- groups of channels ---------------------------------------------------------------------------------------------------


def _by_group(x: Array, gamma: Array, beta: Array, groups: int, epsilon: float, last: int, activation: int) -> Array:
    """Normalized groups of channels, with a factor and a shift by channel, and with SiLU behind."""
    image = np.moveaxis(single(x), -1, 1) if last else single(x)
    rows = image.reshape(image.shape[0], groups, -1)
    rows = layer_normalized(rows, None, None, epsilon)
    by_channel = (-1, *(1,) * (image.ndim - 2))
    y = rows.reshape(image.shape) * single(gamma).reshape(by_channel) + single(beta).reshape(by_channel)
    y = y / (1 + np.exp(-y)) if activation else y
    return (np.moveaxis(y, 1, -1) if last else y).astype(x.dtype)


@contrib("GroupNorm")
class GroupNorm:
    """Groups of channels, which lie last unless `channels_last` is 0, normalized; with `activation` 1, SiLU behind."""

    T, M = types(_NARROW), types(_NARROW)
    X, gamma, beta = Input(T), Input(M), Input(M)
    Y = Output(T)
    activation, groups = Int(required=True), Int(required=True)
    channels_last, epsilon = Int(1), Float(1e-5)

    @infers
    def infer(X: Known, gamma: Known, beta: Known) -> Any:
        return X.shape

    @reference
    def run(
        X: Array, gamma: Array, beta: Array, *, activation: int, groups: int, channels_last: int, epsilon: float
    ) -> Array:
        return _by_group(X, gamma, beta, groups, epsilon, channels_last, activation)


@contrib("SkipGroupNorm")
class SkipGroupNorm:
    """GroupNorm of X + skip + bias, and the sum."""

    T, M = types(_NARROW), types(_NARROW)
    X, gamma, beta, skip, bias = Input(T), Input(M), Input(M), Input(T), Input(T, optional=True)
    Y, S = Output(T), Output(T, optional=True)
    activation, groups = Int(required=True), Int(required=True)
    channels_last, epsilon = Int(1), Float(1e-5)

    @infers
    def infer(X: Known, *_: Known | None) -> Any:
        return [X.shape, X.shape]

    @reference
    def run(
        X: Array, gamma: Array, beta: Array, skip: Array, bias: Array | None, *, activation: int, groups: int,
        channels_last: int, epsilon: float,
    ) -> list[Array]:  # fmt: skip
        at = -1 if channels_last else 1
        given = skip if skip.ndim == X.ndim else np.expand_dims(skip, (1, 2) if channels_last else (2, 3))
        total = single(X) + single(given)
        if bias is not None:
            total = total + (single(bias) if at == -1 else single(bias).reshape(-1, *(1,) * (X.ndim - 2)))
        total = total.astype(X.dtype)
        return [_by_group(total, gamma, beta, groups, epsilon, channels_last, activation), total]


# -- by parts of the last axis --------------------------------------------------------------------------------------------


def _parts(x: Array, count: Any) -> Array:
    """[..., parts * width] -> [..., parts, width]"""
    return single(x).reshape(*x.shape[:-1], count, -1)


@contrib("GatedRMSNorm")
class GatedRMSNorm:
    """Each run of as many elements as `scale` has: normalized, scaled, and times the activation of the gate."""

    T = types(HALVES)
    X, scale, gate = Input(T), Input(T), Input(T)
    Y = Output(T)
    activation, epsilon = String("silu"), Float(1e-5)

    @infers
    def infer(X: Known, scale: Known, gate: Known) -> Any:
        return X.shape

    @reference
    def run(X: Array, scale: Array, gate: Array, *, activation: str, epsilon: float) -> Array:
        if activation not in ("silu", "swish", "sigmoid"):
            raise UnsupportedError(f"a gate with the activation '{activation}'")
        y, _ = rms_normalized(_parts(X, X.shape[-1] // len(scale)), scale, epsilon)
        z = single(gate)
        opened = 1 / (1 + np.exp(-z))
        return (y.reshape(X.shape) * (opened if activation == "sigmoid" else z * opened)).astype(X.dtype)


@contrib("BranchwiseRMSNorm")
class BranchwiseRMSNorm:
    """RMS normalization of each branch along the last axis, which may hold the branches one behind the other."""

    T, M = types(HALVES), types(HALVES)
    X, scale = Input(T), Input(M, optional=True)
    Y = Output(T)
    num_branches, epsilon = Int(0), Float(1e-5)

    @infers
    def infer(X: Known, scale: Known | None) -> Any:
        return X.shape

    @reference
    def run(X: Array, scale: Array | None, *, num_branches: int, epsilon: float) -> Array:
        x = _parts(X, num_branches) if num_branches else single(X)
        factor = np.ones(1, np.float32) if scale is None else single(scale)
        if factor.size == x.shape[-1] * x.shape[-2]:
            factor = factor.reshape(x.shape[-2:])
        return rms_normalized(x, factor, epsilon)[0].reshape(X.shape).astype(X.dtype)


__all__: list[str] = ["layer_normalized", "rms_normalized"]
