"""Tile kernels to machine code, through LLVM. The only importer of llvmlite.

target = detect()                                  # what this CPU can do, or what SARDONYX_ISA asks for
[code] = compile([kernel], target)                 # native code, from the cache if it is there
assembly(kernel, target), llvm_text(kernel, target)    # to look at
object_file(entry, kernels, data, size, target)        # a whole plan, for C programs

LLVM is loaded when something is compiled: a process that finds all its code in the cache does without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sardonyx.core.lazy import lazily
from sardonyx.engine.codegen.native import CompiledKernel, Stats, stats
from sardonyx.engine.codegen.target import Target, detect

if TYPE_CHECKING:
    from sardonyx.engine.codegen.ahead import Entry, Patch, Step, object_file
    from sardonyx.engine.codegen.jit import assembly, compile, llvm_text

__all__ = [
    "CompiledKernel",
    "Entry",
    "Patch",
    "Stats",
    "Step",
    "Target",
    "assembly",
    "compile",
    "detect",
    "llvm_text",
    "object_file",
    "stats",
]

_HOMES = {
    **dict.fromkeys(("Entry", "Patch", "Step", "object_file"), "ahead"),
    **dict.fromkeys(("assembly", "compile", "llvm_text"), "jit"),
}

__getattr__ = lazily(__name__, _HOMES)
