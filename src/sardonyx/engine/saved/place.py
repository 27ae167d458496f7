"""Where a compiled model is kept: by all that it follows from."""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from sardonyx import __version__
from sardonyx.engine.codegen import cache, detect, native
from sardonyx.io.paths import identity

__all__ = ["Identity", "Place", "identity_of", "place_of"]

Identity = tuple[int, ...]
_ABOVE = {"check", "cli", "compat", "frontends", "verify"}  # rooms that the compiler does not import


@dataclass(frozen=True)
class Place:
    """Where a compiled model is kept.

    Attributes:
        key: all that it follows from.
        folder: where the model's external data lies, beside the path that was given, be it a link; None for bytes.
    """

    key: str
    folder: Path | None


def place_of(model: Any, precision: str) -> Place | None:
    """Where the compiled form of a file, or of its bytes, is kept; None if it cannot be, now."""
    if cache.folder() is None or not isinstance(model, (str, os.PathLike, bytes)):
        return None
    folder: Path | None = None
    if isinstance(model, bytes):
        told: object = hashlib.sha256(model).hexdigest()
    else:
        path = Path(model).absolute()
        folder, its = path.parent, identity_of(path)
        if its is None:
            return None
        told = (str(path), its)
    code = native.key_of(_source(), detect())
    facts = (code, np.__version__, ml_dtypes.__version__, precision, told)
    return Place(hashlib.sha256(repr(facts).encode()).hexdigest(), folder)


def identity_of(path: Path) -> Identity | None:
    """What tells a file from every other and from its own changes; None if nothing does, or there is none."""
    try:
        return identity(path.stat())
    except OSError:
        return None


@functools.cache
def _source() -> str:
    """What tells the compiler's code from any other."""
    root = Path(__file__).parents[2]
    rooms = [entry.path for entry in os.scandir(root) if entry.is_dir() and entry.name not in _ABOVE]
    modules = itertools.chain.from_iterable(map(_modules, rooms))
    facts = sorted((path[len(str(root)) :], size, time) for path, size, time in modules)
    return hashlib.sha256(f"{__version__} {cache.SOURCE} {facts}".encode()).hexdigest()


def _modules(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                info = entry.stat()
                yield entry.path, info.st_size, info.st_mtime_ns
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from _modules(entry.path)
