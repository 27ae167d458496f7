"""Losses against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as fn

from sardonyx.core.errors import ShapeError
from tests.ops.apply import apply

R = np.random.default_rng(0)
SCORES = R.standard_normal((3, 5, 4), np.float32) * 20
LABELS = R.integers(0, 5, (3, 4))
WEIGHTS = R.random(5, np.float32)


@pytest.mark.parametrize("ignored", [None, 2, -100])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_losses_are_torchs(reduction: str, weights: Any, ignored: int | None) -> None:
    labels = LABELS.copy()
    attrs: dict[str, Any] = {"reduction": reduction}
    if ignored is not None:
        labels[0, 0] = attrs["ignore_index"] = ignored
    peer: dict[str, Any] = {"weight": None if weights is None else torch.tensor(weights), **attrs}
    logs = fn.log_softmax(torch.tensor(SCORES), 1)
    wanted = fn.nll_loss(logs, torch.tensor(labels), **peer)
    found = apply("NegativeLogLikelihoodLoss", logs.numpy(), labels, weights, **attrs)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    loss, log_prob = apply("SoftmaxCrossEntropyLoss", SCORES, labels, weights, outputs=2, **attrs)
    np.testing.assert_allclose(loss, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(log_prob, logs, rtol=1e-5, atol=1e-5)


def test_labels_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match="differ: 3 and 4"):
        apply("NegativeLogLikelihoodLoss", SCORES, LABELS[:, :3])
