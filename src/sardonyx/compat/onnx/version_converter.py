"""Models to any operator-set version."""

from __future__ import annotations

from sardonyx.compat.onnx.onnx_pb import ModelProto
from sardonyx.core.errors import SardonyxError
from sardonyx.io import model_from_proto, model_to_proto
from sardonyx.passes import convert_version as convert

__all__ = ["ConvertError", "convert_version"]


class ConvertError(RuntimeError):  # which is what the official package raises for most of what it cannot convert
    """The model cannot be expressed in the version; the message names the node and the reason."""


def convert_version(model: ModelProto, target_version: int) -> ModelProto:
    """A copy of `model` in operator-set version `target_version` of ai.onnx."""
    if not isinstance(model, ModelProto):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs call this
        raise TypeError(f"VersionConverter only accepts ModelProto as model, incorrect type: {type(model)}")
    if not isinstance(target_version, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"VersionConverter only accepts int as target_version, incorrect type: {type(target_version)}")
    try:
        return model_to_proto(convert(model_from_proto(model), target_version))
    except SardonyxError as error:
        raise ConvertError(str(error)) from error
