"""Layers of hybrid decoders (com.microsoft) said in standard operators: gates, and convolutions that look back."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.passes.rules.microsoft import microsoft
from sardonyx.rewrite import Expr, Match, Rule, Term, Var, rewrite, values
from sardonyx.rewrite.example import Spec, f32
from sardonyx.rewrite.op import (
    Add,
    Concat,
    Conv,
    Mul,
    Pad,
    Reshape,
    RMSNormalization,
    Sigmoid,
    Slice,
    Softplus,
    Swish,
    Transpose,
)

__all__ = ["STATES"]

x, y, gate, scale, w, shift = values("x y gate scale w shift")
by, bias, past, rate = values("by? bias? past? rate?")
_H = Spec(d.FLOAT16)
TOLERANCE = 1e-5


def _float(m: Match, *vars: Var) -> None:
    m.require(all(m[var].dtype is d.FLOAT32 for var in vars if var in m), "it is not float32")


# -- gates ----------------------------------------------------------------------------------------------------------------

_SILU = microsoft("ScaledSiLU").any(x, by)


@rewrite(_SILU)
def say_scaled_silu(m: Match) -> Expr:
    """ScaledSiLU(x, s) -> Swish(x * s)"""
    _float(m, x, by)
    return Swish(Mul(x, by if by in m else np.float32(m.attr(_SILU, "alpha"))), alpha=1.0)


say_scaled_silu.fires(microsoft("ScaledSiLU")(x, alpha=1.5), x=f32["n", 3], tolerance=TOLERANCE)
say_scaled_silu.fires(microsoft("ScaledSiLU")(x, by), x=f32["n", 3], by=f32.scalar, tolerance=TOLERANCE)
say_scaled_silu.refuses(microsoft("ScaledSiLU")(x), x=_H[3], because="not float32")


@rewrite(microsoft("GatedAdd")(x, y, gate))
def say_gated_add(m: Match) -> Expr:
    """GatedAdd(x, y, g) -> x + y * g"""
    m.require(m[gate].dim(-1) == 1, "a row may have more than one gate")
    return Add(x, Mul(y, gate))


say_gated_add.fires(x=f32["n", 3], y=f32["n", 3], gate=f32["n", 1])
say_gated_add.refuses(x=f32["n", 3], y=f32["n", 3], gate=f32["n", "k"], because="more than one gate")

_NORM = microsoft("GatedRMSNorm").any(x, scale, gate)


@rewrite(_NORM)
def say_gated_norm(m: Match) -> Expr:
    """GatedRMSNorm(x, s, g) -> RMSNormalization(x by parts, s) * Swish(g), or * Sigmoid(g)"""
    _float(m, x, scale, gate)
    kind, rank = m.attr(_NORM, "activation"), m[x].rank
    m.require(kind in ("silu", "swish", "sigmoid"), f"the gate is opened by {kind}")
    m.require(rank is not None and isinstance(m[scale].dim(0), int), "the rank, or the extent of a part, is unknown")
    assert rank is not None
    kept = [0] * (rank - 1)  # as they are
    whole = m[x].dim(-1) == m[scale].dim(0)
    parts = x if whole else Reshape(x, np.array([*kept, -1, m[scale].dim(0)]))
    normal = RMSNormalization(parts, scale, axis=-1, epsilon=m.attr(_NORM, "epsilon"))
    if not whole:
        normal = Reshape(normal, np.array([*kept, -1]))
    return Mul(normal, Sigmoid(gate) if kind == "sigmoid" else Swish(gate, alpha=1.0))


_ROWS: dict[str, Any] = {"x": f32["n", 3, 8], "gate": f32["n", 3, 8], "tolerance": TOLERANCE}
say_gated_norm.fires(microsoft("GatedRMSNorm")(x, scale, gate), scale=f32[4], **_ROWS)
say_gated_norm.fires(microsoft("GatedRMSNorm")(x, scale, gate, activation="sigmoid"), scale=f32[8], **_ROWS)
say_gated_norm.refuses(
    microsoft("GatedRMSNorm")(x, scale, gate), x=_H[2, 8], gate=_H[2, 8], scale=_H[8], because="not float32"
)


def _decay() -> Expr:
    return Mul(scale, Softplus(Add(x, shift)))


@rewrite(microsoft("LinearAttentionGate")(x, shift, scale))
def say_decay(m: Match) -> Expr:
    """LinearAttentionGate(a, b, s) -> s * Softplus(a + b)"""
    _float(m, x)
    return _decay()


_GATE: dict[str, Any] = {"x": f32["n", 2, 3], "shift": f32[3], "scale": f32[3], "tolerance": TOLERANCE}
say_decay.fires(**_GATE)
say_decay.refuses(**{**_GATE, "x": _H[1, 2, 3]}, because="not float32")

_BOTH = microsoft("LinearAttentionGate")(x, shift, scale, rate)


@rewrite(_BOTH, _BOTH[1])
def say_decay_and_rate(m: Match) -> Expr:
    """LinearAttentionGate(a, b, s, r) -> s * Softplus(a + b), Sigmoid(r)"""
    _float(m, x)
    return _decay(), Sigmoid(rate)


say_decay_and_rate.fires(rate=f32["n", 2, 3], **_GATE)
say_decay_and_rate.refuses(rate=_H[1, 2, 3], **{**_GATE, "x": _H[1, 2, 3]}, because="not float32")

# -- convolutions ---------------------------------------------------------------------------------------------------------

_CAUSAL = microsoft("CausalConvWithState").any(x, w, bias, past)
_PLAIN = {"ndim": 1, "state_window": 0, "state_length": 0, "state_update_capacity": 0, "input_channels": 0}


def _turned(term: Term, m: Match, image: Expr) -> Expr:
    """[batch, channel, token] from [batch, token, channel], or the other way, where channels lie last."""
    return Transpose(image, perm=[0, 2, 1]) if m.attr(term, "channels_last") else image


@rewrite(_CAUSAL, _CAUSAL[1])
def say_causal_conv(m: Match) -> Expr:
    """CausalConvWithState(x, w, b, p) -> activation(Conv(p in front of x, w, b)), and the end of what it saw"""
    _float(m, x)
    m.require(all(m.attr(_CAUSAL, name) == usual for name, usual in _PLAIN.items()), "its state is of another kind")
    m.require(not m.attr(_CAUSAL, "input_channel_offset"), "it reads a part of the channels")
    last = m.attr(_CAUSAL, "channels_last")
    m.require(m.attr(_CAUSAL, "state_channels_last") in (-1, last), "its state lies otherwise")
    kind, channels, taps = m.attr(_CAUSAL, "activation"), m[w].dim(0), m[w].dim(2)
    m.require(kind in ("none", "silu", "swish"), f"the activation is {kind}")
    m.require(m[x].rank == 3 and isinstance(channels, int) and isinstance(taps, int), "the extents are unknown")
    assert isinstance(taps, int)
    back = (taps - 1) * m.attr(_CAUSAL, "dilation")
    m.require(back > 0, "it looks at one token only")
    image = _turned(_CAUSAL, m, x)
    if past in m:
        line = Concat(_turned(_CAUSAL, m, past), image, axis=2)
    else:
        line = Pad(image, np.array([0, 0, back, 0, 0, 0]))
    found = Conv(line, w, bias if bias in m else None, group=channels, dilations=[m.attr(_CAUSAL, "dilation")])
    found = found if kind == "none" else Swish(found, alpha=1.0)
    end = Slice(line, np.array([-back]), np.array([np.iinfo(np.int64).max]), np.array([2]))
    return _turned(_CAUSAL, m, found), _turned(_CAUSAL, m, end)


_LINE: dict[str, Any] = {"w": f32[3, 1, 4], "tolerance": TOLERANCE}
_first = microsoft("CausalConvWithState")(x, w, bias, past, activation="silu")
say_causal_conv.fires(_first, _first[1], x=f32["n", 3, "t"], bias=f32[3], past=f32["n", 3, 3], **_LINE)
_second = microsoft("CausalConvWithState")(x, w, channels_last=1, dilation=2)
say_causal_conv.fires(_second, _second[1], x=f32["n", "t", 3], **_LINE)
_third = microsoft("CausalConvWithState")(x, w, state_window=2)
say_causal_conv.refuses(_third, _third[1], x=f32[1, 3, 5], w=f32[3, 1, 4], because="of another kind")

STATES: list[Rule] = [
    say_scaled_silu,
    say_gated_add,
    say_gated_norm,
    say_decay,
    say_decay_and_rate,
    say_causal_conv,
]
