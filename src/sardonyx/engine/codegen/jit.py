"""Kernels to machine code, by LLVM."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence

import llvmlite.binding as llvm

from sardonyx.core.errors import CompileError
from sardonyx.engine.codegen import native
from sardonyx.engine.codegen.emit import emit_module
from sardonyx.engine.codegen.native import CompiledKernel
from sardonyx.engine.codegen.target import Target
from sardonyx.tile import For, Kernel, f32
from sardonyx.tile.expand import lower_instrs, uses_instrs
from sardonyx.tile.instr import INSTRS
from sardonyx.tile.ir import walk
from sardonyx.tile.printer import print_kernel
from sardonyx.tile.schedule import vectorize

__all__ = [
    "assembly",
    "compile",
    "llvm_text",
    "machine",
    "optimised",
    "prepared",
    "text_object",
]


_seen: dict[tuple[int, Target], tuple[Kernel, str]] = {}  # the keys of kernels by identity; keeping them keeps ids true
_machines: dict[tuple[Target, bool], llvm.TargetMachine] = {}


def compile(kernels: Sequence[Kernel], target: Target, *, disk: bool = True) -> list[CompiledKernel]:
    """The native code of each kernel, in order; equal kernels share it. Without `disk`, nothing is read or kept there."""
    found: list[CompiledKernel] = []
    for kernel in kernels:
        key = _key_of(kernel, target)
        at = native.find(key, [kernel.name], functools.partial(_object, kernel, target), disk=disk)
        found.append(CompiledKernel(kernel.name, at[kernel.name], key))
    return found


def text_object(text: str, name: str, target: Target) -> bytes:
    """The object file of an LLVM module that is no kernel; `name` says what it is in errors."""
    return machine(target).emit_object(optimised(text, name, target))


def _key_of(kernel: Kernel, target: Target) -> str:
    found = _seen.get((id(kernel), target))
    if found is None:
        found = _seen[id(kernel), target] = kernel, native.key_of(print_kernel(kernel), target)
    return found[1]


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
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
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
    # Kernels are scheduled when they get here: LLVM's own loop transformations would cost time and undo choices, and what level 2
    # has besides made no kernel of twenty models faster by a percent, at a third more time.
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_unrolling = options.loop_interleaving = False
    builder = llvm.create_pass_builder(made_for, options)
    builder.getModulePassManager().run(module, builder)
    return module


def _object(kernel: Kernel, target: Target) -> bytes:
    return machine(target).emit_object(optimised(llvm_text(kernel, target), kernel.name, target))


def assembly(kernel: Kernel, target: Target) -> str:
    """The machine code of a kernel as text: for people and tests."""
    with native.lock:
        return machine(target).emit_assembly(optimised(llvm_text(kernel, target), kernel.name, target))
