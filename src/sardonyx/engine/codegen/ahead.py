"""A plan as an object file that C programs link: its kernels, its data, and one function that runs it.

The data (weights and tables) come into the object from a file, by the assembler. The argument blocks are a template: the
function copies it into the caller's workspace, adds the addresses that are known only there, and calls kernel after kernel.
Where kernels use the matrix unit it first asks Linux for the unit's state, which no process has unasked.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llvmlite.binding as llvm

from sardonyx.engine.codegen.emit import emit_module
from sardonyx.engine.codegen.jit import machine, optimised, prepared
from sardonyx.engine.codegen.linux import ASKING
from sardonyx.engine.codegen.target import Target
from sardonyx.tile import Kernel
from sardonyx.tile.expand import uses_instrs

__all__ = ["Entry", "Patch", "Step", "object_file"]

_ALIGNMENT = 64


@dataclass(frozen=True)
class Step:
    """One call: which kernel, where its arguments begin, how many tasks it has."""

    kernel: str
    slot: int
    tasks: int


@dataclass(frozen=True)
class Patch:
    """A slot that holds an address: `base` 0 is the workspace, 1 the data, from 2 on the inputs and then the outputs."""

    slot: int
    base: int
    offset: int


@dataclass(frozen=True)
class Entry:
    """The function `void NAME(ptr input, ..., ptr output, ..., ptr workspace)`.

    Attributes:
        ports: how many inputs and outputs there are together.
        args: the argument blocks, one after the other.
        at: where in the workspace they go; thread-private scratch memory lies at its beginning.
    """

    name: str
    ports: int
    args: Sequence[int]
    patches: Sequence[Patch]
    steps: Sequence[Step]
    at: int


def object_file(entry: Entry, kernels: Sequence[Kernel], data: Path, size: int, target: Target) -> bytes:
    """The object file of a plan whose data are the `size` bytes of a file. Only `entry.name` is seen from outside."""
    llvm.initialize_native_asmparser()  # for the directives that bring the data in
    ready = [prepared(k, target) for k in kernels]
    asks = "linux" in target.triple and any(uses_instrs(k) for k in ready)
    text = emit_module(ready, target, internal=True)
    text += _data(entry.name, data, size) + _entry(entry, asks=asks)
    return machine(target, jit=False).emit_object(optimised(text, entry.name, target))


def _data(name: str, path: Path, size: int) -> str:
    section = {"darwin": "__TEXT,__const", "win32": ".rdata,\\22dr\\22"}.get(sys.platform, ".rodata")
    symbol = f"_{name}_data" if sys.platform == "darwin" else f"{name}_data"
    quoted = "".join(f"\\{b:02X}" for b in str(path).encode())
    lines = [f".section {section}", f".p2align {_ALIGNMENT.bit_length() - 1}", f"{symbol}:"]
    if size:
        lines.append(f".incbin \\22{quoted}\\22")
    assembly = "".join(f'module asm "{line}"\n' for line in (*lines, ".text"))
    return f"\n{assembly}@{name}_data = external hidden constant [{max(size, 1)} x i8]\n"


def _entry(entry: Entry, *, asks: bool) -> str:
    name, n = entry.name, len(entry.patches)
    ports = "".join(f"ptr %port{i}, " for i in range(entry.ports))
    args = ", ".join(f"i64 {a}" for a in entry.args) or ""
    patches = ", ".join(f"[3 x i64] [i64 {p.slot}, i64 {p.base}, i64 {p.offset}]" for p in entry.patches)
    bases = [f"%base{i}" for i in range(entry.ports + 2)]
    lines = [
        *(ASKING.replace("<name>", name).splitlines() if asks else []),
        f"@{name}_args = internal constant [{len(entry.args)} x i64] [{args}], align {_ALIGNMENT}",
        f"@{name}_patches = internal constant [{n} x [3 x i64]] [{patches}], align {_ALIGNMENT}",
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1 immarg)",
        f"define void @{name}({ports}ptr %workspace) {{",
        "entry:",
        *([f"  call void @{name}_ask()"] if asks else []),
        "  %given = ptrtoint ptr %workspace to i64",
        f"  %up = add i64 %given, {_ALIGNMENT - 1}",
        f"  %base0 = and i64 %up, {-_ALIGNMENT}",
        "  %scratch = inttoptr i64 %base0 to ptr",
        f"  %base1 = ptrtoint ptr @{name}_data to i64",
        *(f"  %base{i + 2} = ptrtoint ptr %port{i} to i64" for i in range(entry.ports)),
        f"  %bases = alloca [{len(bases)} x i64]",
    ]
    for i, base in enumerate(bases):
        lines += [f"  %to{i} = getelementptr i64, ptr %bases, i64 {i}", f"  store i64 {base}, ptr %to{i}"]
    lines += [
        f"  %args = getelementptr i8, ptr %scratch, i64 {entry.at}",
        f"  call void @llvm.memcpy.p0.p0.i64(ptr %args, ptr @{name}_args, i64 {8 * len(entry.args)}, i1 false)",
        f"  br label %{'patch' if n else 'run'}",
        *(_PATCHING.replace("<name>", name).replace("<n>", str(n)).splitlines() if n else ()),
        "run:",
    ]
    for i, step in enumerate(entry.steps):
        lines += [
            f"  %args{i} = getelementptr i64, ptr %args, i64 {step.slot}",
            f"  call void @{step.kernel}(ptr %args{i}, i64 0, i64 {step.tasks}, ptr %scratch)",
        ]
    return "\n".join([*lines, "  ret void", "}", ""])


_PATCHING = """patch:
  %p = phi i64 [ 0, %entry ], [ %next, %patch ]
  %row = getelementptr [3 x i64], ptr @<name>_patches, i64 %p
  %slot = load i64, ptr %row
  %which.at = getelementptr i64, ptr %row, i64 1
  %which = load i64, ptr %which.at
  %offset.at = getelementptr i64, ptr %row, i64 2
  %offset = load i64, ptr %offset.at
  %base.at = getelementptr i64, ptr %bases, i64 %which
  %base = load i64, ptr %base.at
  %address = add i64 %base, %offset
  %slot.at = getelementptr i64, ptr %args, i64 %slot
  store i64 %address, ptr %slot.at
  %next = add i64 %p, 1
  %more = icmp ult i64 %next, <n>
  br i1 %more, label %patch, label %run"""
