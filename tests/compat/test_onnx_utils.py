"""Parts of models are what the official package cuts out."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

import sardonyx.compat.onnx as ours
from tests.compat.programs import Program, parsed, same
from tests.compat.test_onnx_compose import AROUND, CALLS, FIRST, SECOND

CHAIN = """<ir_version: 8, opset_import: ["": 17]>
g (float[N] X, float[N] Z) => (float[N] Y, float[N] V) <float[2] w = {1, 2}, float[N] a, float[N] b> {
    a = Add (X, w)
    b = Mul (a, Z)
    Y = Relu (b)
    V = Neg (a)
}"""
CUTS = [(["X"], ["a"]), (["a", "Z"], ["Y"]), (["X", "Z"], ["Y", "V"]), (["a"], ["V"]), (["X"], ["Y"]), (["X"], ["none"]),
        (["none"], ["Y"]), ([], ["a"]), (["X"], []), (["X", "X"], ["a"]), (["X"], ["a", "a"]), (["b"], ["b"])]  # fmt: skip


@pytest.mark.parametrize(("inputs", "outputs"), CUTS)
def test_cuts(inputs: list[str], outputs: list[str], tmp_path: Path) -> None:
    source, target = tmp_path / "source.onnx", tmp_path / "target.onnx"
    source.write_bytes(parsed(ours, CHAIN).SerializeToString())

    def by_class(o: Any) -> Any:
        return o.utils.Extractor(o.load(str(source))).extract_model(inputs, outputs)

    def by_file(o: Any, **ways: bool) -> Any:
        o.utils.extract_model(str(source), str(target), inputs, outputs, **ways)
        return o.load(str(target))

    same(by_class)
    same(by_file)
    same(lambda o: by_file(o, check_model=False, infer_shapes=False))


@pytest.mark.parametrize("text", [FIRST, SECOND, CALLS], ids=["first", "second", "calls"])
def test_the_whole_is_cut_out_of_itself(text: str) -> None:
    def program(o: Any) -> Any:
        model = parsed(o, text)
        names = [[info.name for info in infos] for infos in (model.graph.input, model.graph.output)]
        return o.utils.Extractor(model).extract_model(*names)

    same(program)


def test_what_graphs_inside_read_comes_along() -> None:
    made = ours.utils.Extractor(parsed(ours, AROUND)).extract_model(["C0", "C1", "c"], ["D0"])
    ours.checker.check_model(made)
    assert [t.name for t in made.graph.initializer] == ["v"]
    assert [node.op_type for node in made.graph.node] == ["Add", "If"]


def test_functions_called_from_graphs_inside_come_along() -> None:
    model = parsed(
        ours,
        """<ir_version: 9, opset_import: ["": 18, "local": 1]>
        g (float[2] X, bool c) => (float[2] Y) {
            Y = If (c) <then_branch = a () => (t) { t = local.twice (X) }, else_branch = b () => (e) { e = Neg (X) }>
        }
        <domain: "local", opset_import: ["": 18]> twice (x) => (y) { y = Add (x, x) }
        <domain: "local", opset_import: ["": 18]> unused (x) => (y) { y = Identity (x) }""",
    )
    made = ours.utils.Extractor(model).extract_model(["X", "c"], ["Y"])
    ours.checker.check_model(made)
    assert [f.name for f in made.functions] == ["twice"]


REFUSED: dict[str, Program] = {
    "no such file": lambda o: o.utils.extract_model("/nowhere.onnx", "x", ["a"], ["b"]),
    "no output path": lambda o: o.utils.extract_model(__file__, "", ["a"], ["b"]),
    "annotations": lambda o: _annotated(o, "quantization_annotation"),
    "sparse constants": lambda o: _annotated(o, "sparse_initializer"),
    "a value made twice": lambda o: o.utils.Extractor(o.ModelProto(graph=o.GraphProto(node=[
        o.helper.make_node("Abs", ["x"], ["y"]), o.helper.make_node("Neg", ["x"], ["y"])]))),
}  # fmt: skip


def _annotated(o: Any, field: str) -> Any:
    model = parsed(o, CHAIN)
    getattr(model.graph, field).add()
    return o.utils.Extractor(model).extract_model(["X"], ["a"])


@pytest.mark.parametrize("program", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(program: Program) -> None:
    assert same(program)[0] == "raises"


def test_external_data_comes_along(tmp_path: Path) -> None:
    def program(o: Any) -> Any:
        model = parsed(o, CHAIN)
        o.external_data_helper.set_external_data(model.graph.initializer[0], "w.bin")
        model.graph.initializer[0].ClearField("float_data")
        (tmp_path / "w.bin").write_bytes(bytes(range(8)))
        (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
        o.utils.extract_model(str(tmp_path / "m.onnx"), str(tmp_path / "part.onnx"), ["X"], ["a"])
        return o.load(str(tmp_path / "part.onnx"))

    same(program)


@pytest.mark.parametrize("name", ["../out.txt", "link"])
def test_an_archive_stays_in_its_folder(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo(name)
        if name == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(member, io.BytesIO(b""))
    with tarfile.open(path) as tar, pytest.raises(RuntimeError):
        ours.utils._tar_members_filter(tar, tmp_path / "to")
    with pytest.raises(tarfile.TarError):
        ours.utils._extract_model_safe(path, tmp_path / "to")
