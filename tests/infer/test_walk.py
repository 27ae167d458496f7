"""The walk itself: contradictions, functions, subgraphs, annotation, and its cost."""

from __future__ import annotations

import time

import numpy as np
import pytest

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32, INT64
from sardonyx.core.errors import DTypeError, ShapeError
from sardonyx.infer import infer, infer_shapes
from sardonyx.ir import Graph, Model, Node, Tensor, TensorType, Value, show_shape
from tests.infer.test_symbolic import parse, shown

FUNCTIONS = '<ir_version: 10, opset_import: ["" : 20, "f" : 1]>\n'


def test_infer_shapes_leaves_the_model_alone() -> None:
    model = parse("agraph (float[N, 3] x) => (float[a, 3] y) { h = Relu(x)  y = Tanh(h) }")
    annotated = infer_shapes(model)
    before, after = model.graph.find("h"), annotated.graph.find("h")
    assert before is not None and after is not None
    assert before.type is None
    assert after.type == TensorType(FLOAT32, (symbol("N"), 3))


def test_annotation_is_a_fixed_point() -> None:
    """Inferring an annotated model finds the same types, fresh symbols included."""
    model = infer_shapes(
        parse("agraph (float[?, 3] x, int64[k] t) => (float[a, b] y) { h = Reshape(x, t)  y = Relu(h) }")
    )
    again = infer_shapes(model)
    assert [v.type for v in model.graph.values()] == [v.type for v in again.graph.values()]


CONTRADICTIONS = {
    "inner dimensions": ("agraph (float[2, 3] x) => (float[a, b] y) { y = MatMul(x, x) }", "SDX-S100", "3 and 2"),
    "declared extent": ("agraph (float[2, 3] x) => (float[2, 4] y) { y = Relu(x) }", "SDX-S102", "axis 1 is 3, declared is 4"),
    "declared rank": ("agraph (float[2, 3] x) => (float[2] y) { y = Relu(x) }", "SDX-S102", "rank is 2, declared is 1"),
    "declared type": ("agraph (float[2] x) => (int64[2] y) { y = Relu(x) }", "SDX-T103", "float32, declared is int64"),
    "type not allowed": ("agraph (string[2] x) => (string[2] y) { y = Relu(x) }", "SDX-T101", "does not take string"),
    "types differ": ("agraph (float[2] x, int64[2] z) => (float[2] y) { y = Add(x, z) }", "SDX-T102", "float32 as 'A' and int64 as 'B'"),
    "broken attribute": ("agraph (float[2] x) => (float[2] y) { y = Transpose <perm = [\"a\"]> (x) }", "SDX-S101", "cannot be inferred"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradiction(name: str) -> None:
    """Listed with its place by default, refused when strict; what comes after it is still inferred."""
    text, code, says = CONTRADICTIONS[name]
    model = parse(text.replace("}", " z2 = Shape(x) }"))
    inference = infer(model)
    assert [f.code for f in inference.faults] == [code]
    (fault,) = inference.faults
    assert says in fault.what + str(fault.why)
    assert "graph 'agraph', node 0" in fault.where
    assert shown(inference, "z2") != "[...]"
    with pytest.raises(DTypeError if code.startswith("SDX-T") else ShapeError):
        infer(model, strict=True)


def test_passes_may_forget_stale_declarations() -> None:
    model = infer_shapes(parse("agraph (float[2, 3] x) => (float[a, b] y) { h = Relu(x)  y = Transpose(h) }"))
    model.graph.outputs[0].type = TensorType(FLOAT32, None)
    model.graph.inputs[0].type = TensorType(FLOAT32, (5, 7))
    assert infer(model).faults
    fresh = infer(model, declared=False)
    assert not fresh.faults
    assert shown(fresh, "h") == "[5, 7]" and shown(fresh, "y") == "[7, 5]"


def test_functions_are_inferred_per_call() -> None:
    model = parse(
        """agraph (float[N, 4] x, int64[M] z) => (float[a, b] y, int64[k] w) {
            y = f.Twice(x)
            w = f.Twice(z)
        }
        <domain: "f", opset_import: ["" : 20]>
        Twice (a) => (b) { c = Add(a, a)  b = Concat <axis = 0> (c, c) }""",
        FUNCTIONS,
    )
    inference = infer(model, strict=True)
    assert shown(inference, "y") == "[2*N, 4]"
    assert shown(inference, "w") == "[2*M]"
    assert inference.type(model.graph.outputs[1]) == TensorType(INT64, (2 * symbol("M"),))
    body = next(iter(model.functions.values())).graph
    assert not any(v in inference.known for v in body.values())


def test_attributes_of_a_call_reach_the_body() -> None:
    model = parse(
        """agraph (float[2, 3] x) => (float[a, b] y, float[c, d] z) {
            y = f.Join <along = 0> (x)
            z = f.Join <along = 1> (x)
        }
        <domain: "f", opset_import: ["" : 20]>
        Join <along> (a) => (b) { b = Concat <axis: int = @along> (a, a) }""",
        FUNCTIONS,
    )
    inference = infer(model, strict=True)
    assert shown(inference, "y") == "[4, 3]" and shown(inference, "z") == "[2, 6]"


def test_nested_calls_cost_once_per_level() -> None:
    """Each function calls the one below twice: without memory, 2**24 bodies."""
    levels = 24
    text = 'agraph (float[N] x) => (float[a] y) { y = f.F0(x) }\n<domain: "f", opset_import: ["" : 20, "f" : 1]>\n'
    bodies = [f"F{i} (a) => (b) {{ c = f.F{i + 1}(a)  b = f.F{i + 1}(c) }}" for i in range(levels)]
    text += '\n<domain: "f", opset_import: ["" : 20, "f" : 1]>\n'.join(
        [*bodies, f"F{levels} (a) => (b) {{ b = Relu(a) }}"]
    )
    start = time.perf_counter()
    assert shown(infer(parse(text, FUNCTIONS)), "y") == "[N]"
    assert time.perf_counter() - start < 5


def test_remembered_calls_get_symbols_of_their_own() -> None:
    """What a body cannot know is unknown anew in each call."""
    model = parse(
        """agraph (float[N] x, int64[k] t) => (float[a, b] y, float[c, d] z) {
            y = f.Into(x, t)
            z = f.Into(x, t)
        }
        <domain: "f", opset_import: ["" : 20, "g" : 1]>
        Into (a, t) => (b) { u = g.Unknown(t)  b = Reshape(a, u) }""",
        FUNCTIONS.replace("]>", ', "g" : 1]>'),
    )
    inference = infer(model)
    first, second = (inference.shape(v) for v in model.graph.outputs)
    assert first is not None and second is not None and not set(first) & set(second)


def test_recursion_is_a_fault() -> None:
    model = parse(
        """agraph (float[N] x) => (float[a] y) { y = f.F(x) }
        <domain: "f", opset_import: ["" : 20, "f" : 1]>
        F (a) => (b) { b = f.F(a) }""",
        FUNCTIONS,
    )
    assert [f.code for f in infer(model).faults] == ["SDX-C154"]


def test_nodes_out_of_order_are_no_disaster() -> None:
    model = parse("agraph (float[N] x) => (float[a] y) { y = Relu(z)  z = Tanh(x) }")
    inference = infer(model)
    assert shown(inference, "z") == "[N]"


def test_linear_in_the_graph() -> None:
    """Ten thousand nodes, each adding a symbol of its own, within a few seconds."""
    x = Value("x", TensorType(FLOAT32, (symbol("N"), 3)))
    graph = Graph("main", [x])
    w = graph.add_initializer(Tensor(np.ones((3, 3), np.float32), name="w"))
    value = x
    for i in range(5_000):
        value = graph.append(Node("MatMul", [value, w], [Value(f"m{i}")])).output
        kind = TensorType(FLOAT32, (symbol(f"n{i}"), 3))
        value = graph.append(Node("Relu", [value], [Value(f"r{i}", kind)])).output
    graph.outputs = [value]
    start = time.perf_counter()
    inference = infer(Model(graph, {"": 20}))
    assert show_shape(inference.shape(value)) == "[N, 3]"
    assert time.perf_counter() - start < 8
