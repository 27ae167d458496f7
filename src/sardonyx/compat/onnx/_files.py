"""Models and tensors in files and bytes, in the formats that are registered."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from sardonyx.compat.onnx import serialization
from sardonyx.compat.onnx.external_data_helper import (
    convert_model_to_external_data,
    load_external_data_for_model,
    write_external_data_tensors,
)
from sardonyx.compat.onnx.onnx_pb import ModelProto, TensorProto
from sardonyx.proto import Message

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
_DEFAULT_FORMAT = "protobuf"


def _get_file_path(f: Place | None) -> str | None:
    """Where a file lies that is named, or open under a name."""
    named = f if isinstance(f, (str, os.PathLike)) else getattr(f, "name", None)
    return str(Path(named).absolute()) if isinstance(named, (str, os.PathLike)) else None


def _get_serializer(fmt: str | None, f: Place | None = None) -> serialization.ProtoSerializer:
    """That of the format that was named, or that the suffix of a path tells; else protobuf's."""
    path = _get_file_path(f)
    if fmt is None and path is not None:
        fmt = serialization.registry.get_format_from_file_extension(Path(path).suffix)
    return serialization.registry.get(_DEFAULT_FORMAT if fmt is None else fmt)


def _load_bytes(f: Place) -> bytes:
    read = cast("Callable[[], bytes] | None", getattr(f, "read", None))
    if read is not None:
        return read()
    with open(cast("str", f), "rb") as file:  # noqa: PTH123  bytes, and numbers of open files, are places too
        return file.read()


def _save_bytes(content: bytes, f: Place) -> None:
    write = cast("Callable[[Any], object] | None", getattr(f, "write", None))
    if write is not None:
        write(content)
        return
    with open(cast("str", f), "wb") as file:  # noqa: PTH123  as above
        file.write(content)


def _load(cls: type[M], f: Place, format: str | None) -> M:
    return _get_serializer(format, f).deserialize_proto(_load_bytes(f), cls())


def _save(proto: Message, f: Place, format: str | None) -> None:
    _save_bytes(_get_serializer(format, f).serialize_proto(proto), f)


def load_model(f: Place, format: str | None = None, load_external_data: bool = True) -> ModelProto:
    """The model in a file; its external data is read into it where the place of the file is known."""
    model, path = _load(ModelProto, f, format), _get_file_path(f)
    if load_external_data and path is not None:
        load_external_data_for_model(model, str(Path(path).parent))
    return model


def load_tensor(f: Place, format: str | None = None) -> TensorProto:
    """The tensor in a file."""
    return _load(TensorProto, f, format)


def load_model_from_string(s: bytes | str, format: str = _DEFAULT_FORMAT) -> ModelProto:
    """The model in bytes, or text."""
    return _get_serializer(format).deserialize_proto(s, ModelProto())


def load_tensor_from_string(s: bytes | str, format: str = _DEFAULT_FORMAT) -> TensorProto:
    """The tensor in bytes, or text."""
    return _get_serializer(format).deserialize_proto(s, TensorProto())


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
    model = load_model_from_string(proto) if isinstance(proto, bytes) else proto
    if save_as_external_data:
        convert_model_to_external_data(model, all_tensors_to_one_file, location, size_threshold, convert_attribute)
    path = _get_file_path(f)
    if path is not None:
        model = write_external_data_tensors(model, str(Path(path).parent))
    _save(model, f, format)


def save_tensor(proto: TensorProto, f: Place, format: str | None = None) -> None:
    """Write a tensor."""
    _save(proto, f, format)
