"""Attention: softmax(scale q keys' + mask) values, by head, in one kernel.

The rows that meet a head of keys are the queries of all heads that share it. Many of them lie in the lanes; few would leave
the lanes empty.
"""

from __future__ import annotations

import functools

from sardonyx.core.dims import Dim, dmax, dmin
from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels import attention_few, attention_many
from sardonyx.engine.kernels.attention_frame import AttentionSpec, Frame
from sardonyx.tile import Builder, Kernel

__all__ = ["FEW", "AttentionSpec", "attention_kernel", "attention_scratch"]

FEW = 6  # rows up to which they are taken one by one


def attention_scratch(spec: AttentionSpec, rows: Dim, keys: Dim, depth: Dim, width: Dim, lanes: int) -> Dim:
    """Floats of scratch, for queries of `depth` elements and values of `width`."""
    many = attention_many.scratch(depth, width, spec.vectors, lanes)
    few = attention_few.scratch(dmin(rows, FEW), keys, lanes)
    return many if spec.rows == "many" else few if spec.rows == "few" else dmax(many, few)


@functools.cache
def attention_kernel(spec: AttentionSpec, target: Target) -> Kernel:
    """softmax(scale q keys' + mask) values, by head.

    Parameters: out, q, key, value, mask if any, valid (how many keys each batch has) if counted; batch, heads of keys, heads that
    share one, queries, keys, depth (elements of a query), width (elements of a value), past (keys before the first query's own;
    if counted, the queries are the last ones); how far a window reaches to the left and to the right, if it does; the batch, head
    and row strides of out, q, key and value; those and the key's stride of the mask; scale. Rows are dense.
    """
    k = Builder("attention")
    frame = Frame(k, spec, target)
    if spec.rows == "both":
        with k.when(frame.rows <= FEW):
            attention_few.Few(frame).task()
        with k.otherwise():
            attention_many.Many(frame).task()
    elif spec.rows == "few":
        attention_few.Few(frame).task()
    else:
        attention_many.Many(frame).task()
    return k.build()
