"""What protobuf's generated modules hold beside classes: the file's descriptor, and each message's and enum's as `_NAME`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sardonyx.proto import Message, onnx_messages
from sardonyx.proto.enums import Enum

__all__ = ["FileDescriptor", "finder"]


@dataclass(frozen=True, slots=True)
class FileDescriptor:
    """The messages and enums that a file declares."""

    name: str
    package: str
    message_types_by_name: dict[str, Any]
    enum_types_by_name: dict[str, Any] = field(default_factory=dict[str, Any])


def _named(prefix: str, descriptor: Any) -> Iterator[tuple[str, Any]]:
    name = f"{prefix}_{descriptor.name.upper()}"
    yield name, descriptor
    for enum in descriptor.enum_types:
        yield f"{name}_{enum.DESCRIPTOR.name.upper()}", enum.DESCRIPTOR
    for nested in descriptor.nested_types:
        yield from _named(name, nested)


def finder(module: str, file: str) -> Callable[[str], Any]:
    """The `__getattr__` of the generated module for a file of declarations."""
    held = [getattr(onnx_messages, name) for name in onnx_messages.__all__]
    kinds = [item.DESCRIPTOR for item in held if isinstance(item, type) and issubclass(item, Message)]
    made = {kind.name: kind for kind in kinds if kind.file.name == file}
    package = next(iter(made.values())).file.package
    enums = {e.DESCRIPTOR.name: e.DESCRIPTOR for e in held if isinstance(e, Enum) and file == _OF_ENUMS}
    known = {"DESCRIPTOR": FileDescriptor(file, package, made, enums)}
    known |= {f"_{name.upper()}": enum for name, enum in enums.items()}
    for descriptor in made.values():
        known |= _named("", descriptor)

    def find(name: str) -> Any:
        if name in known:
            return known[name]
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return find


_OF_ENUMS = "onnx/onnx-ml.proto"  # the file that declares enums outside of messages
