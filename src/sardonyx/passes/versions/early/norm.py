"""Softmax flattened before 13; Dropout and BatchNormalization said by attributes that they are used for inference."""

from __future__ import annotations

import numpy as np

from sardonyx.ir import Tensor
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr, Op
from sardonyx.rewrite.op import Add, ConstantOfShape, Div, Mul, ReduceMean, Shape, Sqrt, Sub, Transpose


@down("Softmax LogSoftmax Hardmax", 13)
def softmax_of_last_axis(new: Old) -> Expr:
    """All axes from `axis` on counted as one: one that is not the last goes behind the others first."""
    axis, shape, node = new.attr("axis"), new.shape(0), new.node
    if shape is None:
        if axis != -1:
            new.refuse("the rank of its input is unknown", fix="declare the shapes of the model's inputs")
        node.set_attr("axis", -1)
        return None
    rank = len(shape)
    axis = axis % rank if rank else 0
    if all(d == 1 for d in shape[axis + 1 :]):
        node.set_attr("axis", axis)
        return None
    order = [*(i for i in range(rank) if i != axis), axis]
    moved = Op(node.op_type)(Transpose(new.input(0), perm=order), axis=rank - 1)
    return Transpose(moved, perm=np.argsort(order).tolist())


@down("Dropout", 12)
def dropout_for_inference(new: Old) -> Expr:
    """Ratio and mode are inputs since 12. At inference the ratio changes nothing, and all is kept."""
    node, training, ratio = new.node, new.array(2), new.array(1)
    if new.input(2) is not None and (training is None or training.any()):
        new.refuse("it may run in training mode")
    node.set_attr("seed", None)
    if ratio is not None:
        node.set_attr("ratio", float(ratio.reshape(-1)[0]))
    given = node.inputs
    node.set_inputs(given[:1])
    new.release(given)
    mask = node.outputs[1:]
    if any(v.uses for v in mask) or new.returned(mask):
        kept = ConstantOfShape(Shape(given[0]), value=Tensor(np.ones(1, bool)))
        return Op("Dropout")(given[0], **node.attrs), kept
    return None


@down("Dropout", 10)
def dropout_without_mask(new: Old) -> Expr:
    """The mask had the type of the data, and another meaning."""
    rest = new.node.outputs[1:]
    if any(v.uses for v in rest) or new.returned(rest):
        new.refuse("its mask is read")
    new.keep_outputs(1)


@down("Dropout BatchNormalization", 7)
def says_inference(new: Old) -> Expr:
    """Inference had to be asked for."""
    new.node.set_attr("is_test", 1)


@down("BatchNormalization", 6)
def says_what_it_may_overwrite(new: Old) -> Expr:
    """The statistics could be overwritten; which inputs are had to be listed."""
    new.node.set_attr("consumed_inputs", [0, 0, 0, 1, 1])


@down("MeanVarianceNormalization", 9)
def mean_variance_in_pieces(new: Old) -> Expr:
    """(x - mean) / (deviation + 1e-9)"""
    axes = tuple(new.attr("axes"))
    x = new.input(0)
    centred = Sub(x, ReduceMean(x, axes=axes))
    return Div(centred, Add(Sqrt(ReduceMean(Mul(centred, centred), axes=axes)), 1e-9))
