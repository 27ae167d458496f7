"""Attention came late; before, it was written in its pieces."""

from __future__ import annotations

import math

import numpy as np

from sardonyx.core.dtypes import BOOL
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Add, Equal, MatMul, Mul, ReduceMax, Softmax, Transpose, Where


@down("Attention", 24)
def attention_without_lengths(new: Old) -> Expr:
    """The number of keys that are no padding could not be given."""
    if new.input(6) is not None:
        new.refuse("input 'nonpad_kv_seqlen' came with opset 24")


@down("Attention", 23)
def attention_in_pieces(new: Old) -> Expr:
    """softmax(q @ k' * scale + mask) @ v, with zeros in rows that may look at nothing."""
    q, k, v, mask = (new.input(i) for i in range(4))
    if any(new.input(i) is not None for i in (4, 5)) or len(new.node.outputs) > 1:
        new.refuse("it keeps keys and values from call to call")
    if any(new.need_rank(i) != 4 for i in range(3)):
        new.refuse("q, k and v are not [batch, heads, sequence, features]")
    shape, keys, dtype = new.shape(0), new.shape(1), new.dtype(0)
    if shape is None or keys is None or dtype is None or shape[1] != keys[1]:
        new.refuse("heads are shared, or the shapes are unknown")
    if new.attr("softcap") or new.attr("softmax_precision") not in (None, dtype.code):
        new.refuse("it caps the scores, or takes the softmax in another type")
    scale = new.attr("scale")
    if scale is None:
        if not isinstance(shape[3], int):
            new.refuse("the number of features is unknown, and with it the scale")
        scale = 1 / math.sqrt(shape[3])
    scores = Mul(MatMul(q, Transpose(k, perm=[0, 1, 3, 2])), scale)
    bias = None
    nothing, never = np.zeros((), dtype.numpy), np.asarray(-np.inf, dtype.numpy)
    if mask is not None:
        last = new.shape(3)
        if last is None or last[-1] != keys[2]:
            new.refuse("its mask is shorter than the keys")
        bias = Where(mask, nothing, never) if new.dtype(3) is BOOL else mask
    if new.attr("is_causal"):
        if not isinstance(shape[2], int) or not isinstance(keys[2], int):
            new.refuse("it is causal over a number of positions that depends on the input")
        lower = np.where(np.tril(np.ones((shape[2], keys[2]), bool)), nothing, never)
        bias = lower if bias is None else Add(bias, lower)
    if bias is None:
        return MatMul(Softmax(scores, axis=-1), v)
    weights = Softmax(Add(scores, bias), axis=-1)
    if mask is None:
        return MatMul(weights, v)
    empty = Equal(ReduceMax(bias, np.array([-1])), never)
    return Where(empty, nothing, MatMul(weights, v))
