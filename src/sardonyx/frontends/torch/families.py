"""Every file of rules; importing one registers them."""

from __future__ import annotations

import importlib

__all__ = ["FAMILIES"]

FAMILIES = (
    "elementwise",
    "logic",
    "cast",
    "linalg",
    "nn",
    "norm",
    "reduce",
    "shape",
    "index",
    "constant",
    "attention",
    "image",
    "rnn",
    "scan",
    "random",
    "pool",
)

for _family in FAMILIES:
    importlib.import_module(f"sardonyx.frontends.torch.{_family}")
