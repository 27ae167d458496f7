"""Run an exported model on what executes it, and compare with torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch.utils import _pytree as pytree

import sardonyx as sx
from sardonyx.core.errors import UnsupportedError
from sardonyx.ir import Model

onnxruntime.set_default_logger_severity(4)


def tensors(tree: Any) -> list[torch.Tensor]:
    return [x for x in pytree.tree_leaves(tree) if isinstance(x, torch.Tensor)]


def feeds(model: Model, *args: Any, **kwargs: Any) -> dict[str, np.ndarray]:
    """The inputs of a call by name."""
    return {v.name: t.numpy() for v, t in zip(model.graph.inputs, tensors((args, kwargs)), strict=True)}


def with_onnxruntime(model: Model, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(sx.to_bytes(model)).run(None, inputs)


def with_references(model: Model, inputs: dict[str, np.ndarray]) -> list[np.ndarray] | None:
    """None while an operator of the model has no reference."""
    try:
        return sx.evaluate(model, inputs)
    except UnsupportedError:
        return None


def assert_close(
    names: Sequence[str], actual: Sequence[Any], expected: Sequence[torch.Tensor], tolerance: float = 1e-5
) -> None:
    assert len(actual) == len(expected)
    for name, ours, theirs in zip(names, actual, expected, strict=True):
        wanted = theirs.detach().numpy()
        assert (ours.dtype, ours.shape) == (wanted.dtype, wanted.shape), name
        np.testing.assert_allclose(ours, wanted, rtol=10 * tolerance, atol=tolerance, err_msg=name)


def assert_like_torch(model: Model, module: Any, *args: Any, **kwargs: Any) -> None:
    """onnxruntime, and the references where they are complete, give what the module gives."""
    with torch.no_grad():
        expected = tensors(module(*args, **kwargs))
    names = [v.name for v in model.graph.outputs]
    inputs = feeds(model, *args, **kwargs)
    assert_close(names, with_onnxruntime(model, inputs), expected)
    ours = with_references(model, inputs)
    if ours is not None:
        assert_close(names, ours, expected)
