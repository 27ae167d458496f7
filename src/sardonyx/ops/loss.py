"""Losses: what training makes small."""

from __future__ import annotations

import numpy as np

from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import Input, Int, Output, String, infers, operator, reference, types
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known, same
from sardonyx.ops.norm import log_softmax
from sardonyx.ops.typesets import FLOATS, FLOATS_BF, INDICES


def loss_shape(scores: Known, labels: Known, weights: Known | None, reduction: str) -> Dims:
    """One number, or one for each label when nothing is reduced."""
    if not scores.has_shape or not labels.has_shape:
        return (
            (labels.shape if labels.has_shape else scores.shape[:1] + scores.shape[2:]) if reduction == "none" else ()
        )
    if scores.rank < 2 or labels.rank != scores.rank - 1:
        raise ShapeError(
            "a loss takes scores [N, C, ...] and labels [N, ...]",
            why=f"the shapes are {show_shape(scores.shape)} and {show_shape(labels.shape)}",
        )
    shape = scores.shape[:1] + scores.shape[2:]
    shape = tuple(
        same(a, b, f"extents of axis {i} of the labels and of the scores")
        for i, (a, b) in enumerate(zip(labels.shape, shape, strict=True))
    )
    if weights is not None and weights.has_shape:
        if weights.rank != 1:
            raise ShapeError("the weights of classes are a vector", why=f"their rank is {weights.rank}")
        same(weights.shape[0], scores.shape[1], "numbers of weights and of classes")
    return shape if reduction == "none" else ()


def negative_log_likelihood(
    logs: Array, labels: Array, weights: Array | None, reduction: str, ignore_index: int | None
) -> Array:
    """-weight[label] * logs[label] for each label; 0 for ignored ones, which do not count for the mean either."""
    counts = labels != ignore_index if ignore_index is not None else np.ones(labels.shape, bool)
    held = np.where(counts, labels, 0).astype(np.int64)
    per_class = np.ones(logs.shape[1], logs.dtype) if weights is None else wide(weights)
    weight = np.where(counts, per_class[held], logs.dtype.type(0))
    picked = np.take_along_axis(logs, np.expand_dims(held, 1), 1)[:, 0]
    loss = np.where(counts, -picked * weight, logs.dtype.type(0))
    if reduction == "none":
        return loss
    return np.asarray(loss.sum() / weight.sum() if reduction == "mean" else loss.sum())


@operator("NegativeLogLikelihoodLoss", since=(12, 13, 22))
class NegativeLogLikelihoodLoss:
    """-input[label] * weight[label] for each label, reduced to a mean (weighted), a sum, or not at all."""

    T = types({12: FLOATS, 22: FLOATS_BF})
    Tind = types(INDICES)
    input, target, weight = Input(T), Input(Tind), Input(T, optional=True)
    loss = Output(T)
    reduction, ignore_index = String("mean"), Int()

    @infers
    def infer(input: Known, target: Known, weight: Known | None, *, reduction: str) -> Dims:
        return loss_shape(input, target, weight, reduction)

    @reference
    def run(input: Array, target: Array, weight: Array | None, *, reduction: str, ignore_index: int | None) -> Array:
        return negative_log_likelihood(wide(input), target, weight, reduction, ignore_index).astype(input.dtype)


@operator("SoftmaxCrossEntropyLoss", since=(12, 13))
class SoftmaxCrossEntropyLoss:
    """The negative log likelihood of the scores' LogSoftmax, which is the second output."""

    T = types({12: FLOATS, 13: FLOATS_BF})
    Tind = types(INDICES)
    scores, labels, weights = Input(T), Input(Tind), Input(T, optional=True)
    output, log_prob = Output(T), Output(T, optional=True)
    reduction, ignore_index = String("mean"), Int()

    @infers
    def infer(scores: Known, labels: Known, weights: Known | None, *, reduction: str) -> list[Dims | None]:
        return [loss_shape(scores, labels, weights, reduction), scores.dims]

    @reference
    def run(
        scores: Array, labels: Array, weights: Array | None, *, reduction: str, ignore_index: int | None, n_outputs: int
    ) -> list[Array]:
        logs = log_softmax(wide(scores), 1)
        loss = negative_log_likelihood(logs, labels, weights, reduction, ignore_index)
        return [loss.astype(scores.dtype), logs.astype(scores.dtype)][:n_outputs]


__all__: list[str] = []
