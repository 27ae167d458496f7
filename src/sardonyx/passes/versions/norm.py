"""Softmax flattened before 13; BatchNormalization lost its training outputs and `spatial`; group scales became channel scales."""

from __future__ import annotations

import numpy as np

from sardonyx.core.dtypes import FLOAT32
from sardonyx.passes.versions.adapter import Old, down, up
from sardonyx.rewrite import Expr, Op
from sardonyx.rewrite.op import (
    Add,
    Cast,
    Div,
    Expand,
    Flatten,
    Gather,
    InstanceNormalization,
    Mul,
    Reciprocal,
    ReduceMean,
    Reshape,
    Shape,
    Sqrt,
    Sub,
    Unsqueeze,
)
from sardonyx.rewrite.splice import insert_before


@up("Softmax LogSoftmax Hardmax", 13)
def softmax_of_flattened(old: Old) -> Expr:
    """The axes from `axis` on counted as one. Where that is only the last one, nothing changes."""
    axis, rank, node = old.attr("axis"), old.rank(0), old.node
    if rank is not None and axis % max(rank, 1) == rank - 1:
        node.set_attr("axis", -1)
        return None
    x, apply = old.input(0), Op(node.op_type)
    extents = old.shape(0)
    if extents is not None and all(d == 1 for d in extents[(axis % len(extents)) + 1 :]):  # e.g. [N, C, 1, 1] at axis 1
        node.set_attr("axis", axis % len(extents))
        return None
    shape = insert_before(node, [Shape(x)], old.facts, old.names)[0]
    return Reshape(apply(Flatten(x, axis=axis), axis=-1), shape)


@up("BatchNormalization", 7)
def batch_norm_is_test(old: Old) -> Expr:
    """Inference is what a node with one output does."""
    old.node.set_attr("is_test", None)
    old.node.set_attr("consumed_inputs", None)


@up("BatchNormalization", 9)
def batch_norm_spatial(old: Old) -> Expr:
    """Statistics are per channel."""
    if old.attr("spatial") != 1:
        old.refuse("with spatial=0 each element has statistics of its own")
    old.node.set_attr("spatial", None)


@up("BatchNormalization", 14)
def batch_norm_outputs(old: Old) -> Expr:
    """The mode became an attribute; the saved statistics went."""
    if any(v.uses for v in old.node.outputs[1:]) or old.returned(old.node.outputs[1:]):
        old.refuse("its training outputs were never defined exactly", fix="export the model in inference mode")
    old.keep_outputs(1)


@up("Dropout", 7)
def dropout_is_test(old: Old) -> Expr:
    """Dropout does nothing unless a training runtime says otherwise."""
    old.node.set_attr("is_test", None)


@up("Dropout", 10)
def dropout_mask(old: Old) -> Expr:
    """The mask had the type of the data; since 10 it is boolean."""
    if any(v.uses for v in old.node.outputs[1:]) or old.returned(old.node.outputs[1:]):
        old.refuse("its mask is read", fix="export the model in inference mode")
    old.keep_outputs(1)


@up("GroupNormalization", 21)
def scale_per_channel(old: Old) -> Expr:
    """Scale and bias were per group; each channel of a group gets its group's."""
    groups, shape = old.attr("num_groups"), old.shape(0)
    channels = shape[1] if shape is not None and len(shape) > 1 else None
    for i in (1, 2):
        if isinstance(channels, int):
            per = [groups, channels // groups]
            old.wrap_input(i, Reshape(Expand(Unsqueeze(old.input(i), [1]), per), [channels]))
        else:
            c = Gather(Shape(old.input(0)), np.array([1], np.int64))
            wide = Expand(
                Unsqueeze(old.input(i), [1]),
                Op("Concat")(np.array([1], np.int64), Op("Div")(c, np.array([groups], np.int64)), axis=0),
            )
            old.wrap_input(i, Reshape(wide, [-1]))


@down("BatchNormalization", 14)
def batch_norm_of_batch(new: Old) -> Expr:
    """Training mode takes the statistics of the batch, and moves the running ones a little towards them."""
    if not new.attr("training_mode"):
        return None
    x, moment, dtype, kept = new.input(0), new.attr("momentum"), new.dtype(0), new.dtype(3)
    if dtype is None or kept is None:
        new.refuse("the type of an input is unknown", fix="declare the types of the model's inputs")
    axes = tuple(i for i in range(new.need_rank(0)) if i != 1)
    wide = Cast(x, to=FLOAT32.code) if dtype.bits < 32 else x
    centred = Sub(wide, ReduceMean(wide, axes=axes))
    mean = ReduceMean(wide, axes=axes, keepdims=0)
    variance = ReduceMean(Mul(centred, centred), axes=axes, keepdims=0)
    y = Op("BatchNormalization")(
        x,
        new.input(1),
        new.input(2),
        Cast(mean, to=dtype.code),
        Cast(variance, to=dtype.code),
        epsilon=new.attr("epsilon"),
    )
    running = (
        Add(Mul(new.input(i), moment), Mul(Cast(s, to=kept.code), 1 - moment)) for i, s in ((3, mean), (4, variance))
    )
    return (y, *running)[: len(new.node.outputs)]


@down("LayerNormalization", 17)
def layer_norm_in_pieces(new: Old) -> Expr:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, in the type that statistics are taken in."""
    axes, x, stash = _last_axes(new), _stashed(new), new.attr("stash_type")
    mean = ReduceMean(x, axes=axes)
    centred = Sub(x, mean)
    deviation = Sqrt(Add(ReduceMean(Mul(centred, centred), axes=axes), new.attr("epsilon")))
    results = (
        _scaled(new, Div(centred, deviation), new.input(2)),
        Cast(mean, to=stash),
        Cast(Reciprocal(deviation), to=stash),
    )
    return results[: len(new.node.outputs)]


@down("RMSNormalization", 23)
def rms_norm_in_pieces(new: Old) -> Expr:
    """x / sqrt(mean of squares + epsilon) * scale"""
    rank, x = new.need_rank(0), _stashed(new)
    axis = new.attr("axis") % rank
    root = Sqrt(Add(ReduceMean(Mul(x, x), np.arange(axis, rank)), new.attr("epsilon")))
    return _scaled(new, Div(x, root), None)


def _last_axes(new: Old) -> tuple[int, ...]:
    rank = new.need_rank(0)
    return tuple(range(new.attr("axis") % rank, rank))


def _stashed(new: Old) -> Expr:
    """x in the type that statistics are taken in."""
    dtype, stash = new.dtype(0), new.attr("stash_type")
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    return new.input(0) if dtype.code == stash or dtype.bits > 32 else Cast(new.input(0), to=stash)


def _scaled(new: Old, normal: Expr, bias: Expr) -> Expr:
    dtype = new.dtype(0)
    assert dtype is not None
    if dtype.code != new.attr("stash_type") and dtype.bits <= 32:
        normal = Cast(normal, to=dtype.code)
    scaled = Mul(normal, new.input(1))
    return scaled if bias is None else Add(scaled, bias)


@down("GroupNormalization", 21)
def group_norm_in_pieces(new: Old) -> Expr:
    """Instances of one group each are normalized, then every channel is scaled and shifted."""
    groups, x, rank, dtype = new.attr("num_groups"), new.input(0), new.need_rank(0), new.dtype(0)
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    ones, zeros = np.ones(groups, dtype.numpy), np.zeros(groups, dtype.numpy)
    grouped = InstanceNormalization(Reshape(x, [0, groups, -1]), ones, zeros, epsilon=new.attr("epsilon"))
    column = [-1, *[1] * (rank - 2)]
    scale, bias = Reshape(new.input(1), column), Reshape(new.input(2), column)
    return Add(Mul(Reshape(grouped, Shape(x)), scale), bias)
