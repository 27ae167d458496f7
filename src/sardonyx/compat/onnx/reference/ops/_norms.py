"""The functions of normalization, dropout and losses that programs take one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.compat.onnx.reference._execute import apply, one

__all__ = [
    "_batchnorm_test_mode",
    "_batchnorm_training_mode",
    "_compute_negative_log_likelihood_loss",
    "_dropout",
    "_layer_normalization",
    "_leaky_relu",
    "_rms_normalization",
    "_vcelu1",
    "sigmoid",
    "softmaxcrossentropy",
]

Array = np.ndarray[Any, Any]


def _batchnorm_test_mode(x: Array, s: Array, bias: Array, mean: Array, var: Array, epsilon: float = 1e-5) -> Array:
    """BatchNormalization with the given statistics."""
    return one("BatchNormalization", x, s, bias, mean, var, epsilon=epsilon)


def _batchnorm_training_mode(
    x: Array, s: Array, bias: Array, mean: Array, var: Array, momentum: float = 0.9, epsilon: float = 1e-5
) -> tuple[Array, ...]:
    """BatchNormalization with the statistics of x: the result, these, and the running ones."""
    axes = (0, *range(2, x.ndim))
    own = [x.mean(axis=axes).astype(x.dtype), x.var(axis=axes).astype(x.dtype)]
    attrs = {"momentum": momentum, "epsilon": epsilon, "training_mode": 1}
    y, *running = apply("BatchNormalization", [x, s, bias, mean, var], attrs, 3)
    return (y, *own, *(r.astype(x.dtype) for r in running))


def _layer_normalization(
    X: Array, W: Array, B: Array | None, axis: int = -1, epsilon: float = 1e-5
) -> tuple[Array, ...]:
    """LayerNormalization: the result, the means and the inverse deviations."""
    found = apply("LayerNormalization", [X, W, B], {"axis": axis, "epsilon": epsilon}, 3)
    return tuple(f.astype(X.dtype) for f in found)


def _rms_normalization(X: Array, W: Array, axis: int = -1, epsilon: float = 1e-5) -> Array:
    """RMSNormalization."""
    return one("RMSNormalization", X, W, axis=axis, epsilon=epsilon)


def _dropout(
    X: Array,
    drop_probability: float = 0.5,
    seed: int | None = None,
    training_mode: bool = False,
    return_mask: bool = False,
) -> tuple[Array, ...]:
    """Dropout, and its mask where it is asked for."""
    ratio, training = np.asarray(drop_probability, np.float32), np.asarray(bool(training_mode))
    return tuple(apply("Dropout", [X, ratio, training], {"seed": seed}, 2 if return_mask else 1))


def softmaxcrossentropy(
    x: Array,
    target: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    get_log_prob: bool | None = None,
) -> tuple[Array, ...]:
    """SoftmaxCrossEntropyLoss, and the logarithms of the probabilities where they are asked for."""
    attrs = {"reduction": reduction, "ignore_index": ignore_index}
    return tuple(apply("SoftmaxCrossEntropyLoss", [x, target, weight], attrs, 2 if get_log_prob else 1))


def _compute_negative_log_likelihood_loss(
    x: Array,
    target: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
) -> tuple[Array, ...]:
    """NegativeLogLikelihoodLoss."""
    return (one("NegativeLogLikelihoodLoss", x, target, weight, reduction=reduction, ignore_index=ignore_index),)


def sigmoid(x: Any) -> Any:
    """Sigmoid of a number or an array."""
    return one("Sigmoid", np.asarray(x))[()]


def _leaky_relu(x: Array, alpha: float) -> Array:
    return one("LeakyRelu", x, alpha=alpha)


def _vcelu1(x: Array, alpha: float = 1.0) -> Array:
    """Celu."""
    return one("Celu", x, alpha=alpha)
