"""Cutting, joining and renaming models. Each function gives a changed copy; weights are shared with the original."""

from __future__ import annotations

from sardonyx.passes.edit.cut import extract
from sardonyx.passes.edit.dims import set_batch, set_dims
from sardonyx.passes.edit.join import merge
from sardonyx.passes.edit.names import prefix, rename
from sardonyx.passes.edit.weights import restore_weights, strip_weights

__all__ = ["extract", "merge", "prefix", "rename", "restore_weights", "set_batch", "set_dims", "strip_weights"]
