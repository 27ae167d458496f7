"""The codec writes the official bytes, reads the official values, and refuses what the official one refuses."""

from __future__ import annotations

import io
import mmap
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import onnx.onnx_data_pb2 as official_data
import onnx.onnx_operators_ml_pb2 as official_operators
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sardonyx.proto as proto
from sardonyx.core.errors import FormatError
from sardonyx.proto import Message, NodeProto, parse
from sardonyx.proto.decode import noting_bad_strings
from sardonyx.proto.fields import Field
from sardonyx.proto.wire import varint

CLASSES = list(proto.ModelProto.DESCRIPTOR.scope.values())
INTS = {
    Field.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    Field.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    Field.TYPE_UINT64: st.integers(0, 2**64 - 1),
}


def official(cls: type[Message]):
    """The official class of the same name."""
    first, *rest = cls.__qualname__.split(".")
    found = next(getattr(m, first) for m in (onnx, official_operators, official_data) if hasattr(m, first))
    for part in rest:
        found = getattr(found, part)
    return found


@st.composite
def contents(draw, cls: type[Message], depth: int = 3):
    """Keyword arguments for a message: any subset of its fields, at most one of each oneof."""
    fields = draw(st.lists(st.sampled_from(cls.DESCRIPTOR.fields), max_size=6, unique_by=lambda f: f.oneof or f.name))
    made = {}
    for field in fields:
        if field.is_message:
            if depth == 0:
                continue
            value = contents(field.message_class, depth - 1)
        else:
            value = scalars(field)
        made[field.name] = draw(st.lists(value, max_size=3 if field.is_message else 80) if field.is_repeated else value)
    return made


def scalars(field: Field):
    if field.enum_type is not None:
        return st.sampled_from(field.enum_type.values())
    if field.type == Field.TYPE_STRING:
        return st.text(max_size=200)
    if field.type == Field.TYPE_BYTES:
        return st.binary(max_size=400)
    if field.type in (Field.TYPE_FLOAT, Field.TYPE_DOUBLE):
        return st.floats(width=32 if field.type == Field.TYPE_FLOAT else 64)
    return INTS[field.type] | st.integers(0, 300)


def assert_same_fields(mine: Message, theirs) -> None:
    """Every present field has the same value, down to the leaves."""
    listed = theirs.ListFields()
    assert [field.name for field, _ in mine.ListFields()] == [field.name for field, _ in listed]
    for field, value in listed:
        got = getattr(mine, field.name)
        if field.message_type is None:
            same = np.array_equal if field.type in (Field.TYPE_FLOAT, Field.TYPE_DOUBLE) else lambda a, b, **_: a == b
            assert same(np.array(got) if same is np.array_equal else got, value, equal_nan=True), field.name
            assert type(got) is type(value) or field.is_repeated
        else:
            for a, b in zip(got, value, strict=True) if field.is_repeated else [(got, value)]:
                assert_same_fields(a, b)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_bytes_and_values_are_the_official_ones(cls, data):
    """Built from the same content, both packages write the same bytes, read the same values, print the same text."""
    content = data.draw(contents(cls))
    theirs = official(cls)(**content)
    wire = theirs.SerializeToString()
    built, read = cls(**content), parse(cls, wire)
    for mine in (built, read):
        assert mine.SerializeToString() == wire
        assert mine.ByteSize() == len(wire)
        assert_same_fields(mine, theirs)
        assert str(mine) == str(theirs)
    assert built == read


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(first=contents(proto.GraphProto), second=contents(proto.GraphProto))
def test_merging_is_the_official_merging(first, second):
    """Concatenated encodings, MergeFrom and MergeFromString agree with the official classes."""
    theirs = onnx.GraphProto(**first)
    theirs.MergeFrom(onnx.GraphProto(**second))
    wire = theirs.SerializeToString()
    a, b = proto.GraphProto(**first), proto.GraphProto(**second)
    assert parse(proto.GraphProto, a.SerializeToString() + b.SerializeToString()).SerializeToString() == wire
    read = proto.GraphProto(**first)
    read.MergeFromString(b.SerializeToString())
    a.MergeFrom(b)
    assert a.SerializeToString() == read.SerializeToString() == wire


def small_model() -> bytes:
    tensor = onnx.numpy_helper.from_array(np.arange(3, dtype=np.float32), "w")
    typed = onnx.helper.make_tensor("v", onnx.TensorProto.INT64, [3], [1, -1, 300])
    node = onnx.helper.make_node("Gemm", ["x", "w"], ["y"], alpha=0.5, transB=1, name="fc")
    shape = onnx.helper.make_tensor_value_info("x", 1, ["batch", 3])
    graph = onnx.helper.make_graph([node], "g", [shape], [], [tensor, typed])
    return onnx.helper.make_model(graph, producer_name="test").SerializeToString()


def agree(wire: bytes, cls: type[Message] = proto.ModelProto) -> bool:
    """Read bytes with both packages, require the same verdict and the same re-encoding; whether they are legal."""
    try:
        theirs = official(cls).FromString(wire)
    except DecodeError:
        with pytest.raises(FormatError) as caught:
            parse(cls, wire)
        assert caught.value.offset is not None and 0 <= caught.value.offset <= len(wire)
        return False
    assert parse(cls, wire).SerializeToString() == theirs.SerializeToString()
    return True


def test_every_truncation_gets_the_official_verdict():
    """Cut after any byte, a model is refused, or read, exactly as by the official package."""
    wire = small_model()
    verdicts = [agree(wire[:stop]) for stop in range(len(wire) + 1)]
    assert verdicts[-1] and any(verdicts[1:-1]) and not all(verdicts)


LEGAL = {
    "packed ints where unpacked is usual": (proto.AttributeProto, b"\x42\x03\x80\x01\x05"),
    "unpacked where packed is usual": (proto.TensorProto, b"\x38\x05\x38\x06\x3a\x01\x07"),
    "packed floats": (proto.AttributeProto, b"\x3a\x04abcd"),
    "an empty packed run": (proto.TensorProto, b"\x22\x00"),
    "unknown fields of each wire type": (
        proto.NodeProto,
        b"\xc0\x3e\x05\xc1\x3e12345678\xc2\x3e\x02ab\xc3\x3e\x08\x01\xc4\x3e\xc5\x3e1234\x1a\x01n",
    ),
    "a known number with another wire type": (proto.NodeProto, b"\x08\x05\x0a\x01a\x1a\x01b"),
    "an unknown enum value": (proto.AttributeProto, b"\xa0\x01\x63"),
    "a negative unknown enum value": (proto.AttributeProto, b"\xa0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    "an enum cut to 32 bits": (proto.AttributeProto, b"\xa0\x01\x81\x80\x80\x80\x90\x01"),
    "an unknown enum value of 64 bits": (proto.AttributeProto, b"\xa0\x01\xe3\x80\x80\x80\x90\x01"),
    "an overlong unknown enum value": (proto.AttributeProto, b"\xa0\x01\xe3\x00"),
    "an unknown enum value behind an overlong tag": (proto.AttributeProto, b"\xa0\x81\x80\x00\x63"),
    "an overlong tag": (proto.NodeProto, b"\x8a\x80\x80\x80\x00\x01a"),
    "the largest tag": (proto.NodeProto, b"\xfa\xff\xff\xff\x0f\x01a"),
    "an overlong length": (proto.NodeProto, b"\x0a\x81\x80\x80\x80\x00a"),
    "an overlong unknown varint": (proto.NodeProto, b"\xc0\x3e\x81\x00"),
    "bits beyond the 64th": (proto.AttributeProto, b"\x18" + b"\xff" * 9 + b"\x7f"),
    "an int32 of 64 bits": (proto.TensorProto, b"\x10\x81\x80\x80\x80\xf0\x01"),
    "the last member of a oneof wins": (proto.TypeProto, b"\x0a\x02\x08\x01\x22\x00\x0a\x02\x12\x00"),
    "a repeated singular message merges": (proto.AttributeProto, b"\x2a\x02\x10\x01\x2a\x02\x08\x05"),
    "field number 0 in an unknown group": (proto.NodeProto, b"\x0b\x00\x01\x0c"),
    "groups as deep as allowed": (proto.NodeProto, b"\xc3\x3e" * 100 + b"\xc4\x3e" * 100),
}
ILLEGAL = {
    "field number 0": (proto.NodeProto, b"\x00\x05"),
    "a group that was not opened": (proto.NodeProto, b"\x0c"),
    "a group closed by another number": (proto.NodeProto, b"\x0b\x14"),
    "a group that is not closed": (proto.NodeProto, b"\x0b\x08\x01"),
    "wire type 6": (proto.NodeProto, b"\x0e"),
    "a tag of 6 bytes": (proto.NodeProto, b"\x8a\x80\x80\x80\x80\x00\x01a"),
    "a tag of 33 bits": (proto.NodeProto, b"\xfa\xff\xff\xff\x1f\x01a"),
    "a length of 6 bytes": (proto.NodeProto, b"\x0a\x81\x80\x80\x80\x80\x00a"),
    "a length beyond the message": (proto.NodeProto, b"\x0a\xff\xff\xff\xff\x07a"),
    "a length beyond any file": (proto.NodeProto, b"\x0a" + b"\xff" * 9 + b"\x01a"),
    "a varint of 11 bytes": (proto.AttributeProto, b"\x18" + b"\xff" * 10 + b"\x01"),
    "a packed run that is no whole number of floats": (proto.TensorProto, b"\x22\x03abc"),
    "a packed run cut in a varint": (proto.TensorProto, b"\x3a\x02\x01\x80"),
    "a value that leaves its message": (proto.ModelProto, b"\x3a\x01\x12\x01g"),
    "a varint that leaves its message": (proto.GraphProto, b"\x2a\x02\x10\x80\x01"),
    "groups too deep": (proto.NodeProto, b"\xc3\x3e" * 101 + b"\xc4\x3e" * 101),
}


@pytest.mark.parametrize(("cls", "wire"), LEGAL.values(), ids=LEGAL)
def test_legal_corners_are_read_as_the_official_package_reads_them(cls, wire):
    """Odd but legal encodings give the official values and re-encode to the official bytes."""
    assert agree(wire, cls)
    assert_same_fields(parse(cls, wire), official(cls).FromString(wire))


@pytest.mark.parametrize(("cls", "wire"), ILLEGAL.values(), ids=ILLEGAL)
def test_illegal_encodings_are_refused(cls, wire):
    """What the official package refuses raises FormatError with an offset inside the file."""
    assert not agree(wire, cls)


def nested_types(levels: int) -> bytes:
    wire = b""
    for _ in range(levels // 2):
        wire = b"\x0a" + varint(len(wire)) + wire
        wire = b"\x22" + varint(len(wire)) + wire
    return wire


def test_nesting_is_limited_like_the_official_one():
    """100 levels are read, 102 are refused, and no depth exhausts the stack."""
    assert agree(nested_types(100), proto.TypeProto)
    assert not agree(nested_types(102), proto.TypeProto)
    with pytest.raises(FormatError, match="nested too deeply"):
        parse(proto.TypeProto, nested_types(20000))


def test_invalid_utf8_names_the_byte():
    """A string field must be UTF-8; the error points at the first wrong byte."""
    with pytest.raises(FormatError, match="'name' is not UTF-8") as caught:
        parse(proto.NodeProto, b"\x1a\x03a\xff\xfe")
    assert caught.value.offset == 3


def test_invalid_utf8_is_noted_for_whoever_wants_to_see_the_rest():
    """Each such string is noted, single ones and those of lists, and shown with its wrong bytes spelled."""
    with noting_bad_strings() as found:
        node = parse(NodeProto, b"\x1a\x02n\xff" + b"\x0a\x01\xfe" + b"\x22\x03Abs")
    assert (node.name, list(node.input), node.op_type) == ("n\\xff", ["\\xfe"], "Abs")
    assert [fault.offset for fault in found] == [3, 6]
    with pytest.raises(FormatError):
        parse(NodeProto, b"\x1a\x02n\xff")


@pytest.mark.parametrize("values", [range(-5, 200), [2**62, -(2**62)] * 50, [0] * 70000, [2**31] * 9000 + [-1] * 9000])
def test_long_packed_runs(values):
    """Runs long enough to be decoded as arrays agree with the official package, element by element."""
    theirs = onnx.TensorProto(int64_data=values, uint64_data=[abs(v) for v in values], double_data=values)
    wire = theirs.SerializeToString()
    mine = parse(proto.TensorProto, wire)
    assert list(mine.int64_data) == list(values)
    assert_same_fields(mine, theirs)
    assert mine.SerializeToString() == wire == proto.TensorProto(
        int64_data=values, uint64_data=[abs(v) for v in values], double_data=values
    ).SerializeToString()  # fmt: skip


@pytest.mark.parametrize("run", [b"\xff" * 11 + b"\x01" * 90, b"\x01" * 90 + b"\xff" * 11 + b"\x01", b"\x80" * 200000])
def test_long_packed_runs_are_checked(run):
    """A varint too long, or cut short, in a long run is refused."""
    assert not agree(b"\x3a" + varint(len(run)) + run, proto.TensorProto)


def test_payloads_are_views_of_the_source():
    """raw_data and packed floats of a parsed tensor lie in the source buffer until bytes are asked for."""
    floats = np.arange(1000, dtype=np.float32)
    source = onnx.TensorProto(raw_data=floats.tobytes(), float_data=floats).SerializeToString()
    whole = np.frombuffer(source, np.uint8)
    mine = parse(proto.TensorProto, source)
    assert np.shares_memory(np.frombuffer(mine.view("raw_data"), np.uint8), whole)
    assert np.shares_memory(np.asarray(mine.float_data), whole)
    copied = proto.TensorProto()
    copied.CopyFrom(mine)
    assert np.shares_memory(np.frombuffer(copied.view("raw_data"), np.uint8), whole)
    assert mine.raw_data == floats.tobytes() and type(mine.raw_data) is bytes


def test_a_buffer_that_can_change_is_copied():
    """A message read from a bytearray does not follow later changes of it."""
    source = bytearray(onnx.TensorProto(raw_data=b"a" * 1000, float_data=[1.0] * 100).SerializeToString())
    mine = parse(proto.TensorProto, source)
    source[:] = bytes(len(source))
    assert mine.raw_data == b"a" * 1000 and list(mine.float_data) == [1.0] * 100


def test_every_kind_of_buffer(tmp_path):
    """bytes, memoryview slices, arrays and mapped files are read alike."""
    wire = small_model()
    (tmp_path / "m").write_bytes(wire)
    with (tmp_path / "m").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    padded = memoryview(b"xx" + wire + b"yy")[2:-2]
    for buffer in (bytearray(wire), memoryview(wire), padded, np.frombuffer(wire, np.uint8), mapped):
        assert parse(proto.ModelProto, buffer).SerializeToString() == wire
    with pytest.raises(TypeError, match="expected bytes"):
        parse(proto.ModelProto, "text")


def test_streaming_writes_large_payloads_uncopied():
    """serialize_to gives the bytes of SerializeToString, and hands the weights to the file as they lie."""

    class Recorder(io.BytesIO):
        def __init__(self) -> None:
            super().__init__()
            self.chunks = []

        def write(self, chunk):
            self.chunks.append(chunk)
            return super().write(chunk)

    weights = np.random.default_rng(0).random(100_000, np.float32)
    model = proto.ModelProto(producer_name="x")
    model.graph.initializer.add(dims=[100_000], data_type=1).set_view("raw_data", memoryview(weights))
    file = Recorder()
    assert model.serialize_to(file) == model.ByteSize() == len(file.getvalue())
    assert file.getvalue() == model.SerializeToString()
    assert any(np.shares_memory(np.frombuffer(chunk, np.uint8), weights) for chunk in file.chunks if len(chunk) > 4096)


def test_a_failed_parse_changes_nothing():
    """ParseFromString of malformed bytes leaves the message as it was."""
    node = proto.NodeProto(name="n")
    with pytest.raises(FormatError):
        node.ParseFromString(b"\x1a\x01m\x0a\x05")
    assert node.name == "n"


def test_importing_the_room_is_cheap_and_needs_no_protobuf():
    """sardonyx.proto imports neither protobuf nor onnx."""
    code = "import sys, sardonyx.proto; print([m for m in ('google.protobuf', 'onnx') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_three_gigabytes_of_weights_are_never_copied(tmp_path):
    """A model beyond 2 GB is read from a mapped file and streamed out again in a megabyte of memory."""
    size = 3 << 30
    tail = proto.TensorProto(dims=[size], data_type=proto.TensorProto.INT8).SerializeToString()
    content = tail + b"\x4a" + varint(size)
    initializer = b"\x2a" + varint(len(content) + size) + content
    head = b"\x08\x0e\x3a" + varint(len(initializer) + size) + initializer
    with (tmp_path / "large").open("wb") as file:  # a sparse file: no disk is used
        file.write(head)
        file.truncate(len(head) + size)
    tracemalloc.start()
    with (tmp_path / "large").open("rb") as file:
        model = parse(proto.ModelProto, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    with Path(os.devnull).open("wb") as sink:
        assert model.serialize_to(sink) == model.ByteSize() == len(head) + size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.graph.initializer[0].view("raw_data").nbytes == size
    assert peak < 1 << 20
