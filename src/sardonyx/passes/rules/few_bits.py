"""Weights of few bits that are restored before a product: kept as they are, and restored where they are multiplied."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.ir import Array
from sardonyx.rewrite import Expr, Match, Op, Rule, Var, constants, rewrite, values
from sardonyx.rewrite.example import Spec, f32
from sardonyx.rewrite.op import LSTM, Add, DequantizeLinear, Gemm, MatMul, Transpose

__all__ = ["FEW_BITS"]

MatMulNBits = Op("MatMulNBits", domain="com.microsoft")
x, bias = values("x bias?")
w, s = constants("w s")
z = Var("z?", constant=True)
BITS = {d.INT4: 4, d.UINT4: 4, d.INT8: 8, d.UINT8: 8, d.INT2: 2, d.UINT2: 2}
BLOCK = 256  # rows of weights that share a scale, where all do

_RESTORED = DequantizeLinear.any(w, s, z)
_TURNED = Transpose(_RESTORED, perm=[1, 0])
_GEMM = Gemm.any(x, _RESTORED, bias, alpha=1.0, beta=1.0, transA=0)
_MATMUL, _MATMUL_TURNED = MatMul(x, _RESTORED), MatMul(x, _TURNED)


def _by_block(m: Match, factors: Array, axis: int, blocks: int, block: int, n: int, summed: int) -> Array:
    """Scales or zero points as [n, blocks], where `axis` is that of one for each index, and `summed` that of the sum."""
    if factors.size == 1:
        return np.broadcast_to(factors.reshape(1, 1), (n, blocks))
    if factors.ndim == 1:
        m.require(axis != summed, "the scales differ along what is summed")
        return np.broadcast_to(factors[:, None], (n, blocks))
    found = factors.T if summed == 0 else factors
    m.require(found.shape == (n, blocks), "the blocks do not lie along what is summed")
    return found


def _packed(numbers: Array, bits: int) -> Array:
    """[n, k] -> bytes, the first number in the lowest bits."""
    per = 8 // bits
    parts = numbers.reshape(numbers.shape[0], -1, per)
    found = np.zeros(parts.shape[:2], np.uint8)
    for i in range(per):
        found |= parts[:, :, i] << np.uint8(i * bits)
    return found


@rewrite(forms=[_MATMUL, _MATMUL_TURNED, _GEMM], shared=True)
def keep_few_bits(m: Match) -> Expr:
    """x @ restored w -> MatMulNBits(x, w)"""
    dtype = m[w].dtype
    m.require(dtype in BITS and m[x].dtype is d.FLOAT32 and m[s].dtype is d.FLOAT32, "the types are others")
    m.require(m[w].rank == 2, "w is no matrix")
    m.require(m[x].rank is not None and m[x].rank > 0, "the rank is unknown")  # pyright: ignore[reportOptionalOperand]
    assert dtype is not None
    turned = bool(m.attr(_GEMM, "transB")) if _GEMM in m else _TURNED in m
    array, summed = m.array(w), 1 if turned else 0
    k, n = array.shape[summed], array.shape[1 - summed]
    bits, given = BITS[dtype], int(m.attr(_RESTORED, "block_size"))
    m.require(k * n >= 4096 or given > 0, "the weights are few")
    block = given or (BLOCK if k >= BLOCK else 1 << max(4, math.ceil(math.log2(k))))
    m.require(block % 16 == 0, "blocks are too short")
    m.require(not given or int(m.attr(_RESTORED, "axis")) % 2 == summed, "blocks do not lie along what is summed")
    blocks = -(-k // block)
    middle = 0 if not dtype.numpy.name.startswith("int") else 1 << (bits - 1)
    rows = array.T if summed == 0 else array
    numbers = np.zeros((n, blocks * block), np.uint8)
    numbers[:, :k] = (rows.astype(np.int16) + middle).astype(np.uint8)
    axis = int(m.attr(_RESTORED, "axis")) % 2
    scales = _by_block(m, m.array(s), axis, blocks, block, n, summed)
    operand = m.get(z)
    zero = np.zeros((), dtype.numpy) if operand is None or operand.array is None else operand.array
    points = (_by_block(m, zero, axis, blocks, block, n, summed).astype(np.int16) + middle).astype(np.uint8)
    per = 8 // bits
    padded = np.zeros((n, -(-blocks // per) * per), np.uint8)
    padded[:, :blocks] = points
    y = MatMulNBits(
        x,
        _packed(numbers, bits).reshape(n, blocks, -1),
        np.ascontiguousarray(scales.astype(np.float32)).reshape(-1),
        _packed(padded, bits).reshape(-1),
        K=k, N=n, bits=bits, block_size=block,
    )  # fmt: skip
    return Add(y, bias) if bias in m else y


i4, i8 = Spec(d.INT4), Spec(d.INT8)
_TOLERANCE = 1e-5
_WHOLE: Any = np.random.default_rng(0).integers(-8, 8, (64, 70))
_FOUR = _WHOLE.astype(d.INT4.numpy)
_SCALES: Any = np.linspace(0.1, 1, 280, dtype=np.float32).reshape(4, 70)
keep_few_bits.fires(
    MatMul(x, DequantizeLinear(w, s, axis=0, block_size=16)),
    x=f32["n", 2, 64],
    w=_FOUR,
    s=_SCALES,
    tolerance=_TOLERANCE,
)
keep_few_bits.fires(
    Gemm(x, DequantizeLinear(w, s, z, axis=0), bias, transB=1),
    x=f32["n", 70], w=_WHOLE.astype(np.int8), s=_SCALES.reshape(-1)[:64], z=np.arange(64, dtype=np.int8), bias=f32[64],
    tolerance=_TOLERANCE,
)  # fmt: skip
keep_few_bits.fires(
    MatMul(x, Transpose(DequantizeLinear(w, s), perm=[1, 0])), x=f32["n", 70], w=_WHOLE.astype(np.int8), s=np.float32(0.1),
    tolerance=_TOLERANCE,
)  # fmt: skip
keep_few_bits.refuses(
    MatMul(x, DequantizeLinear(w, s, axis=0)), x=f32["n", 64], w=_WHOLE.astype(np.int8), s=_SCALES.reshape(-1)[:64],
    because="differ along what is summed",
)  # fmt: skip
keep_few_bits.refuses(
    MatMul(x, DequantizeLinear(w, s)), x=f32["n", 3], w=i8[3, 2], s=np.float32(0.1), because="weights are few"
)

# -- recurrent layers -----------------------------------------------------------------------------------------------------

r = constants("r")[0]
rs, ws, rz, wz = constants("rs ws rz wz")
given, lengths, h, c = values("given? lengths? h? c?")
_LSTM = Op("DynamicQuantizeLSTM", domain="com.microsoft").any(x, w, r, given, lengths, h, c, None, ws, wz, rs, rz)


def _wide(m: Match, weights: Var, scale: Var, zero: Var) -> Array:
    """Weights [direction, in, 4 * hidden] as floats, as LSTM has them: transposed."""
    array = m.array(weights)
    factor, point = (m.array(v).astype(np.float32).reshape(array.shape[0], 1, -1) for v in (scale, zero))
    return np.ascontiguousarray(((array.astype(np.float32) - point) * factor).swapaxes(1, 2))


def _restored_lstm(count: int) -> Rule:
    roots = [_LSTM, _LSTM[1], _LSTM[2]][:count]

    @rewrite(*roots)
    def rule(m: Match) -> Expr:
        for weights, scale in ((w, ws), (r, rs)):
            directions, _, columns = m.array(weights).shape
            m.require(m.array(scale).size in (directions, directions * columns), "the scales do not fit")
        attrs = m.attrs(_LSTM)
        attrs.setdefault("hidden_size", m.array(r).shape[1])
        optional = [v if v in m else None for v in (given, lengths, h, c)]
        found = LSTM(x, _wide(m, w, ws, wz), _wide(m, r, rs, rz), *optional, **attrs)
        return tuple(found[i] for i in range(count)) if count > 1 else found

    rule.name, rule.doc = (
        f"restore-lstm-with-{count}-results",
        "DynamicQuantizeLSTM(x, w, r) -> LSTM(x, restored w, restored r)",
    )
    node = Op("DynamicQuantizeLSTM", domain="com.microsoft")(x, w, r, None, None, None, None, None, ws, wz, rs, rz)
    case: dict[str, Any] = {"x": f32[3, "n", 2], "w": _WHOLE.astype(np.int8).reshape(-1)[:32].reshape(1, 2, 16)}
    case |= {"r": _WHOLE.astype(np.int8).reshape(-1)[:64].reshape(1, 4, 16)}
    case |= {"ws": _SCALES.reshape(-1)[:1], "rs": _SCALES.reshape(-1)[:1]}
    case |= {"wz": np.zeros(1, np.int8), "rz": np.zeros(1, np.int8)}
    made = [node, node[1], node[2]][:count]
    rule.fires(*made, tolerance=_TOLERANCE, **case)
    rule.refuses(*made, **{**case, "ws": _SCALES.reshape(-1)[:3], "wz": np.zeros(3, np.int8)}, because="do not fit")
    return rule


FEW_BITS: list[Rule] = [keep_few_bits, *(_restored_lstm(count) for count in (3, 2, 1))]
