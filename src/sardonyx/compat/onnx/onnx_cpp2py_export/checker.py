"""Checks of messages in bytes."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any, TypeVar

from sardonyx.compat.onnx import _checking
from sardonyx.compat.onnx._checking import CheckerContext, LexicalScopeContext, ValidationError, external_file
from sardonyx.compat.onnx._wire import from_bytes
from sardonyx.compat.onnx.onnx_pb import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    ValueInfoProto,
)
from sardonyx.core.errors import FormatError
from sardonyx.io.paths import safe_path
from sardonyx.proto import Message, parse
from sardonyx.proto.decode import noting_bad_strings

__all__ = [
    "CheckerContext",
    "LexicalScopeContext",
    "ValidationError",
    "check_attribute",
    "check_function",
    "check_graph",
    "check_model",
    "check_model_path",
    "check_node",
    "check_sparse_tensor",
    "check_tensor",
    "check_value_info",
]

M = TypeVar("M", bound=Message)


def _read(cls: type[M], data: bytes) -> M:
    if not isinstance(data, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs call this
        raise TypeError(f"a serialized {cls.__name__} is bytes, not {type(data).__name__}")
    with noting_bad_strings():  # nobody looks into them here
        return from_bytes(cls, data)


def _checker(cls: type[Message], check: Callable[..., None], *kinds: type[Any]) -> Callable[..., None]:
    """`check` on bytes; its other arguments are contexts of these kinds."""

    def on_bytes(bytes: bytes, *contexts: Any) -> None:
        if len(contexts) != len(kinds) or not all(map(isinstance, contexts, kinds)):
            raise TypeError(f"wanted are bytes and {', '.join(kind.__name__ for kind in kinds)}")
        check(_read(cls, bytes), *contexts)

    return on_bytes


check_value_info = _checker(ValueInfoProto, _checking.check_value_info, CheckerContext)
check_tensor = _checker(TensorProto, _checking.check_tensor, CheckerContext)
check_sparse_tensor = _checker(SparseTensorProto, _checking.check_sparse_tensor, CheckerContext)
check_attribute = _checker(AttributeProto, _checking.check_attribute, CheckerContext, LexicalScopeContext)
check_node = _checker(NodeProto, _checking.check_node, CheckerContext, LexicalScopeContext)
check_graph = _checker(GraphProto, _checking.check_graph, CheckerContext, LexicalScopeContext)
check_function = _checker(FunctionProto, _checking.check_function, CheckerContext, LexicalScopeContext)


def check_model(
    bytes: bytes,
    full_check: bool = False,
    skip_opset_compatibility_check: bool = False,
    check_custom_domain: bool = False,
) -> None:
    """A model; its external data is looked for in the working folder."""
    _check_model(_read(ModelProto, bytes), "", full_check, skip_opset_compatibility_check, check_custom_domain)


def check_model_path(
    path: str,
    full_check: bool = False,
    skip_opset_compatibility_check: bool = False,
    check_custom_domain: bool = False,
) -> None:
    """The model in a file; its external data is looked for beside it."""
    if not isinstance(path, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs call this
        raise TypeError(f"a path is a str, not {type(path).__name__}")
    try:
        with noting_bad_strings():
            model = parse(ModelProto, _mapped(Path(path)))
    except OSError as error:
        raise ValidationError(f"Unable to open proto file: {path}. Please check if it is a valid proto.") from error
    except FormatError as error:
        raise ValidationError(f"Unable to parse proto from file: {path}. {error}") from error
    folder = os.path.dirname(path)  # noqa: PTH120  the text is shown as the program gave it
    _check_model(model, folder, full_check, skip_opset_compatibility_check, check_custom_domain)


def _mapped(path: Path) -> mmap.mmap | bytes:
    """The file, whose weights are not read until something asks for them."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


def _check_model(model: ModelProto, folder: str, full: bool, skip: bool, custom: bool) -> None:
    ctx = CheckerContext().but(folder=folder, skip_compatibility=skip, check_custom_domain=custom)
    _checking.check_model(model, ctx)
    if full:
        from sardonyx.compat.onnx.shape_inference import infer_shapes

        infer_shapes(model, check_type=True, strict_mode=True)


def _open_external_data(base_dir: str, location: str, tensor_name: str, read_only: bool) -> int:  # pyright: ignore[reportUnusedFunction]  # programs call it
    """A descriptor of the file that holds a tensor's data; to write, the file is made.

    Raises:
        ValidationError: the location leaves the folder, or is no plain file.
    """
    path = Path(base_dir) / location
    if read_only:
        found = external_file(base_dir, location, tensor_name)
        _refuse_links(Path(base_dir), location, tensor_name)
        return os.open(found or location, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    normal = os.path.normpath(location)
    refused = not location or os.path.isabs(location) or normal == "." or ".." in normal  # noqa: PTH117
    if refused or not path.parent.resolve().is_relative_to(Path(base_dir).resolve()):
        how = (
            "contains '..'"
            if ".." in normal
            else "is empty or absolute"
            if refused
            else "resolves outside model directory"
        )
        raise ValidationError(
            f"External data location for tensor {tensor_name} leaves its folder, it {how}: {location!r}"
        )
    _refuse_links(Path(base_dir), location, tensor_name)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600)
        safe_path(Path(base_dir), location)
    except (OSError, ValueError) as error:  # ours of paths are ValueErrors too
        links = " (it has multiple hard links)" if "hard link" in str(error) else ""
        raise ValidationError(f"Cannot open external data for tensor {tensor_name}{links}: {error}") from error
    return descriptor


def _refuse_links(folder: Path, location: str, tensor_name: str) -> None:
    """Refuse a place that is reached through a link to a folder, wherever that leads."""
    for way in PurePath(location).parents:
        if (folder / way).is_symlink() and way.parts:
            why = f"folder {str(way)!r} on its way is a symbolic link"
            raise ValidationError(f"Cannot open external data for tensor {tensor_name}: {why}")
