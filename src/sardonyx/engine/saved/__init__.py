"""Compiled models kept for the next session on the same file: in this process while somebody uses them, and on disk.

What a session needs to run a model that is native throughout is its program, the machine code of its kernels and its constants in
the form that kernels read. It all follows from the file, the precision, the machine and this package's own source; under
these it is found again. A file counts as the same while its identity is (see `io.paths`), and one that changed a moment ago
is not kept, for it could change again unnoticed. Entries are written aside and renamed; one that is damaged, or not ours, is
ignored.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from weakref import WeakValueDictionary

from sardonyx.engine.codegen import cache
from sardonyx.engine.compiled import Compiled
from sardonyx.engine.program import Call
from sardonyx.engine.saved.kept import Saved, graph_of, ports_of
from sardonyx.engine.saved.place import Identity, Place, identity_of, place_of
from sardonyx.engine.saved.reader import read
from sardonyx.engine.saved.writer import write
from sardonyx.ir import Model, Tensor

__all__ = ["Place", "Saved", "fetch", "keep", "place_of"]


_open: WeakValueDictionary[str, Saved] = WeakValueDictionary()


def fetch(place: Place) -> Saved | None:
    """The compiled model that is kept there; None if none is, or it is damaged, or other files of the model have changed."""
    found = _open.get(place.key)
    if found is not None and found.holds():
        return found
    file = cache.opened(_name(place))
    if file is None:
        return None
    with file:
        found = read(file)
    if found is None or not found.holds():
        return None
    with contextlib.suppress(OSError):
        os.utime(file.name)  # it was used now
    _open[place.key] = found
    return found


def keep(place: Place, source: Model, compiled: Compiled) -> Saved | None:
    """Keep a compiled model, if it is native throughout; None if it is not."""
    if not _native(source, compiled):
        return None
    files = _files(place, source)
    if files is None:
        return None
    skeleton = graph_of(ports_of(source.graph.inputs), ports_of(source.graph.outputs))
    found = _open[place.key] = Saved(skeleton, compiled, files)
    write(_name(place), found)
    return found


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
                if place.folder is None:
                    return None
                path = place.folder / external.location
                told = found.get(path) or identity_of(path)
                if told is None:
                    return None
                found[path] = told
    return found


def _name(place: Place) -> str:
    return f"{place.key}.plan"
