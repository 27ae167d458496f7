"""The official suite for backends: its cases, and what makes tests of them."""

from __future__ import annotations

from sardonyx.compat.onnx.backend.test.runner import Runner as BackendTest

__all__ = ["BackendTest"]
