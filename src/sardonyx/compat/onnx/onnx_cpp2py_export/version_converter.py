"""Models in bytes to any operator-set version."""

from __future__ import annotations

from sardonyx.compat.onnx._wire import from_bytes
from sardonyx.compat.onnx.onnx_pb import ModelProto
from sardonyx.compat.onnx.version_converter import ConvertError
from sardonyx.compat.onnx.version_converter import convert_version as convert

__all__ = ["ConvertError", "convert_version"]


def convert_version(bytes: bytes, target: int) -> bytes:
    """The model in operator-set version `target` of ai.onnx."""
    return convert(from_bytes(ModelProto, bytes), target).SerializeToString()
