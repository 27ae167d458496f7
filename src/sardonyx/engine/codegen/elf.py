"""Object files of x86-64 Linux into memory, ready to call.

Kernels are self-contained: code, constants, and now and then a function of the C library. Such a file needs no linker: its
sections are copied side by side, and the distances between them are written where the relocations say. So a process whose
kernels are all in the cache starts without LLVM, which takes 40 MB and as many milliseconds. A file that asks for more is
refused, and goes LLVM's way.

The layout of the structures is that of the ELF-64 and System V x86-64 specifications.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
import platform
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["load"]

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
_X86_64 = 62
_SYMBOLS, _RELOCATIONS, _EMPTY = 2, 4, 8  # kinds of sections
_WRITE, _LOADED = 1, 2  # flags of sections
_UNDEFINED, _RESERVED = 0, 0xFF00  # numbers of sections that symbols give
_NEAR, _FAR, _INDIRECT = (2, 4), 1, (9, 41, 42)  # PC32 and PLT32; 64; GOTPCREL and its relaxed forms
_MOST = 2**28  # bytes: distances are 32 bits wide
_JUMP = b"\xff\x25\0\0\0\0"  # jmp [rip + 0]: to the address that follows


@dataclass(frozen=True)
class _Section:
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    align: int


class _Refused(Exception):
    """The file asks for something that only a linker gives."""


def load(image: bytes, names: Sequence[str]) -> dict[str, int] | None:
    """The addresses of the functions of an object file, loaded for the life of the process; None if it is not of the kind."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return None
    try:
        return _Loader(image).load(names)
    except (_Refused, struct.error, ValueError, ArithmeticError, LookupError, OSError):
        return None


class _Loader:
    def __init__(self, image: bytes) -> None:
        machine, at, size, count = struct.unpack_from("<18xH20xQ10xHH", image, 0)
        if image[:6] != _MAGIC or machine != _X86_64 or size != 64:
            raise _Refused
        self.image = image
        self.sections = [_Section(*struct.unpack_from("<4xIQ8xQQIIQ", image, at + size * i)) for i in range(count)]
        self.places: dict[int, int] = {}  # section -> where in the memory
        self.outside: dict[str, int] = {}  # function of the C library -> where the jump to it is

    def load(self, names: Sequence[str]) -> dict[str, int]:
        symbols = self._symbols()
        size = self._lay_out(symbols)
        memory = mmap.mmap(-1, max(size, 1))
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for i, at in self.places.items():
            section = self.sections[i]
            if section.kind != _EMPTY:
                memory[at : at + section.size] = self.image[section.offset : section.offset + section.size]
        for name, at in self.outside.items():
            memory[at : at + 14] = _JUMP + struct.pack("<Q", _function(name))
        for section in self.sections:
            if section.kind == _RELOCATIONS and section.info in self.places:
                self._relocate(memory, base, section, symbols)
        _make_executable(base, len(memory))
        _alive.append(memory)
        found = {name: base + self._where(shndx, value) for name, shndx, value in symbols if name in names and shndx}
        if set(found) != set(names):
            raise _Refused
        return found

    def _symbols(self) -> list[tuple[str, int, int]]:
        """Of every symbol its name, its section and its value."""
        table = next((s for s in self.sections if s.kind == _SYMBOLS), None)
        if table is None:
            raise _Refused
        text = self.sections[table.link].offset
        found: list[tuple[str, int, int]] = []
        for at in range(table.offset, table.offset + table.size, 24):
            start, shndx, value = struct.unpack_from("<I2xHQ", self.image, at)
            end = self.image.index(b"\0", text + start)
            found.append((self.image[text + start : end].decode(), shndx, value))
        return found

    def _lay_out(self, symbols: Sequence[tuple[str, int, int]]) -> int:
        """Give every loaded section, and a jump to every function from outside, its place; how many bytes they take."""
        end = 0
        for i, section in enumerate(self.sections):
            if not section.flags & _LOADED:
                continue
            if section.flags & _WRITE and section.size:
                raise _Refused  # data of a program: kernels have none
            align = max(section.align, 1)
            self.places[i] = end = -(-end // align) * align
            end += section.size
        for name, shndx, _ in symbols[1:]:
            if shndx == _UNDEFINED:
                self.outside[name] = end = -(-end // 16) * 16
                end += 16
        if end > _MOST:
            raise _Refused
        return end

    def _where(self, shndx: int, value: int) -> int:
        if shndx >= _RESERVED or shndx not in self.places:
            raise _Refused
        return self.places[shndx] + value

    def _relocate(
        self, memory: mmap.mmap, base: int, section: _Section, symbols: Sequence[tuple[str, int, int]]
    ) -> None:
        into = self.places[section.info]
        for at in range(section.offset, section.offset + section.size, 24):
            offset, info, addend = struct.unpack_from("<QQq", self.image, at)
            name, shndx, value = symbols[info >> 32]
            kind, here = info & 0xFFFFFFFF, into + offset
            target = self.outside[name] if shndx == _UNDEFINED else self._where(shndx, value)
            if kind in _NEAR:
                struct.pack_into("<i", memory, here, target + addend - here)
            elif kind in _INDIRECT and shndx == _UNDEFINED:
                struct.pack_into("<i", memory, here, target + len(_JUMP) + addend - here)
            elif kind == _FAR and shndx != _UNDEFINED:
                struct.pack_into("<Q", memory, here, base + target + addend)
            else:
                raise _Refused


_alive: list[mmap.mmap] = []  # plans hold bare addresses


@functools.cache
def _libraries() -> list[ctypes.CDLL]:
    """Where functions are looked for: what the process has loaded, and the mathematical part of the C library."""
    found = [ctypes.CDLL(None)]
    with contextlib.suppress(OSError):  # another C library may have it all in one
        found.append(ctypes.CDLL("libm.so.6"))
    return found


def _function(name: str) -> int:
    for library in _libraries():
        try:
            return ctypes.cast(library[name], ctypes.c_void_p).value or 0
        except AttributeError:
            continue
    raise _Refused


def _make_executable(base: int, size: int) -> None:
    """Code may be run from now on, and not be written any more."""
    read, execute = 1, 4
    if _libraries()[0].mprotect(ctypes.c_void_p(base), ctypes.c_size_t(size), read | execute):
        raise _Refused
