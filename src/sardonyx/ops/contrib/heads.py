"""What the forms of attention of com.microsoft have in common: features by head, and looking from queries at keys."""

from __future__ import annotations

import math

import numpy as np

from sardonyx.ir import Array

__all__ = ["FILTER", "attend", "by_head", "side_by_side"]

FILTER = -10000.0  # what is added to the score of a key that the mask hides, unless the node says otherwise


def by_head(x: Array, heads: int) -> Array:
    """[batch, length, heads * features] -> [batch, heads, length, features]"""
    batch, length, width = x.shape
    return x.reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)


def side_by_side(x: Array) -> Array:
    """[batch, heads, length, features] -> [batch, length, heads * features]"""
    batch, heads, length, features = x.shape
    return x.transpose(0, 2, 1, 3).reshape(batch, length, heads * features)


def attend(q: Array, k: Array, v: Array, bias: Array | float, scale: float | None) -> tuple[Array, Array]:
    """softmax(q @ k.T * scale + bias) @ v, and the scores before softmax."""
    factor = q.dtype.type(scale or 1 / math.sqrt(q.shape[-1]))
    scores = np.matmul(q, k.swapaxes(-1, -2)) * factor + bias
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return np.matmul(powers / powers.sum(-1, keepdims=True), v), scores
