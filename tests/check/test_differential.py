"""On files the verdict is the official checker's, whatever is wrong with them; and all that is wrong is said."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import pytest
from google.protobuf.message import DecodeError
from onnx import checker

import sardonyx as sx
from sardonyx.check import check, faults
from sardonyx.core.errors import CheckError, FormatError, SardonyxError
from tests.check.mutations import DATA, lay_out, mutant, official_models


def official(source: Any) -> bool:
    """Whether the official checker accepts it."""
    try:
        checker.check_model(source)
    except Exception:  # several classes, and all refuse
        return False
    return True


def ours(source: Any) -> bool:
    """Whether we do; a refusal says of every fault where it is, why it is one, and what to do."""
    try:
        check(source)
    except CheckError as refusal:
        assert all(fault.where and fault.why and fault.fix for fault in refusal.faults), refusal
        return False
    except FormatError as refusal:
        assert refusal.where or refusal.offset is not None or refusal.why, refusal
        return False
    return True


def well_formed(data: bytes) -> bool:
    """Whether the official package can read the message: its checker alone ignores what follows the end of a group."""
    try:
        onnx.ModelProto.FromString(data)
    except DecodeError:
        return False
    return True


def compare(count: int, seed: int, folder: Path) -> Counter[bool]:
    """Change models at random, and hold the verdicts on them, as bytes and as files, against each other."""
    dice, verdicts = random.Random(seed), Counter[bool]()
    path = folder / "m.onnx"
    for _ in range(count):
        data = mutant(dice)
        source: Any = data
        if dice.random() < 0.3:
            path.write_bytes(data)
            source = path
        expected = official(source) and well_formed(data)
        assert ours(source) == expected, (seed, data)
        verdicts[expected] += 1
    return verdicts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_changed_models_meet_the_same_verdict(folder: Path) -> None:
    verdicts = compare(300, 0, folder)
    assert min(verdicts[True], verdicts[False]) > 75


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_many_changed_models_meet_the_same_verdict(seed: int, folder: Path) -> None:
    compare(5_000, seed, folder)


def loaded_alike(count: int, seed: int) -> int:
    """Change models at random, load them, and hold the verdicts on what was loaded against each other."""
    dice, compared = random.Random(seed), 0
    for _ in range(count):
        try:
            model = sx.from_bytes(mutant(dice))
            for graph in (inner for top in model.graphs() for inner in top.walk_graphs()):
                graph.name = graph.name or "graph"  # as it is written
            written = sx.to_bytes(model)
        except (SardonyxError, ValueError, TypeError):  # no graph can hold this
            continue
        assert ours(model) == official(written), (seed, written)
        compared += 1
    return compared


def test_a_graph_meets_the_verdict_that_its_file_will_meet() -> None:
    assert loaded_alike(300, 0) > 150


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_many_graphs_meet_the_verdict_that_their_files_will_meet(seed: int) -> None:
    loaded_alike(4_000, seed)


def test_models_of_the_official_suite_are_legal() -> None:
    """One in ten, besides those that come from exporters."""
    for data in official_models()[::10]:
        check(data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [path.name for path in sorted(DATA.iterdir()) if path.is_dir()])
def test_all_models_of_the_official_suite_are_legal(kind: str) -> None:
    for path in sorted((DATA / kind).glob("*/model.onnx")):
        check(path)


def broken_in_many_ways() -> onnx.ModelProto:
    """Faults that no graph can hold, and one that it can."""
    model = onnx.parser.parse_model("""<ir_version: 10, opset_import: ["" : 20]>
        g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { t = LeakyRelu <alpha = 0.5> (x) y = Relu (t, w) }""")
    node = model.graph.node[0]
    node.attribute[0].i = 3
    node.attribute.add().CopyFrom(node.attribute[0])
    model.graph.initializer.add().CopyFrom(model.graph.initializer[0])
    model.graph.input[0].type.tensor_type.ClearField("elem_type")
    for value in "ab":
        model.metadata_props.add(key="k", value=value)
    return model


FOUND = {
    ("SDX-C108", "graph 'g'"),
    ("SDX-C118", "graph 'g'"),
    ("SDX-C122", "graph 'g', node 1: Relu"),
    ("SDX-C136", "graph 'g', node 0: LeakyRelu"),
    ("SDX-C137", "graph 'g', node 0: LeakyRelu"),
    ("SDX-C141", "graph 'g'"),
}


@pytest.mark.parametrize("form", ["bytes", ".onnx", ".json", ".textproto", "message", "official message"])
def test_all_faults_of_a_file_are_found_in_every_form(form: str, tmp_path: Path) -> None:
    from google.protobuf import json_format, text_format

    import sardonyx.compat.onnx as compat

    model = broken_in_many_ways()
    data = model.SerializeToString()
    texts = {".onnx": data, ".json": json_format.MessageToJson(model).encode()}
    texts[".textproto"] = text_format.MessageToString(model).encode()
    path = tmp_path / f"m{form}"
    if form in texts:
        path.write_bytes(texts[form])
    others = {"bytes": data, "message": compat.ModelProto.FromString(data), "official message": model}
    found = faults(others.get(form, path))
    errors = [(fault.code, fault.where) for fault in found if fault.severity == "error"]
    assert set(errors) == FOUND
    assert len(errors) == len(FOUND) + 1, "the attribute has two values, and one is not of its kind"


def test_the_text_syntax_is_checked_as_the_official_parser_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "m.onnxtxt"
    head = '<ir_version: 10, opset_import: ["" : 20]> g (float[2] x) => (float[2] y) '
    for body in (
        "{ y = Relu (x) }",
        "{ y = Relu (x, x) }",
        "{ y = Relu (z) }",
        "{ y = Elu <alpha = 1> (x) }",
        "{ x = Abs (x) }",
    ):
        path.write_text(head + body)
        assert ours(path) == official(onnx.parser.parse_model(head + body)), body
    path.write_text(head + "{ y = }")
    assert not ours(path)


def test_a_file_of_which_no_graph_can_be_made_is_judged_all_the_same(tmp_path: Path) -> None:
    """What the official checker lets pass is a warning; what it does not is listed beside the reason."""
    model = onnx.parser.parse_model("""<ir_version: 10, opset_import: ["" : 20]>
        g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add (x, w) }""")
    model.graph.initializer[0].raw_data = bytes(12)
    model.graph.initializer[0].ClearField("float_data")
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(FormatError):
        sx.load(path)
    assert [(f.code, f.severity) for f in faults(path)] == [("SDX-F100", "warning")]
    check(path)
    model.graph.node[0].op_type = "Ad"
    path.write_bytes(model.SerializeToString())
    assert [(f.code, f.severity) for f in faults(path)] == [("SDX-F100", "warning"), ("SDX-C116", "error")]


def test_bytes_that_are_no_model_are_no_faults() -> None:
    for data in (b"", b"PK\x03\x04", b"\x0a\x03abc"):
        with pytest.raises(FormatError):
            check(data)


def test_data_in_files_is_not_read(tmp_path: Path) -> None:
    """A sparse file of 3 GB takes no time, and no memory."""
    import tracemalloc

    with (tmp_path / "w").open("wb") as file:
        file.truncate(3 << 30)
    model = onnx.parser.parse_model("""<ir_version: 10, opset_import: ["" : 20]>
        g (float[1, 805306368] x) => (float[1, 805306368] y) { y = Add (x, w) }""")
    tensor = model.graph.initializer.add(name="w", data_type=1, dims=[1, 805306368], data_location=1)
    tensor.external_data.add(key="location", value="w")
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    tracemalloc.start()
    try:
        check(tmp_path / "m.onnx")
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()
