"""What the evaluator says: the words of its errors that programs look for, and the lines it prints of graphs inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx as official
import pytest

import sardonyx.compat.onnx as ours
from tests.compat.evaluators import agree

X = np.arange(6, dtype=np.float32).reshape(2, 3)
HEAD = '<ir_version: 9, opset_import: ["": 18, "c": 1, "l": 1]> '
PLAIN = "g (float[N, 3] x) => (float[N, 3] y) <float[3] w = {1, 2, 3}> { z = Add(x, w) y = Relu(z) }"
BRANCHES = """g (float[N, 3] x, bool c) => (float[N, 3] y) { y = If(c) <
    then_branch = a () => (float[N, 3] t) { t = Neg(x) }, else_branch = b () => (float[N, 3] e) { e = Abs(x) }> }"""
ROUNDS = """g (int64 n, float[3] x) => (float[3] y, float[M, 3] s) { k = Constant<value = bool {1}>() y, s = Loop(n, k, x) <
    body = b (int64 i, bool c, float[3] v) => (bool d, float[3] u, float[3] o) {
        d = Identity(c) u = Add(v, v) o = Identity(u) }> }"""
CALL = """g (float[N, 3] x) => (float[N, 3] y) { y = l.f<a = 2.0>(x) }
    <domain: "l", opset_import: ["": 18]> f <a> (x) => (y) { k = Constant<value_float: float = @a>() y = Mul(x, k) }"""


def run(o: Any, text: str, feeds: dict[str, Any] | None = None, names: Any = None, **how: Any) -> Any:
    model = o.parser.parse_model(HEAD + text)
    return o.reference.ReferenceEvaluator(model, **how).run(names, {"x": X} if feeds is None else feeds)


@pytest.mark.parametrize("verbose", [0, 3, 5, 11, 15])
def test_what_graphs_inside_print(verbose: int) -> None:
    for held in (True, False):
        agree(lambda o, held=held: run(o, BRANCHES, {"x": X, "c": np.array(held)}, verbose=verbose))
    agree(lambda o: run(o, ROUNDS, {"x": X[0], "n": np.array(2)}, verbose=verbose))


def custom(o: Any, body: Callable[[Any], Any]) -> Any:
    op = type("Op", (o.reference.op_run.OpRun,), {"op_domain": "c", "_run": lambda self, x: body(x)})
    return run(o, "g (float[N, 3] x) => (float[N, 3] y) { y = c.Op(x) }", new_ops=[op])


def refuse(_: Any) -> Any:
    raise TypeError("mine")


def callee(o: Any) -> Any:
    return o.parser.parse_model(HEAD + CALL).functions[0]


def evaluator(o: Any, *args: Any, **how: Any) -> Any:
    return o.reference.ReferenceEvaluator(*args, **how)


WORDS: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "output": (lambda o: run(o, PLAIN, names=["q"]), RuntimeError, "Unable to find output name 'q'"),
    "input": (lambda o: run(o, PLAIN, {}), RuntimeError, "Unable to find input 'x' in known results"),
    "types": (lambda o: run(o, PLAIN, {"x": X.astype(float)}), RuntimeError, "Input type mismatch: float64 != float32"),
    "array": (lambda o: custom(o, lambda x: x), TypeError, "Method '_run' of class 'Op' does not return a tuple but"),
    "none": (lambda o: custom(o, lambda _: (None,)), TypeError, "method '_run' of class 'Op' has an unexpected type"),
    "tuple": (lambda o: custom(o, lambda x: ((x,),)), TypeError, "method '_run' of class 'Op' is a tuple"),
    "nothing": (lambda o: custom(o, lambda _: ()), ValueError, "does not return any result"),
    "raises": (lambda o: custom(o, refuse), TypeError, r"Issues with types .* and attributes .*\(operator 'Op'\)"),
    "operator": (
        lambda o: run(o, "g (x) => (y) { y = Odd(x) }"),
        NotImplementedError,
        "No registered schema for operator",
    ),
    "domain": (
        lambda o: run(o, "g (x) => (y) { y = z.A(x) }"),
        RuntimeError,
        r"Domain 'z' \(node type: 'A'\) is not spec",
    ),
    "unknown": (
        lambda o: run(o, "g (x) => (y) { y = c.A(x) }"),
        NotImplementedError,
        "Node type 'A' from domain 'c' is un",
    ),
    "proto": (lambda o: evaluator(o, 3), TypeError, "Unexpected type <class 'int'> for proto"),
    "opsets": (lambda o: run(o, PLAIN, opsets={"": 18}), ValueError, "opsets must be None if proto is ModelProto"),
    "functions": (lambda o: run(o, PLAIN, functions=[]), ValueError, "functions must be None if proto is ModelProto"),
    "graph": (lambda o: evaluator(o, o.GraphProto()), TypeError, "opsets must be a dictionary if proto is GraphProto"),
    "new": (lambda o: run(o, PLAIN, new_ops=[int]), AttributeError, "must define attribute 'op_domain'"),
    "linked": (
        lambda o: evaluator(o, callee(o)).run(None, {"x": X}, attributes={"b": 1.0}),
        ValueError,
        "Unable to find a value for linked attribute",
    ),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_of_errors(name: str) -> None:
    program, kind, words = WORDS[name]
    for o in (ours, official):
        with pytest.raises(kind, match=words):
            program(o)


def test_a_function_has_its_own_defaults() -> None:
    text = CALL.replace("<a>", "<a: float = 3.0>")
    function = ours.parser.parse_model(HEAD + text).functions[0]
    (y,) = evaluator(ours, function).run(None, {"x": X}, attributes={})
    assert np.array_equal(y, X * 3)
