"""The functions of classifiers and optimizers that programs take one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.compat.onnx.reference._execute import apply, one, one_of

__all__ = [
    "_apply_adagrad",
    "_apply_adam",
    "_apply_momentum",
    "_apply_nesterov",
    "_array_feature_extractor",
    "compute_binarizer",
    "compute_logistic",
    "compute_probit",
    "compute_softmax_zero",
    "erf_inv",
    "expit",
    "logistic",
    "probit",
    "softmax",
    "softmax_zero",
]

Array = np.ndarray[Any, Any]


def compute_binarizer(x: Array, threshold: float | None = None) -> tuple[Array]:
    """Binarizer."""
    return (one_of("ai.onnx.ml", "Binarizer", x, threshold=threshold),)


def _array_feature_extractor(data: Array, indices: Array) -> Array:
    """ArrayFeatureExtractor."""
    return one_of("ai.onnx.ml", "ArrayFeatureExtractor", data, indices.astype(np.int64))


def compute_logistic(val: float) -> float:
    """The logistic function of a number."""
    v = 1.0 / (1.0 + np.exp(-abs(val)))
    return 1.0 - v if val < 0 else v


def expit(x: Array) -> Array:
    """The logistic function of an array."""
    return one("Sigmoid", x)


def softmax(values: Array) -> Array:
    """Softmax of a row or of each row, in place."""
    values[...] = one("Softmax", values, axis=-1)
    return values


def compute_softmax_zero(values: Array) -> Array:
    """Softmax of a row, in which what is zero is no more than its share, in place."""
    top = values.max()
    far = np.abs(values) > 1e-7
    values[:] = np.where(far, np.exp(values - top), values * np.exp(-top))
    total = values.sum()
    values[:] = 0.5 if total == 0 else values / total
    return values


def softmax_zero(values: Array) -> Array:
    """`compute_softmax_zero` of a row or of each row, in place."""
    for row in np.atleast_2d(values):
        compute_softmax_zero(row)
    return values


def erf_inv(x: float) -> float:
    """The inverse of the error function, nearly: Winitzki's formula."""
    log = np.log((1.0 - x) * (1 + x)) if abs(x) != 1 else None
    if log is None:
        return 0
    middle = 2.0 / (np.pi * 0.147) + 0.5 * log
    return np.copysign(np.sqrt(np.sqrt(middle * middle - log / 0.147) - middle), x)


def compute_probit(val: float) -> float:
    """The quantile of the normal distribution, nearly."""
    return 1.41421356 * erf_inv(val * 2 - 1)


logistic, probit = np.vectorize(compute_logistic), np.vectorize(compute_probit)


def _train(op_type: str, inputs: list[Any], n_outputs: int, **attrs: Any) -> tuple[Array, ...]:
    r, t, *tensors = inputs
    given = [np.asarray(r, np.float32), np.asarray(t, np.int64), *(np.asarray(x) for x in tensors)]
    return tuple(apply(op_type, given, attrs, n_outputs, domain="ai.onnx.preview.training"))


def _apply_adagrad(
    r: Any, t: Any, x: Array, g: Array, h: Array, norm_coefficient: float, epsilon: float, decay_factor: float
) -> tuple[Array, ...]:
    """Adagrad of one tensor."""
    attrs = {"norm_coefficient": norm_coefficient, "epsilon": epsilon, "decay_factor": decay_factor}
    return _train("Adagrad", [r, t, x, g, h], 2, **attrs)


def _apply_adam(
    r: Any,
    t: Any,
    x: Array,
    g: Array,
    v: Array,
    h: Array,
    norm_coefficient: float,
    norm_coefficient_post: float,
    alpha: float,
    beta: float,
    epsilon: float,
) -> tuple[Array, ...]:
    """Adam of one tensor."""
    regular = {"norm_coefficient": norm_coefficient, "norm_coefficient_post": norm_coefficient_post}
    return _train("Adam", [r, t, x, g, v, h], 3, alpha=alpha, beta=beta, epsilon=epsilon, **regular)


def _momentum(mode: str) -> Any:
    def step(
        r: Any, t: Any, x: Array, g: Array, v: Array, norm_coefficient: float, alpha: float, beta: float
    ) -> tuple[Array, ...]:
        attrs = {"norm_coefficient": norm_coefficient, "alpha": alpha, "beta": beta, "mode": mode}
        return _train("Momentum", [r, t, x, g, v], 2, **attrs)

    return step


_apply_momentum, _apply_nesterov = _momentum("standard"), _momentum("nesterov")
