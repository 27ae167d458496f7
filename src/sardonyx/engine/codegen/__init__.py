"""Tile kernels to machine code, through LLVM. The only importer of llvmlite.

target = detect()                                  # what this CPU can do, or what SARDONYX_ISA asks for
[code] = compile([kernel], target)                 # native code, from the cache if it is there
assembly(kernel, target), llvm_text(kernel, target)    # to look at
object_file(entry, kernels, data, size, target)        # a whole plan, for C programs
"""

from __future__ import annotations

from sardonyx.engine.codegen.ahead import Entry, Patch, Step, object_file
from sardonyx.engine.codegen.jit import CompiledKernel, Stats, assembly, compile, llvm_text, stats
from sardonyx.engine.codegen.target import Target, detect

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
