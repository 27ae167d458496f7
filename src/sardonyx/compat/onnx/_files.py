"""Models and tensors in files and bytes, in the formats of the official package."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

from sardonyx.compat.onnx.external_data_helper import (
    convert_model_to_external_data,
    load_external_data_for_model,
    write_external_data_tensors,
)
from sardonyx.compat.onnx.onnx_pb import ModelProto, TensorProto
from sardonyx.compat.onnx.parser import parse_model
from sardonyx.compat.onnx.printer import to_text as to_syntax
from sardonyx.proto import Message
from sardonyx.proto.json_format import from_json, to_json
from sardonyx.proto.text import to_text
from sardonyx.proto.text_parser import from_text

__all__ = [
    "load_model",
    "load_model_from_string",
    "load_tensor",
    "load_tensor_from_string",
    "save_model",
    "save_tensor",
]

M = TypeVar("M", bound=Message)
Place = str | os.PathLike[str] | IO[bytes]
_BY_SUFFIX = {
    **dict.fromkeys((".onnx", ".pb"), "protobuf"),
    **dict.fromkeys((".textproto", ".prototxt", ".pbtxt"), "textproto"),
    **dict.fromkeys((".json", ".onnxjson"), "json"),
    **dict.fromkeys((".onnxtxt", ".onnxtext"), "onnxtxt"),
}


def _parse_syntax(cls: type[Any], text: str) -> Any:
    if cls is not ModelProto:
        raise ValueError(f"{cls.__name__} has no onnxtxt form to read")
    return parse_model(text)


_READ: dict[str, Callable[[type[Any], str], Any]] = {
    "textproto": from_text,
    "json": from_json,
    "onnxtxt": _parse_syntax,
}
_WRITE: dict[str, Callable[[Any], str]] = {"textproto": to_text, "json": to_json, "onnxtxt": to_syntax}


def _format(place: object, format: str | None) -> str:
    """The format that was named, or that the suffix of a path tells; else protobuf."""
    if format is None and isinstance(place, (str, os.PathLike)):
        return _BY_SUFFIX.get(Path(place).suffix, "protobuf")
    return format or "protobuf"


def _decode(cls: type[M], data: bytes | str, format: str) -> M:
    if format == "protobuf":
        if isinstance(data, str):
            raise TypeError("Parameter 'serialized' must be bytes, but got type: <class 'str'>")
        return cls.FromString(data)
    if format not in _READ:
        raise ValueError(f"Unsupported format: '{format}'")
    return _READ[format](cls, data if isinstance(data, str) else data.decode("utf-8"))


def _encode(proto: Message, format: str) -> bytes:
    if format == "protobuf":
        return proto.SerializeToString()
    if format not in _WRITE:
        raise ValueError(f"Unsupported format: '{format}'")
    return _WRITE[format](proto).encode("utf-8")


def _load(cls: type[M], f: Place, format: str | None) -> M:
    data = Path(f).read_bytes() if isinstance(f, (str, os.PathLike)) else f.read()
    return _decode(cls, data, _format(f, format))


def _save(proto: Message, f: Place, format: str | None) -> None:
    data = _encode(proto, _format(f, format))
    if isinstance(f, (str, os.PathLike)):
        Path(f).write_bytes(data)
    else:
        f.write(data)


def load_model(f: Place, format: str | None = None, load_external_data: bool = True) -> ModelProto:
    """The model in a file; its external data is read into it when `f` is a path."""
    model = _load(ModelProto, f, format)
    if load_external_data and isinstance(f, (str, os.PathLike)):
        load_external_data_for_model(model, str(Path(f).parent))
    return model


def load_tensor(f: Place, format: str | None = None) -> TensorProto:
    """The tensor in a file."""
    return _load(TensorProto, f, format)


def load_model_from_string(s: bytes | str, format: str = "protobuf") -> ModelProto:
    """The model in bytes, or text."""
    return _decode(ModelProto, s, format)


def load_tensor_from_string(s: bytes | str, format: str = "protobuf") -> TensorProto:
    """The tensor in bytes, or text."""
    return _decode(TensorProto, s, format)


def save_model(
    proto: ModelProto | bytes,
    f: Place,
    format: str | None = None,
    *,
    save_as_external_data: bool = False,
    all_tensors_to_one_file: bool = True,
    location: str | None = None,
    size_threshold: int = 1024,
    convert_attribute: bool = False,
) -> None:
    """Write a model, and beside it the files of its external tensors; `save_as_external_data` makes the large ones so."""
    model = _decode(ModelProto, proto, "protobuf") if isinstance(proto, bytes) else proto
    if save_as_external_data:
        convert_model_to_external_data(model, all_tensors_to_one_file, location, size_threshold, convert_attribute)
    if isinstance(f, (str, os.PathLike)):
        model = write_external_data_tensors(model, str(Path(f).parent))
    _save(model, f, format)


def save_tensor(proto: TensorProto, f: Place, format: str | None = None) -> None:
    """Write a tensor."""
    _save(proto, f, format)
