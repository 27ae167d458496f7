"""Operators of com.microsoft said in standard ones, which the passes and the engine know."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.passes.rules.microsoft import activated, channels_first, channels_last, microsoft
from sardonyx.rewrite import Expr, Match, Op, Rule, Term, Var, rest, rewrite, values
from sardonyx.rewrite.example import Spec, f32, u8
from sardonyx.rewrite.op import (
    Add,
    AveragePool,
    Cast,
    Concat,
    DequantizeLinear,
    DynamicQuantizeLinear,
    Gelu,
    Gemm,
    GlobalAveragePool,
    LeakyRelu,
    MatMul,
    MatMulInteger,
    Mul,
    QuantizeLinear,
    ReduceMean,
    Sigmoid,
    Softmax,
    Swish,
    Transpose,
    Where,
)

__all__ = ["CONTRIB"]


a, b, c, sa, sb, sc = values("a b c sa sb sc")
za, zb, zc, bias = values("za? zb? zc? bias?")
i8 = Spec(d.INT8)
CONTRIB: list[Rule] = []
_S, _Z = np.float32(0.05), np.uint8(3)
_FACTS: dict[str, Any] = {"sa": _S, "za": _Z, "sc": np.float32(0.07), "zc": np.uint8(9)}


def _again(m: Match, y: Expr, scale: Var, zero: Var, like: Var) -> Expr:
    """y quantized, to the type of `like` where no zero point says to which."""
    dtype = m[like].dtype
    m.require(dtype is not None, "the type is unknown")
    assert dtype is not None
    return QuantizeLinear(y, scale, zero if zero in m else np.zeros((), dtype.numpy))


def _restored(m: Match, x: Var, scale: Var, zero: Var) -> Expr:
    return DequantizeLinear(x, scale, zero if zero in m else None)


def _one(m: Match, *scales: Var) -> None:
    for scale in scales:
        m.require(m[scale].shape in ((), (1,)), "there is more than one scale")


# -- quantized elementwise ------------------------------------------------------------------------------------------------


def _binary(name: str, standard: Op) -> None:
    term = microsoft(name)(a, sa, za, b, sb, zb, sc, zc)

    @rewrite(term)
    def rule(m: Match) -> Expr:
        _one(m, sa, sb, sc)
        return _again(m, standard(_restored(m, a, sa, za), _restored(m, b, sb, zb)), sc, zc, a)

    rule.name = f"say-{name}"
    rule.doc = f"{name}(a, b) -> QuantizeLinear({standard!r}(restored a, restored b))"
    rule.fires(a=u8["n", 3], b=u8[3], sb=np.float32(0.03), zb=np.uint8(1), **_FACTS)
    rule.refuses(
        a=u8["n", 3], b=u8[3], zb=np.uint8(1), **{**_FACTS, "sa": np.ones(3, np.float32)}, sb=np.float32(0.03),
        because="more than one scale",
    )  # fmt: skip
    CONTRIB.append(rule)


_binary("QLinearAdd", Add)
_binary("QLinearMul", Mul)


def _unary(name: str, standard: Any, attrs: dict[str, Any], case: dict[str, Any]) -> None:
    term = microsoft(name).any(a, sa, za, sc, zc)

    @rewrite(term)
    def rule(m: Match) -> Expr:
        _one(m, sa, sc)
        return _again(m, standard(m, term, _restored(m, a, sa, za)), sc, zc, a)

    rule.name, rule.doc = f"say-{name}", f"{name}(a) -> the same of a restored, quantized"
    rule.fires(microsoft(name)(a, sa, za, sc, zc, **attrs), **case, **_FACTS)
    rule.refuses(
        microsoft(name)(a, sa, za, sc, zc, **attrs), **case, **{**_FACTS, "sa": np.ones(3, np.float32)},
        because="more than one scale",
    )  # fmt: skip
    CONTRIB.append(rule)


def _softmax(m: Match, term: Term, x: Expr) -> Expr:
    m.require(m.attr(term, "opset") >= 13, "it takes all axes behind")
    return Softmax(x, axis=m.attr(term, "axis"))


def _pooled(pool: Any) -> Any:
    def standard(m: Match, term: Term, x: Expr) -> Expr:
        attrs = {k: v for k, v in m.attrs(term).items() if k != "channels_last"}
        if not m.attr(term, "channels_last"):
            return pool(x, **attrs)
        return channels_last(m, a, pool(channels_first(m, a, x), **attrs))

    return standard


_IMAGE: dict[str, Any] = {"a": u8["n", 3, 4, 4]}
_unary("QLinearSigmoid", lambda m, t, x: Sigmoid(x), {}, {"a": u8["n", 3]})
_unary("QLinearLeakyRelu", lambda m, t, x: LeakyRelu(x, **m.attrs(t)), {"alpha": 0.1}, {"a": u8["n", 3]})
_unary("QLinearSoftmax", _softmax, {"opset": 13}, {"a": u8["n", 3]})
_unary("QLinearGlobalAveragePool", _pooled(GlobalAveragePool), {"channels_last": 1}, _IMAGE)
_unary("QLinearAveragePool", _pooled(AveragePool), {"kernel_shape": [2, 2]}, _IMAGE)
_unary(
    "QLinearReduceMean",
    lambda m, t, x: ReduceMean(x, np.array(m.attr(t, "axes"), np.int64), keepdims=m.attr(t, "keepdims")),
    {"axes": [1], "keepdims": 0},
    {"a": u8["n", 3]},
)

_parts = rest("parts")
_CONCAT = microsoft("QLinearConcat").any(sc, zc, _parts)


@rewrite(_CONCAT)
def say_concat(m: Match) -> Expr:
    """QLinearConcat(a, b...) -> QuantizeLinear(Concat(restored a, restored b...))"""
    given = m[_parts]
    m.require(all(s.shape in ((), (1,)) for s in given[1::3]), "there is more than one scale")
    m.require(all(x.dtype in (d.UINT8, d.INT8) for x in given[::3]), "a part is not quantized")
    restored = [DequantizeLinear(*(o.value for o in given[i : i + 3])) for i in range(0, len(given), 3)]
    return QuantizeLinear(Concat(*restored, axis=m.attr(_CONCAT, "axis")), sc, zc)


_TWO = microsoft("QLinearConcat")(sc, zc, a, sa, za, b, sb, zb, axis=1)
say_concat.fires(_TWO, a=u8["n", 3], b=u8["n", 2], sb=np.float32(0.03), zb=np.uint8(1), **_FACTS)
say_concat.refuses(
    _TWO, a=f32["n", 3], b=u8["n", 2], sb=np.float32(0.03), zb=np.uint8(1), **{**_FACTS, "za": np.float32(0)},
    because="not quantized",
)  # fmt: skip


@rewrite(microsoft("QLinearWhere")(c, a, sa, za, b, sb, zb, sc, zc))
def say_where(m: Match) -> Expr:
    """QLinearWhere(c, a, b) -> QuantizeLinear(Where(c, restored a, restored b))"""
    _one(m, sa, sb, sc)
    return _again(m, Where(c, _restored(m, a, sa, za), _restored(m, b, sb, zb)), sc, zc, a)


_WHERE: dict[str, Any] = {"c": np.array([True, False, True]), "a": u8["n", 3], "b": u8[3], "sb": _S, "zb": _Z, **_FACTS}
say_where.fires(**_WHERE)
say_where.refuses(**{**_WHERE, "sc": np.ones(3, np.float32)}, because="more than one scale")

_QUANTIZE, _DEQUANTIZE = microsoft("QuantizeLinear").any(a, sa, za), microsoft("DequantizeLinear").any(a, sa, za)


@rewrite(forms=[_QUANTIZE, _DEQUANTIZE], shared=True)
def say_quantize(m: Match) -> Expr:
    """QuantizeLinear(a, s, z), DequantizeLinear(a, s, z) of com.microsoft -> those of the standard"""
    m.require(m[sa].dtype is d.FLOAT32, "the scales are not float32")
    standard = QuantizeLinear if m.root.op_type == "QuantizeLinear" else DequantizeLinear
    axis = m.attr_of(m.root, "axis")
    return standard(a, sa, za if za in m else None, axis=1 if axis is None else axis)


say_quantize.fires(microsoft("QuantizeLinear")(a, sa, za), a=f32["n", 3], sa=_S, za=np.uint16(9))
say_quantize.fires(microsoft("DequantizeLinear")(a, sa, za, axis=0), a=i8[3, "n"], sa=f32[3], za=i8[3])
say_quantize.refuses(
    microsoft("DequantizeLinear")(a, sa), a=i8[3], sa=Spec(d.FLOAT16).scalar, because="the scales are not float32"
)

# -- products of bytes ----------------------------------------------------------------------------------------------------

_QGEMM = microsoft("QGemm").any(a, sa, za, b, sb, zb, bias, sc, zc)


@rewrite(forms=[_QGEMM, microsoft("QGemm").any(a, sa, za, b, sb, zb, bias)])
def say_qgemm(m: Match) -> Expr:
    """QGemm(a, b, c) -> QuantizeLinear((MatMulInteger(a, b) + c) * (alpha * sa * sb))"""
    scales = m[sa].array, m[sb].array
    m.require(scales[0] is not None and scales[1] is not None and m[sa].shape in ((), (1,)), "the scales are unknown")
    m.require(m[b].rank == 2 and (m[sb].rank or 0) < 2, "it is quantized by blocks")
    left, right = (Transpose(v, perm=[1, 0]) if m.attr_of(m.root, t) else v for v, t in ((a, "transA"), (b, "transB")))
    total: Expr = MatMulInteger(left, right, za, zb)
    if bias in m:
        total = Add(total, bias)
    assert scales[0] is not None and scales[1] is not None
    factor = np.float32(m.attr_of(m.root, "alpha")) * scales[0].reshape(()) * scales[1]
    extent = m[b].dim(0 if m.attr_of(m.root, "transB") else 1)
    if isinstance(extent, int):
        factor = np.ascontiguousarray(np.broadcast_to(factor, (extent,)))
    y = Mul(Cast(total, to=d.FLOAT32.code), factor)
    if sc not in m:
        return y
    return QuantizeLinear(y, sc, zc)


_QUANTIZED: dict[str, Any] = {
    "a": u8["n", 4],
    "b": i8[2, 4],
    "sb": np.array([0.1, 0.2], np.float32),
    "zb": np.array([0, 1], np.int8),
}
_QUANTIZED.update({"bias": np.array([5, -7], np.int32), **_FACTS})
say_qgemm.fires(microsoft("QGemm")(a, sa, za, b, sb, zb, bias, sc, zc, transB=1, alpha=0.5), **_QUANTIZED)
say_qgemm.fires(
    microsoft("QGemm")(a, sa, za, b, sb, zb, bias, transB=1),
    **{k: v for k, v in _QUANTIZED.items() if k not in ("sc", "zc")},
)
say_qgemm.refuses(
    microsoft("QGemm")(a, sa, za, b, sb, zb, bias, sc, zc, transB=1),
    **{**_QUANTIZED, "sa": f32.scalar},
    because="scales are unknown",
)


@rewrite(microsoft("MatMulIntegerToFloat")(a, b, sa, sb, za, zb, bias))
def say_matmul_to_float(m: Match) -> Expr:
    """MatMulIntegerToFloat(a, b, sa, sb) + c -> MatMulInteger(a, b) * (sa * sb) + c"""
    m.require(m[sa].dtype is d.FLOAT32, "the scales are not float32")
    m.require(m[sa].shape in ((), (1,)) and (m[sb].rank or 0) < 2, "the scales differ by row, or by matrix")
    total = MatMulInteger(a, b, za if za in m else None, zb if zb in m else None)
    y = Mul(Cast(total, to=d.FLOAT32.code), Mul(sa, sb))
    return Add(y, bias) if bias in m else y


_FLOATS: dict[str, Any] = {
    "a": u8["n", 4],
    "b": i8[4, 2],
    "sa": f32.scalar,
    "sb": f32[2],
    "za": u8.scalar,
    "bias": f32[2],
}
say_matmul_to_float.fires(microsoft("MatMulIntegerToFloat")(a, b, sa, sb, za, None, bias), tolerance=1e-5, **_FLOATS)
say_matmul_to_float.refuses(
    microsoft("MatMulIntegerToFloat")(a, b, sa, sb, za, None, bias),
    **{**_FLOATS, "sa": f32["n", 1]},
    because="differ by row",
)


@rewrite(microsoft("DynamicQuantizeMatMul")(a, b, sb, zb, bias))
def say_dynamic_matmul(m: Match) -> Expr:
    """DynamicQuantizeMatMul(a, b, sb) + c -> MatMulInteger(DynamicQuantizeLinear(a), b) * (s * sb) + c"""
    m.require((m[sb].rank or 0) < 2, "the scales differ by matrix")
    quantized = DynamicQuantizeLinear(a)
    total = MatMulInteger(quantized[0], b, quantized[2], zb if zb in m else None)
    y = Mul(Cast(total, to=d.FLOAT32.code), Mul(quantized[1], sb))
    return Add(y, bias) if bias in m else y


say_dynamic_matmul.fires(a=f32["n", 4], b=i8[4, 2], sb=f32[2], zb=i8[2], bias=f32[2], tolerance=1e-5)
say_dynamic_matmul.refuses(a=f32["n", 4], b=i8[4, 2], sb=f32[1, 2], zb=i8[2], bias=f32[2], because="differ by matrix")

# -- fused float operators ------------------------------------------------------------------------------------------------

_FUSED = microsoft("FusedMatMul", "TransposeMatMul").any(a, b)


@rewrite(_FUSED)
def say_fused_matmul(m: Match) -> Expr:
    """FusedMatMul(a, b) -> MatMul(a', b') * alpha"""
    ranks = m[a].rank, m[b].rank
    m.require(ranks[0] is not None and ranks[1] is not None, "the rank is unknown")
    factors: list[Expr] = []
    for v, rank, turn, batch in zip((a, b), ranks, ("transA", "transB"), ("transBatchA", "transBatchB"), strict=True):
        assert rank is not None
        order = list(range(rank))
        if m.root.op_type == "FusedMatMul" and m.attr_of(m.root, batch) and rank > 2:
            order = [*order[1:-1], 0, order[-1]]
        if m.attr_of(m.root, turn) and rank > 1:
            order = [*order[:-2], order[-1], order[-2]]
        factors.append(v if order == list(range(rank)) else Transpose(v, perm=order))
    alpha, dtype = m.attr_of(m.root, "alpha"), m[a].dtype
    y = MatMul(*factors)
    return y if alpha == 1 or dtype is None else Mul(y, np.array(alpha, dtype.numpy))


say_fused_matmul.fires(
    microsoft("FusedMatMul")(a, b, transB=1, alpha=0.5), a=f32["n", 3, 4], b=f32["n", 5, 4], tolerance=1e-5
)
say_fused_matmul.fires(microsoft("FusedMatMul")(a, b, transBatchA=1), a=f32[3, 2, 4], b=f32[2, 4, 5], tolerance=1e-5)
say_fused_matmul.refuses(microsoft("FusedMatMul")(a, b), a=f32.unknown, b=f32[2, 4, 5], because="rank is unknown")


_FUSED_GEMM = microsoft("FusedGemm").any(a, b, bias)


@rewrite(_FUSED_GEMM)
def say_fused_gemm(m: Match) -> Expr:
    """FusedGemm(a, b, c) -> activation(Gemm(a, b, c))"""
    attrs = m.attrs(_FUSED_GEMM)
    name, alpha = m.attr(_FUSED_GEMM, "activation"), m.attr(_FUSED_GEMM, "activation_alpha")
    y = Gemm(a, b, bias if bias in m else None, **{k: v for k, v in attrs.items() if not k.startswith("activation")})
    return activated(m, y, alpha, name)


say_fused_gemm.fires(
    microsoft("FusedGemm")(a, b, bias, transB=1, activation="LeakyRelu", activation_alpha=0.1),
    a=f32["n", 4],
    b=f32[3, 4],
    bias=f32[3],
)
say_fused_gemm.refuses(
    microsoft("FusedGemm")(a, b, activation="Elu"), a=f32[2, 4], b=f32[4, 3], because="activation is Elu"
)

_GELUS = [
    microsoft("Gelu")(a),
    microsoft("BiasGelu")(a, b),
    microsoft("FastGelu")(a, bias),
    microsoft("QuickGelu").any(a),
]


@rewrite(forms=_GELUS)
def say_gelu(m: Match) -> Expr:
    """Gelu(a), BiasGelu(a, b), FastGelu(a, b), QuickGelu(a) -> Gelu(a + b), Swish(a)"""
    name = m.root.op_type
    m.require(m[a].is_float, "a is of no floating-point type")
    if name == "QuickGelu":
        return Swish(a, alpha=m.attr_of(m.root, "alpha"))
    added = Add(a, b) if b in m else Add(a, bias) if bias in m else a
    return Gelu(added, **({"approximate": "tanh"} if name == "FastGelu" else {}))


say_gelu.fires(microsoft("BiasGelu")(a, b), a=f32["n", 3], b=f32[3], tolerance=1e-5)
say_gelu.fires(microsoft("FastGelu")(a, bias), a=f32["n", 3], bias=f32[3], tolerance=1e-5)
say_gelu.fires(microsoft("QuickGelu")(a, alpha=1.5), a=f32["n", 3], tolerance=1e-5)
say_gelu.fires(microsoft("Gelu")(a), a=f32["n", 3], tolerance=1e-5)
say_gelu.refuses(microsoft("Gelu")(a), a=Spec(d.INT32)[3], because="no floating-point type")

CONTRIB.extend(
    [
        say_quantize,
        say_concat,
        say_where,
        say_qgemm,
        say_matmul_to_float,
        say_dynamic_matmul,
        say_fused_matmul,
        say_fused_gemm,
        say_gelu,
    ]
)
