"""Formats: those of the official package, and those that programs register."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import google.protobuf.message
import google.protobuf.text_format
import pytest

import sardonyx.compat.onnx as ours
from tests.compat.programs import Program, parsed, same

TEXT = """<ir_version: 8, opset_import: ["": 17]> g (float[N] x) => (float[N] y) <float[2] w = {1, 2}> { y = Add (x, w) }"""
FORMATS = ["protobuf", "textproto", "json", "onnxtxt"]
SUFFIXES = [
    ".onnx",
    ".pb",
    ".txtpb",
    ".textproto",
    ".prototxt",
    ".pbtxt",
    ".json",
    ".onnxjson",
    ".onnxtxt",
    ".onnxtext",
    "",
]
pytestmark = pytest.mark.filterwarnings("ignore:The onnxtxt format is experimental")


@pytest.mark.parametrize("format", FORMATS)
def test_round_trips(format: str) -> None:
    model = parsed(ours, TEXT)
    made = ours.serialization.registry.get(format).serialize_proto(model)
    read = ours.load_model_from_string(made, format=format)
    assert str(read.graph.node) == str(model.graph.node)
    assert format == "onnxtxt" or read == model


@pytest.mark.parametrize("format", ["protobuf", "textproto", "json"])
def test_the_official_package_reads_what_is_written(format: str) -> None:
    def write(o: Any) -> Any:
        return o.serialization.registry.get(format).serialize_proto(parsed(o, TEXT))

    assert same(lambda o: o.load_model_from_string(write(ours), format=format))[:1] == b"\x08"
    same(lambda o: o.load_tensor_from_string(o.serialization.registry.get(format).serialize_proto(
        o.helper.make_tensor("t", 1, [2], [1.0, 2.5])), format=format))  # fmt: skip


NUMBERS = [1e10, 1e-10, 3.4e38, float("inf"), float("-inf"), float("nan"), 1.5, 0.1, 123456789.0, 1e16, -0.0, 2.0]


@pytest.mark.parametrize("format", FORMATS)
def test_both_write_the_same(format: str) -> None:
    def written(o: Any, message: Any) -> Any:
        return o.serialization.registry.get(format).serialize_proto(message)

    assert same(lambda o: written(o, parsed(o, TEXT)))
    if format != "onnxtxt":
        same(lambda o: written(o, o.AttributeProto(name="a", floats=NUMBERS, f=2.0, type=6, s=b"\xff\"'\n")))
        same(
            lambda o: written(
                o, o.TensorProto(double_data=NUMBERS, int64_data=[1 << 40], doc_string="\u00e9\t", dims=[3])
            )
        )


def test_the_suffix_tells_the_format(tmp_path: Path) -> None:
    def program(o: Any, suffix: str) -> Any:
        path = tmp_path / f"m{suffix}"
        o.save(parsed(o, TEXT), path)
        found = o.serialization.registry.get_format_from_file_extension(suffix)
        with path.open("rb") as file:  # an open file has a name
            again = o.load_model(file)
        return [found, o.load(path).graph.name, again.graph.name]

    for suffix in SUFFIXES:
        same(lambda o, s=suffix: program(o, s))


CALLS: dict[str, Program] = {
    "an unknown format": lambda o: o.serialization.registry.get("nope"),
    "text for bytes": lambda o: o.load_model_from_string("text"),
    "numbers for text": lambda o: o.load_model_from_string(3, format="json"),
    "no message": lambda o: o.serialization.registry.get("protobuf").serialize_proto(3),
    "a tensor as syntax": lambda o: o.serialization.registry.get("onnxtxt").deserialize_proto(b"x", o.TensorProto()),
    "a node as syntax": lambda o: o.serialization.registry.get("onnxtxt").deserialize_proto(
        "y = Abs (x)", o.NodeProto()
    ),
    "a model given as bytes": lambda o: _saved(o, parsed(o, TEXT).SerializeToString(), "textproto"),
    "an unknown suffix": lambda o: o.serialization.registry.get_format_from_file_extension(".zip"),
}


def _saved(o: Any, model: Any, format: str) -> Any:
    file = io.BytesIO()
    o.save_model(model, file, format=format)
    return o.load_model(io.BytesIO(file.getvalue()), format=format)


@pytest.mark.parametrize("program", CALLS.values(), ids=CALLS)
def test_calls(program: Program) -> None:
    same(program)


def test_errors_are_those_that_programs_catch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that import protobuf catch its errors; without it, ours are raised."""
    data = parsed(ours, TEXT).SerializeToString()
    with pytest.raises(google.protobuf.text_format.ParseError):
        ours.load_model_from_string(data, format="textproto")
    with pytest.raises(google.protobuf.message.DecodeError) as caught:
        ours.load_model_from_string(b"ir_version: 8\n")
    assert isinstance(caught.value, ValueError)
    monkeypatch.delitem(sys.modules, "google.protobuf.message")
    with pytest.raises(ValueError, match="wire type") as plain:
        ours.load_model_from_string(b"ir_version: 8\n")
    assert not isinstance(plain.value, google.protobuf.message.Error)


def test_a_format_of_ones_own(tmp_path: Path) -> None:
    class Reversed(ours.serialization.ProtoSerializer):
        supported_format = "reversed"
        file_extensions = frozenset({".rev"})

        def serialize_proto(self, proto: Any) -> Any:
            return proto.SerializeToString()[::-1]

        def deserialize_proto(self, serialized: Any, proto: Any) -> Any:
            proto.ParseFromString(serialized[::-1])
            return proto

    mine = Reversed()
    ours.serialization.registry.register(mine)
    try:
        assert ours.serialization.registry.get("reversed") is mine
        model = parsed(ours, TEXT)
        ours.save(model, tmp_path / "m.rev")
        assert ours.load(tmp_path / "m.rev") == model
        assert (tmp_path / "m.rev").read_bytes()[::-1] == model.SerializeToString()
    finally:
        del ours.serialization.registry._serializers["reversed"]
        del ours.serialization.registry._extension_to_format[".rev"]
