"""Compiled code on disk.

The folder is `SARDONYX_CACHE`, or the user's cache folder; `SARDONYX_CACHE=off` keeps nothing. It is made readable by its
owner only, and a folder or entry that belongs to somebody else is not trusted. An entry is

    magic (8 bytes) | SHA-256 of key and image (32 bytes) | image

written aside and renamed, so that it is there whole or not at all. An entry whose digest does not match is ignored.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path

__all__ = ["SOURCE", "folder", "opened", "read", "store", "write"]

_MAGIC = b"SDXOBJ1\n"
SOURCE = (
    "codegen-6"  # raised when the same kernel text is to give other code: a function of tile.math that changed, too
)


def folder() -> Path | None:
    """Where entries are kept, or None if nothing may be."""
    named = os.environ.get("SARDONYX_CACHE")
    if named == "off":
        return None
    return _usable(named or str(_default() / "sardonyx" / "kernels"))


def _default() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@functools.cache
def _usable(path: str) -> Path | None:
    """The folder, made if need be; None if it cannot be made or somebody else could write to it."""
    place = Path(path)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place if _ours(place.stat()) else None
    except OSError:
        return None


def _ours(facts: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):
        return True
    return facts.st_uid == os.getuid() and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _digest(key: str, image: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + image).digest()


def read(key: str) -> bytes | None:
    """The image stored under a key, if it is there, whole and ours."""
    file = opened(key)
    if file is None:
        return None
    try:
        with file:
            entry = file.read()
    except OSError:
        return None
    image = entry[40:]
    if entry[:8] != _MAGIC or entry[8:40] != _digest(key, image):
        return None
    return image


def write(key: str, image: bytes) -> None:
    """Store an image under a key; a full disk or a folder that cannot be written only costs the next process time."""
    store(key, [_MAGIC + _digest(key, image), image])


def store(name: str, parts: Iterable[bytes | memoryview]) -> None:
    """Write a file of the folder aside and rename it. What goes wrong leaves nothing behind, and is passed over."""
    place = folder()
    if place is None:
        return
    with contextlib.suppress(OSError):
        handle, aside = tempfile.mkstemp(dir=place, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(parts)
            Path(aside).replace(place / name)
        except OSError:
            Path(aside).unlink(missing_ok=True)
            raise


def opened(name: str) -> BufferedReader | None:
    """A file of the folder, if it is there and ours."""
    place = folder()
    if place is None:
        return None
    try:
        file = (place / name).open("rb")
    except OSError:
        return None
    if _ours(os.fstat(file.fileno())):
        return file
    file.close()
    return None
