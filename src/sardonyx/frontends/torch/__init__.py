"""PyTorch modules become ONNX models: `from_torch`, and `aten`, which adds the translation of an operator."""

from __future__ import annotations

from sardonyx.core.errors import UnsupportedError

try:
    import torch as torch
except ModuleNotFoundError as error:
    raise UnsupportedError(
        "from_torch needs PyTorch, which is not installed", fix="pip install 'sardonyx[torch]'"
    ) from error

from sardonyx.frontends.torch.export import from_torch
from sardonyx.frontends.torch.registry import aten

__all__ = ["aten", "from_torch"]
