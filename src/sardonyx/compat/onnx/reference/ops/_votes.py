"""What a support vector machine makes of its scores: probabilities, transformed scores, the class that wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnx.reference.ops import _learn
from sardonyx.ops.classify import coupled

__all__ = ["multiclass_probability", "set_score_svm", "sigmoid_probability", "write_scores"]

Array = np.ndarray[Any, Any]
_MANY: dict[str, Callable[[Array], Any]] = {
    "PROBIT": lambda scores: np.array([_learn.compute_probit(s) for s in scores], scores.dtype),
    "LOGISTIC": lambda scores: _learn.logistic(scores),
    "SOFTMAX": lambda scores: _learn.softmax(scores),
    "SOFTMAX_ZERO": lambda scores: _learn.compute_softmax_zero(scores),
}


def multiclass_probability(k: int, R: Array) -> Array:
    """The probabilities of `k` classes that fit those of each pair best."""
    return coupled(R)


def sigmoid_probability(score: float, proba: float, probb: float) -> float:
    """The probability that a score of one class against another stands for."""
    return 1 - _learn.compute_logistic(score * proba + probb)


def write_scores(n_classes: int, scores: Array, post_transform: str, add_second_class: int) -> Array:
    """The scores after their transform; a single one gets that of the other class beside it."""
    if n_classes < 1:
        raise NotImplementedError(f"n_classes={n_classes} not supported.")
    if n_classes >= 2:
        return _MANY.get(post_transform, lambda held: held)(scores)
    score = scores[0]
    if post_transform == "PROBIT":
        return np.array([_learn.compute_probit(score)], scores.dtype)
    if add_second_class in (0, 1):
        return np.array([1 - score, score], scores.dtype)
    if add_second_class not in (2, 3):
        return np.array([score], scores.dtype)
    both = np.array([-score, score], scores.dtype)
    made = {"LOGISTIC": _learn.logistic, "SOFTMAX": _learn.softmax, "SOFTMAX_ZERO": _learn.softmax_zero}
    return np.asarray(made.get(post_transform, np.asarray)(both)).astype(scores.dtype)


def set_score_svm(
    max_weight: float,
    maxclass: int,
    has_proba: bool,
    weights_are_all_positive_: bool,
    classlabels: Sequence[Any],
    posclass: Any,
    negclass: Any,
) -> tuple[Any, int]:
    """The label that wins, and how its scores are to be completed."""
    if len(classlabels) != 2:
        return (posclass if max_weight > 0 else negclass), -1
    sure = not has_proba and weights_are_all_positive_ and max_weight >= 0.5
    return classlabels[1 if sure else maxclass], 2
