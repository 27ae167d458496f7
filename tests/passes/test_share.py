"""Equal work is done once, equal constants are stored once, and only what is equal bit for bit counts as equal."""

from __future__ import annotations

import numpy as np

from sardonyx.passes.share import share
from tests.passes.models import X, applied, counts, model_of

WEIGHT = np.random.default_rng(0).standard_normal((3, 400)).astype(np.float32)


def test_equal_nodes_become_one() -> None:
    def build(g, x):
        return g.Add(g.Mul(g.Exp(x), x), g.Mul(x, g.Exp(x)))  # Mul commutes

    assert counts(applied(share, model_of(build, x=X))) == {"Exp": 1, "Mul": 1, "Add": 1}


def test_other_attributes_are_other_nodes() -> None:
    def build(g, x):
        return g.Add(g.Softmax(x, axis=0), g.Softmax(x, axis=1))

    applied(share, model_of(build, x=X), changes=False)


def test_two_results_keep_two_nodes() -> None:
    applied(share, model_of(lambda g, x: (g.Relu(x), g.Relu(x)), x=X), changes=False)


def test_equal_constants_become_one() -> None:
    def build(g, x):
        return g.Add(g.MatMul(x, g.value(WEIGHT)), g.Neg(g.MatMul(x, g.value(WEIGHT.copy()))))

    model = model_of(build, x=X)
    assert len(model.graph.initializers) == 2
    after = applied(share, model)
    assert len(after.graph.initializers) == 1 and counts(after)["MatMul"] == 1


def test_constants_that_differ_in_one_bit_stay() -> None:
    other = WEIGHT.copy()
    other[1, 57] = np.nextafter(other[1, 57], np.float32(9))
    applied(share, model_of(lambda g, x: g.Add(g.MatMul(x, WEIGHT), g.MatMul(x, other)), x=X), changes=False)


def test_zero_and_minus_zero_are_two() -> None:
    applied(
        share,
        model_of(lambda g, x: g.Add(g.Div(x, np.float32([0, 0, 1])), g.Div(x, np.float32([0, -0.0, 1]))), x=X),
        changes=False,
    )


def test_a_body_takes_what_was_computed_before_it_but_not_from_its_sibling() -> None:
    def build(g, x):
        y = g.Exp(x)
        cond = g.Greater(g.Gather(g.Reshape(x, [-1]), np.int64(0)), np.float32(0))
        then = g.body("t", [], lambda b: b.Neg(b.Add(b.Exp(x), b.Abs(x))))
        other = g.body("e", [], lambda b: b.Abs(x))
        return g.Add(y, g.If(cond, then_branch=then, else_branch=other))

    after = applied(share, model_of(build, x=X))
    assert counts(after)["Exp"] == 1 and counts(after)["Abs"] == 2
