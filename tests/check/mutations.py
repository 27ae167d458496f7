"""Models of every kind, and ways to break them: fields dropped, doubled, swapped, borrowed from elsewhere; bytes damaged."""

from __future__ import annotations

import functools
import random
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor as Field
from onnx import helper

from sardonyx.core import dtypes
from tests.check.models import info

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"

CALLS = """<ir_version: 9, opset_import: ["" : 17, "local" : 1, "my" : 1]>
g (float[N] X, bool c, seq(float[N]) s) => (float[N] Y) <float[2] w = {1, 2}, int64[2, 2] v = {1, 2, 3, 4}> {
    t = local.f <alpha = 2.0> (X)
    k = my.Own <a = [1, 2], b = "x", c = ["u"]> (t, w, s)
    Y = If (c) <then_branch = a () => (z) { z = Identity (t) }, else_branch = b () => (q) { q = Neg (X) }>
}
<opset_import: ["" : 17, "local" : 1], domain: "local">
f <alpha> (x) => (y) { k = Constant <value_float: float = @alpha> ()  y = local.h (x) }
<opset_import: ["" : 17], domain: "local"> h (x) => (y) { y = Relu (x) }"""
CONTAINERS = """<ir_version: 10, opset_import: ["" : 20]>
g (float[N] a, float[N] b, int64 i) => (float[N] y, bool z, seq(float[N]) s, optional(float[N]) o) {
    s = SequenceConstruct (a, b)  y = SequenceAt (s, i)  o = Optional (y)  z = OptionalHasElement (o) }"""

# What is put where a text or an integer stands.
TEXTS = ["", "X", "Y", "x", "t", "w", "f", "local", "Relu", "Add", "nope", "__own", "Gelu", "Upsample", "Affine", "BiasGelu",
         "ai.onnx", "ai.onnx.ml", "ai.onnx.preview", "com.microsoft", "location", "offset", "#memory",
         "w.bin", "link.bin", "../w.bin", "/etc/passwd", "in/../w.bin", "in/v.bin", "in", "..\\w.bin", "C:\\w.bin"]  # fmt: skip
INTEGERS = [*range(12), 14, 15, 16, 18, 22, 24, 27, 29, 99, -1, -2, 2**31 - 1, 2**31, -(2**31), 2**40, 2**62]
PAYLOADS = [bytes(size) for size in (0, 1, 2, 4, 5, 8, 15, 16, 20, 40)] + [b"\xff" * 8]


def lay_out(folder: Path) -> None:
    """The files that models here name."""
    (folder / "w.bin").write_bytes(bytes(64))
    (folder / "in").mkdir()
    (folder / "in" / "v.bin").write_bytes(bytes(64))
    (folder / "link.bin").symlink_to(folder / "w.bin")


def _constants() -> onnx.ModelProto:
    """One of each element type, a sparse one, one in a file, and training information."""
    graph = helper.make_graph([helper.make_node("Identity", ["t1"], ["y"])], "g", [], [info("y", (5,))])
    for kind in dtypes.ALL:
        if kind is dtypes.STRING:
            graph.initializer.append(onnx.numpy_helper.from_array(np.array(list("abcde"), object), "text"))
        elif kind is not dtypes.UNDEFINED:
            graph.initializer.append(helper.make_tensor(f"t{kind.code}", kind.code, [5], [0] * 5))
    values, places = helper.make_tensor("sv", 1, [3], [1, 2, 3]), helper.make_tensor("si", 7, [3], [1, 2, 5])
    graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [2, 3]))
    stored = graph.initializer.add(name="w", data_type=1, dims=[2], data_location=1)
    for key, value in {"location": "w.bin", "offset": "8", "length": "8"}.items():
        stored.external_data.add(key=key, value=value)
    model = helper.make_model(graph)
    training = model.training_info.add()
    training.algorithm.node.add(op_type="Neg", input=["x"], output=["q"])
    training.update_binding.add(key="w", value="q")
    return model


@functools.cache
def official_models(largest: int = 60_000) -> list[bytes]:
    """The models of the official suite that are small enough to be changed often."""
    return [path.read_bytes() for path in sorted(DATA.glob("*/*/model.onnx")) if path.stat().st_size < largest]


@functools.cache
def made_models() -> list[bytes]:
    """Models that hold what those of the suite do not."""
    parse = onnx.parser.parse_model
    return [model.SerializeToString() for model in (parse(CALLS), parse(CONTAINERS), _constants())]


def mutant(dice: random.Random) -> bytes:
    """A model with a few changes; one in eight is damaged as bytes."""
    whole = dice.choice(made_models() if dice.random() < 0.35 else official_models())
    if dice.random() < 0.125:
        return damage(whole, dice)
    model = onnx.ModelProto.FromString(whole)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        mutate(model, dice)
    return model.SerializeToString()


def damage(data: bytes, dice: random.Random) -> bytes:
    """Overwrite, remove, insert or repeat some bytes."""
    damaged = bytearray(data)
    at, size = dice.randrange(len(data)), dice.choice((1, 2, 5, 20))
    match dice.randrange(4):
        case 0:
            damaged[at] = dice.randrange(256)
        case 1:
            del damaged[at : at + size]
        case 2:
            damaged[at:at] = dice.randbytes(min(size, 4))
        case _:
            start = dice.randrange(len(data))
            damaged[at:at] = damaged[start : start + size]
    return bytes(damaged)


def _messages(message: Any) -> list[Any]:
    """A message and all inside it."""
    found = [message]
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                found += _messages(inner)
    return found


def mutate(model: onnx.ModelProto, dice: random.Random) -> None:
    """Change one field of one message somewhere."""
    everything = _messages(model)
    message = dice.choice(everything)
    filled = [field for field, _ in message.ListFields()]
    choice = dice.random()
    if filled and choice < 0.25:
        message.ClearField(dice.choice(filled).name)
        return
    field = dice.choice(filled if filled and choice < 0.6 else message.DESCRIPTOR.fields)
    others = [copied(m) for m in everything if m.DESCRIPTOR is field.message_type]
    if field.is_repeated:
        _change_list(getattr(message, field.name), field, others, dice)
    elif field.message_type is not None:
        inner = getattr(message, field.name)
        merge = dice.choice((inner.CopyFrom, inner.MergeFrom))
        merge(dice.choice(others)) if others and dice.random() < 0.7 else inner.SetInParent()
    else:
        setattr(message, field.name, _scalar(field, dice))


def copied(message: Any) -> Any:
    made = type(message)()
    made.CopyFrom(message)
    return made


def _change_list(held: Any, field: Any, others: list[Any], dice: random.Random) -> None:
    """Double, drop, swap or add an entry."""
    entries = [copied(entry) for entry in held] if field.message_type is not None else list(held)
    at = dice.randrange(len(entries)) if entries else 0
    match dice.randrange(4):
        case 0 if entries:
            entries.append(entries[at])
        case 1 if entries:
            del entries[at]
        case 2 if len(entries) > 1:
            entries[at], entries[at - 1] = entries[at - 1], entries[at]
        case _:
            if field.message_type is None:
                entries[at : at + dice.randrange(2)] = [_scalar(field, dice)]
            elif others:
                entries.append(dice.choice(others))
    del held[:]
    held.extend(entries)


def _scalar(field: Any, dice: random.Random) -> Any:
    """Anything that the field can hold."""
    if field.enum_type is not None:
        return dice.choice(list(field.enum_type.values_by_number))
    if field.type == Field.TYPE_STRING:
        return dice.choice(TEXTS)
    if field.type == Field.TYPE_BYTES:
        return dice.choice(PAYLOADS)
    if field.type in (Field.TYPE_FLOAT, Field.TYPE_DOUBLE):
        return 1.5
    wide = field.type == Field.TYPE_INT64
    return dice.choice(INTEGERS if wide else [n for n in INTEGERS if 0 <= n < 2**31])
