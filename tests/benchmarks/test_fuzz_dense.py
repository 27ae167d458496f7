"""What a file of nothing but one thing may cost: graphs as programs write them stay below ten times their file."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz_dense import FORMS, Form, measure

REFUSED = {"nodes, the last one wrong", "extents of a tensor", "entries of a table"}
ORDINARY = [form for form in FORMS if form.name.startswith("nodes as")]


def title(form: Form) -> str:
    return f"{form.format.name}, {form.name}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").write_bytes(bytes(4096))
    return tmp_path


@pytest.mark.parametrize("form", FORMS, ids=title)
def test_forms_are_what_they_are_called(form: Form, folder: Path) -> None:
    """Each is read, or refused where its name says so; what an object costs is bounded."""
    verdict, quotient, _ = measure(form, 40_000, 0, 0, folder)
    assert verdict == ("refused" if form.name in REFUSED else "read")
    assert quotient < 170
    assert abs(len(form.make(40_000)) - 40_000) < 2_000


@pytest.mark.parametrize("form", ORDINARY, ids=title)
def test_graphs_as_programs_write_them_stay_below_ten_times_their_file(form: Form, folder: Path) -> None:
    verdict, quotient, _ = measure(form, 500_000, 0, 0, folder)
    assert verdict == "read" and quotient < 10


def test_there_are_ordinary_graphs_of_all_formats() -> None:
    assert len(ORDINARY) == 4 and len({title(form) for form in FORMS}) == len(FORMS)
