"""The name under which the official package's generated code holds the messages."""

from __future__ import annotations

from sardonyx.compat.onnx.onnx_pb import *  # noqa: F403  the list of names is there
