"""Rules replace what they match, refuse with a reason, come to an end, and say where new nodes come from."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from sardonyx.core.dtypes import FLOAT32
from sardonyx.core.errors import CompileError
from sardonyx.ir import Graph, TensorType, Value
from sardonyx.rewrite import FUSED, Expr, Match, Rule, Trace, apply_rules, attribute, constants, rest, rewrite, values
from sardonyx.rewrite.op import Add, Concat, Gemm, Identity, MatMul, Mul, Relu, Softmax, Split, Sub

sys.path.insert(0, str(Path(__file__).parent))
from fake import FakeFacts, graph_of, text

VECTOR = TensorType(FLOAT32, (3,))
a, b, c, x, y = values("a b c x y")
w, v = constants("w v")
axis = attribute("axis")


def run(rules: Rule | list[Rule], lines: str, trace: Trace | None = None) -> tuple[Graph, int]:
    graph = graph_of(lines, VECTOR)
    count = apply_rules([rules] if isinstance(rules, Rule) else rules, graph, FakeFacts(), trace)
    return graph, count


@rewrite(Add(MatMul(a, b), c))
def to_gemm(m: Match) -> Expr:
    return Gemm(a, b, c)


@rewrite(Identity(x))
def no_identity(m: Match) -> Expr:
    return x


def test_a_match_is_replaced_under_the_old_name() -> None:
    graph, count = run(to_gemm, "t = MatMul(p, q)\nr = Add(t, s)")
    assert count == 1
    assert text(graph) == "r = Gemm(p, q, s)\n-> r"


def test_commutative_inputs_are_swapped() -> None:
    graph, _ = run(to_gemm, "t = MatMul(p, q)\nr = Add(s, t)")
    assert text(graph) == "r = Gemm(p, q, s)\n-> r"


def test_an_operator_that_does_not_commute_is_not_swapped() -> None:
    @rewrite(Sub(Relu(x), y))
    def rule(m: Match) -> Expr:
        return Add(x, y)

    assert run(rule, "t = Relu(p)\nr = Sub(q, t)")[1] == 0


def test_names_of_the_fused_nodes_are_recorded() -> None:
    graph, _ = run(to_gemm, "t = MatMul(p, q)\nr = Add(t, s)")
    (node,) = graph.nodes
    assert node.name == "n_r"
    assert set(node.metadata[FUSED].split(", ")) == {"n_r", "n_t"}


def test_provenance_accumulates() -> None:
    @rewrite(Relu(Gemm(a, b, c)))
    def more(m: Match) -> Expr:
        return Mul(a, b)

    graph, _ = run([to_gemm, more], "t = MatMul(p, q)\nr = Add(t, s)\nu = Relu(r)")
    (node,) = graph.nodes
    assert set(node.metadata[FUSED].split(", ")) == {"n_u", "n_r", "n_t"}


def test_a_value_read_elsewhere_blocks() -> None:
    trace = Trace()
    _graph, count = run(to_gemm, "t = MatMul(p, q)\nu = Relu(t)\nr = Add(t, u)", trace)
    assert count == 0
    assert "'t' inside the match is read elsewhere" in trace.explain("to-gemm")


def test_a_result_of_the_graph_inside_the_match_blocks() -> None:
    graph = graph_of("t = MatMul(p, q)\nr = Add(t, s)", VECTOR)
    graph.outputs.append(next(graph.nodes).output)
    trace = Trace()
    assert apply_rules([to_gemm], graph, FakeFacts(), trace) == 0
    assert "is a result of the graph" in trace.explain()


def test_shared_rules_look_through_values_read_elsewhere() -> None:
    @rewrite(Relu(Relu(x)), shared=True)
    def once(m: Match) -> Expr:
        return Relu(x)

    graph, count = run(once, "t = Relu(p)\nu = Relu(t)\nr = Add(t, u)")
    assert count == 1
    assert text(graph) == "t = Relu(p)\nu = Relu(p)\nr = Add(t, u)\n-> r"


def test_one_variable_means_one_value() -> None:
    @rewrite(Mul(Relu(x), x))
    def rule(m: Match) -> Expr:
        return Softmax(x)

    assert run(rule, "t = Relu(p)\nr = Mul(p, t)")[1] == 1
    assert run(rule, "t = Relu(p)\nr = Mul(q, t)")[1] == 0


def test_a_shared_term_means_one_node() -> None:
    d = Sub(x, y)

    @rewrite(Mul(d, d))
    def square(m: Match) -> Expr:
        return Relu(x)

    assert run(square, "d = Sub(p, q)\nr = Mul(d, d)")[1] == 1
    assert run(square, "d = Sub(p, q)\ne = Sub(p, q)\nr = Mul(d, e)")[1] == 0


def test_numbers_match_constants_as_exactly_as_their_type_can() -> None:
    @rewrite(Mul(x, 0.7071067811865475))
    def rule(m: Match) -> Expr:
        return Relu(x)

    assert run(rule, "r = Mul(0.70710677, p)")[1] == 1
    assert run(rule, "r = Mul(p, 0.7072)")[1] == 0


def test_constants_are_computed_with() -> None:
    @rewrite(Mul(Mul(x, w), v))
    def once(m: Match) -> Expr:
        return Mul(x, m.array(w) * m.array(v))

    graph, _ = run(once, "t = Mul(p, 2)\nu = Mul(t, 3)\nr = Mul(u, 4)")
    assert text(graph) == "r = Mul(p, 24.0)\n-> r"


def test_numbers_in_replacements_take_the_type_of_their_neighbours() -> None:
    @rewrite(Relu(x))
    def rule(m: Match) -> Expr:
        return Mul(x, 2)

    graph, _ = run(rule, "r = Relu(p)")
    (node,) = graph.nodes
    assert node.inputs[1].const.numpy().dtype == np.float32


def test_attributes_are_captured_and_defaults_count() -> None:
    @rewrite(Softmax(x, axis=axis))
    def rule(m: Match) -> Expr:
        return Concat(x, axis=m[axis] + 10)

    assert text(run(rule, "r = Softmax(p) axis=1")[0]) == "r = Concat(p) axis=11\n-> r"
    assert text(run(rule, "r = Softmax(p)")[0]) == "r = Concat(p) axis=9\n-> r"


def test_attributes_that_are_not_mentioned_must_have_their_default() -> None:
    @rewrite(Relu(Gemm(a, b, c)))
    def strict(m: Match) -> Expr:
        return Add(a, b)

    @rewrite(Relu(Gemm.any(a, b, c)))
    def free(m: Match) -> Expr:
        return Add(a, b)

    lines = "t = Gemm(p, q, s) alpha=2.0\nr = Relu(t)"
    assert run(strict, lines)[1] == 0
    assert run(strict, lines.replace("2.0", "1.0"))[1] == 1
    assert run(free, lines)[1] == 1


def test_alternatives_optional_inputs_and_rest() -> None:
    bias = values("bias?")[0]
    xs = rest("xs")
    inner = Gemm(a, b, bias)

    @rewrite(Concat(Relu(inner) | inner, xs, axis=axis))
    def rule(m: Match) -> Expr:
        assert len(m[xs]) == 2
        return Concat(xs, a, axis=axis)

    assert run(rule, "t = Gemm(p, q)\nu = Relu(t)\nr = Concat(u, s, s) axis=0")[1] == 1
    graph, _ = run(rule, "t = Gemm(p, q, o)\nr = Concat(t, s, s) axis=0")
    assert text(graph).startswith("r = Concat(s, s, p) axis=0")


def test_several_outputs_and_several_roots() -> None:
    split = Split(x, axis=axis)

    @rewrite(Relu(split[0]), Relu(split[1]))
    def swapped(m: Match) -> Expr:
        new = Split(x, axis=7)
        return new[1], new[0]

    graph, count = run(swapped, "s,t = Split(p) axis=0\nu = Relu(s)\nv = Relu(t)\nr = Sub(u, v)")
    assert count == 1
    assert text(graph) == "v,u = Split(p) axis=7\nr = Sub(u, v)\n-> r"


def test_an_output_that_is_left_out_is_no_root() -> None:
    split = Split(x, axis=axis)

    @rewrite(split, split[1])
    def both(m: Match) -> Expr:
        return Relu(x), Relu(x)

    trace = Trace()
    assert run(both, "s = Split(p) axis=0\nr = Relu(s)", trace)[1] == 0
    assert "leaves out an output" in trace.explain()


def test_another_output_that_is_needed_blocks() -> None:
    @rewrite(Split(x, axis=axis)[0])
    def first(m: Match) -> Expr:
        return Relu(x)

    trace = Trace()
    assert run(first, "s,t = Split(p) axis=0\nr = Add(s, t)", trace)[1] == 0
    assert "another output" in trace.explain()
    assert run(first, "s,t = Split(p) axis=0\nr = Relu(s)")[1] == 1


def test_results_keep_their_names() -> None:
    assert text(run(no_identity, "t = Relu(p)\nr = Identity(t)")[0]) == "r = Relu(p)\n-> r"
    trace = Trace()
    graph, count = run(no_identity, "r = Identity(p)", trace)
    assert count == 0 and text(graph) == "r = Identity(p)\n-> r"
    assert "cannot take its name" in trace.explain()


def test_refusals_are_named() -> None:
    @rewrite(Relu(x))
    def never(m: Match) -> Expr:
        m.require(m[x].rank == 4, "only images")
        return x

    trace = Trace()
    assert run(never, "r = Relu(p)", trace)[1] == 0
    assert trace.explain("never") == "refused  never at Relu 'n_r': only images"


def test_replacements_of_another_type_are_refused() -> None:
    @rewrite(Relu(x))
    def wider(m: Match) -> Expr:
        return Mul(np.zeros((2, 3), np.float32), x)

    trace = Trace()
    assert run(wider, "r = Relu(p)", trace)[1] == 0
    assert "would be float32[2, 3], not float32[3]" in trace.explain()


def test_impossible_replacements_are_refused_and_leave_no_use_behind() -> None:
    @rewrite(Relu(x))
    def impossible(m: Match) -> Expr:
        return Add(x, np.zeros(7, np.float32))

    trace = Trace()
    graph, count = run(impossible, "r = Relu(p)", trace)
    assert count == 0 and "lengths differ" in trace.explain()
    assert len(graph.inputs[0].uses) == 1


def test_near_misses_say_how_far_a_pattern_came() -> None:
    trace = Trace(near_misses=True)
    run(to_gemm, "t = Relu(p)\nr = Add(t, s)", trace)
    assert "is no MatMul" in trace.explain("to-gemm") or "not computed by MatMul" in trace.explain("to-gemm")


def test_rules_that_undo_each_other_are_stopped() -> None:
    @rewrite(Relu(x))
    def there(m: Match) -> Expr:
        return Softmax(x)

    @rewrite(Softmax(x))
    def back(m: Match) -> Expr:
        return Relu(x)

    with pytest.raises(CompileError, match="does not come to an end"):
        run([there, back], "r = Relu(p)")


def test_a_long_chain_takes_linear_work() -> None:
    @rewrite(Relu(Relu(x)))
    def once(m: Match) -> Expr:
        return Relu(x)

    lines = "v0 = Relu(p)\n" + "\n".join(f"v{i + 1} = Relu(v{i})" for i in range(2000))
    graph, count = run(once, lines)
    assert count == 2000 and len(graph) == 1


def test_a_match_does_not_cross_into_another_graph() -> None:
    graph = graph_of("t = MatMul(p, q)\nr = Identity(t)", VECTOR)
    product, last = graph.nodes
    from sardonyx.ir import Node

    out = Value("o")
    inner = Graph("inner", [], [out])
    inner.append(Node("Add", [product.output, product.inputs[0]], [out]))
    last.set_attr("body", inner)
    last.set_inputs([product.inputs[0]])
    trace = Trace()
    assert apply_rules([to_gemm], graph, FakeFacts(), trace) == 0
    assert "lies in another graph" in trace.explain()


def test_one_rule_finds_several_spellings() -> None:
    @rewrite(forms=[Mul(x, Relu(x)), Sub(Relu(x), y)])
    def rule(m: Match) -> Expr:
        return Softmax(x) if y not in m else Concat(x, y, axis=0)

    assert text(run(rule, "t = Relu(p)\nr = Mul(t, p)")[0]) == "r = Softmax(p)\n-> r"
    assert text(run(rule, "t = Relu(p)\nr = Sub(t, q)")[0]) == "r = Concat(p, q) axis=0\n-> r"
    assert run(rule, "t = Relu(p)\nr = Sub(q, t)")[1] == 0
