"""Linear models and support vector machines: products, and elementwise pieces that join them."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core.dtypes import BOOL, FLOAT32, FLOAT64, DType
from sardonyx.engine.lower.pieces import Pieces
from sardonyx.engine.lower.trees import both_sides, chosen, elected, transform
from sardonyx.engine.lowering import Lowering, NotNative, lower
from sardonyx.ir import Array, Node, Value
from sardonyx.ops.ml import DOMAIN

__all__: list[str] = []

_DEGREES = range(1, 17)  # of polynomials that are multiplied out


def _features(low: Lowering, node: Node, p: Pieces, wide: DType | None = None) -> Value:
    """The features as rows, in the type that the model computes in."""
    source = node.inputs[0]
    assert source is not None
    x = low.view(source)
    x = x.unsqueezed([0]) if x.rank == 1 else x
    return p.cast(p.read(x), wide or (FLOAT64 if x.dtype is FLOAT64 else FLOAT32))


def _times(low: Lowering, node: Node, p: Pieces, x: Value, matrix: Array) -> Value:
    """x @ matrix, for a matrix [features, n] of the model."""
    rows, features = p.shape(x)
    low.claim(features, matrix.shape[0], f"{node!r} has a weight for each feature")
    if matrix.shape[1] == 1:  # a sum for each row: kernels of products want more columns than that
        return p.reduce("sum", p.op("Mul", x, p.constant(matrix[:, 0])), 1)
    return p.op("MatMul", x, p.read(low.constant(np.ascontiguousarray(matrix))), shape=(rows, matrix.shape[1]))


def _plus(p: Pieces, x: Value, summands: Array) -> Value:
    if summands.size not in (1, p.shape(x)[1]):
        raise NotNative(f"{summands.size} intercepts for {p.shape(x)[1]} scores")
    return p.op("Add", x, p.constant(summands))


def _scores(low: Lowering, node: Node, p: Pieces, attrs: dict[str, Any], count: int) -> Value:
    x = _features(low, node, p)
    kind = p.dtype(x).numpy
    weights: Array = np.array(attrs["coefficients"] or (), kind)
    if not weights.size or weights.size % count:
        raise NotNative(f"{weights.size} coefficients for {count} scores")
    found = _times(low, node, p, x, weights.reshape(count, -1).T)
    return _plus(p, found, np.array(attrs["intercepts"], kind)) if attrs["intercepts"] else found


@lower("LinearRegressor", domain=DOMAIN)
def linear_regressor(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    p = Pieces(low, node)
    p.give(transform(p, _scores(low, node, p, attrs, attrs["targets"]), attrs["post_transform"], FLOAT32))


@lower("LinearClassifier", domain=DOMAIN)
def linear_classifier(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    p, ints, how = Pieces(low, node), attrs["classlabels_ints"], attrs["post_transform"]
    source = node.inputs[0]
    assert source is not None
    features = low.shape(source)[-1]
    if not ints or not isinstance(features, int) or not features:
        raise NotNative("labels that are strings, or a symbolic number of features")
    count = len(attrs["coefficients"]) // features
    if count == 1 and len(ints) == 2:
        score = p.now(_scores(low, node, p, attrs, 1))
        p.give(chosen(p, score, 0.0, ints), both_sides(p, score, how, probabilities=False))
        return
    if count != len(ints):
        raise NotNative(f"{count} scores for {len(ints)} labels")
    scores = _scores(low, node, p, attrs, count)
    p.give(elected(p, scores, ints), transform(p, scores, how, FLOAT32))


# -- support vectors ----------------------------------------------------------------------------------------------------


def _alike(low: Lowering, node: Node, p: Pieces, attrs: dict[str, Any], vectors: Array) -> Value:
    """How alike each row is to each vector; a distance squared is x @ x + v @ v - 2 * x @ v."""
    gamma, coef0, degree = (attrs["kernel_params"] or (0.0, 0.0, 0.0))[:3]
    x, kind = _features(low, node, p, FLOAT64), attrs["kernel_type"]
    product = _times(low, node, p, x, vectors.T)
    if kind == "RBF":
        own = p.reduce("sum_square", _features(low, node, p, FLOAT64), 1)
        others = p.constant(np.sum(vectors * vectors, -1))
        product = p.op("Mul", product, p.constant(np.full(1, -2.0)))
        distance = p.op("Max", p.op("Add", p.op("Add", product, own), others), p.constant(np.zeros(1)))
        far = p.op("IsInf", own, dtype=BOOL)
        distance = p.op("Where", far, own, distance, shape=p.shape(distance), dtype=FLOAT64)  # not inf - inf
        return p.op("Exp", p.op("Mul", distance, p.constant(np.full(1, -gamma))))
    if kind == "LINEAR":
        return product
    scaled = p.op("Add", p.op("Mul", product, p.constant(np.full(1, gamma))), p.constant(np.full(1, coef0)))
    if kind == "SIGMOID":
        return p.op("Tanh", scaled)
    if degree not in _DEGREES:
        raise NotNative(f"a polynomial of degree {degree}")
    powers = scaled
    for _ in range(int(degree) - 1):
        powers = p.op("Mul", powers, scaled)
    return powers


def _doubles(attrs: dict[str, Any], name: str) -> Array:
    return np.array(attrs[name] or (), np.float64)


@lower("SVMRegressor", domain=DOMAIN)
def svm_regressor(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    p, weights, count = Pieces(low, node), _doubles(attrs, "coefficients"), attrs["n_supports"]
    if count > 0:
        alike = _alike(low, node, p, attrs, _doubles(attrs, "support_vectors").reshape(count, -1))
        y = _times(low, node, p, alike, weights.reshape(count, 1))
    else:
        y = _alike(low, node, p, attrs, weights.reshape(1, -1))
    y = p.op("Add", y, p.constant(np.full(1, (attrs["rho"] or (0.0,))[0])))
    if attrs["one_class"]:
        above = p.op("Greater", y, p.constant(np.zeros(1)), dtype=BOOL)
        one, minus = (p.constant(np.full(1, number, np.float32)) for number in (1, -1))
        p.give(p.op("Where", above, one, minus, dtype=FLOAT32))
        return
    p.give(transform(p, y, attrs["post_transform"], FLOAT32))


@lower("SVMClassifier", domain=DOMAIN)
def svm_classifier(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    p, ints, how = Pieces(low, node), attrs["classlabels_ints"], attrs["post_transform"]
    if not ints:
        raise NotNative("labels that are strings")
    classes, weights = len(ints), _doubles(attrs, "coefficients")
    if not attrs["vectors_per_class"]:
        alike = _alike(low, node, p, attrs, weights.reshape(classes, -1))
        scores = p.op("Add", alike, p.constant(np.full(1, (attrs["rho"] or (0.0,))[0])))
        p.give(elected(p, scores, ints), transform(p, scores, how, FLOAT32))
        return
    if attrs["prob_a"]:
        raise NotNative("probabilities of a support vector machine")
    sizes = np.array(attrs["vectors_per_class"], np.int64)
    count = int(sizes.sum())
    alike = _alike(low, node, p, attrs, _doubles(attrs, "support_vectors").reshape(count, -1))
    duels = _duels(weights.reshape(classes - 1, count), sizes)
    scores = _plus(p, _times(low, node, p, alike, duels), _doubles(attrs, "rho"))
    if classes == 2:
        score = p.now(scores)
        p.give(chosen(p, score, 0.0, ints[::-1]), both_sides(p, score, how, probabilities=False))
        return
    wins = p.cast(p.op("Greater", scores, p.constant(np.zeros(1)), dtype=BOOL), FLOAT32)
    first, second = np.triu_indices(classes, 1)
    won, lost = (np.eye(classes, dtype=np.float32)[side] for side in (first, second))
    votes = _plus(p, _times(low, node, p, wins, won - lost), lost.sum(0))
    p.give(elected(p, votes, ints), transform(p, scores, how, FLOAT32))


def _duels(weights: Array, sizes: Array) -> Array:
    """What each vector says in each duel of classes i < j: those of i by row j - 1 of the weights, those of j by row i."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    columns = [
        np.where(owner == i, weights[j - 1], 0) + np.where(owner == j, weights[i], 0)
        for i in range(len(sizes))
        for j in range(i + 1, len(sizes))
    ]
    return np.stack(columns, 1)
