"""Adapters between operator-set versions, by family; importing this package registers them all."""

from __future__ import annotations

from sardonyx.passes.versions import attention, control, elementwise, image, index, nn, norm, reduce, shape
from sardonyx.passes.versions.adapter import DOWN, UP, Adapter, Old, down, up

__all__ = [
    "DOWN",
    "UP",
    "Adapter",
    "Old",
    "attention",
    "control",
    "down",
    "elementwise",
    "image",
    "index",
    "nn",
    "norm",
    "reduce",
    "shape",
    "up",
]
