"""What the tests of older versions build models of, and that onnxruntime runs what became of them."""

from __future__ import annotations

import numpy as np
import onnxruntime

import sardonyx as sx
from sardonyx.core.dtypes import FLOAT32
from sardonyx.evaluate import evaluate
from sardonyx.ir import Model, TensorType
from tests.passes.models import feeds

__all__ = ["c", "f", "rng", "same_in_onnxruntime"]

onnxruntime.set_default_logger_severity(4)
rng = np.random.default_rng(0)


def f(*shape: int) -> TensorType:
    """The type of an input."""
    return TensorType(FLOAT32, shape)


def c(*shape: int) -> np.ndarray:
    """A constant."""
    return rng.standard_normal(shape).astype(np.float32)


def same_in_onnxruntime(model: Model, old: Model) -> None:
    """onnxruntime gives for the old version what the references give for the new one."""
    given = feeds(model)
    found = onnxruntime.InferenceSession(sx.to_bytes(old)).run(None, given)
    for wanted, got in zip(evaluate(model, given), found, strict=True):
        assert isinstance(got, np.ndarray) and got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-5)
