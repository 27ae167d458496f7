"""Activations, alone and with what is added before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sardonyx.core.dims import floordiv
from sardonyx.core.dtypes import FLOAT16, FLOAT32
from sardonyx.core.errors import UnsupportedError
from sardonyx.ir import Array
from sardonyx.ops.contrib.shared import HALVES, contrib, single, value_of
from sardonyx.ops.declare import Float, Input, Int, Output, infers, reference, types
from sardonyx.ops.known import Dims, Known
from sardonyx.ops.typesets import BOOL, FLOATS, FLOATS_BF, TypeSet

__all__ = ["activated", "fast_gelu"]

_NARROW: TypeSet = frozenset({FLOAT32, FLOAT16})


def fast_gelu(x: Array) -> Array:
    """Gelu by way of tanh."""
    return 0.5 * x * (1 + np.tanh(x * (x.dtype.type(0.7978845608028654) + x.dtype.type(0.035677408136300125) * x * x)))


def _gelu(x: Array) -> Array:
    return value_of("Gelu", x)


def _swish(x: Array, alpha: float) -> Array:
    return x / (1 + np.exp(-x * x.dtype.type(alpha)))


def activated(x: Array, name: str | None, facts: Mapping[str, Any]) -> Array:
    """x behind an activation that is named as its operator is, with the attributes that are given.

    Raises:
        UnsupportedError: nothing is called so.
    """
    if not name:
        return x
    if name in ("FastGelu", "QuickGelu"):
        y = fast_gelu(single(x)) if name == "FastGelu" else _swish(single(x), facts.get("alpha") or 1.702)
        return y.astype(x.dtype)
    known = {
        "Relu": (), "Tanh": (), "Sigmoid": (), "LeakyRelu": ("alpha",), "Clip": (), "HardSigmoid": ("alpha", "beta"),
        "HardSwish": (), "Softmax": ("axis",), "Gelu": (), "Elu": ("alpha",), "ThresholdedRelu": ("alpha",), "Softplus": (),
        "Softsign": (), "Selu": ("alpha", "gamma"), "Celu": ("alpha",),
    }.get(name)  # fmt: skip
    if known is None:
        raise UnsupportedError(f"no activation is called {name}", fix="split the node into its product and an operator")
    if name == "Clip":
        return np.clip(x, *(x.dtype.type(facts[end]) for end in ("alpha", "beta")))
    return value_of(name, x, **{k: facts.get(k) for k in known})


def _unary(name: str, function: Callable[..., Array], doc: str, **attributes: Any) -> None:
    def infer(X: Known) -> Dims:
        return X.shape

    def run(X: Array, **given: Any) -> Array:
        return function(single(X), **{k: v for k, v in given.items() if k in attributes}).astype(X.dtype)

    T = types(FLOATS_BF)
    block: dict[str, Any] = {"__doc__": doc, "T": T, "X": Input(T), "Y": Output(T), **attributes}
    contrib(name, elementwise=True)(type(name, (), block | {"infer": infers(infer), "run": reference(run)}))


_unary("Gelu", _gelu, "x * (1 + erf(x / sqrt 2)) / 2")
_unary("QuickGelu", _swish, "x * sigmoid(alpha * x)", alpha=Float(1.702))


@contrib("FastGelu")
class FastGelu:
    """Gelu(X + bias), by way of tanh."""

    T = types(FLOATS_BF)
    X, bias = Input(T), Input(T, optional=True)
    Y = Output(T)

    @infers
    def infer(X: Known, bias: Known | None) -> Dims:
        return X.shape

    @reference
    def run(X: Array, bias: Array | None) -> Array:
        return fast_gelu(single(X) if bias is None else single(X) + single(bias)).astype(X.dtype)


@contrib("BiasGelu")
class BiasGelu:
    """Gelu(A + B)"""

    T = types(FLOATS_BF)
    A, B = Input(T), Input(T)
    C = Output(T)

    @infers
    def infer(A: Known, B: Known) -> Dims:
        return A.shape

    @reference
    def run(A: Array, B: Array) -> Array:
        return _gelu(single(A) + single(B)).astype(A.dtype)


@contrib("BiasSplitGelu")
class BiasSplitGelu:
    """With X + bias cut into halves along the last axis: the first one times Gelu of the second."""

    T = types(_NARROW)
    X, bias = Input(T), Input(T)
    Y = Output(T)

    @infers
    def infer(X: Known, bias: Known) -> Dims:
        return (*X.shape[:-1], floordiv(X.shape[-1], 2))

    @reference
    def run(X: Array, bias: Array) -> Array:
        left, right = np.split(single(X) + single(bias), 2, -1)
        return (left * _gelu(right)).astype(X.dtype)


@contrib("BiasAdd")
class BiasAdd:
    """X + bias + skip"""

    T = types(_NARROW)
    X, bias, skip = Input(T), Input(T), Input(T)
    Y = Output(T)

    @infers
    def infer(X: Known, bias: Known, skip: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array, bias: Array, skip: Array) -> Array:
        return (single(X) + single(bias) + single(skip)).astype(X.dtype)


@contrib("BiasSoftmax")
class BiasSoftmax:
    """Softmax of data + bias over `axis` and all behind it; the bias is repeated along the axes that it lacks, or, unless
    `is_inner_broadcast`, along the first ones."""

    T = types(FLOATS)
    data, bias = Input(T), Input(T)
    output = Output(T)
    axis, is_inner_broadcast = Int(1), Int(required=True)

    @infers
    def infer(data: Known, bias: Known) -> Dims:
        return data.shape

    @reference
    def run(data: Array, bias: Array, *, axis: int) -> Array:
        x = single(data) + single(bias)
        rows = x.reshape(int(np.prod(x.shape[: axis % x.ndim])), -1)
        return value_of("Softmax", rows, axis=1).reshape(x.shape).astype(data.dtype)


@contrib("BiasDropout", deterministic=False)
class BiasDropout:
    """Dropout(data + bias) + residual; nothing is dropped unless in training."""

    T, T1, T2 = types(FLOATS_BF), types(FLOATS_BF), types(BOOL)
    data, bias, residual = Input(T), Input(T), Input(T, optional=True)
    ratio, training_mode = Input(T1, optional=True), Input(T2, optional=True)
    output, mask = Output(T), Output(T2, optional=True)
    seed = Int()

    @infers
    def infer(data: Known, *_: Known | None) -> list[Dims]:
        return [data.shape, data.shape]

    @reference
    def run(
        data: Array,
        bias: Array,
        residual: Array | None,
        ratio: Array | None,
        training: Array | None,
        *,
        seed: int | None,
    ) -> list[Array]:
        x = (single(data) + single(bias)).astype(data.dtype)
        share = 0.5 if ratio is None else float(ratio)
        if training is None or not bool(training) or share == 0:
            y, mask = x, np.ones(x.shape, bool)
        else:
            mask = np.random.default_rng(seed).random(x.shape) >= share
            y = np.where(mask, x / x.dtype.type(1 - share), x.dtype.type(0))
        return [y if residual is None else (y + residual).astype(data.dtype), mask]


@contrib("ScaledSiLU")
class ScaledSiLU:
    """z * sigmoid(z), z being X times a scale."""

    T, M = types(HALVES), types(HALVES)
    X, scale = Input(T), Input(M, optional=True)
    Y = Output(T)
    alpha = Float(1.0)

    @infers
    def infer(X: Known, scale: Known | None) -> Dims:
        return X.shape

    @reference
    def run(X: Array, scale: Array | None, *, alpha: float) -> Array:
        factor = np.float32(alpha) if scale is None else single(scale).reshape(())
        z = single((single(X) * factor).astype(X.dtype))
        opened = single((1 / (1 + np.exp(-z))).astype(X.dtype))
        return (z * opened).astype(X.dtype)


@contrib("GatedAdd")
class GatedAdd:
    """X + Y * gate, with a gate for each row."""

    T = types(HALVES)
    X, Y, gate, gate_weight = Input(T), Input(T), Input(T), Input(T, optional=True)
    output = Output(T)

    @infers
    def infer(X: Known, *_: Known | None) -> Dims:
        return X.shape

    @reference
    def run(X: Array, Y: Array, gate: Array, weight: Array | None) -> Array:
        def rounded(x: Array) -> Array:
            return single(x.astype(X.dtype))

        opened = single(gate)
        if weight is not None:
            opened = rounded(1 / (1 + np.exp(-rounded(np.matmul(opened, single(weight))))))
        return (single(X) + rounded(single(Y) * opened)).astype(X.dtype)
