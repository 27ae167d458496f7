"""Caffe2's messages, against official classes that protobuf makes from the same rows."""

from __future__ import annotations

import inspect
import random
from types import SimpleNamespace

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from sardonyx.proto import caffe2_messages as caffe2
from sardonyx.proto.fields import Field

CLASSES = sorted(caffe2.NetDef.DESCRIPTOR.scope.values(), key=lambda cls: cls.__qualname__.count("."))
SPELLING = {"string": "str", "bytes": "bytes", "float": "float", "double": "float", "bool": "bool"}


@pytest.fixture(scope="module")
def official():
    """Classes of the official runtime, built from our table."""
    file = descriptor_pb2.FileDescriptorProto(name="caffe2.proto", package="caffe2", syntax="proto2")
    made = {}
    for cls in CLASSES:
        name, _, inner = cls.__qualname__.rpartition(".")
        made[cls] = (made[getattr(caffe2, name)].nested_type if name else file.message_type).add(name=inner)
        for enum_name, enum in cls.DESCRIPTOR.enum_types_by_name.items():
            written = made[cls].enum_type.add(name=enum_name)
            for key, number in enum.items():
                written.value.add(name=key, number=number)
        for field in cls.DESCRIPTOR.fields:
            row = made[cls].field.add(name=field.name, number=field.number, label=field.label, type=field.type)
            if field.is_message:
                row.type_name = f".caffe2.{field.type_name}"
            elif field.enum_type is not None:
                row.type_name = ".caffe2.TensorProto.DataType"
                row.default_value = field.enum_type.Name(field.default_value)
            if field.is_packed:
                row.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    find = pool.FindMessageTypeByName
    return lambda cls: message_factory.GetMessageClass(find(cls.DESCRIPTOR.full_name))


def random_fields(cls, rng: random.Random, depth: int = 2) -> dict:
    """Arguments for some fields of a class."""
    values = {
        "string": lambda: rng.choice(["", "x", "\u00e9" * 200]),
        "bytes": lambda: rng.randbytes(rng.choice((0, 3, 400))),
        "float": lambda: rng.choice([0.0, 1.5, -(2.0**100)]),
        "double": rng.random,
        "bool": lambda: rng.random() < 0.5,
        "uint32": lambda: rng.randrange(2**32),
        "int32": lambda: rng.randrange(-(2**31), 2**31),
        "int64": lambda: rng.randrange(-(2**63), 2**63),
        "DataType": lambda: rng.choice([1, 10, 12]),
    }
    made = {}
    for field in cls.DESCRIPTOR.fields:
        if rng.random() < 0.4 or (field.is_message and not depth):
            continue
        one = values.get(field.type_name) or (lambda f=field: random_fields(f.message_class, rng, depth - 1))
        made[field.name] = [one() for _ in range(rng.choice((0, 1, 3)))] if field.is_repeated else one()
    return made


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
def test_bytes_are_the_official_ones(cls, official):
    """Both runtimes write the same bytes and read them back to the same bytes."""
    rng = random.Random(cls.__qualname__)
    for _ in range(5):
        content = random_fields(cls, rng)
        wire = official(cls)(**content).SerializeToString()
        assert cls(**content).SerializeToString() == wire
        assert cls.FromString(wire).SerializeToString() == wire


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
def test_annotations_say_what_the_fields_are(cls):
    """What a type checker reads is what the row beside it declares."""

    def spelled(field: Field) -> str:
        item = field.type_name.removeprefix(cls.__qualname__ + ".") if field.is_message else None
        item = item or SPELLING.get(field.type_name, "int")
        container = "Packed" if field.is_packed else "Messages" if field.is_message else "Repeated"
        return f"{container}[{item}]" if field.is_repeated else item

    assert inspect.get_annotations(cls) == {f.name: spelled(f) for f in cls.DESCRIPTOR.fields_by_name.values()}


def test_defaults():
    """What is absent reads as Caffe2's defaults, and is not written."""
    absent = SimpleNamespace(tensor=caffe2.TensorProto(), quantized=caffe2.QTensorProto(), op=caffe2.OperatorDef())
    assert (absent.tensor.data_type, absent.quantized.data_type) == (1, 2)
    assert absent.op.is_gradient_op is False and not absent.tensor.HasField("data_type")
    assert absent.tensor.SerializeToString() == b""


def test_a_net_written_by_hand():
    """The wire numbers are those of Caffe2's own files."""
    wire = b"\n\x03net\x12\x17\n\x01X\n\x01W\x12\x01Y\x22\x02FC*\x08\n\x04axis\x18\x01\x1a\x06simple:\x01XB\x01Y"
    net = caffe2.NetDef.FromString(wire)
    assert (net.name, net.type, list(net.external_input), list(net.external_output)) == ("net", "simple", ["X"], ["Y"])
    assert (net.op[0].type, list(net.op[0].input), net.op[0].arg[0].name, net.op[0].arg[0].i) == (
        "FC",
        ["X", "W"],
        "axis",
        1,
    )
