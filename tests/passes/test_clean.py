"""What no result needs goes; what a caller may see stays."""

from __future__ import annotations

import numpy as np

from sardonyx.ir import Function, Graph, Tensor
from sardonyx.passes.clean import dead_code
from tests.passes.models import X, applied, counts, model_of


def test_nodes_and_constants_that_nobody_reads_go() -> None:
    def build(g, x):
        g.Add(g.Neg(x), np.float32([1, 2, 3]))
        return g.Relu(x)

    after = applied(dead_code, model_of(build, x=X))
    assert counts(after) == {"Relu": 1} and not after.graph.initializers


def test_optional_outputs_at_the_end_go() -> None:
    def build(g, x):
        return g.op("LayerNormalization", x, np.ones(3, np.float32), outputs=3)[0]

    after = applied(dead_code, model_of(build, x=X))
    assert len(next(after.graph.nodes).outputs) == 1


def test_an_output_that_is_returned_or_read_stays() -> None:
    def build(g, x):
        y, mean, _ = g.op("LayerNormalization", x, np.ones(3, np.float32), outputs=3)
        return y, g.Relu(mean)

    after = applied(dead_code, model_of(build, x=X))
    assert len(next(after.graph.nodes).outputs) == 2
    applied(dead_code, after, changes=False)


def test_values_that_only_a_body_reads_stay() -> None:
    def build(g, x):
        y = g.Neg(x)
        cond = g.Greater(g.Gather(g.Reshape(x, [-1]), np.int64(0)), np.float32(0))
        return g.If(
            cond, then_branch=g.body("t", [], lambda b: b.Relu(y)), else_branch=g.body("e", [], lambda b: b.Identity(x))
        )

    applied(dead_code, model_of(build, x=X), changes=False)


def test_inputs_and_their_defaults_stay() -> None:
    model = model_of(lambda g, x, unused: g.Relu(x), x=X, unused=X)
    model.graph.add_initializer(Tensor(np.zeros((2, 3), np.float32)), "unused")
    applied(dead_code, model, changes=False)


def test_functions_that_nobody_calls_go() -> None:
    model = model_of(lambda g, x: g.Relu(x), x=X)
    function = Function("local", "F", Graph("F"))
    model.functions[function.key] = function
    assert not applied(dead_code, model).functions
