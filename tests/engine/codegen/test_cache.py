"""Kernels on disk: found again, never trusted when damaged or foreign, and no loss where nothing can be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sardonyx.engine.codegen import cache

KEY = "0" * 64


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "kernels"
    monkeypatch.setenv("SARDONYX_CACHE", str(place))
    return place


# Compiles one kernel, runs it, and prints what it cost.
CHILD = """
import ctypes, numpy as np
from sardonyx.engine.codegen import compile, detect, stats
from sardonyx.tile import Builder, f32
k = Builder("triple")
p = k.ptr("p", f32)
p.store(k.task, p.load(k.task) * 3.0)
(code,) = compile([k.build()], detect())
x = np.arange(4, dtype=np.float32)
args = np.array([x.ctypes.data])
ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)(code.address)(args.ctypes.data, 0, 4, 0)
assert x.tolist() == [0, 3, 6, 9], x
print(stats().compiled, stats().disk_hits)
"""


def child(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )


def result(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out.strip()


def test_what_is_written_is_read(folder: Path) -> None:
    cache.write(KEY, b"image")
    assert cache.read(KEY) == b"image"
    assert cache.read("1" * 64) is None
    assert [p.name for p in folder.iterdir()] == [KEY]  # nothing is left aside


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:20], lambda b: b"", lambda b: b[:-1] + b"X", lambda b: b"X" + b[1:]]
)
def test_a_damaged_entry_is_ignored(folder: Path, damage: object) -> None:
    cache.write(KEY, b"image")
    (folder / KEY).write_bytes(damage((folder / KEY).read_bytes()))  # type: ignore[operator]
    assert cache.read(KEY) is None


def test_an_entry_under_another_key_is_ignored(folder: Path) -> None:
    cache.write(KEY, b"image")
    (folder / KEY).rename(folder / ("1" * 64))
    assert cache.read("1" * 64) is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="file modes are POSIX's")
def test_what_others_can_write_is_not_trusted(folder: Path) -> None:
    cache.write(KEY, b"image")
    (folder / KEY).chmod(0o666)
    assert cache.read(KEY) is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="file modes are POSIX's")
def test_a_folder_that_others_can_write_to_is_not_used(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    cache.write(KEY, b"image")
    assert list(folder.iterdir()) == []


def test_off_keeps_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDONYX_CACHE", "off")
    cache.write(KEY, b"image")
    assert cache.read(KEY) is None
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("SARDONYX_CACHE", str(tmp_path / "file" / "kernels"))
    cache.write(KEY, b"image")
    assert cache.read(KEY) is None


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_costs_only_time(folder: Path) -> None:
    folder.mkdir(mode=0o500)
    cache.write(KEY, b"image")
    assert cache.read(KEY) is None


def test_a_full_disk_costs_only_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    cache.write(KEY, b"image")
    assert list(folder.iterdir()) == []


def test_processes_share_and_survive_damage(folder: Path) -> None:
    """Two processes at once, a third that finds their kernel, and one that finds it damaged and compiles it again."""
    here = {"SARDONYX_CACHE": str(folder)}
    assert {result(p) for p in [child(**here), child(**here)]} <= {"1 0", "0 1"}
    assert result(child(**here)) == "0 1"
    (entry,) = (e for e in folder.iterdir() if b"{" not in e.read_bytes()[40:48])  # not what is known of the machine
    entry.write_bytes(entry.read_bytes()[:-7] + b"garbage")
    assert result(child(**here)) == "1 0"
    assert result(child(**here)) == "0 1"
