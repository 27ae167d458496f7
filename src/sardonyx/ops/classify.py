"""Linear models and support vector machines: scores, and the labels that they speak for."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array
from sardonyx.ops.declare import (
    Flag,
    Floats,
    Input,
    Int,
    Ints,
    Output,
    String,
    Strings,
    infers,
    operator,
    reference,
    types,
)
from sardonyx.ops.elementwise import sigmoid
from sardonyx.ops.known import Dims, Known, known
from sardonyx.ops.ml import DOMAIN, FEATURES, LABELS, strings

TINY = 1e-7  # scores this small count as zero for SOFTMAX_ZERO


def probit(p: Array) -> Array:
    """The quantile of the normal distribution, as executors agree to compute it: by Winitzki's formula, and 0 for 0 and 1."""
    x = 2 * p - 1
    log = np.log((1 - x) * (1 + x))
    middle = 2 / (np.pi * 0.147) + 0.5 * log
    found = np.copysign(np.sqrt(np.sqrt(middle * middle - log / 0.147) - middle), x)
    return np.where(np.abs(x) == 1, 0, 1.41421356 * found).astype(p.dtype)


def transformed(scores: Array, transform: str) -> Array:
    """Scores of each row as post_transform wants them."""
    if transform == "LOGISTIC":
        return sigmoid(scores)
    if transform == "PROBIT":
        return probit(scores)
    if transform in ("SOFTMAX", "SOFTMAX_ZERO"):
        peak = np.max(scores, -1, keepdims=True)
        powers = np.exp(scores - peak)
        if transform == "SOFTMAX_ZERO":  # what is zero stays it, nearly
            powers = np.where(np.abs(scores) > TINY, powers, scores * np.exp(-peak))
        total = np.sum(powers, -1, keepdims=True)
        return np.where(total == 0, 0.5, powers / np.where(total == 0, 1, total)).astype(scores.dtype)
    return scores


def labelled(which: Array, ints: Any, texts: Any) -> Array:
    """The labels of the classes with these numbers."""
    if texts:
        return strings(texts)[which]
    return np.array(ints, np.int64)[which] if ints else which.astype(np.int64)


def both_sides(score: Array, transform: str, *, probabilities: bool) -> Array:
    """One score for two classes as a score for each: p is against 1 - p, a margin m (or what LOGISTIC makes of it) against -m."""
    if transform == "PROBIT":
        return transformed(score, transform)
    if probabilities and transform != "LOGISTIC":
        return np.concatenate([1 - score, score], -1)
    return transformed(np.concatenate([-score, score], -1), transform)


def _plain(x: Array) -> Array:
    return x if x.dtype == np.float64 else x.astype(np.float32)


def _rows(x: Known) -> tuple[Dim, Dim]:
    """Examples and features; a vector is one example."""
    if x.rank not in (1, 2):
        raise ShapeError(f"features have rank {x.rank}", why="they are [examples, features]")
    return (1, x.shape[0]) if x.rank == 1 else (x.shape[0], x.shape[1])


def _label_type(texts: Any) -> Any:
    return d.STRING if texts else d.INT64


@operator("LinearRegressor", since=(1,), domain=DOMAIN)
class LinearRegressor:
    """X @ coefficients + intercepts, for each target."""

    T = types(FEATURES)
    X = Input(T)
    Y = Output("tensor(float)")
    coefficients, intercepts, targets, post_transform = Floats(), Floats(), Int(1), String("NONE")

    @infers
    def infer(X: Known, *, targets: int) -> Dims:
        return _rows(X)[0] if X.has_shape else None, targets

    @reference
    def run(X: Array, *, coefficients: Any, intercepts: Any, targets: int, post_transform: str) -> Array:
        x = _plain(np.atleast_2d(X))
        y = x @ np.array(coefficients, x.dtype).reshape(targets, -1).T
        if intercepts:
            y = y + np.array(intercepts, x.dtype)
        return transformed(y, post_transform).astype(np.float32)


@operator("LinearClassifier", since=(1,), domain=DOMAIN)
class LinearClassifier:
    """The scores X @ coefficients + intercepts, and the label with the best one; of two classes, one score suffices."""

    T1, T2 = types(FEATURES), types(LABELS)
    X = Input(T1)
    Y, Z = Output(T2), Output("tensor(float)")
    coefficients, intercepts, multi_class = Floats(required=True), Floats(), Int(0)
    classlabels_ints, classlabels_strings, post_transform = Ints(), Strings(), String("NONE")

    @infers
    def infer(X: Known, *, classlabels_ints: Any, classlabels_strings: Any) -> list[Known]:
        rows, labels = _rows(X)[0] if X.has_shape else None, classlabels_strings or classlabels_ints or ()
        return [known(_label_type(classlabels_strings), (rows,)), known(d.FLOAT32, (rows, len(labels) or None))]

    @reference
    def run(
        X: Array,
        *,
        coefficients: Any,
        intercepts: Any,
        classlabels_ints: Any,
        classlabels_strings: Any,
        post_transform: str,
    ) -> tuple[Array, Array]:
        x = _plain(np.atleast_2d(X))
        scores = x @ np.array(coefficients, x.dtype).reshape(-1, x.shape[1]).T
        if intercepts:
            scores = scores + np.array(intercepts, x.dtype)
        if scores.shape[1] == 1 and len(classlabels_strings or classlabels_ints or ()) == 2:
            which = (scores[:, 0] > 0).astype(np.int64)
            scores = both_sides(scores, post_transform, probabilities=False)
        else:
            which = np.argmax(scores, 1)
            scores = transformed(scores, post_transform)
        return labelled(which, classlabels_ints, classlabels_strings), scores.astype(np.float32)


# -- support vectors -------------------------------------------------------------------------------------------------------


def kernel(x: Array, vectors: Array, kind: str, params: Any) -> Array:
    """How alike each row is to each vector."""
    gamma, coef0, degree = (params or (0.0, 0.0, 0.0))[:3]
    if kind == "RBF":
        distance = np.sum((x[:, None] - vectors[None]) ** 2, -1)
        return np.exp(-gamma * distance)
    product = x @ vectors.T
    if kind == "POLY":
        return (gamma * product + coef0) ** degree
    return np.tanh(gamma * product + coef0) if kind == "SIGMOID" else product


@operator("SVMRegressor", since=(1,), domain=DOMAIN)
class SVMRegressor:
    """The sum of kernels with the support vectors, each times its coefficient, plus rho; for one class, its sign."""

    T = types(FEATURES)
    X = Input(T)
    Y = Output("tensor(float)")
    coefficients, support_vectors, rho, n_supports = Floats(), Floats(), Floats(), Int(0)
    kernel_type, kernel_params = String("LINEAR"), Floats()
    one_class, post_transform = Flag(0), String("NONE")

    @infers
    def infer(X: Known) -> Dims:
        return _rows(X)[0], 1

    @reference
    def run(
        X: Array,
        *,
        coefficients: Any,
        support_vectors: Any,
        rho: Any,
        n_supports: int,
        kernel_type: str,
        kernel_params: Any,
        one_class: bool,
        post_transform: str,
    ) -> Array:
        x, weights = np.atleast_2d(X).astype(np.float64), np.array(coefficients, np.float64)
        if n_supports > 0:
            vectors = np.array(support_vectors, np.float64).reshape(n_supports, -1)
            y = kernel(x, vectors, kernel_type, kernel_params) @ weights.reshape(n_supports, -1)
        else:
            y = kernel(x, weights.reshape(1, -1), kernel_type, kernel_params)
        y = y + (rho or (0.0,))[0]
        return (
            np.where(y > 0, 1, -1).astype(np.float32)
            if one_class
            else transformed(y, post_transform).astype(np.float32)
        )


def coupled(pairs: Array) -> Array:
    """Probabilities of the classes from those of each pair: libsvm's iteration, whose coarse end every executor shares.

    Args:
        pairs: [..., k, k]; at [i, j] the probability of i against j.
    """
    k = pairs.shape[-1]
    if pairs.ndim > 2:
        return np.stack([coupled(one) for one in pairs]) if len(pairs) else np.zeros((0, k), pairs.dtype)
    q = -pairs.T * pairs
    np.fill_diagonal(q, np.sum(pairs * pairs, 0))
    p = np.full(k, 1 / k, pairs.dtype)
    for _ in range(max(100, k)):
        qp = q @ p
        total = p @ qp
        if np.max(np.abs(qp - total)) < 0.005 / k:
            break
        for t in range(k):
            step = (total - qp[t]) / q[t, t]
            p[t] += step
            total = (total + step * (step * q[t, t] + 2 * qp[t])) / (1 + step) ** 2
            p, qp = p / (1 + step), (qp + step * q[t]) / (1 + step)
    return p


def duels(x: Array, facts: dict[str, Any], classes: int) -> Array:
    """The score of each pair of classes, i before j, for each example: positive where it speaks for i."""
    sizes = np.array(facts["vectors_per_class"], np.int64)
    count = int(sizes.sum())
    vectors = np.array(facts["support_vectors"], np.float64).reshape(count, -1)
    weights = np.array(facts["coefficients"], np.float64).reshape(classes - 1, count)
    alike = kernel(x, vectors, facts["kernel_type"], facts["kernel_params"])
    ends = np.cumsum(sizes)
    parts = [slice(int(e - s), int(e)) for s, e in zip(sizes, ends, strict=True)]
    scores = [
        alike[:, parts[i]] @ weights[j - 1, parts[i]] + alike[:, parts[j]] @ weights[i, parts[j]]
        for i in range(classes)
        for j in range(i + 1, classes)
    ]
    return np.stack(scores, 1) + np.array(facts["rho"], np.float64)


@operator("SVMClassifier", since=(1,), domain=DOMAIN)
class SVMClassifier:
    """Every class against every other: the label that wins most duels, and the scores or probabilities behind it."""

    T1, T2 = types(FEATURES), types(LABELS)
    X = Input(T1)
    Y, Z = Output(T2), Output("tensor(float)")
    coefficients, support_vectors, vectors_per_class, rho = Floats(), Floats(), Ints(), Floats()
    kernel_type, kernel_params, prob_a, prob_b = String("LINEAR"), Floats(), Floats(), Floats()
    classlabels_ints, classlabels_strings, post_transform = Ints(), Strings(), String("NONE")

    @infers
    def infer(
        X: Known, *, classlabels_ints: Any, classlabels_strings: Any, vectors_per_class: Any, prob_a: Any
    ) -> list[Known]:
        rows, count = _rows(X)[0] if X.has_shape else None, len(classlabels_strings or classlabels_ints or ())
        pairs = count * (count - 1) // 2 if vectors_per_class and not prob_a and count > 2 else count
        return [known(_label_type(classlabels_strings), (rows,)), known(d.FLOAT32, (rows, pairs or None))]

    @reference
    def run(X: Array, **facts: Any) -> tuple[Array, Array]:
        x = np.atleast_2d(X).astype(np.float64)
        ints, texts, transform = facts["classlabels_ints"], facts["classlabels_strings"], facts["post_transform"]
        classes = max(len(texts or ints or ()), 1)
        if not facts["vectors_per_class"]:
            weights = np.array(facts["coefficients"], np.float64).reshape(classes, -1)
            scores = kernel(x, weights, facts["kernel_type"], facts["kernel_params"]) + (facts["rho"] or (0.0,))[0]
            return labelled(np.argmax(scores, 1), ints, texts), transformed(scores, transform).astype(np.float32)
        scores = duels(x, facts, classes)
        first, second = np.triu_indices(classes, 1)
        votes = np.zeros((len(x), classes), np.int64)
        np.add.at(votes, (np.arange(len(x))[:, None], np.where(scores > 0, first, second)), 1)
        labels = labelled(np.argmax(votes, 1), ints, texts)
        if facts["prob_a"]:
            p = sigmoid(-(scores * np.array(facts["prob_a"]) + np.array(facts["prob_b"])))
            p = np.clip(p, TINY, 1 - TINY)
            pairs = np.zeros((len(x), classes, classes), _plain(X).dtype)
            pairs[:, first, second], pairs[:, second, first] = p, 1 - p
            return labels, transformed(coupled(pairs), transform).astype(np.float32)
        if classes == 2:
            return labels, both_sides(scores, transform, probabilities=False).astype(np.float32)
        return labels, transformed(scores, transform).astype(np.float32)


__all__: list[str] = []
