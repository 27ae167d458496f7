"""What LLVM knows of the machine, without asking it twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sardonyx.engine.codegen import host as module
from sardonyx.engine.codegen.host import host, identity

CPUINFO = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu MHz\t\t: {}\nflags\t\t: fpu sse2 avx2\n\nprocessor\t: 1\n"


def told(tmp_path: Path, text: str) -> str:
    (tmp_path / "proc").mkdir(exist_ok=True)
    (tmp_path / "proc" / "cpuinfo").write_text(text)
    identity.cache_clear()
    found = identity(tmp_path)
    identity.cache_clear()
    return found


def test_the_clock_does_not_count_and_features_do(tmp_path: Path) -> None:
    first = told(tmp_path, CPUINFO.format(2000))
    assert first == told(tmp_path, CPUINFO.format(3000)) != ""
    assert first != told(tmp_path, CPUINFO.format(2000).replace("avx2", "avx"))


def test_a_system_that_does_not_say(tmp_path: Path) -> None:
    assert identity(tmp_path / "nowhere") == ""


def test_what_is_on_disk_is_what_llvm_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDONYX_CACHE", str(tmp_path / "kernels"))
    host.cache_clear()
    first = host()
    monkeypatch.setattr(module, "_ask", lambda: pytest.fail("LLVM was asked again"))
    host.cache_clear()
    assert host() == first and first.triple and (not identity() or list((tmp_path / "kernels").iterdir()))
    host.cache_clear()


def test_code_in_the_cache_needs_no_llvm() -> None:
    """A second process finds the runtime on disk and never loads LLVM."""
    code = (
        "import sys; from sardonyx.engine.codegen.runtime import runtime; runtime(); "
        "print('llvmlite.binding' in sys.modules)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2)]
    needs = not sys.platform.startswith("linux")
    assert runs[1].stdout.strip() == str(needs)
