"""Compile kernels to native code, once.

A kernel is looked up by content in memory, then on disk, and compiled only if neither has it. What is on disk is an object
file in a frame that proves it whole and ours (see `cache`); anything else there is ignored.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import llvmlite
import llvmlite.binding as llvm

from sardonyx import __version__
from sardonyx.core.errors import CompileError
from sardonyx.engine.codegen import cache
from sardonyx.engine.codegen.emit import emit_module
from sardonyx.engine.codegen.target import Target
from sardonyx.tile import For, Kernel, f32
from sardonyx.tile.expand import lower_instrs, uses_instrs
from sardonyx.tile.instr import INSTRS
from sardonyx.tile.ir import walk
from sardonyx.tile.printer import print_kernel
from sardonyx.tile.schedule import vectorize

__all__ = [
    "CompiledKernel",
    "Stats",
    "assembly",
    "compile",
    "link_text",
    "llvm_text",
    "machine",
    "optimised",
    "prepared",
    "stats",
]


@dataclass(frozen=True)
class CompiledKernel:
    """Native code of one kernel: `void (ptr args, i64 begin, i64 end, ptr scratch)` at `address`, valid for ever."""

    name: str
    address: int


@dataclass(frozen=True)
class Stats:
    """What `compile` has done so far in this process."""

    compiled: int = 0
    disk_hits: int = 0
    memory_hits: int = 0
    seconds: float = 0.0


_lock = threading.RLock()
_stats = Stats()
_memory: dict[str, CompiledKernel] = {}
_texts: dict[str, dict[str, int]] = {}
_seen: dict[tuple[int, Target], tuple[Kernel, str]] = {}  # the keys of kernels by identity; keeping them keeps ids true
_machines: dict[tuple[Target, bool], llvm.TargetMachine] = {}
_linker: list[llvm.LLJIT] = []
_alive: list[llvm.ResourceTracker] = []  # code stays loaded for the life of the process: plans hold bare addresses


# A child must not inherit the lock from a thread that it does not have, nor LLVM in the midst of a change.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def stats() -> Stats:
    """Counters since the process began: kernels compiled, found on disk, found in memory, and seconds spent."""
    return _stats


def compile(kernels: Sequence[Kernel], target: Target, *, disk: bool = True) -> list[CompiledKernel]:
    """The native code of each kernel, in order; equal kernels share it. Without `disk`, nothing is read or kept there."""
    global _stats
    start = time.perf_counter()
    with _lock:
        keys = [_key_of(kernel, target) for kernel in kernels]
        hits = sum(key in _memory for key in keys)
        for kernel, key in zip(kernels, keys, strict=True):
            if key not in _memory:
                _memory[key] = _load_or_compile(kernel, key, target, disk)
        found = [replace(_memory[key], name=kernel.name) for kernel, key in zip(kernels, keys, strict=True)]
        spent = time.perf_counter() - start
        _stats = replace(_stats, memory_hits=_stats.memory_hits + hits, seconds=_stats.seconds + spent)
    return found


def link_text(text: str, names: Sequence[str], target: Target) -> dict[str, int]:
    """The addresses of functions of an LLVM module that is no kernel; its code is cached like a kernel's."""
    key = _key(text, target)
    with _lock:
        if key in _texts:
            return _texts[key]
        image = cache.read(key)
        if image is None:
            image = machine(target).emit_object(optimised(text, names[0], target))
            cache.write(key, image)
        found = _texts[key] = _link(names, key, image)
        return found


def _key_of(kernel: Kernel, target: Target) -> str:
    found = _seen.get((id(kernel), target))
    if found is None:
        found = _seen[id(kernel), target] = kernel, _key(print_kernel(kernel), target)
    return found[1]


def _key(text: str, target: Target) -> str:
    head = f"{__version__} {llvmlite.__version__} {llvm.llvm_version_info} {cache.SOURCE}\n{target.key}\n"
    return hashlib.sha256((head + text).encode()).hexdigest()


def _load_or_compile(kernel: Kernel, key: str, target: Target, disk: bool) -> CompiledKernel:
    global _stats
    image = cache.read(key) if disk else None
    if image is not None:
        _stats = replace(_stats, disk_hits=_stats.disk_hits + 1)
    else:
        image = _object(kernel, target)
        if disk:
            cache.write(key, image)
        _stats = replace(_stats, compiled=_stats.compiled + 1)
    return CompiledKernel(kernel.name, _link([kernel.name], key, image)[kernel.name])


def _link(names: Sequence[str], key: str, image: bytes) -> dict[str, int]:
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


# --- one kernel to an object file --------------------------------------------------------------------------------------


def prepared(kernel: Kernel, target: Target) -> Kernel:
    """The kernel in terms of what the target has: missing instructions spelled out, loops over lanes made vectors."""
    missing = [name for name in uses_instrs(kernel) if not target.has(INSTRS[name].feature)]
    if missing:
        kernel = lower_instrs(kernel)
    loops = [s.var.name for s in (*walk(kernel.setup), *walk(kernel.body)) if isinstance(s, For) and s.kind == "vector"]
    for name in loops:
        with contextlib.suppress(CompileError):  # what cannot be widened runs one by one
            kernel = vectorize(kernel, name, target.lanes(f32))
    return kernel


def llvm_text(kernel: Kernel, target: Target) -> str:
    """The LLVM module of a kernel before optimisation: for people and tests."""
    return emit_module([prepared(kernel, target)], target)


def machine(target: Target, *, jit: bool = True) -> llvm.TargetMachine:
    """What makes code for the target: to run in this process, or to be linked into a program."""
    found = _machines.get((target, jit))
    if found is None:
        cpu = "x86-64" if target.triple.startswith("x86_64") else "generic"
        known = frozenset(llvm.get_host_cpu_features())
        flags = ",".join(f"+{name}" for name in sorted(target.features & known))
        found = _machines[target, jit] = llvm.Target.from_triple(target.triple).create_target_machine(
            cpu=cpu, features=flags, opt=3, reloc="pic", codemodel="small", jit=jit
        )
    return found


def optimised(text: str, name: str, target: Target) -> llvm.ModuleRef:
    """A module after LLVM's scalar optimisations; `name` says what it is in errors."""
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise CompileError(f"kernel {name} is not valid LLVM", why=str(error)) from error
    made_for = machine(target)
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    # Kernels are scheduled when they get here: LLVM's own loop transformations would cost time and undo choices.
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_unrolling = options.loop_interleaving = False
    builder = llvm.create_pass_builder(made_for, options)
    builder.getModulePassManager().run(module, builder)
    return module


def _object(kernel: Kernel, target: Target) -> bytes:
    return machine(target).emit_object(optimised(llvm_text(kernel, target), kernel.name, target))


def assembly(kernel: Kernel, target: Target) -> str:
    """The machine code of a kernel as text: for people and tests."""
    with _lock:
        return machine(target).emit_assembly(optimised(llvm_text(kernel, target), kernel.name, target))
