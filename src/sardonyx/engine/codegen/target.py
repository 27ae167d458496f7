"""What the machine can do: one instruction-set level, chosen by CPU features, never by CPU name.

    generic      the architecture's baseline (SSE2 on x86-64, NEON on AArch64)
    avx2         256-bit vectors, fused multiply-add, half conversion
    avx512       512-bit vectors, masks, 32 registers
    avx512bf16   + bfloat16 and 8-bit dot products
    amx          + the matrix unit

`SARDONYX_ISA=<level>` forces a lower level. `SARDONYX_ISA=<level>:emulate` allows a higher one than the CPU has: vectors
of that width are split by LLVM and instructions run their software meaning. It is slow, and for tests.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Protocol

from sardonyx.core.errors import InputError
from sardonyx.engine.codegen.host import Host, host
from sardonyx.engine.codegen.linux import request_permission

__all__ = ["LEVELS", "Target", "detect"]


@dataclass(frozen=True)
class Level:
    """One instruction-set level: what it needs beyond the one before, and what a kernel may count on."""

    needs: tuple[str, ...]
    also: tuple[str, ...]  # used where present, not needed
    vector_bits: int
    registers: int
    tune: str  # the scheduling model, if the host's own is not known


# fmt: off
LEVELS: dict[str, Level] = {
    "generic": Level((), ("sse", "sse2", "cx8", "mmx", "fxsr", "cmov", "64bit", "neon", "fp-armv8"), 128, 16, "x86-64"),
    "avx2": Level(("avx", "avx2", "fma", "f16c"),
                  ("sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "lzcnt", "bmi", "bmi2", "movbe", "crc32", "cx16", "sahf",
                   "prfchw", "avxvnni", "adx", "xsave", "xsaveopt", "fsgsbase"), 256, 16, "haswell"),
    "avx512": Level(("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
                    ("avx512ifma", "avx512vbmi", "avx512vbmi2", "avx512bitalg", "avx512vpopcntdq", "avx512vnni", "gfni"),
                    512, 32, "icelake-server"),
    "avx512bf16": Level(("avx512bf16", "avx512vnni"), (), 512, 32, "cooperlake"),
    "amx": Level(("amx-tile", "amx-bf16", "amx-int8"), ("amx-fp16", "avx512fp16"), 512, 32, "sapphirerapids"),
}
# fmt: on


class HasBits(Protocol):
    @property
    def bits(self) -> int: ...


@dataclass(frozen=True)
class Target:
    """The level kernels are written for, and the features their code may use.

    Attributes:
        isa: the name of the level.
        vector_bits: the width of a vector register.
        registers: how many vector registers there are.
        features: what the code generator may use; under emulation less than `isa` promises.
        tune: the CPU whose instruction timings are assumed.
        triple: LLVM's name of the platform.
    """

    isa: str
    vector_bits: int
    registers: int
    features: frozenset[str]
    tune: str
    triple: str

    def has(self, feature: str) -> bool:
        """Whether code may use the feature (LLVM's name of it)."""
        return feature in self.features

    def at_least(self, level: str) -> bool:
        """Whether kernels may be written for this level: at_least("avx512")."""
        order = list(LEVELS)
        return order.index(self.isa) >= order.index(level)

    def lanes(self, kind: HasBits) -> int:
        """How many elements of a type (anything with `bits`) one vector register holds."""
        return self.vector_bits // max(kind.bits, 8)

    @property
    def key(self) -> str:
        """What compiled code depends on, besides the kernel."""
        return f"{self.triple} {self.isa} {self.tune} {','.join(sorted(self.features))}"


def _present(host: Host) -> frozenset[str]:
    """The features this process may use."""
    present = set(host.features)
    if "amx-tile" in present and not request_permission():
        present -= {name for name in present if name.startswith("amx-")}
    if "aarch64" in host.triple or "arm64" in host.triple:
        present |= {"fma", "f16c"}  # the words of the x86 table for what NEON always has
    return frozenset(present)


def _best(present: frozenset[str]) -> str:
    best = "generic"
    for name, level in LEVELS.items():
        if not set(level.needs) <= present:
            break
        best = name
    return best


def _target(isa: str, present: frozenset[str], host: Host) -> Target:
    allowed: set[str] = set()
    for name, level in LEVELS.items():
        allowed |= {*level.needs, *level.also}
        if name == isa:
            break
    x86 = host.triple.startswith("x86_64")
    level = LEVELS[isa]
    features = present & allowed if x86 else present
    registers = level.registers if x86 else 32
    return Target(isa, level.vector_bits, registers, features, _tune(isa, level, x86, host.cpu), host.triple)


def _tune(isa: str, level: Level, x86: bool, name: str) -> str:
    """The host's own model where its name is believable for this level, else the level's."""
    if not x86:
        return name
    return name if isa != "generic" and name.startswith("znver") else level.tune


def detect() -> Target:
    """The best level of this machine, or the one that SARDONYX_ISA asks for."""
    return _detect(os.environ.get("SARDONYX_ISA", ""))


@functools.cache
def _detect(wish: str) -> Target:
    found = host()
    present = _present(found)
    best = _best(present)
    if not wish:
        return _target(best, present, found)
    isa, _, mode = wish.partition(":")
    if isa not in LEVELS or mode not in ("", "emulate"):
        raise InputError(
            f"SARDONYX_ISA={wish} names no instruction-set level",
            fix=f"use one of {', '.join(LEVELS)}, with :emulate for one that this CPU lacks",
        )
    order = list(LEVELS)
    if order.index(isa) > order.index(best) and mode != "emulate":
        raise InputError(
            f"SARDONYX_ISA={isa} asks for more than this CPU has",
            why=f"its best level is {best}",
            fix=f"SARDONYX_ISA={isa}:emulate runs it in software (slow)",
        )
    return _target(isa, present, found)
