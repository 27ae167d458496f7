"""Dropout, and optimizers against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sardonyx.core.dtypes import FLOAT32
from sardonyx.core.errors import UnsupportedError
from sardonyx.ops import Known, infer_outputs, known, run_reference, schema_of
from tests.ops.apply import apply

X = np.random.default_rng(0).standard_normal((50, 40), np.float32)
DOMAIN = "ai.onnx.preview.training"


def test_dropout_in_training_keeps_the_mean() -> None:
    y, mask = apply("Dropout", X, np.float32(0.25), np.bool_(True), outputs=2, seed=7)
    assert abs(mask.mean() - 0.75) < 0.03
    np.testing.assert_allclose(y, np.where(mask, X / 0.75, 0), rtol=1e-6)
    again, _ = apply("Dropout", X, np.float32(0.25), np.bool_(True), outputs=2, seed=7)
    np.testing.assert_array_equal(again, y)


def test_dropout_does_nothing_otherwise() -> None:
    for inputs in ((X,), (X, np.float32(0.9)), (X, np.float32(0.9), np.bool_(False))):
        y, mask = apply("Dropout", *inputs, outputs=2)
        np.testing.assert_array_equal(y, X)
        assert mask.all()
    assert not apply("Dropout", X, np.float32(1), np.bool_(True)).any()


def step(op: str, rate: float, count: int, *tensors: Any, **attrs: float | str) -> list[Any]:
    schema = schema_of(DOMAIN, op, 1)
    assert schema is not None
    facts = {name: attrs.get(name, spec.default) for name, spec in schema.attributes.items()}
    inputs = [np.float32(rate), np.int64(count), *tensors]
    outputs = len(tensors) - len(tensors) // (4 if op == "Adam" else 3)
    kinds = [known(None, x.shape) if i < 2 else known(FLOAT32, x.shape) for i, x in enumerate(inputs)]
    found = run_reference(schema, inputs, facts, outputs)
    said: list[Known] = infer_outputs(schema, kinds, facts, outputs)
    assert [k.shape for k in said] == [y.shape for y in found]
    return found


def test_momentum_steps_as_torchs_sgd_does() -> None:
    for nesterov in (False, True):
        w = torch.tensor(X, requires_grad=True)
        peer = torch.optim.SGD([w], lr=0.1, momentum=0.9, nesterov=nesterov, weight_decay=0.01)
        x, v = X, np.zeros_like(X)
        for t in range(3):
            w.grad = torch.tensor(np.cos(X) * (t + 1))
            peer.step()
            mode = "nesterov" if nesterov else "standard"
            attrs: dict[str, Any] = {"alpha": 0.9, "beta": 1.0, "norm_coefficient": 0.01, "mode": mode}
            x, v = step("Momentum", 0.1, t, x, np.cos(X) * (t + 1), v, **attrs)
        np.testing.assert_allclose(x, w.detach(), rtol=1e-4, atol=1e-5)


def test_adam_steps_two_tensors_as_torchs_does() -> None:
    weights = [torch.tensor(X, requires_grad=True), torch.tensor(X[:3], requires_grad=True)]
    peer = torch.optim.Adam(weights, lr=0.1, betas=(0.9, 0.999), eps=1e-8)
    state: list[Any] = [X, X[:3], *(np.zeros_like(x) for x in (X, X[:3])), *(np.zeros_like(x) for x in (X, X[:3]))]
    for t in range(1, 4):
        grads = [np.cos(X) * t, np.sin(X[:3]) * t]
        for w, g in zip(weights, grads, strict=True):
            w.grad = torch.tensor(g)
        peer.step()
        state = step("Adam", 0.1, t, *state[:2], *grads, *state[2:], epsilon=1e-8, beta=0.999, alpha=0.9)
    for w, x in zip(weights, state[:2], strict=True):
        np.testing.assert_allclose(x, w.detach(), rtol=1e-3, atol=1e-4)


def test_adagrad_steps_as_torchs_does() -> None:
    w = torch.tensor(X, requires_grad=True)
    peer = torch.optim.Adagrad([w], lr=0.1, eps=1e-6)
    w.grad = torch.tensor(np.cos(X))
    peer.step()
    x, _ = step("Adagrad", 0.1, 0, X, np.cos(X), np.zeros_like(X))
    np.testing.assert_allclose(x, w.detach(), rtol=1e-5)


def test_gradient_has_no_reference() -> None:
    schema = schema_of(DOMAIN, "Gradient", 1)
    assert schema is not None
    with pytest.raises(UnsupportedError, match="no reference"):
        run_reference(schema, [X], {"xs": ("x",), "y": "y"}, 1)
