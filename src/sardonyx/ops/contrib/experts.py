"""Mixtures of experts: a router chooses for each token which of many small networks see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.errors import UnsupportedError
from sardonyx.ir import Array
from sardonyx.ops.contrib.activation import fast_gelu
from sardonyx.ops.contrib.shared import HALVES, contrib, single
from sardonyx.ops.declare import Float, Input, Int, Output, String, infers, reference, types
from sardonyx.ops.known import Known
from sardonyx.ops.typesets import TypeSet

__all__: list[str] = []

_BYTES: TypeSet = frozenset({d.UINT8, d.FLOAT8E4M3FN})
_SCALES: TypeSet = HALVES | {d.FLOAT8E8M0, d.FLOAT8E4M3FN}


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": fast_gelu,
    "silu": lambda x: x * _sigmoid(x),
    "identity": lambda x: x,
    "relu2": lambda x: np.square(np.maximum(x, 0)),
}


@dataclass(frozen=True)
class _Gated:
    """What joins the two halves of the first layer: the gate, through its activation, times the rest.

    fusion: where the halves lie: 1, in turn; 2, one behind the other; 0, in layers of their own.
    """

    kind: str
    fusion: int
    alpha: float
    beta: float
    limit: float | None
    late: int

    def __call__(self, h: Array, up: Array | None) -> Array:
        if up is None:
            gate, up = (h[..., ::2], h[..., 1::2]) if self.fusion == 1 else np.split(h, 2, -1)
        else:
            gate = h
        if self.kind == "geglu":
            return fast_gelu(gate) * up
        limit = np.float32(np.inf if self.limit is None else self.limit)
        if not self.late:
            gate = np.minimum(gate, limit)
        gate = gate * _sigmoid(np.float32(self.alpha) * gate)
        if self.late:
            gate = np.minimum(gate, limit)
        return gate * (np.clip(up, -limit, limit) + np.float32(self.beta))


@dataclass(frozen=True)
class _Layer:
    """The weights [out, in] of an expert, of those that are asked; and [expert, out] or nothing."""

    weights: Callable[[int], Array]
    bias: Array | None

    def __call__(self, x: Array, expert: int) -> Array:
        y = np.matmul(x, self.weights(expert).T)
        return y if self.bias is None else y + single(self.bias[expert])


def _plain(weights: Array, bias: Array | None) -> _Layer:
    return _Layer(lambda expert: single(weights[expert]), bias)


def _joined(kind: str, facts: dict[str, Any], apart: bool) -> Callable[[Array, Array | None], Array]:
    """The activation, of one layer or of two that it joins."""
    fusion = facts["swiglu_fusion"]
    if kind in ("swiglu", "geglu"):
        if (fusion == 0) != apart:
            raise UnsupportedError(f"{kind} with swiglu_fusion {fusion} and {'a' if apart else 'no'} third layer")
        late = facts["swiglu_limit_after_activation"]
        return _Gated(kind, fusion, facts["activation_alpha"], facts["activation_beta"], facts["swiglu_limit"], late)
    act = ACTIVATIONS.get(kind)
    if act is None or apart:
        raise UnsupportedError(f"experts with the activation '{kind}'{' and a third layer' if apart else ''}")
    return lambda h, _: act(h)


def _mixed(
    x: Array, router: Array, weights: Array | None, layers: Sequence[_Layer | None], kind: str, facts: dict[str, Any]
) -> Array:
    """For each token, the sum of what its k most probable experts give, weighted by how probable they are.

    Args:
        weights: what to weight by instead.
    """
    if facts["use_sparse_mixer"]:
        raise UnsupportedError("a sparse mixer of experts has no reference")
    first, second, third = layers
    assert first is not None and second is not None
    act = _joined(kind, facts, third is not None)
    rows, scores = single(x).reshape(-1, x.shape[-1]), single(router)
    chosen = np.argsort(-scores, -1, kind="stable")[:, : facts["k"]]
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    shares = powers / powers.sum(-1, keepdims=True) if weights is None else single(weights)
    shares = np.take_along_axis(shares, chosen, -1)
    if facts["normalize_routing_weights"]:
        shares = shares / shares.sum(-1, keepdims=True)
    out = np.zeros_like(rows)
    for expert in np.unique(chosen):
        token, place = np.nonzero(chosen == expert)
        mine = rows[token]
        h = act(first(mine, expert), None if third is None else third(mine, expert))
        out[token] += shares[token, place][:, None] * second(h, expert)
    return out.reshape(x.shape).astype(x.dtype)


@contrib("MoE")
class MoE:
    """fc2(activation(fc1(x))) by the k experts that the router holds most probable, weighted by how probable they are."""

    T = types(HALVES)
    input, router_probs = Input(T), Input(T)
    fc1_experts_weights, fc1_experts_bias = Input(T), Input(T, optional=True)
    fc2_experts_weights, fc2_experts_bias = Input(T), Input(T, optional=True)
    fc3_experts_weights, fc3_experts_bias = Input(T, optional=True), Input(T, optional=True)
    output = Output(T)
    activation_type, k, normalize_routing_weights, use_sparse_mixer = String("relu"), Int(1), Int(0), Int(0)
    activation_alpha, activation_beta, swiglu_fusion, swiglu_limit = Float(1.0), Float(0.0), Int(0), Float()
    swiglu_limit_after_activation = Int(0)

    @infers
    def infer(input: Known, *_: Known | None) -> Any:
        return input.shape

    @reference
    def run(
        x: Array, router: Array, w1: Array, b1: Array | None, w2: Array, b2: Array | None, w3: Array | None,
        b3: Array | None, *, activation_type: str, k: int, normalize_routing_weights: int, use_sparse_mixer: int,
        activation_alpha: float, activation_beta: float, swiglu_fusion: int, swiglu_limit: float | None,
        swiglu_limit_after_activation: int,
    ) -> Array:  # fmt: skip
        facts: dict[str, Any] = {
            "k": k, "normalize_routing_weights": normalize_routing_weights, "use_sparse_mixer": use_sparse_mixer,
            "activation_alpha": activation_alpha, "activation_beta": activation_beta, "swiglu_fusion": swiglu_fusion,
            "swiglu_limit": swiglu_limit, "swiglu_limit_after_activation": swiglu_limit_after_activation,
        }  # fmt: skip
        layers = [None if w is None else _plain(w, b) for w, b in ((w1, b1), (w2, b2), (w3, b3))]
        return _mixed(x, router, None, layers, activation_type, facts)


def _numbers(packed: Array, bits: int) -> Array:
    """[..., bytes] -> [..., numbers]: a stream of bits, the lowest first."""
    stream = np.unpackbits(packed, axis=-1, bitorder="little")
    stream = stream[..., : stream.shape[-1] // bits * bits]
    places = (1 << np.arange(bits)).astype(np.uint8)
    return (stream.reshape(*stream.shape[:-1], -1, bits) * places).sum(-1, dtype=np.uint8)


def _quantized(
    packed: Array | None,
    scales: Array | None,
    points: Array | None,
    bias: Array | None,
    bits: int,
    block: int,
    quant: str,
) -> _Layer | None:
    """A layer whose weights are (number - zero point) * scale, with a scale for each row, or each block of one."""
    if packed is None:
        return None
    if scales is None:
        raise UnsupportedError("quantized experts without scales by row or block have no reference")
    if (quant != "int" or packed.dtype != np.uint8) and not (quant == "fp8" and block > 0):
        raise UnsupportedError(f"experts quantized as '{quant}' have no reference", fix="use quant_type 'int'")

    def squares(expert: int) -> Array:
        whole = packed[expert].astype(np.float32)
        factors = np.repeat(np.repeat(single(scales[expert]), block, 0), block, 1)
        return whole * factors[: whole.shape[0], : whole.shape[1]]

    def rows(expert: int) -> Array:
        numbers = _numbers(packed[expert], bits).astype(np.float32)
        count, depth = numbers.shape
        factors = single(scales[expert]).reshape(count, -1)
        zero: Any = np.float32(1 << (bits - 1))
        if points is not None:  # the rows of an expert are one stream; with blocks, each row is
            flat = _numbers(points[expert].reshape(count, -1) if block else points[expert], bits)
            zero = flat[:, : factors.shape[1]] if block else flat[:count, None]
            zero = np.repeat(zero, depth // factors.shape[1], -1).astype(np.float32)
        return (numbers - zero) * np.repeat(factors, depth // factors.shape[1], -1)

    return _Layer(squares if quant == "fp8" else rows, bias)


@contrib("QMoE")
class QMoE:
    """MoE whose weights are quantized."""

    T, T1, T2, T4 = types(HALVES), types(_BYTES), types(_SCALES), types(frozenset({d.FLOAT32}))
    input, router_probs = Input(T), Input(T)
    fc1_experts_weights, fc1_scales, fc1_experts_bias = Input(T1), Input(T2, optional=True), Input(T, optional=True)
    fc2_experts_weights, fc2_scales, fc2_experts_bias = Input(T1), Input(T2, optional=True), Input(T, optional=True)
    fc3_experts_weights, fc3_scales = Input(T1, optional=True), Input(T2, optional=True)
    fc3_experts_bias = Input(T, optional=True)
    fc1_zero_points, fc2_zero_points = Input(T1, optional=True), Input(T1, optional=True)
    fc3_zero_points, router_weights = Input(T1, optional=True), Input(T, optional=True)
    fc1_global_scale, fc2_global_scale = Input(T4, optional=True), Input(T4, optional=True)
    fc1_act_scale, fc2_act_scale = Input(T4, optional=True), Input(T4, optional=True)
    fc1_act_block_scale, fc2_act_block_scale = Input(T2, optional=True), Input(T2, optional=True)
    output = Output(T)
    activation_type, k, normalize_routing_weights, use_sparse_mixer = String("relu"), Int(1), Int(0), Int(0)
    activation_alpha, activation_beta, swiglu_fusion, swiglu_limit = Float(1.0), Float(0.0), Int(0), Float()
    swiglu_limit_after_activation, quant_type, block_size = Int(0), String("int"), Int()
    expert_weight_bits, weights_prepacked, accuracy_level = Int(4), Int(-1), Int(0)
    fc1_expert_weight_bits, fc2_expert_weight_bits, fc3_expert_weight_bits = Int(), Int(), Int()

    @infers
    def infer(input: Known, *_: Known | None) -> Any:
        return input.shape

    @reference
    def run(
        x: Array, router: Array, w1: Array, s1: Array | None, b1: Array | None, w2: Array, s2: Array | None,
        b2: Array | None, w3: Array | None, s3: Array | None, b3: Array | None, z1: Array | None, z2: Array | None,
        z3: Array | None, weights: Array | None, *scales: Array | None, activation_type: str, k: int,
        normalize_routing_weights: int, use_sparse_mixer: int, activation_alpha: float, activation_beta: float,
        swiglu_fusion: int, swiglu_limit: float | None, swiglu_limit_after_activation: int, quant_type: str,
        block_size: int | None, expert_weight_bits: int, fc1_expert_weight_bits: int | None,
        fc2_expert_weight_bits: int | None, fc3_expert_weight_bits: int | None,
    ) -> Array:  # fmt: skip
        if any(s is not None for s in scales):
            raise UnsupportedError("experts with scales for all of a layer or for what it takes have no reference")
        always = weights is None  # so onnxruntime's kernel has it
        facts: dict[str, Any] = {
            "k": k, "normalize_routing_weights": always or normalize_routing_weights, "use_sparse_mixer": use_sparse_mixer,
            "activation_alpha": activation_alpha, "activation_beta": activation_beta, "swiglu_fusion": swiglu_fusion,
            "swiglu_limit": swiglu_limit, "swiglu_limit_after_activation": swiglu_limit_after_activation,
        }  # fmt: skip
        own = (fc1_expert_weight_bits, fc2_expert_weight_bits, fc3_expert_weight_bits)
        given = zip((w1, w2, w3), (s1, s2, s3), (z1, z2, z3), (b1, b2, b3), own, strict=True)
        layers = [
            _quantized(w, s, z, b, bits or expert_weight_bits, block_size or 0, quant_type)
            for w, s, z, b, bits in given
        ]
        return _mixed(x, router, weights, layers, activation_type, facts)
