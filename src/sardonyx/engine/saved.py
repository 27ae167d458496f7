"""Compiled models kept for the next session on the same file: in this process while somebody uses them, and on disk.

What a session needs to run a model that is native throughout is its program, the machine code of its kernels and its constants in
the form that kernels read. It all follows from the file, the precision, the machine and this package's own source; under
these it is found again. A file counts as the same while its identity is (see `io.paths`), and one that changed a moment ago
is not kept, for it could change again unnoticed.

An entry is

    magic (8 bytes) | sizes of head and body (8 bytes each) | SHA-256 of the head (32 bytes) | head | body

The head is a pickle of this package's own plain classes, which stand on their own: no operator, pass or kernel is imported to
read it. Large constants lie in the body, each with a sum that must agree; what a kernel reads directly from the model's file
stays there. Entries are written aside and renamed; one that is damaged, or not ours, is ignored.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import pickle
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO
from weakref import WeakValueDictionary

import ml_dtypes
import numpy as np

from sardonyx import __version__
from sardonyx.core import dtypes
from sardonyx.core.dtypes import DType
from sardonyx.engine.codegen import CompiledKernel, cache, detect, native
from sardonyx.engine.compiled import Compiled, LinkedPart
from sardonyx.engine.link import Linked
from sardonyx.engine.program import Call, Made, Program
from sardonyx.engine.threads import aligned
from sardonyx.io.paths import file_of, identity, map_file
from sardonyx.ir import Array, Graph, Model, Tensor, Type, Value

__all__ = ["Place", "Saved", "fetch", "keep", "place_of"]

MOST = 2 << 30  # bytes of an entry
ALL = 4 << 30  # bytes of all entries; those used longest ago go first
_MAGIC = b"SDXPLAN1"
_HEAD = struct.Struct("<8sQQ32s")
_ALIGNMENT = 64
_SMALL = 1024  # bytes: smaller constants lie in the head

Identity = tuple[int, ...]
Port = tuple[str, Type | None]


@dataclass(frozen=True)
class Place:
    """Where a compiled model is kept.

    Attributes:
        key: all that it follows from.
        path: of the model's file; None for bytes.
    """

    key: str
    path: Path | None


@dataclass(eq=False)
class Saved:
    """A compiled model, and what a session says of the model.

    Attributes:
        graph: its inputs and outputs, as the file has them, and no nodes.
        files: the other files that it was made from.
    """

    graph: Graph
    compiled: Compiled
    files: dict[Path, Identity]

    def holds(self) -> bool:
        """Whether the other files are what they were."""
        return all(_identity_of(path) == told for path, told in self.files.items())


_open: WeakValueDictionary[str, Saved] = WeakValueDictionary()


def place_of(model: Any, precision: str) -> Place | None:
    """Where the compiled form of a file, or of its bytes, is kept; None if it cannot be, now."""
    if cache.folder() is None or not isinstance(model, (str, os.PathLike, bytes)):
        return None
    path: Path | None = None
    if isinstance(model, bytes):
        told: object = hashlib.sha256(model).hexdigest()
    else:
        path = Path(os.path.realpath(model))
        told = (str(Path(model).parent.absolute()), path.name, _identity_of(path))
        if told[-1] is None:
            return None
    code = native.key_of(_source(), detect())
    facts = (code, np.__version__, ml_dtypes.__version__, precision, told)
    return Place(hashlib.sha256(repr(facts).encode()).hexdigest(), path)


def _identity_of(path: Path) -> Identity | None:
    try:
        return identity(path.stat())
    except OSError:
        return None


@functools.cache
def _source() -> str:
    """What tells this package's code from any other."""
    root = Path(__file__).parents[1]
    facts = sorted((path[len(str(root)) :], size, time) for path, size, time in _modules(str(root)))
    return hashlib.sha256(f"{__version__} {cache.SOURCE} {facts}".encode()).hexdigest()


def _modules(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                info = entry.stat()
                yield entry.path, info.st_size, info.st_mtime_ns
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from _modules(entry.path)


# --- keeping ----------------------------------------------------------------------------------------------------------


def keep(place: Place, source: Model, compiled: Compiled) -> Saved | None:
    """Keep a compiled model, if it is native throughout; None if it is not."""
    if not _native(source, compiled):
        return None
    files = _files(place, source)
    if files is None:
        return None
    skeleton = _graph(_ports(source.graph.inputs), _ports(source.graph.outputs))
    saved = Saved(skeleton, compiled, files)
    _open[place.key] = saved
    linked = compiled.linked
    assert linked is not None
    body = _Body()
    head = _head(saved, linked, body)
    if head is not None and body.size + len(head) <= MOST:
        digest = hashlib.sha256(head).digest()
        start = _HEAD.pack(_MAGIC, len(head), body.size, digest) + head
        cache.store(_name(place), [start, *body.parts(len(start))])
        _make_room()
    return saved


def _native(source: Model, compiled: Compiled) -> bool:
    linked = compiled.linked
    if linked is None or not all(isinstance(s, Call) for s in linked.program.steps):
        return False
    part, graph = compiled.parts[0], compiled.model.graph
    plain = part.takes == list(graph.inputs) and part.gives == compiled.wanted
    return plain and all(v.const is None for v in source.graph.inputs)


def _files(place: Place, source: Model) -> dict[Path, Identity] | None:
    """The files that hold the model's external data; None if one of them could still change unnoticed."""
    found: dict[Path, Identity] = {}
    for top in source.graphs():
        for graph in top.walk_graphs():
            for value in graph.initializers.values():
                external = value.const.external if isinstance(value.const, Tensor) else None
                if external is None:
                    continue
                if place.path is None:
                    return None
                path = place.path.parent / external.location
                told = found.get(path) or _identity_of(path)
                if told is None:
                    return None
                found[path] = told
    return found


def _ports(values: Sequence[Value]) -> list[Port]:
    return [(v.name, v.type) for v in values]


def _graph(inputs: Sequence[Port], outputs: Sequence[Port]) -> Graph:
    graph = Graph()
    for name, kind in inputs:
        graph.add_input(Value(name, kind))
    graph.outputs = [Value(name, kind) for name, kind in outputs]
    return graph


class _Body:
    """The large constants, in the order in which they were met."""

    def __init__(self) -> None:
        self.size = 0
        self._arrays: list[tuple[int, Array]] = []
        self._known: dict[tuple[int, int], tuple[int, int]] = {}

    def add(self, array: Array) -> tuple[int, int]:
        """Where an array lies, and its sum."""
        key = (array.ctypes.data, array.nbytes)
        found = self._known.get(key)
        if found is None:
            at = -(-self.size // _ALIGNMENT) * _ALIGNMENT
            self._arrays.append((at, array))
            self.size = at + array.nbytes
            found = self._known[key] = at, _sum(_line(array))
        return found

    def parts(self, start: int) -> Iterator[bytes | memoryview]:
        """What is written behind `start` bytes."""
        end = 0
        for at, array in self._arrays:
            yield bytes(at - end)
            yield _line(array).data
            end = at + array.nbytes


def _line(array: Array) -> Array:
    return array.reshape(-1).view(np.uint8)


def _sum(line: Array) -> int:
    whole = line.size // 8 * 8
    return (int(np.add.reduce(line[:whole].view(np.uint64))) + int(line[whole:].sum()) + line.size) % 2**64


class _Pickler(pickle.Pickler):
    def __init__(self, file: BinaryIO, code: dict[int, CompiledKernel], body: _Body) -> None:
        super().__init__(file, 5)
        self._code, self._body = code, body

    def persistent_id(self, obj: Any) -> tuple[Any, ...] | None:
        if isinstance(obj, DType):
            return ("dtype", obj.name)
        if isinstance(obj, np.ndarray):
            return self._array(obj)
        found = self._code.get(id(obj))
        return None if found is None else ("kernel", found.name, found.key)

    def _array(self, array: Array) -> tuple[Any, ...]:
        if not array.flags.c_contiguous or array.dtype.hasobject:
            raise pickle.PicklingError("no array that lies densely")
        facts = (dtypes.dtype(array.dtype).name, array.shape)
        there = file_of(array)
        if there is not None:
            told = _identity_of(there[0])
            if told is None:
                raise pickle.PicklingError("a file that changed a moment ago")
            return ("file", str(there[0]), told, there[1], *facts)
        if array.nbytes < _SMALL:
            return ("bytes", array.tobytes(), *facts)
        return ("body", *self._body.add(array), *facts)


def _head(saved: Saved, linked: Linked, body: _Body) -> bytes | None:
    """The head of an entry; None if it cannot be pickled."""
    code = {
        id(s.kernel): c for s, c in zip(linked.program.steps, linked.code, strict=True) if isinstance(s, Call) and c
    }
    images = {c.key: (c.name, native.image_of(c.key)) for c in code.values()}
    graph = saved.compiled.model.graph
    facts = {
        "graph": (_ports(saved.graph.inputs), _ports(saved.graph.outputs)),
        "compiled": (_ports(graph.inputs), _ports(saved.compiled.wanted)),
        "opsets": saved.compiled.model.opsets,
        "files": {str(path): told for path, told in saved.files.items()},
        "images": images,
        "program": linked.program,
    }
    file = io.BytesIO()
    try:
        _Pickler(file, code, body).dump(facts)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None
    return file.getvalue()


def _name(place: Place) -> str:
    return f"{place.key}.plan"


def _make_room() -> None:
    """Remove the entries that were used longest ago until the others are no more than they may be."""
    folder = cache.folder()
    if folder is None:
        return
    entries: list[tuple[float, int, Path]] = []
    for path in folder.glob("*.plan"):
        try:
            info = path.stat()
        except OSError:
            continue
        entries.append((info.st_mtime, info.st_size, path))
    left = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if left <= ALL:
            break
        try:
            path.unlink()
        except OSError:
            continue
        left -= size


# --- finding ----------------------------------------------------------------------------------------------------------


def fetch(place: Place) -> Saved | None:
    """The compiled model that is kept there; None if none is, or it is damaged, or other files of the model have changed."""
    found = _open.get(place.key)
    if found is not None and found.holds():
        return found
    file = cache.opened(_name(place))
    if file is None:
        return None
    with file:
        try:
            found = _read(file)
        except (
            OSError,
            pickle.UnpicklingError,
            struct.error,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            ImportError,
        ):
            return None
    if found is None or not found.holds():
        return None
    with contextlib.suppress(OSError):
        os.utime(file.name)  # it was used now
    _open[place.key] = found
    return found


class _Unpickler(pickle.Unpickler):
    def __init__(self, head: bytes, body: Array) -> None:
        super().__init__(io.BytesIO(head))
        self._body = body
        self._files: dict[str, memoryview] = {}

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if not module_name.startswith("sardonyx."):
            raise pickle.UnpicklingError(f"{module_name}.{global_name} has no place in an entry")
        return super().find_class(module_name, global_name)

    def persistent_load(self, pid: Any) -> Any:
        kind, *facts = pid
        if kind == "dtype":
            return dtypes.dtype(facts[0])
        if kind == "kernel":
            return Made(*facts)
        *where, name, shape = facts
        numpy = dtypes.dtype(name).numpy
        if kind == "bytes":
            array = np.frombuffer(where[0], numpy)
        elif kind == "file":
            path, told, offset = where
            if path not in self._files:
                if _identity_of(Path(path)) != told:
                    raise pickle.UnpicklingError("the file has changed")
                self._files[path] = map_file(Path(path))
            array = np.frombuffer(self._files[path], numpy, int(np.prod(shape)), offset)
        else:
            at, total = where
            line = self._body[at : at + int(np.prod(shape)) * numpy.itemsize]
            if _sum(line) != total:
                raise pickle.UnpicklingError("a constant is damaged")
            array = line.view(numpy)
        return array.reshape(shape)


def _read(file: BufferedReader) -> Saved | None:
    magic, length, size, digest = _HEAD.unpack(file.read(_HEAD.size))
    if magic != _MAGIC or os.fstat(file.fileno()).st_size != _HEAD.size + length + size:
        return None
    head = file.read(length)
    if hashlib.sha256(head).digest() != digest:
        return None
    body = aligned(size)
    if file.readinto(body.data) != size:
        return None
    facts = _Unpickler(head, body).load()
    program: Program = facts["program"]
    code = {
        key: native.find(key, [name], lambda image=image: image)[name] for key, (name, image) in facts["images"].items()
    }
    made = [CompiledKernel(s.kernel.name, code[s.kernel.key], s.kernel.key) for s in program.steps]  # pyright: ignore[reportAttributeAccessIssue]
    linked = Linked(program, made, None)
    graph = _graph(*facts["compiled"])
    model = Model(graph, facts["opsets"])
    wanted = list(graph.outputs)
    part = LinkedPart(linked, list(graph.inputs), wanted, [])
    shapes = {v: v.shape for v in graph.inputs if v.shape is not None}
    compiled = Compiled(model, [part], wanted, shapes, {}, None)
    files = {Path(path): tuple(told) for path, told in facts["files"].items()}
    return Saved(_graph(*facts["graph"]), compiled, files)
