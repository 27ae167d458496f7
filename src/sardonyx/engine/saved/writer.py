"""Writing an entry."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sardonyx.core import dtypes
from sardonyx.core.dtypes import DType
from sardonyx.engine.codegen import CompiledKernel, cache, native
from sardonyx.engine.program import Call
from sardonyx.engine.saved.entry import Start, line_of, sum_of
from sardonyx.engine.saved.kept import Saved, ports_of
from sardonyx.engine.saved.place import identity_of
from sardonyx.io.paths import file_of
from sardonyx.ir import Array

__all__ = ["write"]

MOST = 2 << 30  # bytes of an entry
ALL = 4 << 30  # bytes of all entries; those used longest ago go first
_ALIGNMENT = 64
_SMALL = 1024  # bytes: smaller constants lie in the head


def write(name: str, saved: Saved) -> None:
    """Write an entry, unless something in it cannot be kept, or it is too large."""
    body = _Body()
    head = _head(saved, body)
    if head is None or body.size + len(head) > MOST:
        return
    start = Start.of(head, body.size).pack() + head
    cache.store(name, [start, *body.parts()])
    _make_room()


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
            found = self._known[key] = at, sum_of(line_of(array))
        return found

    def parts(self) -> Iterator[bytes | memoryview]:
        """What is written, in order."""
        end = 0
        for at, array in self._arrays:
            yield bytes(at - end)
            yield line_of(array).data
            end = at + array.nbytes


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
            told = identity_of(there[0])
            if told is None:
                raise pickle.PicklingError("a file that changed a moment ago")
            return ("file", str(there[0]), told, there[1], *facts)
        if array.nbytes < _SMALL:
            return ("bytes", array.tobytes(), *facts)
        return ("body", *self._body.add(array), *facts)


def _head(saved: Saved, body: _Body) -> bytes | None:
    """The head of an entry; None if it cannot be pickled."""
    linked = saved.compiled.linked
    assert linked is not None
    steps = zip(linked.program.steps, linked.code, strict=True)
    code = {id(s.kernel): c for s, c in steps if isinstance(s, Call) and c}
    images = {c.key: (c.name, native.image_of(c.key)) for c in code.values()}
    graph = saved.compiled.model.graph
    facts = {
        "graph": (ports_of(saved.graph.inputs), ports_of(saved.graph.outputs)),
        "compiled": (ports_of(graph.inputs), ports_of(saved.compiled.wanted)),
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
