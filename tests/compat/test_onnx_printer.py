"""What is printed: byte for byte as the official printer has it, except where that loses something or cannot be read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx as official
import pytest

import sardonyx.compat.onnx as ours

DATA = Path(official.__file__).parent / "backend/test/data"
MODELS = [path for path in sorted(DATA.glob("*/*/model.onnx")) if path.stat().st_size < 20_000]


def shown(package: Any, message: Any) -> str:
    return package.printer.to_text(getattr(package, type(message).__name__).FromString(message.SerializeToString()))


def check(message: Any) -> str:
    text = shown(ours, message)
    assert text == shown(official, message)
    return text


@pytest.mark.parametrize("folder", sorted({path.parents[1].name for path in MODELS}))
def test_models_of_the_suite(folder: str) -> None:
    for path in MODELS:
        if path.parents[1].name == folder:
            check(official.load(path))


def attributes(**held: Any) -> official.NodeProto:
    return official.helper.make_node("Op", ["x"], ["y", ""], **held)


def test_numbers_are_as_short_as_they_can_be() -> None:
    bits = np.random.default_rng(0).integers(0, 1 << 63, 2000).view(np.float64)
    values = [
        *bits[np.isfinite(bits)],
        0.0,
        -0.0,
        1e4,
        1e5,
        1e-3,
        1e-4,
        16777216.0,
        123456700000.0,
        0.1,
        np.inf,
        -np.inf,
    ]
    double = official.helper.make_tensor("d", official.TensorProto.DOUBLE, [len(values)], values)
    with np.errstate(over="ignore"):
        check(attributes(several=[float(np.float32(v)) for v in values], double=double))


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    "name", ["FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "INT8", "UINT16", "INT64", "UINT64", "BOOL", "FLOAT8E5M2"]
)
def test_constants_wherever_their_elements_are(name: str, raw: bool) -> None:
    kind = official.TensorProto.DataType.Value(name)
    array = np.array([[0, 1, 1]]).astype(official.helper.tensor_dtype_to_np_dtype(kind))
    held = array.tobytes() if raw else array.astype(float).ravel()
    check(attributes(t=official.helper.make_tensor("a b", kind, array.shape, held, raw=raw)))


def test_everything_that_a_model_holds() -> None:
    h, float32 = official.helper, official.TensorProto.FLOAT
    value = h.make_tensor_value_info
    far = official.TensorProto(name="far", data_type=float32, dims=[2], data_location="EXTERNAL")
    far.external_data.add(key="location", value="weights.bin")
    branch = h.make_graph([attributes(i=1)], "branch", [], [value("y", float32, None)])
    loops = h.make_graph([h.make_node("If", ["c"], ["d"], a=branch, b=branch)], "", [], [], initializer=[far])
    scalar = h.make_tensor_type_proto(float32, [])
    inputs = [
        value("0", float32, ["N", "two words", 3, None]),
        h.make_value_info("s", h.make_sequence_type_proto(scalar)),
    ]
    inputs += [h.make_value_info("m", h.make_map_type_proto(7, scalar)), h.make_sparse_tensor_value_info("p", 1, [2])]
    inputs += [official.ValueInfoProto(name="untyped"), value("u", 0, [1])]
    tensors = [h.make_tensor("", 7, [], [4]), h.make_tensor("t", 8, [2], ["p", 'q"'])]
    nodes = [
        h.make_node("Loop", ["", "c"], ["x"], name="", body=loops),
        h.make_node(
            "Op", [], [], name="a b", domain="a.b", overload="o", s='q"\\\n', fs=[1.0, 2.5], ts=tensors, tp=scalar
        ),
    ]
    nodes[1].attribute.add(name="r", ref_attr_name="alpha", type=official.AttributeProto.INTS)
    graph = h.make_graph(nodes, "a graph", inputs, inputs[:1], tensors[1:], value_info=inputs[:1])
    opsets = [h.make_opsetid("", 17), h.make_opsetid("a.b", 2)]
    function = h.make_function("a.b", "F", ["x", "1"], ["y"], [attributes()], opsets, ["alpha", "beta"])
    function.overload = "o"
    model = h.make_model(graph, functions=[function, function], opset_imports=opsets, producer_name="")
    model.doc_string, model.model_version = 'q"', 0
    h.set_model_props(model, {"k": "v", "l": ""})
    for message in (
        model,
        graph,
        function,
        *nodes,
        official.ModelProto(),
        official.NodeProto(),
        official.FunctionProto(),
    ):
        check(message)


def test_what_the_official_printer_loses() -> None:
    """Defaults and types inside a function, elements of narrow and complex types, lists of no strings."""
    h = ours.helper
    few, many = (h.make_tensor("", kind, [2], [1, 2]) for kind in (ours.TensorProto.INT4, ours.TensorProto.COMPLEX64))
    node = h.make_node("Op", ["x"], ["y"], few=few, many=many)
    node.attribute.append(h.make_attribute("none", [], attr_type=ours.AttributeProto.STRINGS))
    defaults = [h.make_attribute("beta", 2.0)]
    function = h.make_function("d", "F", ["x"], ["y"], [node], [], ["alpha"], defaults)
    function.value_info.append(h.make_tensor_value_info("y", ours.TensorProto.FLOAT, [2]))
    again = ours.parser.parse_function(ours.printer.to_text(function))
    for read in (again, official.parser.parse_function(ours.printer.to_text(function))):
        assert str(read) == str(again)
    assert again.attribute_proto[0].f == 2.0
    assert again.value_info[0].type == function.value_info[0].type
    assert list(again.node[0].attribute[0].t.int32_data) == [0x21]
    assert list(again.node[0].attribute[1].t.float_data) == [1, 0, 2, 0]
    assert not again.node[0].attribute[2].strings
