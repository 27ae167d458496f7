"""The table says exactly what the official descriptors say."""

from __future__ import annotations

import ast
import inspect

import onnx.onnx_data_pb2 as official_data
import onnx.onnx_ml_pb2 as official_ml
import onnx.onnx_operators_ml_pb2 as official_operators
import pytest

import sardonyx.proto as proto
from sardonyx.proto import Message, onnx_messages
from sardonyx.proto.fields import Field

OFFICIAL = [
    message
    for module in (official_ml, official_operators, official_data)
    for top in module.DESCRIPTOR.message_types_by_name.values()
    for message in (top, *top.nested_types)
]
SPELLING = {"string": "str", "bytes": "bytes", "float": "float", "double": "float", "int32": "int", "int64": "int"}
SPELLING |= {"uint64": "int"}


def ours(official) -> type[Message]:
    found = proto
    for part in official.full_name.removeprefix("onnx.").split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("official", OFFICIAL, ids=lambda message: message.full_name)
def test_every_field_is_the_official_one(official):
    """Number, name, type, label, packing, oneof, default and presence of each field agree."""

    def facts(field):
        kind = field.message_type or field.enum_type
        return (
            field.number,
            field.name,
            field.type,
            field.is_repeated,
            field.is_packed,
            field.has_presence,
            None if field.is_repeated or field.message_type else field.default_value,
            kind and kind.name,
        )

    mine = ours(official).DESCRIPTOR
    assert mine.full_name == official.full_name
    theirs = sorted(official.fields, key=lambda field: field.number)
    assert [facts(field) for field in mine.fields] == [facts(field) for field in theirs]
    groups = {name: {f.name for f in oneof.fields} for name, oneof in mine.oneofs_by_name.items()}
    assert groups == {oneof.name: {f.name for f in oneof.fields} for oneof in official.oneofs}
    enums = {name: enum.items() for name, enum in mine.enum_types_by_name.items()}
    assert enums == {enum.name: [(v.name, v.number) for v in enum.values] for enum in official.enum_types}
    for enum in official.enum_types:
        assert all(getattr(ours(official), value.name) == value.number for value in enum.values)


def test_no_message_is_missing_or_invented():
    """The classes of the package are the official ones, and no more."""
    assert {cls.DESCRIPTOR.full_name for cls in proto.ModelProto.DESCRIPTOR.scope.values()} == {
        message.full_name for message in OFFICIAL
    }


def test_top_level_enums():
    """The enums that belong to no message agree too."""
    for mine, theirs in ((proto.Version, official_ml.Version), (proto.OperatorStatus, official_ml.OperatorStatus)):
        assert mine.items() == theirs.items()


@pytest.mark.parametrize("cls", proto.ModelProto.DESCRIPTOR.scope.values(), ids=lambda cls: cls.__qualname__)
def test_annotations_say_what_the_fields_are(cls):
    """What a type checker reads is what the row beside it declares."""

    def spelled(field: Field) -> str:
        item = "int" if field.enum_type else SPELLING.get(field.type_name, field.type_name)
        container = "Packed" if field.is_packed else "Messages" if field.is_message else "Repeated"
        return f"{container}[{item}]" if field.is_repeated else item

    local = f"{cls.__qualname__}."
    said = inspect.get_annotations(cls)
    assert said.keys() == cls.DESCRIPTOR.fields_by_name.keys()
    for name, field in cls.DESCRIPTOR.fields_by_name.items():
        assert said[name] == spelled(field).replace(local, ""), name


def test_public_names_are_sorted_and_documented():
    """Every message class is exported and explains itself."""
    tree = ast.parse(inspect.getsource(onnx_messages))
    public = {node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}
    assert public | {"Version", "OperatorStatus"} == set(onnx_messages.__all__)
    assert all(cls.__doc__ for cls in proto.ModelProto.DESCRIPTOR.scope.values())
