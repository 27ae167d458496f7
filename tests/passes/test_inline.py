"""Bodies of functions take the place of calls: attributes, defaults, absent inputs and nested calls included."""

from __future__ import annotations

import numpy as np
import pytest

from sardonyx.core.errors import InputError
from sardonyx.ir import Attr, AttrKind, Function, Graph, Model, Node, Value
from sardonyx.ops import latest_opset
from sardonyx.passes import optimize
from sardonyx.passes.contract import Work
from sardonyx.passes.inline import inline_functions
from tests.passes.models import X, applied, counts, same_results


def function(
    name: str, *nodes: Node, inputs: tuple[Value, ...], outputs: tuple[Value, ...], **facts: object
) -> Function:
    graph = Graph(name, inputs, outputs)
    for node in nodes:
        graph.append(node)
    return Function("local", name, graph, opsets={"": latest_opset(), "local": 1}, **facts)


def leaky() -> Function:
    x, y = Value("x"), Value("y")
    slope = Attr("alpha", AttrKind.FLOAT, None, ref="slope")
    return function(
        "Leaky", Node("LeakyRelu", [x], [y], [slope]), inputs=(x,), outputs=(y,),
        defaults={"slope": Attr.of("slope", 0.5)},
    )  # fmt: skip


def twice() -> Function:
    x, t, y = Value("x"), Value("t"), Value("y")
    slope = Attr("slope", AttrKind.FLOAT, None, ref="s")
    nodes = Node("Leaky", [x], [t], [slope], domain="local"), Node("Leaky", [t], [y], domain="local")
    return function("Twice", *nodes, inputs=(x,), outputs=(y,), attributes=["s"])


def calling(*functions: Function, op: str, attrs: dict[str, float] | None = None) -> Model:
    x, y, z = Value("x", X), Value("y", X), Value("z", X)
    graph = Graph("main", [x], [y, z])
    graph.append(Node(op, [x], [y], attrs or {}, domain="local", name="call"))
    graph.append(Node("Neg", [y], [z]))
    return Model(graph, {"": latest_opset(), "local": 1}, {f.key: f for f in functions})


@pytest.mark.parametrize("attrs", [{}, {"slope": 0.1}])
def test_attributes_and_defaults_reach_the_body(attrs: dict[str, float]) -> None:
    after = applied(inline_functions, calling(leaky(), op="Leaky", attrs=attrs))
    node = next(after.graph.nodes)
    assert node.op_type == "LeakyRelu" and node.name.startswith("call")
    assert node.attr("alpha") == pytest.approx(attrs.get("slope", 0.5))
    assert not after.functions


def test_nested_calls() -> None:
    after = applied(inline_functions, calling(leaky(), twice(), op="Twice", attrs={"s": 0.2}))
    assert [n.attr("alpha") for n in after.graph.nodes if n.op_type == "LeakyRelu"] == pytest.approx([0.2, 0.5])


def test_an_absent_input_stays_absent() -> None:
    x, low, high, y = Value("x"), Value("low"), Value("high"), Value("y")
    clip = function("Clamp", Node("Clip", [x, low, high], [y]), inputs=(x, low, high), outputs=(y,))
    after = applied(inline_functions, calling(clip, op="Clamp"))
    assert next(after.graph.nodes).inputs[1:] == (None, None)


def test_a_function_that_returns_its_input() -> None:
    x = Value("x")
    same_results(model := calling(function("Same", inputs=(x,), outputs=(x,)), op="Same"), optimize(model, 1))


def test_a_function_of_an_older_version_is_upgraded_first() -> None:
    x, y = Value("x"), Value("y")
    old = function("Flat", Node("Softmax", [x], [y], {"axis": 0}), inputs=(x,), outputs=(y,))
    old.opsets[""] = 11
    model = calling(old, op="Flat")
    work = Work(model.clone())
    assert not inline_functions(work)
    after = optimize(model, 1)
    assert not after.functions and counts(after)["Softmax"] == 1
    same_results(model, after, 1e-6)


def test_recursion_is_refused() -> None:
    x, y = Value("x"), Value("y")
    endless = function("Endless", Node("Endless", [x], [y], domain="local"), inputs=(x,), outputs=(y,))
    with pytest.raises(InputError, match="calls itself"):
        inline_functions(Work(calling(endless, op="Endless")))


def test_names_of_two_calls_do_not_clash() -> None:
    model = calling(leaky(), op="Leaky")
    out = model.graph.outputs[0]
    again = Value("again", X)
    model.graph.append(Node("Leaky", [out], [again], domain="local"))
    model.graph.outputs.append(again)
    after = applied(inline_functions, model)
    names = [v.name for v in after.graph.values()]
    assert len(set(names)) == len(names)
    assert np.all([n.op_type != "Leaky" for n in after.graph.nodes])
