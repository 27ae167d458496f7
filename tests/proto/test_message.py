"""Field access behaves as users of the official classes expect: each act is played on both packages and compared."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import numpy as np
import onnx
import pytest

import sardonyx.proto as proto


def wire(*messages):
    return [message.SerializeToString() for message in messages]


def stub_of_graph_by(act: Callable):
    """Whether acting on the unset `model.graph` makes it present."""

    def play(p):
        model = p.ModelProto()
        before = model.HasField("graph")
        act(model.graph)
        return before, model.HasField("graph"), model.SerializeToString()

    return play


def after(act: Callable, **fields):
    """The node that results from an act on NodeProto(**fields)."""

    def play(p):
        node = p.NodeProto(**fields)
        act(node)
        return node.SerializeToString()

    return play


def set_field(cls: str, name: str, value):
    def play(p):
        message = getattr(p, cls)()
        setattr(message, name, value)
        got = getattr(message, name)
        return type(got), repr(got), message.SerializeToString()

    return play


def switch_type(p):
    t = p.TypeProto()
    seen = [t.WhichOneof("value"), t.HasField("value")]
    t.tensor_type.elem_type = 1
    seen += [t.WhichOneof("value"), t.HasField("value"), t.sequence_type.elem_type.WhichOneof("value")]
    seen.append(t.WhichOneof("value"))
    t.sequence_type.SetInParent()
    seen += [t.WhichOneof("value"), t.HasField("tensor_type")]
    t.ClearField("value")
    return [*seen, t.WhichOneof("value"), wire(t)]


def switch_dimension(p):
    d = p.TensorShapeProto.Dimension(dim_value=3)
    d.dim_param = "N"
    seen = [d.WhichOneof("value"), d.HasField("dim_value"), d.dim_value]
    d.MergeFrom(p.TensorShapeProto.Dimension(dim_value=0))
    return [*seen, d.WhichOneof("value"), wire(d)]


def detached_by_clearing(p):
    model = p.ModelProto()
    model.graph.name = "x"
    graph = model.graph
    model.ClearField("graph")
    graph.name = "y"
    return model.HasField("graph"), graph.name, model.graph is graph


def detached_by_copying(p):
    model = p.ModelProto()
    graph = model.graph
    model.CopyFrom(p.ModelProto(graph=p.GraphProto(name="q")))
    graph.name = "z"
    return model.graph.name, graph.name


def live_stub(p):
    model = p.ModelProto()
    graph = model.graph
    graph.name = "g"
    return model.graph is graph, model.graph.name, wire(model)


def copies(p):
    node = p.NodeProto(name="a")
    graph = p.GraphProto(node=[node])
    graph.node.append(node)
    graph.node.extend([node])
    graph.node.insert(0, node)
    graph.node.add(name="b", input=["x"]).op_type = "Add"
    node.name = "changed"
    return [n.name for n in graph.node], graph.node[0] is node, wire(graph)


def containers(p):
    graph = p.GraphProto(node=[{"name": "b"}, {"name": "a"}, {"name": "c"}])
    graph.node.sort(key=lambda n: n.name)
    names = [n.name for n in graph.node]
    graph.node.reverse()
    popped = graph.node.pop().name
    graph.node.remove(graph.node[0])
    del graph.node[5:]
    return names, popped, len(graph.node), bool(graph.node), graph.node == [p.NodeProto(name="b")], graph.node[-1].name


def numbers(p):
    t = p.TensorProto(float_data=[1, 0.1, 1e39], int32_data=np.arange(3, dtype=np.uint8), dims=(2, 3))
    t.float_data.append(2)
    t.float_data[0] = 5
    t.int32_data.extend([7, 8])
    t.int32_data.insert(0, 9)
    del t.int32_data[1]
    t.dims[:] = [4]
    t.int64_data.extend(range(100))
    return (
        list(t.float_data), t.float_data[1:3], list(t.int32_data), 8 in t.int32_data, t.int32_data.pop(), t.dims == [4],
        list(reversed(t.int32_data)), len(t.int64_data), t.float_data == t.float_data, str(t.dims), repr(t.float_data),
        np.array(t.float_data).dtype, wire(t),
    )  # fmt: skip


def listed(p):
    model = p.ModelProto(graph=p.GraphProto(node=[p.NodeProto()]), ir_version=0)
    return [(field.number, field.name, field.is_repeated) for field, _ in model.ListFields()]


ACTS = {
    "keyword constructors": lambda p: wire(
        p.AttributeProto(
            name="a", type="FLOAT", f=1, ints=[1, -2], t={"dims": [1, 2], "name": "q"}, g=None, strings=[b"x"]
        )
    ),
    "a string is an iterable of strings": after(lambda n: None, input="ab"),
    "an unknown keyword": lambda p: p.NodeProto(zz=1),
    "a keyword that wants an iterable": lambda p: p.NodeProto(attribute=5),
    "positional arguments": lambda p: p.NodeProto(1),
    "assign a repeated field": set_field("AttributeProto", "ints", [1]),
    "assign a message field": lambda p: setattr(p.AttributeProto(), "t", p.TensorProto()),
    "assign an unknown field": set_field("AttributeProto", "zz", 1),
    "delete a field": lambda p: delattr(p.NodeProto(name="n"), "name"),
    "set to the default": set_field("NodeProto", "name", ""),
    "HasField of a repeated": lambda p: p.GraphProto().HasField("node"),
    "HasField of nothing": lambda p: p.GraphProto().HasField("zz"),
    "WhichOneof of nothing": lambda p: p.GraphProto().WhichOneof("zz"),
    "ClearField of nothing": lambda p: p.GraphProto().ClearField("zz"),
    "ClearField": after(lambda n: (n.ClearField("input"), n.ClearField("name")), input=["a"], name="n", op_type="A"),
    "Clear": after(lambda n: n.Clear(), input=["a"], name="n"),
    "CopyFrom another class": lambda p: p.GraphProto().CopyFrom(p.NodeProto()),
    "MergeFrom a number": lambda p: p.GraphProto().MergeFrom(1),
    "MergeFrom itself": after(lambda n: n.MergeFrom(n), input=["a"], name="n"),
    "CopyFrom itself": after(lambda n: n.CopyFrom(n), input=["a"], name="n"),
    "return values of parsing": lambda p: (
        p.NodeProto().ParseFromString(b"\x1a\x01a"),
        p.NodeProto().MergeFromString(b""),
    ),
    "parse text": lambda p: p.NodeProto().ParseFromString("abc"),
    "replaced by parsing": after(lambda n: n.ParseFromString(b"\x0a\x01y"), name="x"),
    "merged by parsing": after(lambda n: n.MergeFromString(b"\x0a\x01y"), name="x", input=["z"]),
    "sizes": lambda p: (p.NodeProto(name="x").ByteSize(), p.NodeProto().IsInitialized()),
    "equality": lambda p: (
        p.NodeProto() == p.NodeProto(),
        p.NodeProto() == 1,
        p.NodeProto() != p.GraphProto(),
        p.NodeProto(name="") == p.NodeProto(),
        p.AttributeProto(f=float("nan")) == p.AttributeProto(f=float("nan")),
        p.AttributeProto(floats=[float("nan")]) == p.AttributeProto(floats=[float("nan")]),
        p.AttributeProto(f=0.0) == p.AttributeProto(f=-0.0),
        p.NodeProto.FromString(b"\xc0\x3e\x05") == p.NodeProto(),
    ),
    "hash": lambda p: hash(p.NodeProto()),
    "unknown fields are copied, and discarded on request": lambda p: (
        wire(copy.deepcopy(p.NodeProto.FromString(b"\xc0\x3e\x05\x1a\x01n"))),
        after(lambda n: (n.MergeFromString(b"\xc0\x3e\x05\x1a\x01n"), n.DiscardUnknownFields()))(p),
    ),
    "pickle": lambda p: wire(pickle.loads(pickle.dumps(p.TypeProto.Tensor(elem_type=3)))),
    "copy": lambda p: wire(copy.copy(p.NodeProto(name="n")), copy.deepcopy(p.NodeProto(input=["a"]))),
    "text": lambda p: str(
        p.AttributeProto(
            name="\n\u1234\t\"'\\\x01\x7f",
            f=0.1,
            i=-3,
            s=b"\x00\xffab\"'",
            type=1,
            ints=[2**62],
            floats=[1e30, float("inf"), -float("inf"), float("nan"), -0.0, 1e-45, 16777216, 1.1, 123456.7],
            t={"double_data": [0.1, 1e300, 1e15, 1e16, 1e17, 123456789.0, 1 / 3]},
            g={},
        )
    ),
    "enums": lambda p: (
        p.TensorProto.FLOAT,
        p.TensorProto.DataType.FLOAT,
        p.TensorProto.DataType.Name(27),
        p.TensorProto.EXTERNAL,
        p.TensorProto.DataType.Value("BFLOAT16"),
        p.TensorProto.DataType.keys(),
        p.TensorProto.DataType.values(),
        p.AttributeProto.AttributeType.items(),
        p.AttributeProto().type,
        p.TensorProto().data_location,
    ),
    "enum name of nothing": lambda p: p.TensorProto.DataType.Name(999),
    "enum name of text": lambda p: p.TensorProto.DataType.Name("a"),
    "enum value of nothing": lambda p: p.TensorProto.DataType.Value("NO"),
    "field numbers": lambda p: (p.NodeProto.INPUT_FIELD_NUMBER, p.NodeProto.DESCRIPTOR.fields_by_name["domain"].number),
    "reading does not set": stub_of_graph_by(lambda g: (g.name, g.node, len(g.node), g.HasField("name"))),
    "setting a scalar sets the parent": stub_of_graph_by(lambda g: setattr(g, "name", "")),
    "adding sets the parent": stub_of_graph_by(lambda g: g.node.add()),
    "adding deeper sets all parents": stub_of_graph_by(lambda g: g.node.add().attribute.add().t.dims.append(1)),
    "extending by nothing sets the parent": stub_of_graph_by(lambda g: g.node.extend([])),
    "an empty copy sets the parent": stub_of_graph_by(lambda g: g.CopyFrom(type(g)())),
    "an empty merge sets the parent": stub_of_graph_by(lambda g: g.MergeFrom(type(g)())),
    "an empty parse sets the parent": stub_of_graph_by(lambda g: g.ParseFromString(b"")),
    "clearing sets the parent": stub_of_graph_by(lambda g: g.Clear()),
    "clearing a field sets the parent": stub_of_graph_by(lambda g: g.ClearField("name")),
    "SetInParent": stub_of_graph_by(lambda g: g.SetInParent()),
    "an empty message argument sets": lambda p: wire(p.ModelProto(graph={}), p.ModelProto(graph=p.GraphProto())),
    "oneof of messages": switch_type,
    "oneof of scalars": switch_dimension,
    "a cleared child lives on alone": detached_by_clearing,
    "a replaced child lives on alone": detached_by_copying,
    "a child is one object": live_stub,
    "messages are copied into containers": copies,
    "containers of messages": containers,
    "containers of numbers": numbers,
    "ListFields": listed,
    "assign an item of a message container": lambda p: p.GraphProto(node=[{}]).node.__setitem__(0, p.NodeProto()),
    "append a number to messages": lambda p: p.GraphProto().node.append(1),
    "append None to messages": lambda p: p.GraphProto().node.append(None),
    "append a number to strings": lambda p: p.NodeProto().input.append(1),
    "append bytes to strings": after(lambda n: n.input.append(b"ab")),
    "extend by None": lambda p: p.NodeProto().input.extend(None),
    "remove what is not there": lambda p: p.NodeProto(input=["a"]).input.remove("b"),
    "out of range in a container": lambda p: p.TensorProto(int32_data=[2**31]),
    "negative unsigned": lambda p: p.TensorProto(uint64_data=[-1]),
    "floats as dims": lambda p: p.TensorProto(dims=np.array([1.0])),
    "in": lambda p: ("name" in p.NodeProto(name="a"), "name" in p.NodeProto()),
}
for name, value in {
    "float": 1.0, "bool": True, "text": "1", "None": None, "int64": np.int64(3), "float32": np.float32(3), "bytes": b"1",
    "2**63": 2**63, "-2**63": -(2**63), "numpy bool": np.bool_(True),
}.items():  # fmt: skip
    ACTS[f"set an int to {name}"] = set_field("AttributeProto", "i", value)
    ACTS[f"set a float to {name}"] = set_field("AttributeProto", "f", value)
    ACTS[f"set bytes to {name}"] = set_field("AttributeProto", "s", value)
    ACTS[f"set a string to {name}"] = set_field("AttributeProto", "name", value)
    ACTS[f"set an enum to {name}"] = set_field("AttributeProto", "type", value)
for name, act in {
    "a float beyond float32": set_field("AttributeProto", "f", 1e300),
    "a float beyond float64": set_field("AttributeProto", "f", 2**2000),
    "an enum to 99": set_field("AttributeProto", "type", 99),
    "an enum to a name": set_field("AttributeProto", "type", "FLOATS"),
    "a string to invalid UTF-8": set_field("AttributeProto", "name", b"\xff"),
    "a string to a surrogate": set_field("AttributeProto", "name", "\ud800"),
    "bytes to a bytearray": set_field("AttributeProto", "s", bytearray(b"1")),
}.items():
    ACTS[f"set {name}"] = act


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_acts_like_the_official_classes(act):
    """The same act gives the same result, or the same kind of error, on both packages."""
    try:
        expected = act(onnx)
    except Exception as error:
        with pytest.raises(type(error)):
            act(proto)
    else:
        assert act(proto) == expected


def test_augmented_assignment_extends():
    """`+=` on a repeated field works here (the official classes refuse it)."""
    node = proto.NodeProto(input=["a"])
    node.input += ["b"]
    assert list(node.input) == ["a", "b"]


def test_deepcopy_of_a_container_is_a_plain_list():
    """Copied or pickled alone, a container is a list of its values."""
    tensor = proto.TensorProto(dims=[1], float_data=[2.0])
    assert copy.deepcopy(tensor.dims) == [1] and pickle.loads(pickle.dumps(tensor.float_data)) == [2.0]


def test_view_wants_a_bytes_field():
    """Only single bytes fields have a view."""
    assert proto.TensorProto().view("raw_data") == b""
    with pytest.raises(ValueError, match="no single bytes field"):
        proto.TensorProto().view("name")


def test_arrays_shared_by_packed_fields_are_read_only():
    """What np.asarray gives for a parsed run cannot be written to, and editing the field leaves the array alone."""
    tensor = proto.TensorProto.FromString(proto.TensorProto(int64_data=range(500)).SerializeToString())
    array = np.asarray(tensor.int64_data)
    assert not array.flags.writeable
    tensor.int64_data[0] = 7
    assert array[0] == 0 and tensor.int64_data[0] == 7
