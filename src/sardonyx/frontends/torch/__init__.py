"""PyTorch modules become ONNX models: `from_torch`, and `aten`, which adds the translation of an operator."""

from __future__ import annotations

from sardonyx.frontends.torch.export import from_torch
from sardonyx.frontends.torch.registry import aten

__all__ = ["aten", "from_torch"]
