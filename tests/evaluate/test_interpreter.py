"""The interpreter: order, subgraphs, functions, intermediate values, old versions, errors with their place."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from sardonyx import io
from sardonyx.core.errors import ExecutionError, InputError, UnsupportedError
from sardonyx.evaluate import Interpreter, Scope, evaluate
from sardonyx.ir import Model, Node, Tensor, Value

HEAD = '<ir_version: 10, opset_import: ["" : 20]>\n'
FUNCTIONS = '<ir_version: 10, opset_import: ["" : 20, "f" : 1]>\n'


def proto(text: str, head: str = HEAD) -> onnx.ModelProto:
    return onnx.parser.parse_model(head + text)


def parse(text: str, head: str = HEAD) -> Model:
    return io.from_bytes(proto(text, head).SerializeToString())


def f32(*values: float) -> Any:
    return np.array(values, np.float32)


AGREES: dict[str, tuple[str, str, list[Any]]] = {
    "chain": (HEAD, "agraph (float[N] x) => (float[N] y) { h = Relu(x)  y = Neg(h) }", [f32(-1, 2)]),
    "constants": (HEAD, "agraph (float[2] x) => (float[2] y) <float[2] w = {3, 4}> { y = Mul(x, w) }", [f32(1, 2)]),
    "optional input": (HEAD, "agraph (float[3] x) => (float[3] y) <float m = {1}> { y = Clip(x, , m) }", [f32(-5, 0, 5)]),
    "branch taken": (HEAD, """agraph (bool c, float[2] x) => (float[2] y) {
        h = Neg(x)
        y = If <then_branch = yes () => (float[2] a) { a = Add(x, h) }, else_branch = no () => (float[2] b) { b = Sub(x, h) }> (c)
    }""", [np.array(True), f32(1, 2)]),
    "branch not taken": (HEAD, """agraph (bool c, float[2] x) => (float[2] y) {
        h = Neg(x)
        y = If <then_branch = yes () => (float[2] a) { a = Add(x, h) }, else_branch = no () => (float[2] b) { b = Sub(x, h) }> (c)
    }""", [np.array(False), f32(1, 2)]),
    "branches within branches": (HEAD, """agraph (bool c, float[2] x) => (float[2] y) {
        y = If <
            then_branch = yes () => (float[2] a) {
                k = Neg(x)
                a = If <then_branch = t () => (float[2] p) { p = Exp(k) }, else_branch = e () => (float[2] q) { q = Abs(k) }> (c)
            },
            else_branch = no () => (float[2] b) { b = Relu(x) }
        > (c)
    }""", [np.array(True), f32(1, 2)]),
    "function": (FUNCTIONS, """agraph (float[2] x) => (float[2] y, float[2] z) {
        y = f.Leaky <slope = 0.5> (x)
        z = f.Leaky(x)
    }
    <domain: "f", opset_import: ["" : 20]>
    Leaky <slope: float = 0.25> (a) => (b) { b = LeakyRelu <alpha: float = @slope> (a) }""", [f32(-4, 4)]),
    "functions in functions": (FUNCTIONS, """agraph (float[2] x) => (float[2] y) { y = f.Outer <k = 0.5> (x) }
    <domain: "f", opset_import: ["" : 20, "f" : 1]>
    Outer <k> (a) => (b) { c = f.Inner <alpha: float = @k> (a)  b = Neg(c) }
    <domain: "f", opset_import: ["" : 20]>
    Inner <alpha> (a) => (b) { b = LeakyRelu <alpha: float = @alpha> (a) }""", [f32(-4, 4)]),
    "subgraph inside a function": (FUNCTIONS, """agraph (bool c, float[2] x) => (float[2] y) { y = f.Choose <k = 0.5> (c, x) }
    <domain: "f", opset_import: ["" : 20]>
    Choose <k> (c, a) => (b) {
        b = If <
            then_branch = t () => (float[2] p) { p = LeakyRelu <alpha: float = @k> (a) },
            else_branch = e () => (float[2] q) { q = Neg(a) }
        > (c)
    }""", [np.array(True), f32(-4, 4)]),
    "attribute that became an input": ('<ir_version: 7, opset_import: ["" : 11]>\n',
        "agraph (float[1, 2, 1] x) => (float[1, 2] y) { y = Squeeze <axes = [2]> (x) }", [f32(1, 2).reshape(1, 2, 1)]),
    "bounds that became inputs": ('<ir_version: 7, opset_import: ["" : 10]>\n',
        "agraph (float[3] x) => (float[3] y) { y = Clip <max = 2.0, min = -2.0> (x) }", [f32(-5, 0, 5)]),
}  # fmt: skip


@pytest.mark.parametrize("name", AGREES)
def test_agrees_with_onnxruntime(name: str) -> None:
    head, text, inputs = AGREES[name]
    model = proto(text, head)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, {i.name: x for i, x in zip(session.get_inputs(), inputs, strict=True)})
    for one, two in zip(evaluate(parse(text, head), inputs), expected, strict=True):
        assert one.dtype == two.dtype
        np.testing.assert_allclose(one, two, rtol=1e-6)


def test_any_value_may_be_asked_for() -> None:
    model = parse("agraph (float[2] x) => (float[2] y) <float[2] w = {3, 4}> { h = Neg(x)  y = Mul(h, w) }")
    h, w, x, y = evaluate(model, [f32(1, 2)], outputs=["h", "w", "x", "y"])
    assert (h.tolist(), w.tolist(), x.tolist(), y.tolist()) == ([-1, -2], [3, 4], [1, 2], [-3, -8])


def test_only_what_is_needed_runs() -> None:
    """A node that nobody needs may be broken."""
    model = parse(
        "agraph (float[2] x) => (float[2] y) { y = Neg(x)  bad = z.Unknown(x) }", FUNCTIONS.replace('"f"', '"z"')
    )
    assert evaluate(model, [f32(1, 2)])[0].tolist() == [-1, -2]
    with pytest.raises(UnsupportedError, match=r"operator z\.Unknown is not known"):
        evaluate(model, [f32(1, 2)], outputs=["bad"])


def test_unknown_output_name() -> None:
    model = parse("agraph (float[2] x) => (float[2] logits) { logits = Neg(x) }")
    with pytest.raises(InputError, match="no value named 'logit'") as refusal:
        evaluate(model, [f32(1, 2)], outputs=["logit"])
    assert "did you mean 'logits'" in str(refusal.value)


def test_inputs_are_not_written_to() -> None:
    x = f32(-1, 2)
    evaluate(parse("agraph (float[2] x) => (float[2] y) { y = Relu(x) }"), [x])
    assert x.tolist() == [-1, 2]


def test_values_die_after_their_last_use() -> None:
    """The peak is what the graph needs, not the sum of its values."""
    text = "agraph (float[N] x) => (float[N] y) { v0 = Neg(x) " + " ".join(f"v{i + 1} = Neg(v{i})" for i in range(20))
    model = parse(text + " y = Neg(v20) }")
    alive: list[int] = []
    refs: list[weakref.ref[Any]] = []

    class Watching(Interpreter):
        def run_node(self, node: Node, schema: Any, arrays: Any, scope: Scope) -> list[Any]:
            found = super().run_node(node, schema, arrays, scope)
            refs.append(weakref.ref(found[0]))
            alive.append(sum(r() is not None for r in refs))
            return found

    Watching(model).run([f32(*range(8))])
    assert max(alive) <= 3


def test_run_node_serves_an_engine() -> None:
    """One node at a time, with captured values handed in by the caller."""
    model = parse("""agraph (bool c, float[2] x) => (float[2] y) {
        h = Neg(x)
        y = If <then_branch = yes () => (float[2] a) { a = Add(x, h) }, else_branch = no () => (float[2] b) { b = Sub(x, h) }> (c)
    }""")
    choose = model.graph.last
    assert choose is not None
    x, h = (model.graph.find(n) for n in "xh")
    assert x is not None and h is not None
    scope = Scope(model.opsets, {x: f32(1, 2), h: f32(10, 20)})
    (result,) = Interpreter(model).run_node(choose, None, [np.array(True)], scope)
    assert result.tolist() == [11, 22]


def test_a_failing_node_is_named() -> None:
    model = parse("agraph (float[3] x, int64[1] i) => (float[1] y) { [pick] y = Gather(x, i) }")
    node = model.graph.last
    assert node is not None
    node.source = "train.py:42"
    with pytest.raises(ExecutionError) as refusal:
        evaluate(model, [f32(1, 2, 3), np.array([9])])
    message = str(refusal.value)
    assert "Gather 'pick' cannot be evaluated" in message
    assert "graph 'agraph', node 0: Gather 'pick' (exported from train.py:42)" in message
    assert "float32[3], int64[1]" in message


def test_recursion_is_refused() -> None:
    model = parse(
        """agraph (float[N] x) => (float[a] y) { y = f.F(x) }
        <domain: "f", opset_import: ["" : 20, "f" : 1]>
        F (a) => (b) { b = f.F(a) }""",
        FUNCTIONS,
    )
    with pytest.raises(InputError, match="function 'F' calls itself"):
        evaluate(model, [f32(1)])


def test_nodes_out_of_order() -> None:
    model = parse("agraph (float[N] x) => (float[N] y) { y = Relu(z)  z = Tanh(x) }")
    with pytest.raises(InputError, match="'z' is read before it is made") as refusal:
        evaluate(model, [f32(1)])
    assert "graph.sort()" in str(refusal.value)


def test_functions_come_before_operators() -> None:
    """A function of the model with an operator's name is what the model means."""
    model = parse("agraph (float[2] x) => (float[2] y) { y = Neg(x) }")
    other = parse("agraph (float[2] x) => (float[2] y) { y = f.Neg(x) }\n"
                  '<domain: "f", opset_import: ["" : 20]>\nNeg (a) => (b) { b = Abs(a) }', FUNCTIONS)  # fmt: skip
    (function,) = other.functions.values()
    function.domain = ""
    model.functions[function.key] = function
    assert evaluate(model, [f32(-1, 2)])[0].tolist() == [1, 2]


def test_default_values() -> None:
    model = parse("agraph (float[2] x, float[2] w) => (float[2] y) <float[2] w = {3, 4}> { y = Mul(x, w) }")
    assert evaluate(model, [f32(1, 1)])[0].tolist() == [3, 4]
    assert evaluate(model, {"x": f32(1, 1), "w": f32(5, 6)})[0].tolist() == [5, 6]
    assert evaluate(model, [f32(1, 1), f32(5, 6)])[0].tolist() == [5, 6]


def test_an_interpreter_runs_many_times() -> None:
    interpreter = Interpreter(parse("agraph (float[N] x) => (float[N] y) { y = Neg(x) }"))
    assert interpreter.run([f32(1)])[0].tolist() == [-1]
    assert interpreter.run([f32(1, 2)])[0].tolist() == [-1, -2]


def test_a_constant_without_a_model_input() -> None:
    model = parse("agraph () => (float[2] y) <float[2] w = {3, 4}> { y = Neg(w) }")
    assert evaluate(model, [])[0].tolist() == [-3, -4]
    model.graph.add_initializer(Tensor(f32(1, 1), name="w2"))
    assert isinstance(model.graph.find("w2"), Value)
