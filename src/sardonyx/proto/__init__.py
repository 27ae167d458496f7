"""The wire codec: ONNX's messages, zero-copy both ways, with the field access of the official classes."""

from __future__ import annotations

from sardonyx.proto import onnx_messages
from sardonyx.proto.message import Message, parse
from sardonyx.proto.onnx_messages import *  # noqa: F403  the list of names is there

__all__ = ["Message", "parse"]
__all__ += onnx_messages.__all__
