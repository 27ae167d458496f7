"""External data: which files a model may name, and how they are mapped.

A model file is untrusted. Its tensors may lie only in plain files inside the model's own folder: no absolute path, no
``..``, no link that leads out, no second name (hard link) for a file that lies elsewhere.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
import time
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from sardonyx.core.errors import FormatError, PathError
from sardonyx.ir import ExternalLocation

__all__ = ["Folder", "file_of", "identity", "let_go", "map_file", "place_of", "safe_path"]


def safe_path(folder: Path, location: str, store: Path | None = None) -> Path:
    """The file that `location` names inside `folder`.

    Args:
        store: where the model's file really lies, if it was reached by a link, as download caches have it: a data file may be
            a link too then, to a file beside the model's.

    Raises:
        PathError: the path leaves the folder, or names no plain file.
    """

    def refuse(why: str) -> PathError:
        return PathError(
            f"external data path {location!r} is not allowed",
            where=f"model folder {folder.name or '.'}",
            why=why,
            fix="put the data file beside the model and name it by a plain relative path",
        )

    if not location or "\0" in location:
        raise refuse("it is empty or holds a NUL character")
    if PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor:
        raise refuse("it is absolute")
    if ".." in PurePosixPath(location.replace("\\", "/")).parts:
        raise refuse("it climbs out of the folder with '..'")
    path = folder / location
    try:
        info = path.lstat()
    except OSError as error:
        raise PathError(
            f"external data file {location!r} cannot be read",
            why=error.strerror or str(error),
            fix="copy the data file beside the model",
        ) from error
    if stat.S_ISLNK(info.st_mode) and store is not None and path.resolve().parent == store:
        path, folder = path.resolve(), store
        info = path.lstat() if path.exists() else info
    if stat.S_ISLNK(info.st_mode):
        raise refuse("it is a symbolic link")
    if not stat.S_ISREG(info.st_mode):
        raise refuse("it is no plain file")
    if info.st_nlink > 1:
        raise refuse("it is a hard link to a file that may lie elsewhere")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise refuse("a folder on its way is a link that leads out")
    return path


class Folder:
    """The folder of one model; maps each data file once. For `store`, see `safe_path`."""

    def __init__(self, path: Path, store: Path | None = None) -> None:
        self.path, self.store = path, store
        self._maps: dict[str, memoryview] = {}

    def view(self, external: ExternalLocation, nbytes: int) -> memoryview:
        """The `nbytes` bytes that `external` names, as a view of the mapped file.

        Raises:
            PathError: the path is unsafe.
            FormatError: the file is too short.
        """
        whole = self._maps.get(external.location)
        if whole is None:
            whole = self._maps[external.location] = map_file(safe_path(self.path, external.location, self.store))
        length = nbytes if external.length is None else external.length
        if external.offset < 0 or length < 0 or external.offset + length > len(whole):
            raise FormatError(
                f"external data file {external.location!r} is too short",
                where=external.location,
                why=f"bytes {external.offset} to {external.offset + length} are wanted, the file has {len(whole)}",
                fix="the data file is truncated or belongs to another model; copy it again",
            )
        return whole[external.offset : external.offset + length]


def map_file(path: Path) -> memoryview:
    """The file as read-only memory, mapped and not read."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        info = os.fstat(descriptor)
        if info.st_size == 0:
            return memoryview(b"")
        mapping = _Mapping(descriptor, 0, access=mmap.ACCESS_READ)
        mapping.file, mapping.path = identity(info), path
        return memoryview(mapping)
    finally:
        os.close(descriptor)


class _Mapping(mmap.mmap):
    """A file that we have mapped to be read."""

    file: tuple[int, ...] | None = None  # what tells it, unchanged, from every other
    path: Path | None = None


_JUST_NOW = 2_000_000_000  # nanoseconds: some file systems note the time of a change so roughly


def identity(info: os.stat_result) -> tuple[int, ...] | None:
    """What a file shares with no other and with none of its own changes; None if a change could still go unnoticed."""
    if time.time_ns() - info.st_mtime_ns < _JUST_NOW:
        return None
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def place_of(array: np.ndarray[Any, Any]) -> tuple[int, ...] | None:
    """The file that an array lies in and the offset of its first element, if it lies in one; equal places hold equal bytes."""
    mapping = _mapping_of(array)
    return None if mapping is None or mapping.file is None else (*mapping.file, _offset(mapping, array))


def file_of(array: np.ndarray[Any, Any]) -> tuple[Path, int] | None:
    """The path of the mapped file that an array lies in, and the offset of its first element; None if it lies in none."""
    mapping = _mapping_of(array)
    return None if mapping is None or mapping.path is None else (mapping.path, _offset(mapping, array))


def let_go(array: np.ndarray[Any, Any]) -> None:
    """Give back the memory in which a part of a mapped file lies; whoever reads it again gets it from the file again.

    Nothing happens to an array that lies anywhere else.
    """
    mapping = _mapping_of(array)
    if mapping is None or not hasattr(mmap, "MADV_DONTNEED"):
        return
    first = _offset(mapping, array)
    start = -(-first // mmap.PAGESIZE) * mmap.PAGESIZE
    length = (first + array.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE - start
    if array.flags.contiguous and length > 0:
        with contextlib.suppress(OSError):
            mapping.madvise(mmap.MADV_DONTNEED, start, length)


def _mapping_of(array: np.ndarray[Any, Any]) -> _Mapping | None:
    base: Any = array
    while base is not None and not isinstance(base, (memoryview, mmap.mmap)):
        base = getattr(base, "base", None)  # also of what NumPy puts between an array and its memory
    mapping = base.obj if isinstance(base, memoryview) else base
    return mapping if isinstance(mapping, _Mapping) else None


def _offset(mapping: _Mapping, array: np.ndarray[Any, Any]) -> int:
    return array.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data
