"""Machine code in this process: looked up by content in memory, then on disk, and made only if neither has it.

What is on disk is an object file in a frame that proves it whole and ours (see `cache`); anything else there is ignored.
Code stays loaded for the life of the process: plans hold bare addresses.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import llvmlite

from sardonyx import __version__
from sardonyx.engine.codegen import cache, elf
from sardonyx.engine.codegen.target import Target

__all__ = ["CompiledKernel", "Stats", "find", "image_of", "key_of", "lock", "stats"]


@dataclass(frozen=True)
class CompiledKernel:
    """Native code of one kernel: `void (ptr args, i64 begin, i64 end, ptr scratch)` at `address`, valid for ever.

    key: what it is found by on disk.
    """

    name: str
    address: int
    key: str


@dataclass(frozen=True)
class Stats:
    """What finding code has come to so far in this process."""

    compiled: int = 0
    disk_hits: int = 0
    memory_hits: int = 0
    seconds: float = 0.0


lock = threading.RLock()  # LLVM is used by one thread at a time
_stats = Stats()
_memory: dict[str, dict[str, int]] = {}
_images: dict[str, bytes] = {}


# A child must not inherit the lock from a thread that it does not have, nor LLVM in the midst of a change.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)


def stats() -> Stats:
    """Counters since the process began: pieces compiled, found on disk, found in memory, and seconds spent."""
    return _stats


def key_of(text: str, target: Target) -> str:
    """What code is found by: all that it depends on."""
    head = f"{__version__} {llvmlite.__version__} {cache.SOURCE}\n{target.key}\n"
    return hashlib.sha256((head + text).encode()).hexdigest()


def find(key: str, names: Sequence[str], make: Callable[[], bytes], *, disk: bool = True) -> dict[str, int]:
    """The addresses of the functions that are stored under a key.

    Args:
        make: gives the object file if there is none.
        disk: look on disk, and keep there what is made.
    """
    global _stats
    start = time.perf_counter()
    with lock:
        found = _memory.get(key)
        image = cache.read(key) if disk and found is None else None
        compiled = found is None and image is None
        if found is None:
            if image is None:
                image = make()
                if disk:
                    cache.write(key, image)
            found = _memory[key] = _loaded(image, key, names)
            _images[key] = image
        now = _stats
        _stats = Stats(
            now.compiled + compiled,
            now.disk_hits + (image is not None and not compiled),
            now.memory_hits + (image is None),
            now.seconds + time.perf_counter() - start,
        )
    return found


def image_of(key: str) -> bytes:
    """The object file of code that was found before."""
    return _images[key]


def _loaded(image: bytes, key: str, names: Sequence[str]) -> dict[str, int]:
    found = elf.load(image, names)
    if found is None:
        from sardonyx.engine.codegen.linker import link  # LLVM takes 40 MB

        found = link(image, key, names)
    return found
