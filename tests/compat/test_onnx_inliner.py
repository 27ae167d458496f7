"""Inlined models are what the official package makes, and mean what they meant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sardonyx as sx
import sardonyx.compat.onnx as ours
import sardonyx.compat.onnx.inliner
from sardonyx.io import model_from_proto
from tests.compat.programs import parsed, same

NESTED = """<ir_version: 8, opset_import: ["": 17, "local": 1]>
g (float[N] X, bool c) => (float[N] Y, float[N] t) {
    t = local.square (X)
    [second] u = local.twice_and_square <k = 3.0> (t)
    Y = If (c) <
        then_branch = yes () => (float[N] a) { t2 = Neg (u)  a = local.square (t2) },
        else_branch = no () => (float[N] b) { b = Identity (t) }
    >
}
<opset_import: ["": 17, "local": 1], domain: "local"> twice_and_square <k> (x) => (y) {
    factor = Constant <value_float: float = @k> ()
    [inner] double = Mul (x, factor)
    y = local.square (double)
}
<opset_import: ["": 17], domain: "local"> square (x) => (y) <float[N] y> { y = Mul (x, x) }"""
TAKEN = """<ir_version: 8, opset_import: ["": 17, "local": 1]>
g (float[N] X, float[N] t__1) => (float[N] Y) { u = local.f (X)  t__2 = Neg (u)  v = local.f (t__2)  Y = Add (v, t__1) }
<opset_import: ["": 17], domain: "local"> f (x) => (y) { t = Abs (x)  t_2 = Neg (t)  y = Relu (t_2) }"""
LOOP = """<ir_version: 8, opset_import: ["": 17, "local": 1]>
g (float[N] X) => (float[N] Y) { Y = local.f (X) }
<opset_import: ["": 17], domain: "local"> f (x) => (y) {
    n = Constant <value = int64 {2}> ()
    c = Constant <value = bool {1}> ()
    y = Loop (n, c, x) <body = b (int64 i, bool go, float[N] at) => (bool on, float[N] next) {
        on = Identity (go)
        w = Add (at, x)
        next = Neg (w)
    }>
}"""
OMITTED = """<ir_version: 8, opset_import: ["": 17, "local": 1]>
g (float[N] X) => (float[N] Y) { Y = local.f (X)  Z = local.f (X, "", Y) }
<opset_import: ["": 17], domain: "local"> f (x, low, high) => (y, z) { y = Clip (x, low, high)  z = Neg (y) }"""
MIXED = """<ir_version: 8, opset_import: ["": 18, "local": 1]>
g (float[2, N] X) => (float[2, 1] Y) { t = local.old (X)  Y = local.new (t) }
<opset_import: ["": 17], domain: "local"> old (x) => (y) { y = ReduceMean <axes = [1]> (x) }
<opset_import: ["": 18], domain: "local"> new (x) => (y) { y = Abs (x) }"""
CYCLE = """<ir_version: 8, opset_import: ["": 17, "local": 1]>
g (float[N] X) => (float[N] Y) { Y = local.f (X) }
<opset_import: ["": 17, "local": 1], domain: "local"> f (x) => (y) { y = local.f (x) }"""
TEXTS = {
    "nested": NESTED,
    "taken names": TAKEN,
    "a loop": LOOP,
    "omitted": OMITTED,
    "mixed versions": MIXED,
    "a cycle": CYCLE,
}
CHOICES = [
    ([], True),
    ([], False),
    ([("local", "square")], False),
    ([("local", "square")], True),
    ([("x", "y")], False),
]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_all_functions(text: str) -> None:
    same(lambda o: o.inliner.inline_local_functions(parsed(o, text)))


@pytest.mark.parametrize("choice", CHOICES, ids=repr)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_chosen_functions(text: str, choice: tuple[Any, bool]) -> None:
    same(lambda o: o.inliner.inline_selected_functions(parsed(o, text), *choice))


def run(proto: Any, *inputs: Any) -> list[Any]:
    model = model_from_proto(proto)
    return sx.evaluate(model, dict(zip((v.name for v in model.graph.inputs), inputs, strict=True)))


X = np.array([-2.0, -0.5, 0.0, 1.5], np.float32)
FEEDS: dict[str, list[Any]] = {NESTED: [X, np.array(True)], TAKEN: [X, X], LOOP: [X]}


@pytest.mark.parametrize("text", FEEDS, ids=["nested", "taken names", "a loop"])
def test_the_values_stay(text: str) -> None:
    model = parsed(ours, text)
    made = ours.inliner.inline_local_functions(model)
    ours.checker.check_model(made)
    assert not made.functions
    for before, after in zip(run(model, *FEEDS[text]), run(made, *FEEDS[text]), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_body_of_another_version_is_converted() -> None:
    model = parsed(ours, MIXED)
    kept = ours.inliner.inline_local_functions(model)
    assert [f.name for f in kept.functions] == ["old"]
    made = ours.inliner.inline_local_functions(model, convert_version=True)
    ours.checker.check_model(made)
    assert not made.functions
    data = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(run(made, data)[0], [[1.0], [4.0]])


def test_defaults_of_functions_count() -> None:
    model = parsed(ours, NESTED)
    model.functions[0].ClearField("attribute")
    model.functions[0].attribute_proto.append(ours.helper.make_attribute("k", 5.0))
    del model.graph.node[1].attribute[:]
    made = ours.inliner.inline_local_functions(model)
    assert [a.f for n in made.graph.node for a in n.attribute if n.op_type == "Constant"] == [5.0]


def test_an_input_that_is_returned() -> None:
    model = parsed(
        ours,
        """<ir_version: 8, opset_import: ["": 17, "local": 1]>
        g (float[N] X) => (float[N] Y, float[N] Z) { Y, Z = local.f (X) }
        <opset_import: ["": 17], domain: "local"> f (x) => (x, y) { y = Neg (x) }""",
    )
    made = ours.inliner.inline_local_functions(model)
    ours.checker.check_model(made)
    for found, wanted in zip(run(made, X), (X, -X), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_more_parameters_than_the_function_has() -> None:
    def program(o: Any) -> Any:
        model = parsed(o, TAKEN)
        model.graph.node[0].input.append("X")
        return o.inliner.inline_local_functions(model)

    assert same(program) == ("raises", "RuntimeError")


# --- operators that have a body

OPERATORS = """<ir_version: 9, opset_import: ["": 20]>
g (float[2, N] X) => (float[2, N] Y, float[2, N] Z) {
    a = Softsign (X)
    b = Elu <alpha = 2.0> (a)
    c = LogSoftmax <axis = 1> (b)
    Y = Gelu (c)
    Z = Clip (Y)
}"""


def test_operators_with_a_body() -> None:
    model = parsed(ours, OPERATORS)
    made = ours.inliner.inline_selected_functions(model, [], exclude=True, inline_schema_functions=True)
    ours.checker.check_model(made, full_check=True)
    assert not {n.op_type for n in made.graph.node} & {"Softsign", "Elu", "LogSoftmax", "Gelu", "Clip", "CastLike"}
    data = np.linspace(-3, 3, 8, dtype=np.float32).reshape(2, 4)
    for before, after in zip(run(model, data), run(made, data), strict=True):
        np.testing.assert_allclose(before, after, rtol=1e-5, atol=1e-6)


def test_a_function_that_stays_has_no_types() -> None:
    model = parsed(
        ours,
        """<ir_version: 8, opset_import: ["": 20, "local": 1]>
        g (float[N] X) => (float[N] Y) { t = Cast <to = 7> (X)  Y = local.f (t, X) }
        <opset_import: ["": 20], domain: "local"> f (t, like) => (y) { u = Softsign (t)  y = CastLike (u, like) }""",
    )
    made = ours.inliner.inline_selected_functions(model, [("local", "f")], exclude=True, inline_schema_functions=True)
    kinds = [n.op_type for n in made.functions[0].node]
    assert "Abs" in kinds and kinds[-1] == "CastLike" and [n.op_type for n in made.graph.node] == ["Cast", "f"]


def test_only_those_that_are_chosen() -> None:
    made = ours.inliner.inline_selected_functions(
        parsed(ours, OPERATORS), [("", "Softsign")], exclude=False, inline_schema_functions=True
    )
    kinds = [n.op_type for n in made.graph.node]
    assert "Abs" in kinds and "Elu" in kinds and "CastLike" in kinds
