"""The text format is read as the official reader reads it, and misfits are refused with a caret under the token."""

from __future__ import annotations

import random

import onnx
import pytest
from google.protobuf import text_format as official

import sardonyx.proto as proto
from sardonyx.core.errors import FormatError, ParseError
from sardonyx.proto.text_parser import from_text

LEGAL = [
    'name: "a" f: 1',
    'name: "a", f: 1; i: 0x10',
    "i: 010",
    "i: -0x10",
    "i: -9223372036854775808",
    "ints: [1, 2,3] ints: 4",
    "ints: []",
    "t { dims: 1 }",
    "t: { dims: [1] ; }",
    "t < dims: 1 >",
    'name: "a" "b"',
    "name: 'a\\n\\x41\\101\\u00fc\\U0001F600\\'\\\"'",
    '# comment\nname: "x" # another',
    "type: FLOAT",
    "type: 1",
    "f: inf floats: [-inf, Infinity, nan, 1.5f, 1e3, .5, 5., -.5, -1E-3, 1F, 1e39]",
    's: "\\xff\\000\\\\"',
    'tensors { } tensors { name: "x" }',
    'tensors: [{}, {name: "q"}]',
    "g {}",
    "",
]
ILLEGAL = [
    ("type: 99", "invalid enumerator 99"),
    ("type: NOPE", "no value defined"),
    ("f: 1 f: 2", "set twice"),
    ("i: 1.0", "an integer is wanted"),
    ("i: - 5", "no token"),
    ("i: 99999999999999999999", "out of range"),
    ('i: "1"', "an integer is wanted"),
    ("f: 0x10", "a number is wanted"),
    ("f: 010", "a number is wanted"),
    ('name: "\\xff"', "utf-8"),
    ("name: 5", "a quoted string"),
    ("zz: 1", "no field 'zz'"),
    ("[a.b]: 1", "no field"),
    ('name: "a', "does not end"),
    ('name: "a\nb"', "does not end"),
    ('name "a"', "':' is wanted"),
    ("t {", "'}' is wanted"),
    ("t {>", "no field '>'"),
    ("t: 5", "'{' is wanted"),
    ("}", "no field '}'"),
    ("ints: [1 2]", "',' is wanted"),
    ("tp { tensor_type {} map_type {} }", "'value' is set twice"),
    ("tp {" + "sequence_type { elem_type {" * 200, "too deeply"),
]


@pytest.mark.parametrize("text", LEGAL)
def test_legal_text(text):
    """What the official reader accepts is read to the same message."""
    theirs = official.Parse(text, onnx.AttributeProto())
    assert from_text(proto.AttributeProto, text).SerializeToString() == theirs.SerializeToString()


@pytest.mark.parametrize(("text", "says"), ILLEGAL, ids=[text[:30] for text, _ in ILLEGAL])
def test_misfits_are_refused(text, says):
    """What the official reader refuses is refused, at a place inside the text."""
    with pytest.raises((official.ParseError, RecursionError)):
        official.Parse(text, onnx.AttributeProto())
    with pytest.raises(ParseError, match=says) as caught:
        from_text(proto.AttributeProto, text)
    assert caught.value.offset is not None and 0 <= caught.value.offset <= len(text)


def test_an_unknown_escape_is_refused():
    """The official reader keeps the backslash of an escape it does not know; a typo is better refused."""
    with pytest.raises(ParseError, match="has no meaning"):
        from_text(proto.AttributeProto, 's: "\\q"')


def model() -> proto.ModelProto:
    x = onnx.helper.make_tensor_value_info("x", 1, ["N", 3])
    node = onnx.helper.make_node(
        "A", ["x"], ["y"], f=0.1, s=b"\xff'\"\\\n", floats=[1e-45, 3e38], ints=[-1], name="\u00fc"
    )
    weight = onnx.helper.make_tensor("w", onnx.TensorProto.DOUBLE, [2], [0.1, 1 / 3])
    made = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [x], [weight]))
    return proto.ModelProto.FromString(made.SerializeToString())


def test_what_is_printed_is_read_back():
    """str and from_text are inverses."""
    assert from_text(proto.ModelProto, str(model())) == model()


def test_damaged_text_is_read_or_refused():
    """5,000 damaged texts: nothing but a message or a FormatError comes out."""
    text, rng = str(model()), random.Random(0)
    refused = 0
    for _ in range(5000):
        at = rng.randrange(len(text))
        damaged = (
            text[:at] + rng.choice(["", "}", "{", '"', "\\", ":", "9", "-", "[", "\x00", "\u00e9"]) + text[at + 1 :]
        )
        try:
            from_text(proto.ModelProto, damaged)
        except FormatError:
            refused += 1
    assert 500 < refused < 5000
