"""How many CPUs this process may keep busy: its affinity, its cgroup's quota, and cores rather than their hyperthreads."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["available"]


def available(root: Path = Path("/")) -> int:
    """The number of threads that can run at once. `root` is where proc and sys are mounted."""
    wish = os.environ.get("SARDONYX_THREADS", "")
    if wish.isdecimal() and int(wish) > 0:
        return int(wish)
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    return max(1, min(_cores(allowed, root), *_quotas(root)))


def _cores(cpus: set[int], root: Path) -> int:
    """The cores that these CPUs belong to; hyperthreads of one core share its vector units."""
    cores: set[str] = set()
    for cpu in cpus:
        siblings = root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        try:
            cores.add(siblings.read_text())
        except OSError:
            return len(cpus)
    return len(cores)


def _quotas(root: Path) -> Iterator[int]:
    """What the cgroups of this process allow, from its own up to the root."""
    yield os.cpu_count() or 1
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                yield from _walk(root / "sys/fs/cgroup", path, _version2)
            elif "cpu" in controllers.split(","):
                yield from _walk(root / "sys/fs/cgroup/cpu", path, _version1)


def _walk(mount: Path, path: str, read: Callable[[Path], tuple[int, int]]) -> Iterator[int]:
    parts = [p for p in path.split("/") if p not in ("", "..")]
    for n in range(len(parts) + 1):
        with contextlib.suppress(OSError, ValueError):
            quota, period = read(mount.joinpath(*parts[:n]))
            if quota > 0 and period > 0:
                yield math.ceil(quota / period)


def _version2(folder: Path) -> tuple[int, int]:
    quota, period = (folder / "cpu.max").read_text().split()
    return (0 if quota == "max" else int(quota)), int(period)


def _version1(folder: Path) -> tuple[int, int]:
    return int((folder / "cpu.cfs_quota_us").read_text()), int((folder / "cpu.cfs_period_us").read_text())
