"""Layers of com.microsoft said in standard operators: normalizations of sums, rotary embeddings, attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.ir import Array
from sardonyx.passes.rules.microsoft import microsoft
from sardonyx.rewrite import Expr, Match, Op, Rule, Term, Var, rewrite, values
from sardonyx.rewrite.example import Spec, f32, i32, i64
from sardonyx.rewrite.op import (
    Add,
    And,
    Attention,
    Cast,
    Concat,
    Gather,
    Greater,
    GreaterOrEqual,
    LayerNormalization,
    Less,
    MatMul,
    MatMulInteger,
    Mul,
    Range,
    Reshape,
    RMSNormalization,
    RotaryEmbedding,
    Shape,
    Split,
    Transpose,
    Unsqueeze,
    Where,
)

__all__ = ["LAYERS"]


x, w, gamma, cos, sin, places, skip = values("x w gamma cos sin places skip")
q, k, v, beta, bias, mask, extra, past, past_k, past_v = values("q k v beta? bias? mask? extra? past? past_k? past_v?")
sx, sw, zx, zw = values("sx sw zx? zw?")
LAYERS: list[Rule] = []
_H, _U, _I = Spec(d.FLOAT16), Spec(d.UINT8), Spec(d.INT8)
TOLERANCE = 1e-5

# -- normalizations -------------------------------------------------------------------------------------------------------

_SKIP = microsoft("SkipLayerNormalization").any(x, skip, gamma, beta, bias)
_SKIP_RMS = microsoft("SkipSimplifiedLayerNormalization").any(x, skip, gamma, bias)


def _summed(m: Match) -> Expr:
    total = Add(x, skip)
    return Add(total, bias) if bias in m else total


def _normalized(m: Match, total: Expr) -> Expr:
    epsilon = m.attr_of(m.root, "epsilon")
    if m.root.op_type == "SkipLayerNormalization":
        return LayerNormalization(total, gamma, beta if beta in m else None, axis=-1, epsilon=epsilon)
    return RMSNormalization(total, gamma, axis=-1, epsilon=epsilon)


def _float(m: Match, *vars: Var) -> None:
    m.require(all(m[var].dtype is d.FLOAT32 for var in vars), "it is not float32")


@rewrite(forms=[_SKIP, _SKIP_RMS])
def say_skip_norm(m: Match) -> Expr:
    """SkipLayerNormalization(x, s, g, b) -> LayerNormalization(x + s, g, b), and with RMSNormalization"""
    _float(m, x)
    return _normalized(m, _summed(m))


def _say_sum_too(term: Term, name: str) -> Rule:
    @rewrite(term, term[3])
    def rule(m: Match) -> Expr:
        _float(m, x)
        total = _summed(m)
        return _normalized(m, total), total

    rule.name, rule.doc = name, "The same where the sum is read too."
    return rule


_NORM: dict[str, Any] = {"x": f32["n", 3, 8], "skip": f32["n", 3, 8], "gamma": f32[8], "tolerance": TOLERANCE}
say_skip_norm.fires(microsoft("SkipLayerNormalization")(x, skip, gamma, beta, bias), beta=f32[8], bias=f32[8], **_NORM)
say_skip_norm.fires(microsoft("SkipSimplifiedLayerNormalization")(x, skip, gamma, epsilon=1e-5), **_NORM)
say_skip_norm.refuses(
    microsoft("SkipLayerNormalization")(x, skip, gamma), x=_H[2, 8], skip=_H[2, 8], gamma=_H[8], because="not float32"
)
say_skip_norm_and_sum = _say_sum_too(_SKIP, "say-skip-norm-and-sum")
say_skip_rms_norm_and_sum = _say_sum_too(_SKIP_RMS, "say-skip-rms-norm-and-sum")
for _rule, _term in ((say_skip_norm_and_sum, _SKIP), (say_skip_rms_norm_and_sum, _SKIP_RMS)):
    _made = _term.op(x, skip, gamma)
    _rule.fires(_made, _made[3], **_NORM)
    _rule.refuses(_made, _made[3], x=_H[2, 8], skip=_H[2, 8], gamma=_H[8], because="not float32")

_SIMPLE = Op("SimplifiedLayerNormalization").any(x, gamma)


@rewrite(forms=[_SIMPLE, microsoft("SimplifiedLayerNormalization").any(x, gamma)])
def say_rms_norm(m: Match) -> Expr:
    """SimplifiedLayerNormalization(x, g) -> RMSNormalization(x, g)"""
    m.require(m[x].dtype is m[gamma].dtype, "the types differ")
    return RMSNormalization(
        x, gamma, **{n: a for n, a in m.root.attrs.items() if n in ("axis", "epsilon", "stash_type")}
    )


say_rms_norm.fires(
    Op("SimplifiedLayerNormalization")(x, gamma, axis=-1, epsilon=1e-6),
    x=f32["n", 8],
    gamma=f32[8],
    tolerance=TOLERANCE,
)
say_rms_norm.refuses(Op("SimplifiedLayerNormalization")(x, gamma), x=f32["n", 8], gamma=_H[8], because="types differ")

# -- rotary embeddings ----------------------------------------------------------------------------------------------------

_ROTARY = microsoft("RotaryEmbedding").any(x, places, cos, sin)


@rewrite(_ROTARY)
def say_rotary(m: Match) -> Expr:
    """RotaryEmbedding(x, p, cos, sin) -> RotaryEmbedding(x, cos, sin, p)"""
    m.require(m[places].rank == 2, "the places are counted from one")
    scale, packed = m.attr(_ROTARY, "scale"), m.attr(_ROTARY, "is_packed_batching")
    m.require(scale in (None, 0, 1) and not packed, "it scales, or batches are packed")
    rank, width, half = m[x].rank, m[x].dim(-1), m[cos].dim(-1)
    m.require(rank in (3, 4) and isinstance(half, int), "the extents are unknown")
    assert isinstance(half, int)
    heads, turned = m.attr(_ROTARY, "num_heads"), m.attr(_ROTARY, "rotary_embedding_dim")
    if rank == 3 and not heads:
        m.require(isinstance(width, int), "the number of heads is unknown")
        heads = int(width) // (2 * half)  # pyright: ignore[reportArgumentType] an int, see above
    attrs: dict[str, Any] = {"interleaved": int(m.attr(_ROTARY, "interleaved") or 0)}
    if heads:
        attrs["num_heads"] = int(heads)
    if turned:
        attrs["rotary_embedding_dim"] = int(turned)
    return RotaryEmbedding(x, cos, sin, places, **attrs)


_TURN: dict[str, Any] = {"places": np.array([[0, 2, 1]]), "cos": f32[5, 2], "sin": f32[5, 2], "tolerance": TOLERANCE}
say_rotary.fires(x=f32[1, 3, 8], **_TURN)
say_rotary.fires(microsoft("RotaryEmbedding")(x, places, cos, sin, interleaved=1), x=f32[1, 2, 3, 4], **_TURN)
say_rotary.refuses(x=f32[1, 3, 8], **{**_TURN, "places": i64[1]}, because="counted from one")

# -- attention ------------------------------------------------------------------------------------------------------------


def _seen(m: Match, keys: Var, before: Expr) -> Expr:
    """Which keys a mask lets through, [batch, 1, queries or 1, keys]: it has a number for each, or says where they end."""
    rank = m[mask].rank
    m.require(rank in (1, 2, 3), "the mask has a number by head")
    if rank != 1:
        return Unsqueeze(Greater(mask, np.zeros((), np.int32)), np.array([1, 2] if rank == 2 else [1]))
    axis = 2 if m[keys].rank == 4 else 1
    count, batch, rows = m[mask].dim(0), m[keys].dim(0), m[keys].dim(axis)
    m.require(count is not None and batch is not None and count in (batch, 2 * batch), "the mask counts something else")
    length: Expr = np.array(rows) if isinstance(rows, int) else Gather(Shape(keys), np.array(axis))
    places = Range(np.array(0), length if before is None else Add(length, before), np.array(1))
    numbers, axes = Cast(mask, to=d.INT64.code), np.array([1, 2, 3])
    if count == batch:
        return Less(places, Unsqueeze(numbers, axes))
    halves = Split(numbers, axis=0, num_outputs=2)  # where they end, and where they begin
    return And(Less(places, Unsqueeze(halves[0], axes)), GreaterOrEqual(places, Unsqueeze(halves[1], axes)))


def _added(m: Match, term: Term, keys: Var, before: Expr) -> Expr:
    """What a mask and a bias add to the scores; None if there is neither.

    Args:
        keys: what has as many rows as there are new keys.
        before: how many there were.
    """
    found: Expr = None
    if mask in m:
        value, seen = m.attr(term, "mask_filter_value"), _seen(m, keys, before)
        found = Where(seen, np.zeros((), np.float32), np.array(-10000.0 if value is None else value, np.float32))
    if extra in m:
        found = extra if found is None else Add(found, extra)
    return found


def _one_way(m: Match, term: Term, queries: Any, keys: Any, continued: bool) -> int:
    """Whether it is causal; where the standard would count from the other end, that is refused."""
    causal = bool(m.attr(term, "unidirectional"))
    m.require(not causal or continued or (queries is not None and queries == keys), "queries and keys are not as many")
    return int(causal)


def _attend(
    m: Match, term: Term, parts: Any, pasts: tuple[Expr, Expr], causal: int, keys: Var, before: Expr = None
) -> Expr:
    heads, scale = m.attr(term, "num_heads"), m.attr(term, "scale")
    attrs: dict[str, Any] = {"q_num_heads": heads, "kv_num_heads": heads, "is_causal": causal}
    if scale:
        attrs["scale"] = scale
    return Attention(*parts, _added(m, term, keys, before), *pasts, **attrs)


_MULTI = microsoft("MultiHeadAttention").any(q, k, v, bias, mask, extra, past_k, past_v)


def _multi_head(m: Match) -> Expr:
    _float(m, q)
    if m[q].rank == 3 and m[k].rank == m[v].rank == 4:
        return _by_head(m)
    m.require(m[q].rank == m[k].rank == m[v].rank == 3, "queries, keys and values lie together")
    parts: list[Expr] = [q, k, v]
    if bias in m:
        widths = [m[part].dim(-1) for part in (q, k, v)]
        array = m[bias].array
        m.require(array is not None and all(isinstance(e, int) for e in widths), "the bias is no constant")
        assert array is not None
        ends = np.cumsum([0, *(int(e) for e in widths)])  # pyright: ignore[reportArgumentType] ints, see above
        parts = [Add(p, np.ascontiguousarray(array[a:b])) for p, a, b in zip(parts, ends, ends[1:], strict=False)]
    continued = past_k in m and past_v in m
    causal = _one_way(m, _MULTI, m[q].dim(1), m[k].dim(1), continued)
    before = Gather(Shape(past_k), np.array(2)) if continued else None
    return _attend(m, _MULTI, parts, (past_k, past_v) if continued else (None, None), causal, k, before)


def _by_head(m: Match) -> Expr:
    """Where keys and values come by head, as those of an encoder do that are kept, queries are brought there, and back."""
    heads, width = m.attr(_MULTI, "num_heads"), m[q].dim(2)
    m.require(not (past_k in m or past_v in m) and not m.attr(_MULTI, "unidirectional"), "there is a past")
    rows: Expr = q
    if bias in m:
        array = m[bias].array
        m.require(array is not None and isinstance(width, int), "the bias is no constant")
        assert array is not None and isinstance(width, int)
        rows = Add(q, np.ascontiguousarray(array[:width]))
    own = Transpose(Reshape(rows, np.array([0, 0, heads, -1])), perm=[0, 2, 1, 3])
    attrs: dict[str, Any] = {"scale": scale} if (scale := m.attr(_MULTI, "scale")) else {}
    found = Attention(own, k, v, _added(m, _MULTI, k, None), **attrs)
    return Reshape(Transpose(found[0], perm=[0, 2, 1, 3]), np.array([0, 0, -1])), k, v


@rewrite(_MULTI)
def say_multi_head(m: Match) -> Expr:
    """MultiHeadAttention(q, k, v) -> Attention(q, k, v)"""
    found = _multi_head(m)
    return found[0] if isinstance(found, tuple) else found


@rewrite(_MULTI, _MULTI[1], _MULTI[2])
def say_multi_head_and_past(m: Match) -> Expr:
    """The same where keys and values are read too."""
    found = _multi_head(m)
    return found[0], found[1], found[2]


_LAYER: dict[str, Any] = {"q": f32["b", 3, 8], "k": f32["b", 5, 8], "v": f32["b", 5, 8], "tolerance": TOLERANCE}
_CONST: Array = np.linspace(-1, 1, 24, dtype=np.float32)
say_multi_head.fires(
    microsoft("MultiHeadAttention")(q, k, v, bias, mask, num_heads=2), bias=_CONST, mask=i32["b", 5], **_LAYER
)
say_multi_head.fires(
    microsoft("MultiHeadAttention")(q, k, v, None, None, extra, num_heads=2, scale=0.3), extra=f32[1, 2, 3, 5], **_LAYER
)
_HEADS: dict[str, Any] = {"q": f32["b", 3, 8], "k": f32["b", 2, 5, 4], "v": f32["b", 2, 5, 6], "tolerance": TOLERANCE}
say_multi_head.fires(
    microsoft("MultiHeadAttention")(q, k, v, bias, mask, num_heads=2), bias=_CONST, mask=i32["b", 5], **_HEADS
)
say_multi_head.fires(
    microsoft("MultiHeadAttention")(q, k, v, None, mask, num_heads=2, scale=0.4), mask=i32["b"], **_HEADS
)
say_multi_head.refuses(
    microsoft("MultiHeadAttention")(q, k, v, num_heads=2, unidirectional=1), q=f32[1, 3, 8], k=f32[1, 5, 8], v=f32[1, 5, 8],
    because="not as many",
)  # fmt: skip
_CONTINUED = microsoft("MultiHeadAttention")(q, k, v, None, None, None, past_k, past_v, num_heads=2, unidirectional=1)
_PAST: dict[str, Any] = {"past_k": f32[2, 2, 4, 4], "past_v": f32[2, 2, 4, 4]}
say_multi_head_and_past.fires(
    _CONTINUED,
    _CONTINUED[1],
    _CONTINUED[2],
    q=f32[2, 3, 8],
    k=f32[2, 3, 8],
    v=f32[2, 3, 8],
    tolerance=TOLERANCE,
    **_PAST,
)
say_multi_head_and_past.refuses(
    _CONTINUED,
    _CONTINUED[1],
    _CONTINUED[2],
    q=f32[2, 3, 8],
    k=f32[2, 2, 3, 4],
    v=f32[2, 2, 3, 4],
    because="there is a past",
    **_PAST,
)

_SELF = microsoft("Attention").any(x, w, bias, mask, past, extra)
_QUANTIZED = microsoft("QAttention").any(x, w, bias, sx, sw, mask, zx, zw, past)


def _self_attention(m: Match, term: Term, projected: Expr) -> Expr:
    width = m[w].dim(1)
    m.require(isinstance(width, int), "the width is unknown")
    for name in ("do_rotary", "past_present_share_buffer"):
        m.require(not m.attr(term, name), "it turns features, or shares its past")
    sizes = m.attr(term, "qkv_hidden_sizes") if term is _SELF else None
    cut = Split(projected, np.array(sizes or [int(width) // 3] * 3), axis=-1)  # pyright: ignore[reportArgumentType] an int
    pasts: tuple[Expr, Expr] = (None, None)
    if past in m:
        pasts = (Gather(past, np.array(0), axis=0), Gather(past, np.array(1), axis=0))
    causal = _one_way(m, term, 0, 0, True)
    before = Gather(Shape(past), np.array(3)) if past in m else None
    return _attend(m, term, (cut[0], cut[1], cut[2]), pasts, causal, x, before)


def _projection(m: Match) -> Expr:
    _float(m, x, w)
    y = MatMul(x, w)
    return Add(y, bias) if bias in m else y


def _quantized_projection(m: Match) -> Expr:
    m.require(m[sx].shape in ((), (1,)) and (m[sw].rank or 0) < 2, "the scales are by row, or by matrix")
    _float(m, sx, sw)
    total = MatMulInteger(x, w, zx if zx in m else None, zw if zw in m else None)
    scales, width = (m[sx].array, m[sw].array), m[w].dim(1)
    factor: Expr = Mul(sx, sw)
    if scales[0] is not None and scales[1] is not None and isinstance(width, int):
        factor = np.ascontiguousarray(np.broadcast_to(scales[0].reshape(()) * scales[1].reshape(-1), (width,)))
    return Add(Mul(Cast(total, to=d.FLOAT32.code), factor), bias)


def _rules(term: Term, projection: Any, name: str) -> tuple[Rule, Rule]:
    @rewrite(term)
    def alone(m: Match) -> Expr:
        return _self_attention(m, term, projection(m))

    @rewrite(term, term[1])
    def with_present(m: Match) -> Expr:
        found = _self_attention(m, term, projection(m))
        first = np.array([0])
        return found[0], Concat(Unsqueeze(found[1], first), Unsqueeze(found[2], first), axis=0)

    alone.name, alone.doc = f"say-{name}", f"{name}(x, w) -> Attention(x @ w in three parts)"
    with_present.name, with_present.doc = f"say-{name}-and-present", "The same where keys and values are read too."
    return alone, with_present


say_attention, say_attention_and_present = _rules(_SELF, _projection, "attention")
say_qattention, say_qattention_and_present = _rules(_QUANTIZED, _quantized_projection, "qattention")
_WHOLE: dict[str, Any] = {"x": f32["b", 3, 6], "w": f32[6, 24], "bias": f32[24], "tolerance": TOLERANCE}
_PASSED: dict[str, Any] = {**_WHOLE, "x": f32[2, 3, 6], "past": f32[2, 2, 2, 4, 4]}
say_attention.fires(microsoft("Attention")(x, w, bias, mask, num_heads=2), mask=i32["b", 3], **_WHOLE)
say_attention.fires(
    microsoft("Attention")(x, w, bias, num_heads=2, unidirectional=1, qkv_hidden_sizes=[8, 8, 8]), **_WHOLE
)
say_attention.refuses(
    microsoft("Attention")(x, w, bias, mask, num_heads=2), **{k: v for k, v in _WHOLE.items() if k != "tolerance"}, mask=i32[3],
    because="counts something else",
)  # fmt: skip
_THEN = microsoft("Attention")(x, w, bias, None, past, num_heads=2, unidirectional=1)
say_attention_and_present.fires(_THEN, _THEN[1], **_PASSED)
_TWO: dict[str, Any] = {**_WHOLE, "x": f32[2, 3, 6]}
say_attention.fires(microsoft("Attention")(x, w, bias, mask, num_heads=2), mask=np.array([3, 2], np.int32), **_TWO)
say_attention.fires(
    microsoft("Attention")(x, w, bias, mask, num_heads=2), mask=np.array([3, 2, 1, 0], np.int32), **_TWO
)
_ENDED = microsoft("Attention")(x, w, bias, mask, past, num_heads=2)
say_attention_and_present.fires(_ENDED, _ENDED[1], mask=np.array([4, 5], np.int32), **_PASSED)
_SHARED = microsoft("Attention")(x, w, bias, None, past, num_heads=2, past_present_share_buffer=1)
say_attention_and_present.refuses(
    _SHARED, _SHARED[1], **{k: v for k, v in _PASSED.items() if k != "tolerance"}, because="shares its past"
)
_BYTES: dict[str, Any] = {
    "x": _U[2, 3, 6],
    "w": _I[6, 24],
    "bias": f32[24],
    "sx": np.float32(0.1),
    "sw": np.float32(0.2),
}
_Q = microsoft("QAttention")(x, w, bias, sx, sw, mask, zx, zw, num_heads=2)
say_qattention.fires(_Q, mask=i32[2, 3], zx=np.uint8(3), zw=np.int8(1), tolerance=TOLERANCE, **_BYTES)
say_qattention.refuses(_Q, mask=i32[2, 1, 3, 3], zx=np.uint8(3), zw=np.int8(1), because="number by head", **_BYTES)
_QP = microsoft("QAttention")(x, w, bias, sx, sw, None, zx, zw, past, num_heads=2, unidirectional=1)
say_qattention_and_present.fires(
    _QP, _QP[1], zx=np.uint8(3), zw=np.int8(1), past=f32[2, 2, 2, 4, 4], tolerance=TOLERANCE, **_BYTES
)
say_qattention_and_present.refuses(
    _QP, _QP[1], zx=np.uint8(3), zw=np.int8(1), past=f32[2, 2, 2, 4, 4],
    **{**_BYTES, "sx": np.array([0.1, 0.2], np.float32)}, because="by row",
)  # fmt: skip

LAYERS.extend(
    [
        say_skip_norm_and_sum,
        say_skip_rms_norm_and_sum,
        say_skip_norm,
        say_rms_norm,
        say_rotary,
        say_multi_head_and_past,
        say_multi_head,
        say_attention_and_present,
        say_attention,
        say_qattention_and_present,
        say_qattention,
    ]
)
