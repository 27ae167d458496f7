"""Graphs keep their promises: uses and inputs agree, order is kept, results keep their names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sardonyx.core.dtypes import FLOAT32
from sardonyx.core.errors import InputError
from sardonyx.ir import Graph, Node, Tensor, TensorType, Value


def assert_sound(graph: Graph) -> None:
    """What every change must keep true."""
    nodes = list(graph.nodes)
    assert len(graph) == len(nodes) == len(set(nodes))
    assert graph.last is (nodes[-1] if nodes else None)
    backwards, node = [], graph.last
    while node is not None:
        backwards.append(node)
        node = node._prev
    assert backwards == nodes[::-1]
    uses: dict[Value, set[tuple[Node, int]]] = {}
    for inner in graph.walk_graphs():
        for node in inner.nodes:
            assert node.graph is inner
            assert all(v.producer is node and v.index == i for i, v in enumerate(node.outputs))
            for i, v in enumerate(node.inputs):
                if v is not None:
                    uses.setdefault(v, set()).add((node, i))
    for inner in graph.walk_graphs():
        for value in inner.values():
            assert set(value.uses) == uses.get(value, set()), value


def chain(*ops: str) -> Graph:
    """x -> ops[0] -> ops[1] ... -> y."""
    x = Value("x", TensorType(FLOAT32, (2,)))
    graph = Graph("main", [x])
    value = x
    for i, op in enumerate(ops):
        value = graph.append(Node(op, [value], [Value("y" if i == len(ops) - 1 else f"v{i}")])).output
    graph.outputs = [value]
    return graph


class Edits(RuleBasedStateMachine):
    """Random edits of a graph, checked after each."""

    @initialize()
    def start(self) -> None:
        self.graph = Graph("main", [Value("x", TensorType(FLOAT32, (2,)))])
        self.graph.outputs = [self.graph.append(Node("Relu", [self.graph.inputs[0]], [Value("y")])).output]
        self.count = 0

    def values(self) -> list[Value]:
        return list(self.graph.values())

    def fresh(self) -> Value:
        self.count += 1
        return Value(f"v{self.count}")

    @rule(data=st.data())
    def append(self, data: st.DataObject) -> None:
        inputs = data.draw(st.lists(st.sampled_from([None, *self.values()]), min_size=1, max_size=3))
        self.graph.append(Node("Sum", inputs, [self.fresh()]))

    @rule(data=st.data())
    def insert_before(self, data: st.DataObject) -> None:
        nodes = list(self.graph.nodes)
        if nodes:
            anchor = data.draw(st.sampled_from(nodes))
            self.graph.insert_before(anchor, Node("Relu", [self.graph.inputs[0]], [self.fresh()]))

    @rule(data=st.data())
    def hold_a_graph(self, data: st.DataObject) -> None:
        outer = data.draw(st.sampled_from(self.values()))
        branch = Graph("branch")
        branch.outputs = [branch.append(Node("Neg", [outer], [self.fresh()])).output]
        self.graph.append(
            Node("If", [self.graph.inputs[0]], [self.fresh()], {"then_branch": branch, "else_branch": branch_of(outer)})
        )

    @rule(data=st.data())
    def set_input(self, data: st.DataObject) -> None:
        nodes = list(self.graph.nodes)
        if nodes:
            node = data.draw(st.sampled_from(nodes))
            node.set_input(data.draw(st.integers(0, 4)), data.draw(st.sampled_from([None, *self.values()])))

    @rule(data=st.data())
    def replace_uses(self, data: st.DataObject) -> None:
        old, new = (data.draw(st.sampled_from(self.values())) for _ in range(2))
        names = [v.name for v in self.graph.outputs]
        if old is not new:
            old.replace_uses(new)
            assert not old.uses
            assert old not in self.graph.outputs
        assert [v.name for v in self.graph.outputs] == names

    @precondition(lambda self: any(not v.uses for n in self.graph.nodes for v in n.outputs))
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        free = [n for n in self.graph.nodes if not n.output.uses and n.output not in self.graph.outputs]
        if free:
            data.draw(st.sampled_from(free)).erase()

    @invariant()
    def sound(self) -> None:
        if hasattr(self, "graph"):
            assert_sound(self.graph)
            assert len({v.name for v in self.graph.values()}) == len(self.values())


def branch_of(outer: Value) -> Graph:
    graph = Graph("else")
    graph.outputs = [graph.append(Node("Abs", [outer], [Value("inner")])).output]
    return graph


TestEdits = Edits.TestCase
TestEdits.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_uses_record_each_position() -> None:
    x = Value("x")
    node = Node("Add", [x, x], 1)
    assert x.uses == ((node, 0), (node, 1))
    assert x.users == (node,)
    node.set_input(0, None)
    assert x.uses == ((node, 1),)
    node.set_inputs([])
    assert x.uses == ()


def test_replace_keeps_the_name_of_a_result() -> None:
    """A rewrite of the last node must not rename the model's output."""
    graph = chain("Relu", "Tanh")
    last = graph.last
    assert last is not None
    new = graph.insert_before(last, Node("Sigmoid", [last.inputs[0]], [Value("other")]))
    last.replace(new.output)
    assert [v.name for v in graph.outputs] == ["y"]
    assert graph.outputs[0] is new.output
    assert_sound(graph)


def test_result_that_is_an_input_gets_an_identity() -> None:
    graph = chain("Relu")
    (relu,) = graph.nodes
    relu.replace(graph.inputs[0])
    assert [v.name for v in graph.outputs] == ["y"]
    assert [n.op_type for n in graph.nodes] == ["Identity"]
    assert graph.inputs[0].name == "x"
    assert_sound(graph)


def test_two_results_stay_two() -> None:
    graph = chain("Relu")
    (relu,) = graph.nodes
    twin = graph.append(Node("Relu", [graph.inputs[0]], [Value("z")]))
    graph.outputs.append(twin.output)
    twin.replace(relu.output)
    assert [v.name for v in graph.outputs] == ["y", "z"]
    assert graph.outputs[0] is not graph.outputs[1]
    assert_sound(graph)


def test_a_read_node_is_not_erased() -> None:
    graph = chain("Relu", "Tanh")
    with pytest.raises(InputError, match="'v0' is still read by Tanh"):
        next(graph.nodes).erase()


def test_iteration_survives_erasing_neighbours() -> None:
    """A fusion erases the node in hand and the ones behind it."""
    graph = chain("Relu", "Tanh", "Abs", "Neg")
    seen = []
    for node in graph.nodes:
        seen.append(node.op_type)
        if node.op_type == "Relu":
            tanh, absolute = list(graph.nodes)[1:3]
            fused = graph.insert_before(node, Node("Fused", [graph.inputs[0]], [Value("f")]))
            absolute.replace(fused.output)
            tanh.erase()
            node.erase()
    assert seen == ["Relu", "Neg"]
    assert [n.op_type for n in graph.nodes] == ["Fused", "Neg"]
    assert_sound(graph)


def test_inserted_nodes_are_visited() -> None:
    graph = chain("Relu", "Neg")
    seen = []
    for node in graph.nodes:
        seen.append(node.op_type)
        if node.op_type == "Relu":
            graph.insert_after(node, Node("Abs", [node.output], 1))
    assert seen == ["Relu", "Abs", "Neg"]


def test_sort_orders_and_is_stable() -> None:
    graph = chain("Relu", "Tanh", "Abs")
    relu, tanh, absolute = graph.nodes
    loose = graph.append(Node("Neg", [graph.inputs[0]], 1))
    graph.move_before(relu, absolute)
    graph.sort()
    assert list(graph.nodes) == [relu, tanh, absolute, loose]
    before = list(graph.nodes)
    graph.sort()
    assert list(graph.nodes) == before
    assert_sound(graph)


def test_sort_sees_what_subgraphs_read() -> None:
    graph = chain("Relu")
    late = Node("Neg", [graph.inputs[0]], [Value("late")])
    branch = branch_of(late.output)
    holder = graph.append(Node("If", [graph.inputs[0]], 1, {"then_branch": branch}))
    graph.append(late)
    graph.sort()
    assert list(graph.nodes).index(late) < list(graph.nodes).index(holder)


def test_sort_names_a_cycle() -> None:
    graph = chain("Relu", "Tanh")
    relu, tanh = graph.nodes
    relu.set_input(0, tanh.output)
    with pytest.raises(InputError, match="form a cycle"):
        graph.sort()


def test_captured_values() -> None:
    graph = chain("Relu")
    branch = branch_of(graph.inputs[0])
    deeper = Graph("deeper")
    deeper.outputs = [graph.outputs[0]]
    branch.append(Node("If", [branch.outputs[0]], 1, {"then_branch": deeper}))
    assert branch.captured() == [graph.inputs[0], graph.outputs[0]]


def test_drop_withdraws_uses() -> None:
    graph = chain("Relu")
    before = graph.inputs[0].uses
    branch = branch_of(graph.inputs[0])
    assert graph.inputs[0].uses != before
    branch.drop()
    assert graph.inputs[0].uses == before


def test_initializer_and_default_value() -> None:
    graph = chain("Relu")
    w = graph.add_initializer(Tensor(np.ones(2, np.float32), name="w"))
    assert (w.name, w.type, w.graph) == ("w", TensorType(FLOAT32, (2,)), graph)
    default = graph.add_initializer(Tensor(np.zeros(2, np.float32), name="x"))
    assert default is graph.inputs[0]
    assert [v.name for v in graph.values()] == ["x", "w", "y"]


def test_fresh_name() -> None:
    graph = chain("Relu", "Tanh")
    assert graph.fresh_name("new") == "new"
    assert graph.fresh_name("v0") not in {v.name for v in graph.values()}


def test_replacing_is_linear() -> None:
    """Ten thousand replacements of ten thousand nodes end within seconds, not minutes."""
    graph = chain(*["Relu"] * 10_000)
    for node in graph.nodes:
        if node.outputs[0] not in graph.outputs:
            node.replace(graph.inputs[0])
    assert [n.op_type for n in graph.nodes] == ["Relu"]
