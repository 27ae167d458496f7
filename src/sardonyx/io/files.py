"""Models in files: load maps, save writes aside and renames."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

from sardonyx.core import dtypes
from sardonyx.core.errors import FormatError, InputError
from sardonyx.io.formats import BINARY, Format, format_of
from sardonyx.io.paths import Folder, map_file
from sardonyx.io.pause import no_collection
from sardonyx.io.write import model_to_proto
from sardonyx.ir import ExternalLocation, Model, Tensor

__all__ = ["Source", "from_bytes", "load", "open_source", "replace_file", "save", "to_bytes"]

LIMIT = (1 << 31) - 1  # other readers stop at 2 GiB: beyond it, "auto" moves the weights out
ALIGNMENT = 4096  # so that the data of each tensor can be mapped by itself
Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
SMALL = 1024  # bytes: a tensor up to this size stays in the message


def from_bytes(data: bytes | bytearray | memoryview, folder: str | os.PathLike[str] | None = None) -> Model:
    """The model in `data`, whose tensors are views of it. External data is looked for in `folder`.

    Raises:
        FormatError: `data` is no well-formed ONNX model.
    """
    return _read(BINARY, memoryview(data), None if folder is None else Folder(Path(folder)))


def _read(kind: Format, data: memoryview, folder: Folder | None) -> Model:
    if not len(data):
        raise FormatError("the file is empty", offset=0, fix="export or copy it again")
    with no_collection():
        return kind.read(data, folder)


def to_bytes(model: Model) -> bytes:
    """The model as one message, weights included."""
    return model_to_proto(model).SerializeToString()


def load(source: Source) -> Model:
    """Read a model from a path, bytes or an open file. Weights are mapped and never copied.

    The suffix of a path tells the format: ``.onnxtxt`` is the ONNX text syntax, ``.json`` and ``.textproto`` are the protobuf
    mappings, everything else is the binary format; bytes are binary.

    Raises:
        FormatError: it is no well-formed ONNX model; the message has the byte offset.
        PathError: its external data leaves the model's folder.
        InputError: there is no such file.
    """
    kind, data, folder = open_source(source)
    return _read(kind, data, folder)


def open_source(source: Source) -> tuple[Format, memoryview, Folder | None]:
    """The format of a model file, its bytes, which are mapped if it is named by a path, and the folder for external data.

    Raises:
        InputError: there is no such file.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return BINARY, memoryview(source), None
    if not isinstance(source, (str, os.PathLike)):
        return BINARY, memoryview(source.read()), None
    path = Path(source)
    if not path.is_file():
        raise InputError(f"there is no model file '{path}'", fix="check the path; sx.load takes a .onnx file")
    real = path.resolve()
    folder = Folder(path.parent, real.parent if path.is_symlink() else None)
    return format_of(path, reading=True), map_file(real), folder


def save(model: Model, path: str | os.PathLike[str], external_data: Literal["auto"] | bool | str = "auto") -> None:
    """Write a model. The file appears whole or not at all.

    Args:
        path: its suffix tells the format: .onnx, .onnxtxt (the ONNX text syntax), .json or .textproto.
        external_data: False keeps all weights in the file; True moves those over 1 KiB into ``<name>.data`` beside it, a
            string names that file; "auto" does so when the model is over 2 GiB, which other readers cannot take.

    Raises:
        UnsupportedError: the format has no place for something that changes the model's meaning.
        InputError: the suffix is unknown, or the data file would not lie beside the model.
    """
    path = Path(path)
    write = format_of(path).write
    if external_data == "auto":
        external_data = sum(t.nbytes for t in _large(model)) > LIMIT
    if not external_data:
        replace_file(path, lambda file: write(model, {}, file))
        return
    location = external_data if isinstance(external_data, str) else path.name + ".data"
    if Path(location).name != location:
        raise InputError(f"external data file '{location}' must lie beside the model", fix="give a plain file name")
    placement, offset = dict[int, ExternalLocation](), 0
    for tensor in _large(model):
        if id(tensor) not in placement:
            offset = -(-offset // ALIGNMENT) * ALIGNMENT
            placement[id(tensor)] = ExternalLocation(location, offset, tensor.nbytes)
            offset += tensor.nbytes
    # The data goes first: a model never names bytes that are not there yet.
    replace_file(path.parent / location, lambda file: _write_data(model, placement, file))
    replace_file(path, lambda file: write(model, placement, file))


def _large(model: Model) -> Iterator[Tensor]:
    for top in model.graphs():
        for graph in top.walk_graphs():
            for value in graph.initializers.values():
                const = value.const
                if isinstance(const, Tensor) and const.dtype is not dtypes.STRING and const.nbytes > SMALL:
                    yield const


def _write_data(model: Model, placement: dict[int, ExternalLocation], file: IO[bytes]) -> None:
    written: set[int] = set()
    for tensor in _large(model):
        if id(tensor) not in written:
            written.add(id(tensor))
            file.seek(placement[id(tensor)].offset)
            file.write(tensor.raw())


def replace_file(path: Path, write: Callable[[Any], object]) -> None:
    """Write beside `path`, force to disk, rename: a killed process leaves what was there before."""
    descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o666 & ~_umask())  # noqa: PTH101 mkstemp makes private files
        os.replace(aside, path)  # noqa: PTH105 a plain rename
    except BaseException:
        with suppress(OSError):
            os.unlink(aside)  # noqa: PTH108
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
