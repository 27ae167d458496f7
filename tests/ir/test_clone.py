"""Copies are equal, and apart."""

from __future__ import annotations

import numpy as np

from sardonyx.core.dtypes import BOOL, FLOAT32
from sardonyx.ir import Attr, Function, Graph, Model, Node, Tensor, TensorType, Value


def model() -> Model:
    x, c = Value("x", TensorType(FLOAT32, (2,))), Value("c", TensorType(BOOL, ()))
    graph = Graph("main", [x, c])
    w = graph.add_initializer(Tensor(np.ones(2, np.float32), name="w"))
    branches = {}
    for name in ("then_branch", "else_branch"):
        branch = Graph(name)
        branch.outputs = [branch.append(Node("Add", [x, w], [Value(f"{name}_y")])).output]
        branches[name] = branch
    node = graph.append(Node("If", [c], [Value("y")], branches, name="choose"))
    node.source, node.metadata["k"] = "train.py:4", "v"
    graph.outputs = [node.output]
    body = Graph("F", [Value("a")])
    body.outputs = [body.append(Node("Relu", [body.inputs[0]], [Value("b")])).output]
    function = Function("f", "F", body, attributes=["k"], defaults={"j": Attr.of("j", 1)}, opsets={"": 20})
    return Model(graph, {"": 20}, {function.key: function}, metadata={"m": "1"})


def shape_of(graph: Graph) -> object:
    """What a graph is, without the identity of its parts."""
    return (
        graph.name,
        [(v.name, v.type) for v in graph.inputs],
        [(n.op_type, n.name, n.source, dict(n.metadata), [v and v.name for v in n.inputs], [v.name for v in n.outputs],
          [shape_of(g) for g in n.subgraphs]) for n in graph.nodes],
        [(k, id(v.const)) for k, v in graph.initializers.items()],
        [v.name for v in graph.outputs],
    )  # fmt: skip


def test_clone_is_equal_and_apart() -> None:
    one = model()
    two = one.clone()
    assert [shape_of(g) for g in one.graphs()] == [shape_of(g) for g in two.graphs()]
    mine = {v for g in one.graphs() for s in g.walk_graphs() for v in s.values()}
    theirs = {v for g in two.graphs() for s in g.walk_graphs() for v in s.values()}
    assert not mine & theirs
    assert not [v for g in two.graphs() for n in g.walk() for v in n.inputs if v in mine]
    assert all(node.graph is not None for g in one.graphs() for v in g.values() for node in v.users)


def test_changes_do_not_reach_the_original() -> None:
    one = model()
    before = shape_of(one.graph)
    two = one.clone()
    two.graph.inputs[0].name = "renamed"
    two.opsets[""] = 7
    two.metadata["m"] = "2"
    next(two.graph.nodes).subgraphs[0].outputs.clear()
    next(iter(two.functions.values())).attributes.append("q")
    assert shape_of(one.graph) == before
    assert (one.opsets, one.metadata) == ({"": 20}, {"m": "1"})
    assert next(iter(one.functions.values())).attributes == ["k"]


def test_a_graph_out_of_order_is_copied_whole() -> None:
    x = Value("x")
    graph = Graph("main", [x])
    first = Node("Relu", [x], [Value("a")])
    second = Node("Tanh", [first.output], [Value("y")])
    graph.append(second)
    graph.append(first)
    graph.outputs = [second.output]
    copied = Model(graph, {"": 20}).clone().graph
    tanh, relu = copied.nodes
    assert tanh.inputs[0] is relu.output
    assert first.output.users == (second,)
