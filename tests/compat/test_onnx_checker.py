"""The checker accepts and refuses what the official one does, and raises the same classes."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx as official
import onnx.parser
import pytest

import sardonyx.compat.onnx as ours
from sardonyx.core import dtypes
from tests.compat.programs import Program, outcome, same

REFUSED = ("raises", "ValidationError")
TENSOR_TYPES = [row for row in dtypes.ALL if row is not dtypes.UNDEFINED]


def relu(o: Any, *, domain: str = "", op: str = "Relu", **fields: Any) -> Any:
    h = o.helper
    x, y = (h.make_tensor_value_info(name, 1, [1, 2]) for name in "XY")
    graph = h.make_graph([h.make_node(op, ["X"], ["Y"], domain=domain)], "g", [x], [y])
    return h.make_model(graph, **fields)


def edited(o: Any, edit: Program, **fields: Any) -> Any:
    model = relu(o, **fields)
    edit(model)
    return model


# --- nodes, attributes, values

NODES: dict[str, Program] = {
    "plain": lambda o: o.helper.make_node("Relu", ["X"], ["Y"]),
    "an input too many": lambda o: o.helper.make_node("Relu", ["X", "Z"], ["Y"]),
    "a required input left out": lambda o: o.helper.make_node("Relu", [""], ["Y"]),
    "an optional input left out": lambda o: o.helper.make_node("Clip", ["X", "", "M"], ["Y"]),
    "too few inputs": lambda o: o.helper.make_node("Add", ["X"], ["Y"]),
    "no inputs or outputs": lambda o: o.helper.make_node("Relu", [], []),
    "no operator": lambda o: o.helper.make_node("", ["X"], ["Y"]),
    "an unknown operator": lambda o: o.helper.make_node("Nope", ["X"], ["Y"]),
    "an experimental operator": lambda o: o.helper.make_node("ConstantFill", [], ["Y"], shape=[1, 2]),
    "a domain that is not imported": lambda o: o.helper.make_node("Relu", ["X"], ["Y"], domain="other"),
    "a deprecated operator": lambda o: o.helper.make_node("Upsample", ["X", "S"], ["Y"]),
    "an unknown attribute": lambda o: o.helper.make_node("Relu", ["X"], ["Y"], alpha=1.0),
    "a private attribute": lambda o: o.helper.make_node("Relu", ["X"], ["Y"], __mine=1.0),
    "an attribute of another type": lambda o: o.helper.make_node("Elu", ["X"], ["Y"], alpha=1),
    "a required attribute missing": lambda o: o.helper.make_node("Cast", ["X"], ["Y"]),
    "a loop without condition": lambda o: o.helper.make_node("Loop", ["M"], ["Y"], body=relu(o).graph),
    "a variadic input": lambda o: o.helper.make_node("Concat", list("abcdef"), ["Y"], axis=0),
    "an output too many": lambda o: o.helper.make_node("Add", ["X", "Z"], ["Y", "W"]),
    "a required output without name": lambda o: o.helper.make_node("Add", ["X", "Z"], [""]),
}  # fmt: skip


@pytest.mark.parametrize("make", NODES.values(), ids=NODES)
def test_nodes(make: Program) -> None:
    same(lambda o: o.checker.check_node(make(o)))


def test_a_repeated_attribute_is_refused() -> None:
    def program(o: Any) -> None:
        node = o.helper.make_node("Elu", ["X"], ["Y"], alpha=1.0)
        node.attribute.add().CopyFrom(node.attribute[0])
        o.checker.check_node(node)

    assert same(program) == REFUSED


ATTRIBUTES: list[dict[str, Any]] = [
    {}, {"name": "a"}, {"name": "a", "type": 1}, {"name": "a", "type": 2, "i": 1}, {"name": "a", "type": 1, "i": 1},
    {"name": "a", "type": 2, "i": 1, "f": 1.0}, {"name": "a", "type": 7, "ints": [1]}, {"name": "a", "i": 1},
    {"name": "a", "type": 7, "floats": [1.0]}, {"type": 2, "i": 1}, {"name": "a", "type": 2, "ref_attr_name": "b"},
    {"name": "a", "type": 2, "i": 1, "ref_attr_name": "b"},
]  # fmt: skip


@pytest.mark.parametrize("fields", ATTRIBUTES, ids=repr)
def test_attributes(fields: dict[str, Any]) -> None:
    same(lambda o: o.checker.check_attribute(o.AttributeProto(**fields)))


def test_values_of_an_interface_state_their_type() -> None:
    def types(o: Any) -> list[Any]:
        h, kinds = o.helper, o.TypeProto
        opaque, named = kinds(), kinds()
        opaque.opaque_type.SetInParent()
        named.opaque_type.name = "Mine"
        return [
            None, kinds(), h.make_tensor_type_proto(1, None), h.make_tensor_type_proto(1, []), opaque, named,
            h.make_sparse_tensor_type_proto(1, None), h.make_sequence_type_proto(h.make_tensor_type_proto(1, None)),
            h.make_optional_type_proto(h.make_tensor_type_proto(1, None)), kinds(sequence_type=kinds.Sequence()),
            kinds(map_type=kinds.Map(key_type=7)), h.make_map_type_proto(7, h.make_tensor_type_proto(1, None)),
        ]  # fmt: skip

    for i in range(len(types(ours))):
        same(lambda o, i=i: o.checker.check_value_info(o.ValueInfoProto(name="x", type=types(o)[i])))
    assert same(lambda o: o.checker.check_value_info(o.ValueInfoProto())) == REFUSED


# --- tensors


@pytest.mark.parametrize("field", ["raw_data", "typed"])
@pytest.mark.parametrize("kind", TENSOR_TYPES, ids=lambda row: row.onnx)
def test_a_tensor_needs_all_its_elements(kind: Any, field: str) -> None:
    """One entry fewer is refused, the right number and more are accepted, at sizes around the packing of small types."""

    def check(o: Any, count: int, held: int) -> None:
        tensor = o.TensorProto(name="t", data_type=kind.code, dims=[count])
        if field == "raw_data":
            tensor.raw_data = bytes(held)
        else:
            name = o.helper.tensor_dtype_to_field(kind.code)
            getattr(tensor, name).extend([b"" if name == "string_data" else 0] * held)
        o.checker.check_tensor(tensor)

    for count in (0, 1, 2, 9, 17):
        for held in {0, 1, 2, count - 1, count, 2 * count - 1, 2 * count, kind.nbytes(count) - 1, kind.nbytes(count)}:
            if held >= 0:
                same(lambda o, c=count, h=held: check(o, c, h))


TENSORS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no type": {"dims": [1], "float_data": [1.0]},
    "undefined": {"data_type": 0, "dims": [1], "float_data": [1.0]},
    "unknown type": {"data_type": 99, "dims": [1], "float_data": [1.0]},
    "unknown type, raw": {"data_type": 99, "dims": [1], "raw_data": b"1"},
    "two fields": {"data_type": 1, "dims": [1], "float_data": [1.0], "raw_data": b"1234"},
    "other field": {"data_type": 6, "dims": [1], "float_data": [1.0]},
    "negative": {"data_type": 1, "dims": [-1, 4], "raw_data": bytes(16)},
    "too large": {"data_type": 1, "dims": [2**62, 2**62], "raw_data": b"1"},
    "too large for its type": {"data_type": 15, "dims": [2**62], "raw_data": b"1"},
    "empty with data": {"data_type": 1, "dims": [0], "float_data": [1.0]},
    "text as bytes": {"data_type": 8, "dims": [1], "raw_data": b"1"},
    "six bits, padding": {"data_type": 27, "dims": [1], "raw_data": b"\x40"},
    "external, nowhere": {"data_type": 1, "dims": [1], "data_location": 1},
    "external, with data": {"data_type": 1, "dims": [1], "data_location": 1, "float_data": [1.0]},
}  # fmt: skip


@pytest.mark.parametrize("fields", TENSORS.values(), ids=TENSORS)
def test_tensors(fields: dict[str, Any]) -> None:
    same(lambda o: o.checker.check_tensor(o.TensorProto(name="t", **fields)))


@pytest.mark.parametrize(
    "location", ["", "a.bin", "../a.bin", "/a.bin", "d/../a.bin", "#memory", "missing", "link", "d"]
)
def test_external_data_lies_beside_the_model(location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.bin").write_bytes(bytes(8))
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a.bin")

    def program(o: Any) -> None:
        tensor = o.TensorProto(name="w", data_type=1, dims=[1, 2], data_location=1)
        tensor.external_data.add(key="location", value=location)
        model = relu(o)
        model.graph.initializer.append(tensor)
        (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
        o.checker.check_tensor(tensor)
        o.checker.check_model(str(tmp_path / "model.onnx"))

    same(program)


@pytest.mark.parametrize(
    ("shape", "indices", "at"),
    [
        ([100], [3], [9, 27, 81]), ([100], [3], [9, 27, 181]), ([100], [3], [27, 9, 81]), ([100], [2], [1, 2]),
        ([10, 10], [3, 2], [0, 9, 2, 7, 8, 1]), ([10, 10], [3, 2], [0, 9, 0, 27, 8, 1]), ([10, 10], [2, 3], [0] * 6),
        ([10, 10], [3, 1], [0, 1, 2]), ([], [3], [0, 1, 2]), ([0], [3], [0, 1, 2]), ([9], [1, 3, 1], [0, 1, 2]),
        ([10, 10], [3, 2], [2, 7, 0, 9, 8, 1]), ([10, 10], [3, 2], [0, 9, 0, 9, 8, 1]),
    ],
)  # fmt: skip
def test_sparse_tensors(shape: list[int], indices: list[int], at: list[int]) -> None:
    def program(o: Any) -> None:
        h = o.helper
        values, places = h.make_tensor("v", 7, [3], [13, 17, 19]), h.make_tensor("i", 7, indices, at)
        o.checker.check_sparse_tensor(h.make_sparse_tensor(values, places, shape))

    same(program)


# --- models

MODELS: dict[str, Program] = {
    "plain": relu,
    "empty": lambda o: o.ModelProto(),
    "newer format": lambda o: edited(o, lambda m: setattr(m, "ir_version", 99)),
    "no operator sets": lambda o: edited(o, lambda m: m.ClearField("opset_import")),
    "old format with operator sets": lambda o: edited(o, lambda m: setattr(m, "ir_version", 2)),
    "a key twice": lambda o: edited(o, lambda m: [m.metadata_props.add(key="k", value=v) for v in "ab"]),
    "no graph name": lambda o: edited(o, lambda m: setattr(m.graph, "name", "")),
    "an output that is not made": lambda o: edited(o, lambda m: setattr(m.graph.output[0], "name", "Q")),
    "an input twice": lambda o: edited(o, lambda m: m.graph.input.add().CopyFrom(m.graph.input[0])),
    "a name made twice": lambda o: edited(o, lambda m: m.graph.node.add().CopyFrom(m.graph.node[0])),
    "read before made": lambda o: edited(o, lambda m: m.graph.node.insert(
        0, o.helper.make_node("Abs", ["Y"], ["Z"]))),
    "a custom operator": lambda o: relu(
        o, domain="my", op="Own", opset_imports=[o.helper.make_opsetid("", 20), o.helper.make_opsetid("my", 1)]),
    "a huge version": lambda o: relu(o, opset_imports=[o.helper.make_opsetid("", 2**40)]),
    "a constant without a name": lambda o: edited(
        o, lambda m: m.graph.initializer.append(o.helper.make_tensor("", 1, [1], [1.0]))),
    "a constant that is no input, format 3": lambda o: edited(
        o, lambda m: m.graph.initializer.append(o.helper.make_tensor("w", 1, [1], [1.0])), ir_version=3),
}  # fmt: skip


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_models(make: Program) -> None:
    same(lambda o: o.checker.check_model(make(o)))
    same(lambda o: o.checker.check_model(make(o).SerializeToString(), check_custom_domain=True))


FUNCTIONS = {
    "calls itself": 'f (x) => (y) { y = local.f (x) }',
    "calls itself in a branch": """f (x) => (y) { c = Constant <value = bool {1}> ()
        y = If (c) <then_branch = a () => (t) { t = local.f (x) }, else_branch = b () => (e) { e = Identity (x) }> }""",
    "is legal": "f (x) => (y) { y = Abs (x) }",
    "reads what is not made": "f (x) => (y) { y = Abs (z) }",
    "has an input twice": "f (x, x) => (y) { y = Abs (x) }",
    "has an output twice": "f (x) => (y, y) { y = Abs (x) }",
    "has an attribute twice": "f <a, a> (x) => (y) { y = Abs (x) }",
    "makes a name twice": "f (x) => (y) { y = Abs (x)  y = Neg (x) }",
}  # fmt: skip


@pytest.mark.parametrize("body", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("version", [12, 17])
def test_functions(body: str, version: int) -> None:
    def program(o: Any) -> None:
        model = o.parser.parse_model(
            '<ir_version: 8, opset_import: ["": 17, "local": 1]> g (float[N] X) => (float[N] Y) { Y = local.f (X) }'
            f'<opset_import: ["": {version}, "local": 1], domain: "local"> {body}'
        )
        o.checker.check_model(model)
        o.checker.check_function(model.functions[0])

    same(program)


@pytest.mark.parametrize("skip", [False, True])
def test_functions_use_the_models_versions_unless_told_otherwise(skip: bool) -> None:
    def program(o: Any) -> None:
        model = o.parser.parse_model(
            '<ir_version: 8, opset_import: ["": 17, "local": 1]> g (float[N] X) => (float[N] Y) { Y = local.f (X) }'
            '<opset_import: ["": 12], domain: "local"> f (x) => (y) { y = Softmax (x) }'
        )
        o.checker.check_model(model, skip_opset_compatibility_check=skip)

    assert same(program) == (None if skip else REFUSED)


# --- calls

CALLS: dict[str, Program] = {
    "no model": lambda o: o.checker.check_model(3),
    "no message": lambda o: o.checker.check_node(3),
    "another message": lambda o: o.checker.check_tensor(o.NodeProto()),
    "no context": lambda o: o.checker.check_node(o.helper.make_node("Relu", ["X"], ["Y"]), 3),
    "corrupt bytes": lambda o: o.checker.check_model(b"\xff\xff\xff"),
    "no such file": lambda o: o.checker.check_model("/nowhere/at/all.onnx"),
    "the defaults": lambda o: [o.checker.DEFAULT_CONTEXT.ir_version, o.checker.DEFAULT_CONTEXT.opset_imports],
    "a new context": lambda o: [o.checker.C.CheckerContext().ir_version, o.checker.C.CheckerContext().opset_imports],
    "a context's version": lambda o: setattr(o.checker.C.CheckerContext(), "ir_version", "3"),
    "a context's imports": lambda o: setattr(o.checker.C.CheckerContext(), "opset_imports", {"": "3"}),
    "a context's other facts": lambda o: setattr(o.checker.C.CheckerContext(), "anything", 3),
    "a context with arguments": lambda o: o.checker.C.CheckerContext(3),
    "bytes": lambda o: o.checker.C.check_tensor(b"\x08", o.checker.DEFAULT_CONTEXT),
    "one context too few": lambda o: o.checker.C.check_node(b"", o.checker.DEFAULT_CONTEXT),
    "text for bytes": lambda o: o.checker.C.check_model("model"),
    "the largest message": lambda o: o.checker.MAXIMUM_PROTOBUF,
}  # fmt: skip


@pytest.mark.parametrize("program", CALLS.values(), ids=CALLS)
def test_calls(program: Program) -> None:
    same(program)


def test_an_older_context_wants_an_input_for_each_constant() -> None:
    def program(o: Any) -> None:
        graph, ctx = relu(o).graph, o.checker.C.CheckerContext()
        ctx.ir_version, ctx.opset_imports = 3, {"": o.defs.onnx_opset_version()}
        graph.initializer.append(o.helper.make_tensor("w", 1, [1], [1.0]))
        o.checker.check_graph(graph)
        o.checker.check_graph(graph, ctx, o.checker.C.LexicalScopeContext())

    assert same(program) == REFUSED


def test_a_message_that_is_too_large_is_sent_to_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    data = relu(ours).SerializeToString()
    monkeypatch.setattr(ours.checker, "MAXIMUM_PROTOBUF", len(data))
    ours.checker.check_model(data)
    monkeypatch.setattr(ours.checker, "MAXIMUM_PROTOBUF", len(data) - 1)
    with pytest.raises(ValueError, match="model path"):
        ours.checker.check_model(data)


def test_weights_are_not_read(tmp_path: Path) -> None:
    """A file is mapped, and what a tensor holds is only counted."""
    model = relu(ours)
    model.graph.initializer.append(ours.TensorProto(name="w", data_type=1, dims=[1 << 22]))
    model.graph.initializer[0].raw_data = bytes(1 << 24)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    tracemalloc.start()
    try:
        ours.checker.check_model(tmp_path / "m.onnx")
        ours.checker.check_model(model)
        assert tracemalloc.get_traced_memory()[1] < 1 << 21
    finally:
        tracemalloc.stop()


def test_messages_of_the_official_package_are_checked_too() -> None:
    ours.checker.check_model(relu(official))
    with pytest.raises(ours.checker.ValidationError):
        ours.checker.check_model(relu(official, op="Nope"))


def test_a_full_check_infers() -> None:
    def program(o: Any) -> None:
        model = relu(o)
        model.graph.output[0].type.tensor_type.elem_type = o.TensorProto.INT32
        o.checker.check_model(model)
        o.checker.check_model(model, full_check=True)

    assert same(program) == ("raises", "InferenceError")


def test_a_refusal_names_the_node_around_it() -> None:
    model = relu(ours, op="Nope")
    model.graph.node[0].name = "first"
    with pytest.raises(ours.checker.ValidationError, match=r"No Op registered for Nope(.|\n)*Name: first"):
        ours.checker.check_model(model)


# --- random edits of legal models

TEXT = """<ir_version: 9, opset_import: ["" : 17, "local" : 1, "my" : 1]>
g (float[N] X, bool c, seq(float[N]) s) => (float[N] Y) <float[2] w = {1, 2}, int64[2, 2] v = {1, 2, 3, 4}> {
    t = local.f <alpha = 2.0> (X)
    k = my.Own <a = [1, 2], b = "x", c = ["u"]> (t, w, s)
    Y = If (c) <then_branch = a () => (z) { z = Identity (t) }, else_branch = b () => (q) { q = Neg (X) }>
}
<opset_import: ["" : 17, "local" : 1], domain: "local">
f <alpha> (x) => (y) { k = Constant <value_float: float = @alpha> ()  y = local.h (x) }
<opset_import: ["" : 17], domain: "local"> h (x) => (y) { y = Relu (x) }"""
NAMES = ["", "X", "Y", "x", "t", "local", "Relu", "Add", "nope", "__own", "ai.onnx", "f"]


def messages(message: Any) -> list[Any]:
    found = [message]
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if hasattr(value, "add") else [value]:
                found += messages(inner)
    return found


def edit_at_random(model: Any, dice: random.Random) -> None:
    """Clear, set, repeat or add a field somewhere."""
    message = dice.choice(messages(model))
    filled = [field.name for field, _ in message.ListFields()]
    if filled and dice.random() < 0.4:
        message.ClearField(dice.choice(filled))
        return
    name = dice.choice([f.name for f in message.DESCRIPTOR.fields])
    value = getattr(message, name)
    if hasattr(value, "append"):
        if len(value) and dice.random() < 0.5:
            value.append(value[dice.randrange(len(value))])
        elif hasattr(value, "add"):
            value.add()
        return
    if isinstance(value, str):
        setattr(message, name, dice.choice(NAMES))
    elif isinstance(value, bytes):
        setattr(message, name, b"abcd")
    elif isinstance(value, (int, float)):
        setattr(message, name, dice.choice([0, 1, 2, 3, 7]))
    else:
        value.SetInParent()


def test_random_edits_meet_the_same_verdict() -> None:
    dice = random.Random(20)
    legal = official.parser.parse_model(TEXT).SerializeToString()
    verdicts = set[Any]()
    for _ in range(400):
        model = official.ModelProto.FromString(legal)
        for _ in range(dice.choice((1, 1, 2))):
            edit_at_random(model, dice)
        data = model.SerializeToString()
        ways = {"check_custom_domain": dice.random() < 0.2, "skip_opset_compatibility_check": dice.random() < 0.3}
        found = outcome(lambda o, d=data, w=ways: o.checker.check_model(d, **w), ours)
        assert found == outcome(lambda o, d=data, w=ways: o.checker.check_model(d, **w), official), model
        verdicts.add(str(found))
    assert verdicts == {"None", str(REFUSED)}


def test_constants_of_every_type_are_accepted() -> None:
    model = relu(ours)
    for kind in TENSOR_TYPES:
        array = np.zeros(5, kind.numpy) if kind is not dtypes.STRING else np.array(list("abcde"), object)
        model.graph.initializer.append(ours.numpy_helper.from_array(array, kind.name))
    ours.checker.check_model(model)
    official.checker.check_model(model.SerializeToString())


DATA = Path(official.__file__).parent / "backend" / "test" / "data"
PACKAGED = sorted(path for path in DATA.glob("*/*/model.onnx") if path.parent.parent.name != "node")


@pytest.mark.parametrize("path", PACKAGED, ids=lambda p: p.parent.name)
def test_official_models_pass_a_full_check(path: Path) -> None:
    assert same(lambda o: o.checker.check_model(path, full_check=True)) is None
