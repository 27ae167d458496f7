"""Messages that stay in the file say what decoded ones say, and what is wrong with them is refused when it is reached."""

from __future__ import annotations

from contextlib import nullcontext

import onnx
import pytest
from google.protobuf.message import DecodeError
from onnx import helper

from sardonyx.core.errors import FormatError
from sardonyx.proto import ModelProto, decode, parse
from sardonyx.proto.decode import Deferred, settle
from sardonyx.proto.wire import varint


@pytest.fixture(autouse=True)
def all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_DEFER_FROM", 0)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def model(count: int = 3) -> bytes:
    nodes = [helper.make_node("Add", ["a", "b"], ["c"], name=f"n{i}", alpha=[i, 300]) for i in range(count)]
    info = helper.make_tensor_value_info("a", 1, ["N", 2])
    made = helper.make_model(helper.make_graph(nodes, "g", [info, info], []))
    made.training_info.add().algorithm.node.add(op_type="T")
    return made.SerializeToString()


def test_they_say_what_decoded_ones_say() -> None:
    kept, passing = parse(ModelProto, model()), parse(ModelProto, model(), defer=True)
    nodes = passing.graph.entries("node")
    assert isinstance(nodes, Deferred) and len(nodes) == 3
    assert [n.name for n in nodes] == [n.name for n in kept.graph.node] == ["n0", "n1", "n2"]
    assert nodes[1].name == "n1" and nodes[-1].name == "n2" and [n.name for n in nodes[1:]] == ["n1", "n2"]
    assert nodes.whole() == list(kept.graph.node)
    attributes = nodes[2].entries("attribute")
    assert isinstance(attributes, Deferred) and list(attributes[0].ints) == [2, 300]
    dims = passing.graph.entries("input")[0].type.tensor_type.shape.entries("dim")
    assert [d.dim_param for d in dims] == ["N", ""]
    assert passing.entries("training_info").whole() == list(kept.training_info)


def test_nobody_keeps_them() -> None:
    nodes = parse(ModelProto, model(), defer=True).graph.entries("node")
    assert next(iter(nodes)) is not next(iter(nodes))


def test_what_lies_in_a_short_message_is_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_DEFER_FROM", 1024)
    nodes = parse(ModelProto, model(1) + model(100), defer=True).graph.entries("node")
    assert isinstance(nodes, Deferred) and len(nodes) == 101, (
        "what the graph holds is deferred, however short it begins"
    )
    assert isinstance(nodes[0].entries("attribute"), list)
    few, many = (field(6, field(1, field(3, b"n")) * count) for count in (1, 400))  # two pieces of one graph
    for pieces, kind in ((few + many, list), (many + few, Deferred)):
        node = field(1, field(5, pieces))
        attribute = parse(ModelProto, field(7, node), defer=True).graph.entries("node")[0].entries("attribute")[0]
        held = attribute.g.entries("node")
        assert isinstance(held, kind) and [n.name for n in held] == ["n"] * 401, "pieces join as the first one began"


def test_fields_between_them_and_tags_of_two_bytes() -> None:
    """Runs of one field are noted in one step; others may stand between, and a tag of two bytes is no run."""
    node, name = field(1, field(3, b"n")), field(2, b"g")
    graph = field(7, node + node + name + node)
    functions = field(25, field(1, b"f")) * 3
    assert functions[0] == 25 << 3 | 2  # the first byte of the tag is the number that a short tag would be
    read = parse(ModelProto, graph + functions + graph, defer=True)
    assert len(read.graph.entries("node")) == 6 and read.graph.name == "g"
    assert [f.name for f in read.entries("functions")] == ["f", "f", "f"]
    with pytest.raises(IndexError):
        read.graph.entries("node")[6]


LONG = field(1, b"x" * 300)
BAD = {
    "a name that is no UTF-8": field(7, field(1, field(3, b"\xff"))),
    "a message longer than its graph": field(7, b"\x0a\x7f"),
    "a varint that the file ends in": field(7, field(1, b"\x0a\xff")),
    "a length cut off": field(7, LONG + b"\x0a\x80"),
    "an attribute cut off": field(7, field(1, field(5, b"\x0a\x05a"))),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_refused_when_it_is_reached(name: str) -> None:
    with nullcontext() if "UTF-8" in name else pytest.raises(DecodeError):  # there such strings are bytes
        onnx.ModelProto.FromString(BAD[name])
    with pytest.raises(FormatError):
        for node in parse(ModelProto, BAD[name], defer=True).graph.entries("node"):
            for _ in node.entries("attribute"):
                pass
    with pytest.raises(FormatError):
        settle(vars(parse(ModelProto, BAD[name], defer=True)))


def test_a_type_that_another_replaces_must_be_well_formed() -> None:
    dims = field(1, field(2, field(1, b"\x12\x05N")))  # a dim that ends too early
    value = field(11, field(2, dims + field(4, b"")))
    for defer in (False, True):
        with pytest.raises(FormatError):
            settle(vars(parse(ModelProto, field(7, value), defer=defer)))


def test_depth_is_bounded() -> None:
    data = b""
    for _ in range(60):
        data = field(1, field(5, field(6, data)))
    with pytest.raises(FormatError, match="nested too deeply"):
        settle(vars(parse(ModelProto, field(7, data), defer=True)))
