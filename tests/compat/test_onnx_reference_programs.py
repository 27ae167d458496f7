"""Operators, functions and graphs of a program on both packages' evaluators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sardonyx.compat.onnx as ours
from tests.compat.evaluators import (
    BOOL,
    COUNT,
    I64,
    F,
    Program,
    X,
    agree,
    branch,
    calling,
    evaluate,
    infos,
    linked,
    model,
    near,
    outcome,
    raises,
)

# --- operators that programs bring along


def inverse(o: Any, body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """A custom operator: 1 / (x + alpha)."""

    def run(self: Any, x: Any, alpha: Any = None) -> Any:
        return (1 / (x + (alpha or self.alpha)),)

    return type("InvAlpha", (o.reference.op_run.OpRun,), {"op_domain": "custom", "_run": body or run, **facts})


def custom(o: Any, name: str = "InvAlpha", **attrs: Any) -> Any:
    node = o.helper.make_node(name, ["x"], ["y"], domain="custom", **(attrs or {"alpha": 0.5}))
    return model(o, [node], "x", "y", opsets={"custom": 1})


BROUGHT: dict[str, Program] = {
    "as it should be": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o)]),
    "twice": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o), inverse(o, lambda *_, **__: None)]),
    "not at all": lambda o: evaluate(o, custom(o), {"x": COUNT}),
    "of the default domain": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, op_domain="")]),
    "no class of operators": lambda o: evaluate(o, custom(o), {}, new_ops=[type("InvAlpha", (), {"op_domain": "custom"})]),
    "without a domain": lambda o: evaluate(o, custom(o), {}, new_ops=[type("InvAlpha", (), {})]),
    "no tuple": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: x)]),
    "an empty tuple": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: ())]),
    "a tuple of tuples": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: ((x,),))]),
    "an object": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: (object(),))]),
    "None": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: (None,))]),
    "a scalar": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: (x.sum(),))]),
    "a list and a dictionary": lambda o: evaluate(
        o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: ([x], {"a": x}))]
    ),
    "its own error": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: [][1])]),
    "a type error": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: x + "a")]),
    "an attribute it does not take": lambda o: evaluate(o, custom(o, beta=1), {"x": COUNT}, new_ops=[inverse(o)]),
    "no _run": lambda o: evaluate(
        o, custom(o), {}, new_ops=[type("InvAlpha", (o.reference.op_run.OpRun,), {"op_domain": "custom"})]
    ),
    "every kind of attribute": lambda o: evaluate(
        o,
        custom(
            o,
            i=1, f=1.5, s="text", ints=[1, 2], floats=[0.5], strings=["a", "b"],
            t=o.helper.make_tensor("t", F, [2], [1, 2]), tp=o.helper.make_tensor_type_proto(F, [1]),
        ),
        {"x": COUNT},
        new_ops=[inverse(o, lambda s, x, **a: tuple(repr_of(a[k]) for k in sorted(a)))],
        wanted=None,
    ),
}  # fmt: skip


def repr_of(value: Any) -> Any:
    if isinstance(value, (str, list)) and not isinstance(value, np.ndarray):
        return np.array([str(value)], object)
    return value if isinstance(value, np.ndarray) else np.array([type(value).__name__], object)


@pytest.mark.parametrize("name", BROUGHT)
def test_operators_of_a_program(name: str) -> None:
    agree(BROUGHT[name])


def test_a_class_derived_from_a_known_one_replaces_it() -> None:
    def program(o: Any) -> Any:
        h, ops = o.helper, o.reference.ops._op_list
        proto = model(
            o,
            [h.make_node("ReduceSum", ["x"], ["s"], keepdims=0), h.make_node("Abs", ["s"], ["y"])],
            "x",
            "y",
            opset=18,
        )
        node = o.reference.ReferenceEvaluator(proto).rt_nodes_[0]
        same = type("ReduceSum", (type(node),), {"op_schema": node._schema})
        calls = []

        def run(self: Any, x: Any) -> Any:
            calls.append(x.shape)
            return ops.Abs._run(self, x)

        loud = type("Abs", (ops.Abs,), {"_run": run})
        e = o.reference.ReferenceEvaluator(proto, new_ops=[same, loud])
        return e.run(None, {"x": X}), calls, [type(n).__name__ for n in e.rt_nodes_]

    assert not raises(agree(program))


@pytest.mark.parametrize("opset", [19, 25])
def test_an_operator_is_expanded_where_that_is_asked_for(opset: int) -> None:
    def program(o: Any) -> Any:
        expand = type("CastLike", (o.reference.op_run.OpRunExpand,), {"op_domain": ""})
        proto = model(o, [o.helper.make_node("CastLike", ["x", "y"], ["z"])], "x y", "z", opset=opset)
        e = o.reference.ReferenceEvaluator(proto, new_ops=[expand])
        return [type(n).__name__ for n in e.rt_nodes_], e.run(None, {"x": X, "y": np.array([1])})

    assert agree(program)[0][0].startswith("OpFunction")
    assert raises(agree(lambda o: type("Abs", (o.reference.op_run.OpRunExpand,), {"op_domain": ""})(None, {})))


def test_run_parameters_are_checked() -> None:
    def program(o: Any, params: Any) -> Any:
        return type(inverse(o)(o.helper.make_node("InvAlpha", ["x"], ["y"]), params)).__name__

    for params in (
        3,
        {},
        {"opsets": {}},
        {"opsets": {}, "new_ops": None},
        {"opsets": {}, "new_ops": None, "log": print},
    ):
        agree(lambda o, p=params: program(o, p))


def test_calls_that_do_not_fit_a_node() -> None:
    def program(o: Any, **keywords: Any) -> Any:
        return inverse(o).create(1, 1, alpha=0.5).run(COUNT, **keywords)

    assert not raises(agree(program))
    assert raises(agree(lambda o: program(o, context={})))
    assert raises(agree(lambda o: program(o, linked_attributes={})))


def test_an_evaluator_of_its_own_class_evaluates_what_is_inside() -> None:
    def program(o: Any) -> Any:
        mine = type("Mine", (o.reference.ReferenceEvaluator,), {})
        e = mine(calling(o))
        inner = [type(f).__name__ for f in e.functions_.values()]
        body = mine(branching(o)).rt_nodes_[-1]
        return inner, type(body.then_branch).__name__, str(e)

    assert agree(program)[0] == ["Mine", "Mine"]


# --- functions


def test_functions_call_functions_with_the_attributes_of_the_call() -> None:
    def program(o: Any) -> Any:
        e = o.reference.ReferenceEvaluator(calling(o))
        call = e.rt_nodes_[0]
        inner = [[type(n).__name__, n.has_linked_attribute] for n in call.impl_.rt_nodes_]
        facts = [type(call).__name__, type(call.impl_).__name__, sorted(e.functions_), call.impl_.attributes_]
        return (
            e.run(None, {"x": X, "a": X.T @ X}),
            inner,
            facts,
            e.has_linked_attribute,
            call.impl_.has_linked_attribute,
        )

    assert not raises(agree(program))


def test_functions_run_with_attributes_given_by_hand() -> None:
    def program(o: Any) -> Any:
        f = calling(o).functions[0]
        return o.reference.ReferenceEvaluator(f).run(None, {"x": X}, attributes={"bias": np.array([2], np.float32)})

    assert not raises(agree(program))


def test_graphs_get_functions_of_a_program() -> None:
    def program(o: Any) -> Any:
        proto = calling(o)
        known = o.reference.ReferenceEvaluator(proto.functions[0])
        e = o.reference.ReferenceEvaluator(
            proto.graph, opsets={"": 18, "custom": 1}, functions=[known, proto.functions[1]]
        )
        return e.run(None, {"x": X, "a": X.T @ X})

    assert not raises(agree(program))


def test_attributes_of_every_kind_are_linked() -> None:
    def program(o: Any) -> Any:
        h, a = o.helper, o.AttributeProto
        nodes = [
            linked(o, h.make_node("ReduceSum", ["x", "axes"], ["s"]), "keepdims", a.INT),
            linked(o, h.make_node("Celu", ["s"], ["c"]), "alpha", a.FLOAT),
            linked(o, h.make_node("Constant", [], ["k"]), "value_ints", a.INTS, "shape"),
            h.make_node("Reshape", ["c", "k"], ["y"]),
        ]
        opsets = [h.make_opsetid("", 18)]
        f = h.make_function("custom", "fn", ["x", "axes"], ["y"], nodes, opsets, ["keepdims", "alpha", "shape"])
        call = h.make_node("fn", ["x", "axes"], ["y"], domain="custom", keepdims=1, alpha=0.3, shape=[2, 1, 1])
        e = o.reference.ReferenceEvaluator(model(o, [call], "x axes", "y", opsets={"custom": 1}, functions=[f]))
        return e.run(None, {"x": X, "axes": np.array([-1])})

    assert not raises(agree(program))


def test_a_call_must_fit_its_function() -> None:
    def program(o: Any) -> Any:
        call = o.helper.make_node(
            "plus", ["x", "x", "x"], ["y"], domain="custom", bias=o.helper.make_tensor("t", F, [1], [1])
        )
        return evaluate(
            o, model(o, [call], "x", "y", opsets={"custom": 1}, functions=calling(o).functions[:1]), {"x": X}
        )

    assert raises(agree(program))


def test_what_a_call_leaves_out_has_the_functions_default() -> None:
    """The official evaluator knows no such defaults; the standard does."""
    h = ours.helper
    proto = calling(ours)
    plus = proto.functions[0]
    del plus.attribute[:]
    plus.attribute_proto.append(h.make_attribute("bias", h.make_tensor("t", F, [1], [5.0])))
    call = h.make_node("plus", ["x"], ["y"], domain="custom")
    proto = model(ours, [call], "x", "y", opsets={"custom": 1}, functions=[plus])
    np.testing.assert_allclose(evaluate(ours, proto, {"x": X})[0], X + 5)


# --- graphs inside


def branching(o: Any) -> Any:
    h = o.helper
    nodes = [
        h.make_node("ReduceMin", ["x"], ["m"], keepdims=0),
        h.make_node("Greater", ["m", "zero"], ["up"]),
        h.make_node(
            "If", ["up"], ["y"], then_branch=branch(o, "p", "Add", ["x", "m"]), else_branch=branch(o, "q", "Neg", ["x"])
        ),
    ]
    return model(o, nodes, "x", "y", inits=[h.make_tensor("zero", F, [], [0])])


@pytest.mark.parametrize("verbose", [0, 3, 6])
@pytest.mark.parametrize("shift", [-10, 10])
def test_branches_see_the_values_around_them(shift: int, verbose: int) -> None:
    assert not raises(agree(lambda o: evaluate(o, branching(o), {"x": X + shift}, verbose=verbose)))


def looping(o: Any, *, collects: bool = True, sequence: bool = False) -> Any:
    h = o.helper
    state = [h.make_tensor_value_info("s", F, [3])]
    body_outputs = [*infos(o, "again"), h.make_tensor_value_info("t", F, [3])]
    nodes = [
        h.make_node("Add", ["s", "x"], ["t"]),
        h.make_node("ReduceSum", ["t"], ["sum"], keepdims=0),
        h.make_node("Less", ["sum", "limit"], ["again"]),
    ]
    if collects:
        nodes.append(h.make_node("Mul", ["t", "t"], ["row"]))
        body_outputs.append(h.make_tensor_value_info("row", F, [3]))
    body = h.make_graph(nodes, "body", [*infos(o, "i", I64), *infos(o, "going", BOOL), *state], body_outputs)
    loop = h.make_node("Loop", ["n", "c", "x"], ["y", "rows"] if collects else ["y"], body=body)
    return model(o, [loop], "x n c", "y rows" if collects else "y", inits=[h.make_tensor("limit", F, [], [40])])


@pytest.mark.parametrize("collects", [False, True])
@pytest.mark.parametrize("rounds", [1, 3, 100])
def test_loops(rounds: int, collects: bool) -> None:
    feeds = {"x": np.array([1, 2, 3], np.float32), "n": np.array(rounds), "c": np.array(True)}
    found = agree(lambda o: evaluate(o, looping(o, collects=False), feeds))
    assert not raises(found)
    if collects:  # the official evaluator joins the rows, the standard stacks them
        y, rows = outcome(lambda o: evaluate(o, looping(o), feeds), ours)[0]
        assert near(y, found[0]) and rows.shape == (min(rounds, 6), 3)


@pytest.mark.parametrize("going", [True, False])
def test_a_condition_may_be_a_plain_number(going: bool) -> None:
    feeds = {"x": np.array([1, 2, 3], np.float32), "n": np.array(2), "c": going}
    (y,) = evaluate(ours, looping(ours, collects=False), feeds)
    assert y.tolist() == ([3, 6, 9] if going else [1, 2, 3])


def test_a_loop_without_a_limit_or_a_condition() -> None:
    def program(o: Any) -> Any:
        proto = looping(o, collects=False)
        proto.graph.node[0].input[0] = ""
        return evaluate(o, proto, {"x": np.array([1, 2, 3], np.float32), "c": np.array(True)})

    assert not raises(agree(program))


def test_scans() -> None:
    def program(o: Any) -> Any:
        h = o.helper
        nodes = [h.make_node("Add", ["s", "e"], ["t"]), h.make_node("Mul", ["t", "w"], ["row"])]
        body = h.make_graph(nodes, "body", infos(o, "s e"), infos(o, "t row"))
        scan = h.make_node("Scan", ["s0", "x"], ["last", "rows"], body=body, num_scan_inputs=1)
        return evaluate(
            o, model(o, [scan], "s0 x", "last rows", inits=[h.make_tensor("w", F, [1], [2])]), {"s0": X[0], "x": X}
        )

    assert not raises(agree(program))


def test_sequences_are_mapped() -> None:
    def program(o: Any) -> Any:
        h = o.helper
        body = h.make_graph([h.make_node("Add", ["e", "k"], ["r"])], "body", infos(o, "e k"), infos(o, "r"))
        nodes = [
            h.make_node("SequenceConstruct", ["x", "z"], ["s"]),
            h.make_node("SequenceMap", ["s", "k"], ["y"], body=body),
        ]
        return evaluate(o, model(o, nodes, "x z k", "y"), {"x": X, "z": X[:1], "k": np.array([1], np.float32)})

    assert not raises(agree(program))


def test_attributes_of_a_function_reach_graphs_inside_it() -> None:
    def program(o: Any) -> Any:
        h, a = o.helper, o.AttributeProto
        then = h.make_graph(
            [linked(o, h.make_node("Constant", [], ["p"]), "value", a.TENSOR, "one")], "t", [], infos(o, "p")
        )
        other = h.make_graph(
            [linked(o, h.make_node("Constant", [], ["q"]), "value", a.TENSOR, "two")], "e", [], infos(o, "q")
        )
        node = h.make_node("If", ["c"], ["b"], then_branch=then, else_branch=other)
        f = h.make_function(
            "custom",
            "pick",
            ["x", "c"],
            ["y"],
            [node, h.make_node("Add", ["x", "b"], ["y"])],
            [h.make_opsetid("", 18)],
            ["one", "two"],
        )
        tensors = {name: h.make_tensor(name, F, [1], [v]) for name, v in (("one", 1.0), ("two", 2.0))}
        call = h.make_node("pick", ["x", "c"], ["y"], domain="custom", **tensors)
        e = o.reference.ReferenceEvaluator(model(o, [call], "x c", "y", opsets={"custom": 1}, functions=[f]))
        inside = e.rt_nodes_[0].impl_.rt_nodes_[0].has_linked_attribute
        return inside, [e.run(None, {"x": X, "c": np.array(c)}) for c in (True, False)]

    assert not raises(agree(program))


def test_operators_of_a_program_run_in_graphs_inside() -> None:
    def program(o: Any) -> Any:
        h = o.helper
        then = branch(o, "p", "InvAlpha", ["x"], domain="custom", alpha=2.0)
        node = h.make_node("If", ["c"], ["y"], then_branch=then, else_branch=branch(o, "q", "Neg", ["x"]))
        return evaluate(
            o,
            model(o, [node], "x c", "y", opsets={"custom": 1}),
            {"x": COUNT, "c": np.array(True)},
            new_ops=[inverse(o)],
        )

    assert not raises(agree(program))
