"""The formats of model files, by suffix: how the bytes of each become a model, and a model its bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sardonyx.core.errors import FormatError, InputError
from sardonyx.io.paths import Folder
from sardonyx.io.read import model_from_proto
from sardonyx.io.write import model_to_proto
from sardonyx.ir import ExternalLocation, Model
from sardonyx.ir.text import parse_model, print_model
from sardonyx.proto import ModelProto, parse
from sardonyx.proto.json_format import to_json
from sardonyx.proto.json_parser import from_json
from sardonyx.proto.text import to_text
from sardonyx.proto.text_parser import from_text

__all__ = ["Format", "format_of"]

Placement = Mapping[int, ExternalLocation]


@dataclass(frozen=True)
class Format:
    """How to read and write one kind of file.

    `message` takes the bytes and is None where they state a graph and no message; `read` takes the bytes and the folder for
    external data; `write` takes the model, where its constants lie, and a file.
    """

    name: str
    message: Callable[[memoryview], ModelProto] | None
    read: Callable[[memoryview, Folder | None], Model]
    write: Callable[[Model, Placement, IO[bytes]], Any]


def _text(data: memoryview, errors: str = "strict") -> str:
    try:
        return str(data, "utf-8", errors).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise FormatError("the file is no text", offset=error.start, why="it is not UTF-8") from error


def _read_syntax(data: memoryview, folder: Folder | None) -> Model:
    text = _text(data, "surrogateescape")  # strings of a model may hold any bytes
    return parse_model(text) if folder is None else parse_model(text, external=folder.view)


def _write_syntax(model: Model, placement: Placement, file: IO[bytes]) -> None:
    file.write(print_model(model, placement=placement).encode("utf-8", "surrogateescape"))


def _by_message(
    name: str,
    message: Callable[[memoryview], ModelProto],
    write: Callable[[ModelProto, IO[bytes]], Any],
    passing: Callable[[memoryview], ModelProto]
    | None = None,  # a message for one who reads it once, if that is cheaper
) -> Format:
    return Format(
        name,
        message,
        lambda data, folder: model_from_proto((passing or message)(data), folder, consume=True),
        lambda model, placement, file: write(model_to_proto(model, placement), file),
    )


BINARY = _by_message(
    "protobuf",
    lambda data: parse(ModelProto, data),
    lambda proto, file: proto.serialize_to(file),
    lambda data: parse(ModelProto, data, defer=True),
)
SYNTAX = Format("ONNX text syntax", None, _read_syntax, _write_syntax)
JSON = _by_message(
    "protobuf JSON",
    lambda data: from_json(ModelProto, _text(data)),
    lambda proto, file: file.write(to_json(proto).encode()),
)
TEXT = _by_message(
    "protobuf text format",
    lambda data: from_text(ModelProto, _text(data)),
    lambda proto, file: file.write(to_text(proto).encode()),
)

_BY_SUFFIX: dict[str, Format] = {
    **dict.fromkeys((".onnx", ".pb", ".ort", ""), BINARY),
    ".onnxtxt": SYNTAX,
    **dict.fromkeys((".json", ".onnxjson"), JSON),
    **dict.fromkeys((".textproto", ".prototxt", ".pbtxt"), TEXT),
}


def format_of(path: Path, *, reading: bool = False) -> Format:
    """The format that the suffix of `path` names; a file to read may have any other suffix, and is then binary.

    Raises:
        InputError: the suffix of a file to write is unknown.
    """
    found = _BY_SUFFIX.get(path.suffix.lower(), BINARY if reading else None)
    if found is None:
        raise InputError(
            f"cannot tell the format of '{path.name}'",
            fix="give the file one of the suffixes .onnx, .onnxtxt, .json, .textproto",
        )
    return found
