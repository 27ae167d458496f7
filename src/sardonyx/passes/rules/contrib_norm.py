"""Layers of diffusion models (com.microsoft) said in standard operators: groups of channels normalized, gates of Gelu."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.passes.rules.microsoft import channels_first, channels_last, microsoft
from sardonyx.rewrite import Expr, Match, Rule, Term, rewrite, values
from sardonyx.rewrite.example import Spec, f32
from sardonyx.rewrite.op import Add, Gelu, GroupNormalization, Mul, Split, Swish, Unsqueeze

__all__ = ["GROUPS"]

x, gamma, beta, skip, bias = values("x gamma beta skip bias?")
_H = Spec(d.FLOAT16)
TOLERANCE = 1e-5

_NORM = microsoft("GroupNorm").any(x, gamma, beta)
_SKIP = microsoft("SkipGroupNorm").any(x, gamma, beta, skip, bias)


def _float(m: Match) -> None:
    m.require(m[x].dtype is d.FLOAT32 and m[gamma].dtype is d.FLOAT32, "it is not float32")


def _normalized(m: Match, term: Term, total: Expr) -> Expr:
    last = m.attr(term, "channels_last")
    image = channels_first(m, x, total) if last else total
    facts = {"num_groups": m.attr(term, "groups"), "epsilon": m.attr(term, "epsilon")}
    y = GroupNormalization(image, gamma, beta, **facts)
    y = Swish(y, alpha=1.0) if m.attr(term, "activation") else y
    return channels_last(m, x, y) if last else y


@rewrite(_NORM)
def say_group_norm(m: Match) -> Expr:
    """GroupNorm(x, g, b) -> GroupNormalization(x', g, b)', ' brings the channels to the front, and back"""
    _float(m)
    return _normalized(m, _NORM, x)


def _summed(m: Match) -> Expr:
    last, rank = m.attr(_SKIP, "channels_last"), m[x].rank
    m.require(rank is not None and m[skip].rank in (2, rank), "the ranks are unknown")
    assert rank is not None
    places = np.arange(1, rank - 1) if last else np.arange(2, rank)  # of what is one for each channel
    total = Add(x, skip if m[skip].rank == rank else Unsqueeze(skip, places))
    if bias not in m:
        return total
    return Add(total, bias if last else Unsqueeze(bias, np.arange(1, rank - 1)))


@rewrite(_SKIP)
def say_skip_group_norm(m: Match) -> Expr:
    """SkipGroupNorm(x, g, b, s) -> GroupNorm(x + s, g, b)"""
    _float(m)
    return _normalized(m, _SKIP, _summed(m))


@rewrite(_SKIP, _SKIP[1])
def say_skip_group_norm_and_sum(m: Match) -> Expr:
    """The same where the sum is read too."""
    _float(m)
    total = _summed(m)
    return _normalized(m, _SKIP, total), total


@rewrite(microsoft("BiasSplitGelu")(x, beta))
def say_split_gelu(m: Match) -> Expr:
    """BiasSplitGelu(x, b) -> l * Gelu(r), l and r the halves of x + b"""
    m.require(m[x].dtype is d.FLOAT32, "it is not float32")
    halves = Split(Add(x, beta), axis=-1, num_outputs=2)
    return Mul(halves[0], Gelu(halves[1]))


_FACTS: dict[str, Any] = {"gamma": f32[6], "beta": f32[6], "tolerance": TOLERANCE}
_LAST: dict[str, Any] = {"x": f32["n", 3, 4, 6], **_FACTS}
_FIRST: dict[str, Any] = {"x": f32["n", 6, 3, 4], **_FACTS}
_OF = {"groups": 2, "activation": 1}
_HALF: dict[str, Any] = {"x": _H[1, 3, 4, 6], "gamma": f32[6], "beta": f32[6], "because": "not float32"}
say_group_norm.fires(microsoft("GroupNorm")(x, gamma, beta, **_OF), **_LAST)
say_group_norm.fires(microsoft("GroupNorm")(x, gamma, beta, groups=3, activation=0, channels_last=0), **_FIRST)
say_group_norm.refuses(microsoft("GroupNorm")(x, gamma, beta, **_OF), **_HALF)
say_skip_group_norm.fires(
    microsoft("SkipGroupNorm")(x, gamma, beta, skip, bias, **_OF), skip=f32["n", 6], bias=f32[6], **_LAST
)
say_skip_group_norm.refuses(microsoft("SkipGroupNorm")(x, gamma, beta, skip, **_OF), skip=_H[1, 6], **_HALF)
_first = microsoft("SkipGroupNorm")(x, gamma, beta, skip, bias, groups=3, activation=0, channels_last=0)
say_skip_group_norm_and_sum.fires(_first, _first[1], skip=f32["n", 6, 3, 4], bias=f32[6], **_FIRST)
_second = microsoft("SkipGroupNorm")(x, gamma, beta, skip, **_OF)
say_skip_group_norm_and_sum.fires(_second, _second[1], skip=f32["n", 3, 4, 6], **_LAST)
say_skip_group_norm_and_sum.refuses(_second, _second[1], skip=_H[1, 6], **_HALF)
say_split_gelu.fires(x=f32["n", 3, 8], beta=f32[8], tolerance=TOLERANCE)
say_split_gelu.refuses(x=_H[1, 3, 8], beta=_H[8], because="not float32")

GROUPS: list[Rule] = [say_group_norm, say_skip_group_norm, say_skip_group_norm_and_sum, say_split_gelu]
