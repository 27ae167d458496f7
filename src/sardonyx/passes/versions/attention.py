"""Attention came late; before, it was written in its pieces."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core.dtypes import BOOL
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import (
    Add,
    Div,
    Equal,
    Expand,
    MatMul,
    Mul,
    ReduceMax,
    Reshape,
    Softmax,
    Tanh,
    Transpose,
    Unsqueeze,
    Where,
)


@down("Attention", 24)
def attention_without_lengths(new: Old) -> Expr:
    """The number of keys that are no padding could not be given."""
    if new.input(6) is not None:
        new.refuse("input 'nonpad_kv_seqlen' came with opset 24")


@down("Attention", 23)
def attention_in_pieces(new: Old) -> Expr:
    """softmax(q @ k' * scale + mask) @ v, with zeros in rows that may look at nothing."""
    dtype = new.dtype(0)
    if any(new.input(i) is not None for i in (4, 5)) or len(new.node.outputs) > 1:
        new.refuse("it keeps keys and values from call to call")
    if dtype is None or new.attr("softmax_precision") not in (None, dtype.code):
        new.refuse("its type is unknown, or it takes the softmax in another one")
    q, heads, features = _by_heads(new, 0, "q_num_heads")
    k, kv_heads, key_features = _by_heads(new, 1, "kv_num_heads")
    v, _, value_features = _by_heads(new, 2, "kv_num_heads")
    if heads != kv_heads:
        k, v = _repeated(new, k, kv_heads, heads, key_features), _repeated(new, v, kv_heads, heads, value_features)
    scale = new.attr("scale")
    if scale is None:
        if not isinstance(features, int):
            new.refuse("the number of features is unknown, and with it the scale")
        scale = 1 / math.sqrt(features)
    scores = Mul(MatMul(q, Transpose(k, perm=[0, 1, 3, 2])), scale)
    if cap := new.attr("softcap"):
        scores = Mul(Tanh(Div(scores, cap)), cap)
    bias = _bias(new)
    y = MatMul(Softmax(scores if bias is None else Add(scores, bias), axis=-1), v)
    if new.input(3) is not None:
        never = np.asarray(-np.inf, dtype.numpy)
        y = Where(Equal(ReduceMax(bias, np.array([-1])), never), np.zeros((), dtype.numpy), y)
    if new.rank(0) == 3:
        y = Reshape(Transpose(y, perm=[0, 2, 1, 3]), [0, 0, -1])
    return y


def _by_heads(new: Old, i: int, count: str) -> tuple[Any, Any, Any]:
    """An input as [batch, heads, sequence, features], how many heads it has, and how many features."""
    rank, shape = new.need_rank(i), new.shape(i)
    assert shape is not None
    if rank == 4:
        return new.input(i), shape[1], shape[3]
    heads = new.attr(count)
    features = shape[2] // heads if isinstance(shape[2], int) else None
    return Transpose(Reshape(new.input(i), [0, 0, heads, -1]), perm=[0, 2, 1, 3]), heads, features


def _repeated(new: Old, x: Any, few: Any, many: Any, features: Any) -> Expr:
    """Each head as often as the heads of the query share it."""
    if not (isinstance(few, int) and isinstance(many, int) and isinstance(features, int)):
        new.refuse("heads are shared, and how many is unknown")
    wide = Expand(Unsqueeze(x, np.array([2])), np.array([1, 1, many // few, 1, 1]))
    return Reshape(wide, [0, many, -1, features])


def _bias(new: Old) -> Any:
    """What is added to the scores; None where nothing is."""
    mask, dtype, queries, keys = new.input(3), new.dtype(0), new.shape(0), new.shape(1)
    assert dtype is not None and queries is not None and keys is not None
    rows, columns = queries[-2 if len(queries) == 4 else 1], keys[-2 if len(keys) == 4 else 1]
    nothing, never = np.zeros((), dtype.numpy), np.asarray(-np.inf, dtype.numpy)
    bias = None
    if mask is not None:
        shape = new.shape(3)
        if shape is None or not shape or shape[-1] != columns:
            new.refuse("its mask is shorter than the keys")
        bias = Where(mask, nothing, never) if new.dtype(3) is BOOL else mask
    if new.attr("is_causal"):
        if not isinstance(rows, int) or not isinstance(columns, int):
            new.refuse("it is causal over a number of positions that depends on the input")
        lower = np.where(np.tril(np.ones((rows, columns), bool)), nothing, never)
        bias = lower if bias is None else Add(bias, lower)
    return bias
