"""Adapters between operator-set versions, by family; importing this package registers them all."""

from __future__ import annotations

from sardonyx.passes.versions import control, elementwise, image, index, nn, norm, shape
from sardonyx.passes.versions.adapter import UP, Adapter, Old, up

__all__ = ["UP", "Adapter", "Old", "control", "elementwise", "image", "index", "nn", "norm", "shape", "up"]
