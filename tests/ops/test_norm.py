"""Normalizations against torch's, and against each other."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from torch.nn import functional as fn

from sardonyx.core.errors import ShapeError
from tests.ops.apply import apply

R = np.random.default_rng(0)
X = R.standard_normal((2, 6, 4, 5), np.float32)
SCALE, BIAS = R.standard_normal(6, np.float32), R.standard_normal(6, np.float32)
T = torch.tensor

PEERS: dict[str, tuple[Any, Any]] = {
    "instance": (
        lambda: apply("InstanceNormalization", X, SCALE, BIAS, epsilon=1e-3),
        lambda: fn.instance_norm(T(X), weight=T(SCALE), bias=T(BIAS), eps=1e-3),
    ),
    "group": (
        lambda: apply("GroupNormalization", X, SCALE, BIAS, num_groups=3),
        lambda: fn.group_norm(T(X), 3, T(SCALE), T(BIAS)),
    ),
    "rms": (
        lambda: apply("RMSNormalization", X, SCALE[:5], axis=-1),
        lambda: fn.rms_norm(T(X), (5,), T(SCALE[:5]), 1e-5),
    ),
    "layer": (
        lambda: apply("LayerNormalization", X, SCALE[:5], BIAS[:5]),
        lambda: fn.layer_norm(T(X), (5,), T(SCALE[:5]), T(BIAS[:5])),
    ),
    "batch": (
        lambda: apply("BatchNormalization", X, SCALE, BIAS, SCALE, np.abs(BIAS)),
        lambda: fn.batch_norm(T(X), T(SCALE), T(np.abs(BIAS)), T(SCALE), T(BIAS)),
    ),
    "l1": (lambda: apply("LpNormalization", X, p=1, axis=1), lambda: fn.normalize(T(X), 1, 1)),
    "l2": (lambda: apply("LpNormalization", X, axis=2), lambda: fn.normalize(T(X), 2, 2)),
    "local response": (
        lambda: apply("LRN", X, size=3, alpha=0.5, beta=0.6, bias=2.0),
        lambda: fn.local_response_norm(T(X), 3, 0.5, 0.6, 2.0),
    ),
    "softmax": (lambda: apply("Softmax", X, axis=1), lambda: fn.softmax(T(X), 1)),
    "log softmax": (lambda: apply("LogSoftmax", X * 100), lambda: fn.log_softmax(T(X * 100), -1)),
}


@pytest.mark.parametrize(("ours", "theirs"), PEERS.values(), ids=list(PEERS))
def test_it_is_torchs(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours(), theirs(), rtol=1e-4, atol=1e-5)


def test_batch_statistics_move_the_running_ones() -> None:
    mean, var = np.zeros(6, np.float32), np.ones(6, np.float32)
    y, m, v = apply("BatchNormalization", X, SCALE, BIAS, mean, var, outputs=3, training_mode=1, momentum=0.75)
    np.testing.assert_allclose(m, X.mean((0, 2, 3)) / 4, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(v, 0.75 + X.var((0, 2, 3)) / 4, rtol=1e-4)
    wanted = fn.batch_norm(T(X), None, None, T(SCALE), T(BIAS), training=True)
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)


def test_a_zero_vector_stays_zero() -> None:
    assert apply("LpNormalization", np.zeros((2, 3), np.float32)).tolist() == np.zeros((2, 3)).tolist()


def test_narrow_floats_are_rounded_once() -> None:
    x = (X * 50).astype(ml_dtypes.bfloat16)
    ones, none = np.ones(6, x.dtype), np.zeros(6, x.dtype)
    narrow = apply("InstanceNormalization", x, ones, none)
    wide = apply("InstanceNormalization", *(a.astype(np.float32) for a in (x, ones, none)))
    assert narrow.tobytes() == wide.astype(x.dtype).tobytes()


def test_an_empty_axis_gives_an_empty_result() -> None:
    empty = np.zeros((2, 0), np.float32)
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        assert apply(op, empty).shape == (2, 0)


def test_a_scale_for_other_channels_is_refused() -> None:
    with pytest.raises(ShapeError, match="extent of scale and channels differ: 5 and 6"):
        apply("InstanceNormalization", X, SCALE[:5], BIAS)
