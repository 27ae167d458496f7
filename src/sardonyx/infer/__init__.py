"""Types and symbolic shapes of every value of a model, and the integers that shapes are made of."""

from __future__ import annotations

from sardonyx.infer.result import Inference
from sardonyx.infer.walk import infer, infer_shapes

__all__ = ["Inference", "infer", "infer_shapes"]
