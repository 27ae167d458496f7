"""Convolutions and pools of com.microsoft said in standard operators.

Where channels lie last, axes are only named anew: kernels go by strides, and like images best that way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.passes.rules.microsoft import activated, channels_first, channels_last, microsoft
from sardonyx.rewrite import Expr, Match, Rule, Term, rewrite, values
from sardonyx.rewrite.example import Spec, f32, u8
from sardonyx.rewrite.op import Add, Conv, MaxPool, QLinearConv

__all__ = ["WINDOWS"]

x, w, sx, sw, sy, zx, zw, zy = values("x w sx sw sy zx zw zy")
bias, z = values("bias? z?")
_I8 = Spec(d.INT8)


def _window(m: Match, term: Term) -> dict[str, Any]:
    """The attributes that the standard's operator has too."""
    return {n: a for n, a in m.attrs(term).items() if not n.startswith("activation") and n != "channels_last"}


_FUSED = microsoft("FusedConv").any(x, w, bias, z)


@rewrite(_FUSED)
def say_fused_conv(m: Match) -> Expr:
    """FusedConv(x, w, b, z) -> activation(Conv(x, w, b) + z)"""
    name, facts = m.attr(_FUSED, "activation"), m.attr(_FUSED, "activation_params")
    y: Expr = Conv(x, w, bias if bias in m else None, **_window(m, _FUSED))
    return activated(m, Add(y, z) if z in m else y, facts[0] if facts else None, name)


say_fused_conv.fires(
    microsoft("FusedConv")(x, w, bias, z, activation="Relu", pads=[1, 1]), x=f32["n", 3, 5], w=f32[2, 3, 3],
    bias=f32[2], z=f32["n", 2, 5],
)  # fmt: skip
say_fused_conv.refuses(
    microsoft("FusedConv")(x, w, activation="HardSigmoid"), x=f32[1, 3, 5], w=f32[2, 3, 3], because="HardSigmoid"
)

_LAST = microsoft("NhwcFusedConv").any(x, w, bias, z)


@rewrite(_LAST)
def say_nhwc_fused_conv(m: Match) -> Expr:
    """NhwcFusedConv(x, w, b, z) -> activation(Conv(x', w, b)' + z), ' brings the channels to the front, and back"""
    name, facts = m.attr(_LAST, "activation"), m.attr(_LAST, "activation_params")
    y = channels_last(m, x, Conv(channels_first(m, x), w, bias if bias in m else None, **_window(m, _LAST)))
    return activated(m, Add(y, z) if z in m else y, facts[0] if facts else None, name)


say_nhwc_fused_conv.fires(
    microsoft("NhwcFusedConv")(x, w, bias, z, activation="Tanh", pads=[1, 1]), x=f32["n", 5, 3], w=f32[2, 3, 3],
    bias=f32[2], z=f32["n", 5, 2], tolerance=1e-5,
)  # fmt: skip
say_nhwc_fused_conv.refuses(
    microsoft("NhwcFusedConv")(x, w), x=f32.unknown, w=f32[2, 3, 3], because="the rank is unknown"
)

_PLAIN = microsoft("NhwcConv").any(x, w, bias)


@rewrite(_PLAIN)
def say_nhwc_conv(m: Match) -> Expr:
    """NhwcConv(x, w, b) -> Conv(x', w, b)', ' brings the channels to the front, and back"""
    return channels_last(m, x, Conv(channels_first(m, x), w, bias if bias in m else None, **_window(m, _PLAIN)))


say_nhwc_conv.fires(
    microsoft("NhwcConv")(x, w, bias, strides=[2, 1]), x=f32["n", 6, 5, 3], w=f32[2, 3, 3, 3], bias=f32[2],
    tolerance=1e-5,
)  # fmt: skip
say_nhwc_conv.refuses(microsoft("NhwcConv")(x, w), x=f32.unknown, w=f32[2, 3, 3], because="the rank is unknown")

_POOL = microsoft("NhwcMaxPool").any(x)


@rewrite(_POOL)
def say_nhwc_max_pool(m: Match) -> Expr:
    """NhwcMaxPool(x) -> MaxPool(x')', ' brings the channels to the front, and back"""
    return channels_last(m, x, MaxPool(channels_first(m, x), **m.attrs(_POOL)))


say_nhwc_max_pool.fires(microsoft("NhwcMaxPool")(x, kernel_shape=[2, 2], pads=[1, 0, 0, 1]), x=u8["n", 4, 5, 3])
say_nhwc_max_pool.refuses(microsoft("NhwcMaxPool")(x, kernel_shape=[2, 2]), x=u8.unknown, because="the rank is unknown")

_BYTES = microsoft("QLinearConv").any(x, sx, zx, w, sw, zw, sy, zy, bias)


@rewrite(_BYTES)
def say_qlinear_conv(m: Match) -> Expr:
    """QLinearConv(x, w) of com.microsoft -> that of the standard, with the channels brought to the front, and back"""
    last = m.attr(_BYTES, "channels_last")
    image = channels_first(m, x) if last else x
    y = QLinearConv(image, sx, zx, w, sw, zw, sy, zy, bias if bias in m else None, **_window(m, _BYTES))
    return channels_last(m, x, y) if last else y


_FACTS: dict[str, Any] = {
    "sx": np.float32(0.05), "zx": np.uint8(3), "w": _I8[2, 3, 3, 3], "sw": np.float32(0.1), "zw": np.int8(0),
    "sy": np.float32(0.3), "zy": np.uint8(100),
}  # fmt: skip
_NODE = microsoft("QLinearConv")
say_qlinear_conv.fires(
    _NODE(x, sx, zx, w, sw, zw, sy, zy, bias, channels_last=1, pads=[1, 1, 1, 1]), x=u8["n", 5, 6, 3],
    bias=np.array([7, -9], np.int32), **_FACTS,
)  # fmt: skip
say_qlinear_conv.fires(_NODE(x, sx, zx, w, sw, zw, sy, zy), x=u8["n", 3, 5, 6], **_FACTS)
say_qlinear_conv.refuses(
    _NODE(x, sx, zx, w, sw, zw, sy, zy, channels_last=1), x=u8.unknown, because="the rank is unknown", **_FACTS
)

WINDOWS: list[Rule] = [say_fused_conv, say_nhwc_fused_conv, say_nhwc_conv, say_nhwc_max_pool, say_qlinear_conv]
