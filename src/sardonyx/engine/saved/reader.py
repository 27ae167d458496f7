"""Reading an entry."""

from __future__ import annotations

import io
import os
import pickle
import struct
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from sardonyx.core import dtypes
from sardonyx.engine import blocking as blocking  # what programs are made of:
from sardonyx.engine import tables as tables  # it is there when an entry is read
from sardonyx.engine.codegen import CompiledKernel, native
from sardonyx.engine.compiled import Compiled, LinkedPart
from sardonyx.engine.link import Linked
from sardonyx.engine.program import Made, Program
from sardonyx.engine.saved.entry import START_BYTES, Start, sum_of
from sardonyx.engine.saved.kept import Saved, graph_of
from sardonyx.engine.saved.place import identity_of
from sardonyx.engine.threads import aligned
from sardonyx.io.paths import map_file
from sardonyx.ir import Array, Model

__all__ = ["read"]

# What reading something damaged may run into.
_FAULTS = (
    OSError, pickle.UnpicklingError, struct.error, ValueError, LookupError, TypeError, AttributeError, ImportError, EOFError,
    MemoryError,
)  # fmt: skip


def read(file: BufferedReader) -> Saved | None:
    """The compiled model of an entry; None if it is damaged, or needs a file that has changed."""
    try:
        return _read(file)
    except _FAULTS:
        return None


def _read(file: BufferedReader) -> Saved | None:
    start = Start.unpack(file.read(START_BYTES))
    if start is None or os.fstat(file.fileno()).st_size != START_BYTES + start.head + start.body:
        return None
    head = file.read(start.head)
    if Start.of(head, start.body) != start:
        return None
    body = aligned(start.body)
    if file.readinto(body.data) != start.body:
        return None
    facts = _Unpickler(head, body).load()
    program: Program = facts["program"]
    code = {
        key: native.find(key, [name], lambda image=image: image)[name] for key, (name, image) in facts["images"].items()
    }
    made = [CompiledKernel(s.kernel.name, code[s.kernel.key], s.kernel.key) for s in program.steps]  # pyright: ignore[reportAttributeAccessIssue]
    linked = Linked(program, made, None)
    graph = graph_of(*facts["compiled"])
    model = Model(graph, facts["opsets"])
    wanted = list(graph.outputs)
    part = LinkedPart(linked, list(graph.inputs), wanted, [])
    shapes = {v: v.shape for v in graph.inputs if v.shape is not None}
    compiled = Compiled(model, [part], wanted, shapes, {}, None)
    files = {Path(path): tuple(told) for path, told in facts["files"].items()}
    return Saved(graph_of(*facts["graph"]), compiled, files)


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
                if identity_of(Path(path)) != told:
                    raise pickle.UnpicklingError("the file has changed")
                self._files[path] = map_file(Path(path))
            array = np.frombuffer(self._files[path], numpy, int(np.prod(shape)), offset)
        else:
            at, total = where
            line = self._body[at : at + int(np.prod(shape)) * numpy.itemsize]
            if sum_of(line) != total:
                raise pickle.UnpicklingError("a constant is damaged")
            array = line.view(numpy)
        return array.reshape(shape)
