"""The JSON mapping writes what the official one writes, reads it back, and refuses misfits with their path."""

from __future__ import annotations

import json
import math

import onnx
import pytest
from google.protobuf import json_format as official
from onnx import helper

import sardonyx.proto as proto
from sardonyx.core.errors import FormatError
from sardonyx.proto.json_format import to_json
from sardonyx.proto.json_parser import from_json


def sample() -> onnx.ModelProto:
    node = helper.make_node(
        "X", ["a"], ["b"], f=0.1, i=-(2**62), s=b"\xff\x00", floats=[1.5, math.inf, math.nan, 1e-45]
    )
    tensors = [
        helper.make_tensor("d", onnx.TensorProto.DOUBLE, [2], [0.1, -math.inf]),
        helper.make_tensor("i", onnx.TensorProto.INT32, [2], [1, -1]),
        helper.make_tensor("s", onnx.TensorProto.STRING, [1], [b"\xfe"]),
    ]
    x = helper.make_tensor_value_info("\u00fc\n", 1, ["N", 3, None])
    return helper.make_model(helper.make_graph([node], "g", [x], [], tensors), producer_name='q"uote')


def test_writes_the_official_json():
    """The same objects, and by default the same text."""
    theirs = sample()
    mine = proto.ModelProto.FromString(theirs.SerializeToString())
    assert to_json(mine) == official.MessageToJson(theirs)


def test_reads_its_own_and_the_official_json():
    """Camel case and original names, and enums by name or number, are read alike."""
    theirs = sample()
    wire = theirs.SerializeToString()
    for text in (
        official.MessageToJson(theirs),
        official.MessageToJson(theirs, preserving_proto_field_name=True, use_integers_for_enums=True, indent=None),
    ):
        assert from_json(proto.ModelProto, text).SerializeToString() == wire


LEGAL = {
    "integers as numbers or integral floats": (proto.AttributeProto, '{"i": 5, "ints": ["7", 8.0]}'),
    "floats as strings": (proto.AttributeProto, '{"f": "1.5", "floats": ["-Infinity", 2]}'),
    "base64 for URLs, unpadded": (proto.AttributeProto, '{"s": "_-8"}'),
    "null is absent": (proto.AttributeProto, '{"s": null, "ints": null, "t": null}'),
    "an empty message is present": (proto.ModelProto, '{"graph": {}}'),
}
ILLEGAL = {
    "no JSON": (proto.NodeProto, "{", "not JSON"),
    "an unknown field": (proto.NodeProto, '{"nope": 1}', 'no field "nope"'),
    "a key twice": (proto.NodeProto, '{"name": "a", "name": "b"}', "same key twice"),
    "two members of a oneof": (proto.TensorShapeProto, '{"dim": [{"dimValue": 1, "dimParam": "N"}]}', "exclude"),
    "a boolean for an integer": (proto.AttributeProto, '{"i": true}', "AttributeProto.i"),
    "a fraction for an integer": (proto.AttributeProto, '{"ints": [1, 1.5]}', r"ints\[1\]"),
    "an integer too large": (proto.AttributeProto, '{"i": "9223372036854775808"}', "out of range"),
    "a float too large": (proto.AttributeProto, '{"f": 1e39}', "beyond the range"),
    "a bare NaN": (proto.AttributeProto, '{"f": NaN}', "NaN is not JSON"),
    "a string for a list": (proto.NodeProto, '{"input": "ab"}', "an array is wanted"),
    "null in a list": (proto.NodeProto, '{"input": [null]}', r"input\[0\]"),
    "a number for a string": (proto.NodeProto, '{"name": 1}', "string"),
    "a number for bytes": (proto.AttributeProto, '{"s": 5}', "bytes"),
    "an unknown enum name": (proto.AttributeProto, '{"type": "NO"}', "AttributeType"),
    "a lone surrogate": (proto.NodeProto, '{"name": "\\ud800"}', "surrogates"),
    "more digits than Python converts": (proto.AttributeProto, '{"i": ' + "9" * 5000 + "}", "digits"),
    "nesting without end": (
        proto.TypeProto,
        '{"sequenceType": {"elemType": ' * 3000 + "{}" + "}}" * 3000,
        "too deeply",
    ),
}
STRICTER = {  # the official reader lets these through
    "an array": (proto.NodeProto, "[]", "an object is wanted"),
    "two spellings of a field": (proto.NodeProto, '{"opType": "a", "op_type": "b"}', "exclude each other"),
    "bytes that are not base64": (proto.AttributeProto, '{"s": "!"}', "bytes"),
}


@pytest.mark.parametrize(("cls", "text"), LEGAL.values(), ids=LEGAL)
def test_legal_variants(cls, text):
    """What the official reader accepts is read to the same message."""
    theirs = official.Parse(text, getattr(onnx, cls.__name__)())
    assert from_json(cls, text).SerializeToString() == theirs.SerializeToString()


@pytest.mark.parametrize(("cls", "text", "says"), ILLEGAL.values(), ids=ILLEGAL)
def test_what_the_official_reader_refuses_is_refused(cls, text, says):
    """Misfits are refused with a reason."""
    with pytest.raises((official.ParseError, RecursionError)):
        official.Parse(text, getattr(onnx, cls.__name__)())
    with pytest.raises(FormatError, match=says):
        from_json(cls, text)


@pytest.mark.parametrize(("cls", "text", "says"), STRICTER.values(), ids=STRICTER)
def test_what_is_ambiguous_is_refused(cls, text, says):
    """So are misfits that the official reader guesses at."""
    with pytest.raises(FormatError, match=says):
        from_json(cls, text)


def test_compact():
    """indent=None writes one line."""
    assert json.loads(to_json(proto.NodeProto(op_type="A"), indent=None)) == {"opType": "A"}
