"""How many threads: affinity, quotas of both kinds of cgroup, cores instead of hyperthreads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sardonyx.engine import cpus


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of eight CPUs that are four cores, with nothing else known about it."""
    monkeypatch.delenv("SARDONYX_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    for cpu in range(8):
        put(tmp_path, f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", f"{cpu % 4},{cpu % 4 + 4}")
    return tmp_path


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text + "\n")


def test_hyperthreads_of_a_core_count_once(machine: Path) -> None:
    assert cpus.available(machine) == 4


def test_affinity(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 2, 5})
    assert cpus.available(machine) == 2


def test_without_a_topology_every_cpu_counts(tmp_path: Path, machine: Path) -> None:
    assert cpus.available(tmp_path / "elsewhere") == 8


def test_quota_of_version_2_is_rounded_up(machine: Path) -> None:
    put(machine, "proc/self/cgroup", "0::/work/job")
    put(machine, "sys/fs/cgroup/work/job/cpu.max", "max 100000")
    put(machine, "sys/fs/cgroup/work/cpu.max", "250000 100000")
    assert cpus.available(machine) == 3


def test_quota_of_version_1(machine: Path) -> None:
    put(machine, "proc/self/cgroup", "4:cpu,cpuacct:/job\n0::/")
    put(machine, "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "50000")
    put(machine, "sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000")
    put(machine, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1")
    put(machine, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000")
    assert cpus.available(machine) == 1


def test_a_malformed_quota_is_ignored(machine: Path) -> None:
    put(machine, "proc/self/cgroup", "0::/")
    put(machine, "sys/fs/cgroup/cpu.max", "nonsense")
    assert cpus.available(machine) == 4


def test_the_environment_decides(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDONYX_THREADS", "6")
    assert cpus.available(machine) == 6
