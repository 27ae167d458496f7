"""The tools make what the official ones make."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.compat.programs import parsed, same

TEXT = """<ir_version: 8, opset_import: ["": 18, "local": 1]>
g (float[b, 3, w, 4] x) => (float[b, d, 5] y) { y = local.f (x) }
<opset_import: ["": 18], domain: "local"> f (x) => (y) { y = Identity (x) }"""
GOOD = ["b", 3, "w", 4]
SIZES = [(GOOD, ["b", "d", 5]), ([1, 3, 7, 4], [1, 2, 5]), ([-1, 3, -1, 4], ["x_0", -1, 5]), (["b", 4, "w", 4], ["b", "d", 5]),
         (GOOD, ["b", 2.5, 5]), (["b", 3], ["b"]), ([-1, 3, "w", 4], ["b", "d", "e"]), (GOOD, [1, 2, 3, 4])]  # fmt: skip


@pytest.mark.parametrize("sizes", SIZES, ids=repr)
def test_dimensions(sizes: tuple[list[Any], list[Any]]) -> None:
    def program(o: Any, symbol: str) -> Any:
        model = parsed(o, TEXT)
        model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = symbol
        update = o.tools.update_model_dims.update_inputs_outputs_dims
        return update(model, {"x": sizes[0]}, {"y": sizes[1]})

    same(lambda o: program(o, "w"))
    same(lambda o: program(o, "x_0"))


def test_a_missing_name() -> None:
    update = "update_inputs_outputs_dims"
    found = same(lambda o: getattr(o.tools.update_model_dims, update)(parsed(o, TEXT), {}, {}))
    assert found == ("raises", "KeyError")


def large(o: Any, version: int = 18, **fields: Any) -> Any:
    """Large and small constants, as initializers and nodes, in a graph inside and in a function."""
    h, n = o.helper, o.numpy_helper

    def constant(name: str, count: int) -> Any:
        return n.from_array(np.arange(count, dtype=np.float32), f"{name}_value")

    def branch(name: str, count: int) -> Any:
        nodes = [h.make_node("Constant", [], [name], value=constant(name, count))]
        return h.make_graph(nodes, name, [], [h.make_tensor_value_info(name, 1, [count])])

    nodes = [
        h.make_node("Constant", [], ["k"], value=constant("k", 300)),
        h.make_node("Constant", [], ["s"], value=constant("s", 3)),
        h.make_node("If", ["c"], ["i"], then_branch=branch("t", 300), else_branch=branch("e", 2)),
        h.make_node("Op", ["X", "w", "v"], ["Y"], domain="local", graphs=[branch("a", 1), branch("b", 200)]),
        h.make_node("ConstantOfShape", ["q"], ["r"], value=n.from_array(np.ones(1, np.float16))),
    ]
    graph = h.make_graph(
        nodes,
        "g",
        [h.make_tensor_value_info("X", 1, [300]), h.make_tensor_value_info("w", 1, [300]), h.make_tensor_value_info("c", 9, [])],
        [h.make_tensor_value_info("Y", 1, [300])],
        [n.from_array(np.ones(300, np.float32), "w"), n.from_array(np.ones((20, 20), np.int64), "v"),
         n.from_array(np.array([2, 2], np.int64), "q")],
    )  # fmt: skip
    body = [h.make_node("Constant", [], ["k"], value=constant("k", 200)), h.make_node("Add", ["x", "k"], ["y"])]
    imports = [h.make_opsetid("", version)]
    function = h.make_function("local", "Op", ["x"], ["y"], body, imports)
    return h.make_model(graph, functions=[function], opset_imports=[*imports, h.make_opsetid("local", 1)], **fields)


@pytest.mark.parametrize("use_range", [False, True])
@pytest.mark.parametrize("value", [0.5, 1, 2.0])
@pytest.mark.parametrize("threshold", [0, 128, 1000])
def test_constants(threshold: int, value: float, use_range: bool) -> None:
    ways: dict[str, Any] = {"threshold": threshold, "value_constant_of_shape": value, "use_range": use_range}
    replace = "replace_initializer_by_constant_of_shape"

    def program(o: Any, **fields: Any) -> Any:
        model = large(o, **fields)
        run = getattr(o.tools.replace_constants, replace)
        made = run(model, **ways)
        return [model, made, run(made, **ways), run(model.graph, **ways), run(model.functions[0], **ways)]

    same(program)
    same(lambda o: program(o, ir_version=3))


def test_what_is_refused() -> None:
    replace = "replace_initializer_by_constant_of_shape"

    def program(o: Any, version: int, use_range: bool) -> Any:
        return getattr(o.tools.replace_constants, replace)(large(o, version), use_range=use_range)

    for version, use_range in itertools.product((8, 10, 11), (False, True)):
        same(lambda o, v=version, r=use_range: program(o, v, r))
    assert same(lambda o: getattr(o.tools.replace_constants, replace)(3)) == ("raises", "TypeError")

    def other(o: Any, **attribute: Any) -> Any:
        node = o.helper.make_node("Constant", [], ["k"], **attribute)
        return getattr(o.tools.replace_constants, replace)(o.GraphProto(name="g", node=[node]))

    same(lambda o: other(o, value_float=1.0))
    same(lambda o: o.tools.replace_constants._replace_constant(o.helper.make_node("Abs", ["x"], ["y"]), 1, 0.5))
