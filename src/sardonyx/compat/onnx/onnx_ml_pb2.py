"""The name under which the official package's generated code holds the messages."""

from __future__ import annotations

from sardonyx.compat.onnx._generated import finder
from sardonyx.compat.onnx.onnx_pb import *  # noqa: F403  the list of names is there

__getattr__ = finder(__name__, "onnx/onnx-ml.proto")
