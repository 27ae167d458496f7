"""The documentation is true: its Python and its commands run, its links lead somewhere, its two commands are the two commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.ir.text import parse_model
from tests.cli.running import sardonyx

ROOT = Path(__file__).parents[1]
PAGES = sorted(p.relative_to(ROOT) for p in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What a page's code finds when it starts, where it does not make everything itself.
GIVEN = """<ir_version: 10, opset_import: ["" : 20]>
net (float[batch,3] x) => (float[batch,2] y) <float[3,2] w = {1, 2, 3, 4, 5, 6}> { y = MatMul (x, w) }
"""


def blocks(page: Path, *languages: str) -> Iterator[tuple[str, str]]:
    for language, code in FENCE.findall((ROOT / page).read_text()):
        if language in languages:
            yield language, code


@pytest.mark.parametrize("page", [p for p in PAGES if any(blocks(p, "python", "sh"))], ids=str)
def test_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sx.save(parse_model(GIVEN), "model.onnx")
    names: dict[str, Any] = {"x": np.ones((2, 3), np.float32), "__name__": "page"}
    for language, code in blocks(page, "python", "sh"):
        if language == "python":
            exec(compile(code, str(page), "exec"), names)
            continue
        for line in filter(None, code.splitlines()):
            program, *words = shlex.split(line, comments=True)
            assert program == "sardonyx", line
            done = sardonyx(*words)
            assert done.code == 0, (line, done.err)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", (ROOT / page).read_text())
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), target


def test_the_two_commands() -> None:
    section = (ROOT / "README.md").read_text().split("## Two commands\n")[1].split("\n## ")[0]
    commands = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    assert commands == ["pip install '.[quickstart]' && sardonyx quickstart", "pip install -e '.[test]' && pytest"]


def test_every_room_has_its_line() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for room in (ROOT / "src" / "sardonyx").iterdir():
        if room.is_dir() and any(room.glob("*.py")):
            assert f"| `{room.name}` |" in page, f"docs/architecture.md does not say what {room.name} is"


def test_files_that_the_architecture_names_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    source = ROOT / "src" / "sardonyx"
    for name in re.findall(r"`([\w/]+\.py)`", page):
        found = [*source.glob(name), *source.glob(f"**/{name}"), *ROOT.glob(name)]
        assert found, f"docs/architecture.md names {name}, which is not there"
