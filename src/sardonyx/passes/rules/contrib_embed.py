"""The embeddings of com.microsoft said in standard operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.passes.rules.microsoft import microsoft
from sardonyx.rewrite import Expr, Match, Rule, rewrite, values
from sardonyx.rewrite.example import Spec, f32, i32
from sardonyx.rewrite.op import Add, Cast, Equal, Gather, LayerNormalization, ReduceSum, Shape, Slice

__all__ = ["EMBEDDINGS"]

ids, words, places, gamma, beta = values("ids words places gamma beta")
segments, kinds, mask, positions = values("segments? kinds? mask? positions?")
TOLERANCE = 1e-5
_EMBED = microsoft("EmbedLayerNormalization").any(ids, segments, words, places, kinds, gamma, beta, mask, positions)


def _summed(m: Match) -> Expr:
    m.require(m[words].dtype is d.FLOAT32, "it is not float32")
    m.require(m[ids].rank == 2, "the words are not [batch, sequence]")
    if positions in m:
        own: Expr = Gather(places, positions, axis=0)
    else:
        length = m[ids].dim(1)
        one = np.array([1], np.int64)
        end: Expr = np.array([length], np.int64) if isinstance(length, int) else Slice(Shape(ids), one, one + 1)
        own = Slice(places, one - 1, end, one - 1)
    total = Add(Gather(words, ids, axis=0), own)
    return Add(total, Gather(kinds, segments, axis=0)) if segments in m and kinds in m else total


def _normalized(m: Match, total: Expr) -> Expr:
    return LayerNormalization(total, gamma, beta, axis=-1, epsilon=m.attr_of(m.root, "epsilon"))


def _counted(m: Match) -> Expr:
    """How many ones the mask has in each row."""
    m.require(mask in m, "nothing is counted")
    return ReduceSum(Cast(Equal(mask, np.array(1, np.int32)), to=d.INT32.code), np.array([1], np.int64), keepdims=0)


@rewrite(_EMBED)
def say_embed_norm(m: Match) -> Expr:
    """EmbedLayerNormalization(ids, segments) -> LayerNormalization(words[ids] + places[...] + kinds[segments])"""
    return _normalized(m, _summed(m))


@rewrite(_EMBED, _EMBED[1])
def say_embed_norm_and_count(m: Match) -> Expr:
    """The same where the count of the mask is read too."""
    return _normalized(m, _summed(m)), _counted(m)


@rewrite(_EMBED, _EMBED[1], _EMBED[2])
def say_embed_norm_and_sum(m: Match) -> Expr:
    """The same where the count and the sum are read too."""
    total = _summed(m)
    return _normalized(m, total), _counted(m), total


_TABLES: dict[str, Any] = {
    "ids": np.array([[1, 2, 0], [3, 3, 4]], np.int32), "words": f32[5, 8], "places": f32[4, 8], "gamma": f32[8], "beta": f32[8],
}  # fmt: skip
_KINDS: dict[str, Any] = {"segments": np.array([[0, 0, 1], [1, 0, 0]], np.int32), "kinds": f32[2, 8]}
_MASK: dict[str, Any] = {"mask": np.array([[1, 1, 0], [1, 0, 0]], np.int32)}
_PLACED: dict[str, Any] = {"positions": np.array([[2, 1, 0], [0, 0, 3]], np.int32)}
_op = microsoft("EmbedLayerNormalization")
_PLAIN = _op(ids, None, words, places, None, gamma, beta)
_WHOLE = _op(ids, segments, words, places, kinds, gamma, beta, mask, epsilon=1e-5)
_ANYWHERE = _op(ids, segments, words, places, kinds, gamma, beta, mask, positions)
say_embed_norm.fires(_PLAIN, tolerance=TOLERANCE, **{**_TABLES, "ids": i32["b", 3]})
say_embed_norm.fires(_ANYWHERE, tolerance=TOLERANCE, **_TABLES, **_KINDS, **_MASK, **_PLACED)
say_embed_norm_and_count.fires(_WHOLE, _WHOLE[1], tolerance=TOLERANCE, **_TABLES, **_KINDS, **_MASK)
say_embed_norm_and_sum.fires(_WHOLE, _WHOLE[1], _WHOLE[2], tolerance=TOLERANCE, **_TABLES, **_KINDS, **_MASK)
_HALF: dict[str, Any] = {name: Spec(d.FLOAT16)[spec.shape] for name, spec in _TABLES.items() if name != "ids"}
_HALVES: dict[str, Any] = {"ids": _TABLES["ids"], **_HALF}
say_embed_norm.refuses(_PLAIN, because="not float32", **_HALVES)
say_embed_norm_and_count.refuses(_PLAIN, _PLAIN[1], because="nothing is counted", **_TABLES)
say_embed_norm_and_sum.refuses(_PLAIN, _PLAIN[1], _PLAIN[2], because="nothing is counted", **_TABLES)

EMBEDDINGS: list[Rule] = [say_embed_norm_and_sum, say_embed_norm_and_count, say_embed_norm]
