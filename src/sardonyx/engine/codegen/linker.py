"""Object files into memory by LLVM's linker: on every platform, whatever they ask for."""

from __future__ import annotations

from collections.abc import Sequence

import llvmlite.binding as llvm

__all__ = ["link"]

_linker: list[llvm.LLJIT] = []
_alive: list[llvm.ResourceTracker] = []


def link(image: bytes, key: str, names: Sequence[str]) -> dict[str, int]:
    """The addresses of the functions of an object file, loaded for the life of the process."""
    if not _linker:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        _linker.append(llvm.create_lljit_compiler())
    library = llvm.JITLibraryBuilder().add_object_img(image).add_current_process()
    for name in names:
        library.export_symbol(name)
    tracker = library.link(_linker[0], f"{names[0]}.{key}")
    _alive.append(tracker)
    return {name: tracker[name] for name in names}
