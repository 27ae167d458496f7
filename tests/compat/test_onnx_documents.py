"""The modules that write files about the standard: Markdown of schemas, the suite's coverage, declarations of messages."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import onnx as official
import onnx.gen_proto as theirs
import pytest

import sardonyx.compat.onnx as ours
from sardonyx.compat.onnx import gen_proto
from sardonyx.compat.onnx.backend.test import stat_coverage
from sardonyx.compat.onnx.defs import gen_doc, gen_shape_inference_information

SOURCES = sorted(Path(official.__file__).parent.glob("*.in.proto"))
ABS = [ours.defs.get_schema("Abs", version) for version in (1, 6, 13)]


def lines(schema: Any, versions: list[Any] | None = None) -> list[str]:
    return gen_doc.display_schema(schema, versions or [schema], "Changelog.md").splitlines()


def test_a_schema_as_markdown() -> None:
    shown = lines(ours.defs.get_schema("Clip", 12))
    assert "#### Inputs (1 - 3)" in shown
    assert "<dt><tt>min</tt> (optional) : T</dt>" in shown
    assert any(line.startswith("<dt><tt>T</tt> : tensor(float), ") for line in shown)
    assert "<dt><tt>min</tt> (optional, non-differentiable) : T</dt>" in lines(ours.defs.get_schema("Clip"))
    assert "<dt><tt>alpha</tt> : float (default is 0.01)</dt>" in lines(ours.defs.get_schema("LeakyRelu"))
    assert "<dt><tt>kernel_shape</tt> : list of ints (required)</dt>" in lines(ours.defs.get_schema("MaxPool"))
    assert "#### Inputs (1 - &#8734;)" in lines(ours.defs.get_schema("Concat"))


def test_a_deprecated_schema_has_no_sections() -> None:
    shown = lines(ours.defs.get_schema("Upsample", 10))
    assert "Deprecated since version 10 of the default ONNX operator set." in shown
    assert not any("Inputs" in line for line in shown)


def test_versions_are_links() -> None:
    assert gen_doc.format_versions(ABS[:2], "C.md") == '<a href="C.md#Abs-6">6</a>, <a href="C.md#Abs-1">1</a>'
    assert any(line.startswith('Other versions: <a href="Changelog.md#Abs-1">1</a>, ') for line in lines(ABS[2], ABS))


def test_the_files_of_a_domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gen_doc, "collect_snippets", lambda: {"Scaler": [("plain", "x = 1")]})
    gen_doc.main(gen_doc.Args(str(tmp_path / "Ops-ml.md"), str(tmp_path / "Log-ml.md")))
    operators, changes = ((tmp_path / name).read_text(encoding="utf-8") for name in ("Ops-ml.md", "Log-ml.md"))
    assert '|<a href="#ai.onnx.ml.Scaler">ai.onnx.ml.Scaler</a>|' in operators
    assert "<summary>plain</summary>\n\n```python\nx = 1\n```" in operators
    assert "## Version 5 of the 'ai.onnx.ml' operator set" in changes
    assert "ai.onnx (default)" not in operators + changes


def test_how_many_operators_infer() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as said:
        gen_shape_inference_information.main()
    infer, have_none, *rest = said.getvalue().splitlines()
    assert int(infer.split()[0]) + int(have_none.split()[0]) == len(official.defs.get_all_schemas())
    assert len(rest) == int(have_none.split()[0])


def test_which_operators_have_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stat_coverage, "collect_snippets", lambda: {"Abs": [("abs", "y = abs(x)")]})
    out = io.StringIO()
    stat_coverage.gen_outlines(out, False)
    stat_coverage.gen_node_test_coverage([ABS[2], ours.defs.get_schema("RandomNormal")], out, False)
    assert "1/1 common operators have cases (100.00%, 1 generators left out).\n" in out.getvalue()
    assert stat_coverage.common_covered == ["Abs"]
    assert not stat_coverage.is_ml(ABS)


def test_which_nodes_of_models_have_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ours.parser.parse_model(
        '<ir_version: 9, opset_import: ["": 20]> g (float[2] x) => (y) {y = Elu<alpha=2.0>(x)}'
    )
    monkeypatch.setattr(stat_coverage, "_models", lambda: iter([model]))
    monkeypatch.setattr(stat_coverage, "common_covered", ["Elu"])
    out = io.StringIO()
    stat_coverage.gen_model_test_coverage([ours.defs.get_schema("Elu")], out, False)
    assert "1 of 1 nodes have cases" in out.getvalue()
    assert "alpha: 1\n" in out.getvalue()


@pytest.mark.parametrize("package", ["onnx", "other"])
@pytest.mark.parametrize("ml", [False, True])
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_declarations_are_translated_as_officially(source: Path, version: int, ml: bool, package: str) -> None:
    text = source.read_text(encoding="utf-8")
    assert gen_proto.translate(text, version, ml, package) == theirs.translate(text, version, ml, package)


@pytest.mark.parametrize("package", ["onnx", "other"])
@pytest.mark.parametrize("ml", [False, True])
def test_declarations_are_written_to_the_same_files(tmp_path: Path, ml: bool, package: str) -> None:
    ours_in, theirs_in = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours_in, theirs_in):
        folder.mkdir()
    for source in SOURCES:
        stem = source.name.removesuffix(".in.proto")
        gen_proto.convert(str(source.with_name(stem)), package, str(ours_in), ml, True)
        theirs.convert(stem, package, str(theirs_in), ml, True)
    assert {p.name for p in ours_in.iterdir()} == {p.name for p in theirs_in.iterdir()}
    for place in ours_in.glob("*.py"):
        last = place.read_text().splitlines()[-1]
        assert last == (theirs_in / place.name).read_text().splitlines()[-1]


def test_without_a_source_nothing_is_written() -> None:
    with pytest.raises(FileNotFoundError, match="give one by its path"):
        gen_proto.convert("onnx", "onnx", "")
