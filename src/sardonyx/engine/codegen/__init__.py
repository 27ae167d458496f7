"""Tile kernels to machine code, through LLVM. The only importer of llvmlite.

target = detect()                                  # what this CPU can do, or what SARDONYX_ISA asks for
[code] = compile([kernel], target)                 # native code, from the cache if it is there
assembly(kernel, target), llvm_text(kernel, target)    # to look at
"""

from __future__ import annotations

from sardonyx.engine.codegen.jit import CompiledKernel, Stats, assembly, compile, llvm_text, stats
from sardonyx.engine.codegen.target import Target, detect

__all__ = ["CompiledKernel", "Stats", "Target", "assembly", "compile", "detect", "llvm_text", "stats"]
