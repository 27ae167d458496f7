"""The formats in which messages are written, and a registry that programs may add theirs to."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Protocol, TypeVar

from sardonyx.compat.onnx import parser, printer
from sardonyx.compat.onnx.onnx_pb import FunctionProto, GraphProto, ModelProto, NodeProto
from sardonyx.core.errors import FormatError
from sardonyx.proto import Message
from sardonyx.proto.json_format import to_json
from sardonyx.proto.json_parser import from_json
from sardonyx.proto.peer import as_protobuf
from sardonyx.proto.text import to_text
from sardonyx.proto.text_parser import from_text

__all__ = ["registry"]

M = TypeVar("M", bound=Message)
_ENCODING, _Proto = "utf-8", M  # names that programs use


class ProtoSerializer(Protocol):
    """Writes messages in one format and reads them.

    Attributes:
        supported_format: its name.
        file_extensions: suffixes of files in it, with their dots.
    """

    supported_format: str
    file_extensions: Collection[str]

    def serialize_proto(self, proto: Any) -> Any:
        """The message in the format."""

    def deserialize_proto(self, serialized: Any, proto: Any) -> Any:
        """What was read; it may have been read into `proto`, whose type says what is expected."""


class _Registry:
    """Serializers by the name of their format, and formats by the suffix of a file."""

    def __init__(self) -> None:
        self._serializers: dict[str, ProtoSerializer] = {}
        self._extension_to_format: dict[str, str] = {}

    def register(self, serializer: ProtoSerializer) -> None:
        """Take a serializer in; it replaces that of the same format."""
        self._serializers[serializer.supported_format] = serializer
        for extension in serializer.file_extensions:
            self._extension_to_format[extension] = serializer.supported_format

    def get(self, fmt: str) -> ProtoSerializer:
        """The serializer of a format.

        Raises:
            ValueError: there is none.
        """
        found = self._serializers.get(fmt)
        if found is None:
            known = ", ".join(self._serializers)
            raise ValueError(f"Unsupported format: '{fmt}'. Supported formats are: {known}")
        return found

    def get_format_from_file_extension(self, file_extension: str) -> str | None:
        """The format of files with a suffix."""
        return self._extension_to_format.get(file_extension)


def _text_of(serialized: object) -> str:
    if isinstance(serialized, bytes):
        return serialized.decode("utf-8")
    if isinstance(serialized, str):
        return serialized
    raise TypeError(f"Parameter 'serialized' must be bytes or str, but got type: {type(serialized)}")


class _ProtobufSerializer(ProtoSerializer):
    """The wire format."""

    supported_format = "protobuf"
    file_extensions = frozenset({".onnx", ".pb"})

    def serialize_proto(self, proto: Any) -> bytes:
        if not callable(getattr(proto, "SerializeToString", None)):
            raise TypeError(f"No SerializeToString method is detected.\ntype is {type(proto)}")
        return proto.SerializeToString()

    def deserialize_proto(self, serialized: Any, proto: M) -> M:
        if not isinstance(serialized, bytes):
            raise TypeError(f"Parameter 'serialized' must be bytes, but got type: {type(serialized)}")
        proto.ParseFromString(serialized)
        return proto


class _Text(ProtoSerializer):
    """A text format of protobuf: how it is written, how it is read, and the module of protobuf whose error it raises."""

    _write: Callable[[Any], str]
    _read: Callable[[type[Any], str], Any]
    _module: str

    def serialize_proto(self, proto: Message) -> bytes:
        return type(self)._write(proto).encode("utf-8")

    def deserialize_proto(self, serialized: Any, proto: M) -> M:
        try:
            proto.MergeFrom(type(self)._read(type(proto), _text_of(serialized)))
        except FormatError as error:
            raise as_protobuf(error, self._module, "ParseError") from error
        except UnicodeDecodeError as error:
            cut = FormatError("the file is no text", offset=error.start, why=str(error), fix="name the format it is in")
            raise as_protobuf(cut, self._module, "ParseError") from error
        return proto


class _TextProtoSerializer(_Text):
    """The text format of protobuf."""

    supported_format = "textproto"
    file_extensions = frozenset({".txtpb", ".textproto", ".prototxt", ".pbtxt"})
    _write, _read, _module = staticmethod(partial(to_text, plain=True)), staticmethod(from_text), "text_format"


class _JsonSerializer(_Text):
    """The JSON of protobuf, with the names of fields as they are."""

    supported_format = "json"
    file_extensions = frozenset({".json", ".onnxjson"})
    _write, _read, _module = staticmethod(partial(to_json, declared=True)), staticmethod(from_json), "json_format"


class _TextualSerializer(ProtoSerializer):
    """The text syntax of ONNX."""

    supported_format = "onnxtxt"
    file_extensions = frozenset({".onnxtxt", ".onnxtext"})

    def serialize_proto(self, proto: Any) -> bytes:
        return printer.to_text(proto).encode("utf-8")

    def deserialize_proto(self, serialized: Any, proto: Message) -> Any:
        warnings.warn("The onnxtxt format is experimental.", stacklevel=2)
        text = _text_of(serialized)
        for kind, read in _SYNTAX:
            if isinstance(proto, kind):
                return read(text)
        raise ValueError(f"Unsupported proto type: {type(proto)}")


_SYNTAX: tuple[tuple[type[Message], Callable[[str], Any]], ...] = (
    (ModelProto, parser.parse_model),
    (GraphProto, parser.parse_graph),
    (FunctionProto, parser.parse_function),
    (NodeProto, parser.parse_node),
)

registry = _Registry()
for _serializer in (_ProtobufSerializer, _TextProtoSerializer, _JsonSerializer, _TextualSerializer):
    registry.register(_serializer())
