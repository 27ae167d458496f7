"""Errors say what, where, why and how to fix it, and every code has a page."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from sardonyx.core import errors, pages

SRC = Path(__file__).parents[2] / "src" / "sardonyx"
CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.SardonyxError)]
USED = sorted({code for file in SRC.rglob("*.py") for code in re.findall(r"SDX-[A-Z]\d{3}", file.read_text("utf-8"))})


def test_message_has_all_parts() -> None:
    error = errors.ShapeError("Gemm cannot multiply", where="node 3", why="784 is not 512", fix="set transB=1")
    assert str(error).splitlines() == [
        "Gemm cannot multiply  [SDX-S100]",
        "  where: node 3",
        "  why:   784 is not 512",
        "  fix:   set transB=1",
        "  more:  sardonyx explain SDX-S100",
    ]


def test_parse_error_points() -> None:
    error = errors.ParseError("unexpected ')'", text="a = b\nc = )", position=10)
    assert (error.line, error.column, error.offset) == (2, 5, 10)
    shown, caret = str(error).splitlines()[2:4]
    assert shown[caret.index("^")] == ")"


def test_codes_are_unique() -> None:
    assert len({c.code for c in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("code", USED)
def test_every_code_has_a_page(code: str) -> None:
    """Whatever code a message can show, `sardonyx explain` knows it."""
    page = pages.explain(code)
    assert page.startswith(f"# {code}: ")
    assert "## Fix" in page


def test_every_page_has_a_code() -> None:
    assert set(pages.codes()) <= set(USED)


def test_explain_is_lenient_and_helpful() -> None:
    assert pages.explain("s100") == pages.explain("SDX-S100")
    with pytest.raises(errors.InputError, match="SDX-S10"):
        pages.explain("SDX-S109")
