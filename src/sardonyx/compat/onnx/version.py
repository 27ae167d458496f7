"""The release whose interface this is, under its old name."""

from __future__ import annotations

import warnings

from sardonyx.compat.onnx import __version__ as version

git_version = ""

__all__ = ["git_version", "version"]

warnings.warn("onnx.version is deprecated. Use onnx.__version__ instead.", DeprecationWarning, stacklevel=2)
