"""What LLVM knows of this machine, kept on disk: whoever finds all code in the cache need not load LLVM to ask it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path

import llvmlite

from sardonyx.engine.codegen import cache

__all__ = ["Host", "host"]


@dataclass(frozen=True)
class Host:
    """LLVM's names of the platform, the CPU, and the features that it has."""

    triple: str
    cpu: str
    features: tuple[str, ...]


@functools.cache
def host() -> Host:
    """This machine."""
    told = identity()
    key = hashlib.sha256(f"host {llvmlite.__version__} {told}".encode()).hexdigest()
    entry = cache.read(key) if told else None
    if entry is not None:
        facts = json.loads(entry)
        return Host(facts["triple"], facts["cpu"], tuple(facts["features"]))
    found = _ask()
    if told:
        cache.write(key, json.dumps(dataclasses.asdict(found)).encode())
    return found


@functools.cache
def identity(root: Path = Path("/")) -> str:
    """What the operating system says of its first CPU, less what changes from moment to moment; empty if it does not say.

    `root` is where proc is mounted.
    """
    try:
        text = (root / "proc" / "cpuinfo").read_text()
    except (OSError, UnicodeDecodeError):
        return ""
    lines = [line for line in text.split("\n\n")[0].splitlines() if line.split("\t")[0].strip() in _LASTING]
    return "\n".join([platform.machine(), *lines]) if lines else ""


# As Linux names them on x86-64 and on AArch64.
_LASTING = {
    "vendor_id", "cpu family", "model", "model name", "stepping", "flags",
    "Features", "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision",
}  # fmt: skip


def _ask() -> Host:
    import llvmlite.binding as llvm  # what is to be avoided

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = sorted(name for name, on in llvm.get_host_cpu_features().items() if on)
    return Host(llvm.get_process_triple(), llvm.get_host_cpu_name(), tuple(features))
