"""Scan lost its batch axis."""

from __future__ import annotations

from sardonyx.passes.versions.adapter import Old, up
from sardonyx.rewrite import Expr


@up("Scan", 9)
def scan_without_batch(old: Old) -> Expr:
    """Before 9 every input had a batch axis in front, and sequences had lengths of their own."""
    old.refuse("it ran over a batch of sequences of their own lengths", fix="export the model for opset 9 or newer")
