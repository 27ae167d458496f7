"""An If whose condition is known becomes the branch that is taken."""

from __future__ import annotations

import numpy as np
import pytest

from sardonyx.passes import optimize
from sardonyx.passes.branches import inline_branches
from tests.passes.models import X, applied, counts, model_of, same_results


@pytest.mark.parametrize("condition", [True, False])
def test_the_branch_that_is_taken_stays(condition: bool) -> None:
    def build(g, x):
        then = g.body("then", [], lambda b: (b.Neg(b.Exp(x)), b.Identity(x)))
        other = g.body("else", [], lambda b: (b.Add(x, np.float32([1, 2, 3])), b.Exp(x)))
        first, second = g.If(g.value(np.array(condition)), then_branch=then, else_branch=other, outputs=2)
        return g.Add(first, second), g.Relu(second)

    after = applied(inline_branches, model_of(build, x=X))
    assert "If" not in counts(after)
    assert ("Neg" in counts(after)) is condition


def test_a_branch_that_returns_what_is_around_it() -> None:
    def build(g, x):
        return g.If(
            g.value(np.array(True)),
            then_branch=g.body("t", [], lambda b: b.Identity(x)),
            else_branch=g.body("e", [], lambda b: b.Neg(x)),
        )

    model = model_of(build, x=X)
    branch = next(model.graph.nodes).attr("then_branch")
    branch.outputs[:] = [model.graph.inputs[0]]
    next(branch.nodes).erase()
    after = applied(inline_branches, model)
    assert counts(after) == {"Identity": 1}  # a result keeps its name


def test_branches_inside_branches() -> None:
    def build(g, x):
        yes = g.value(np.array(True))

        def inner(b):
            then, other = b.body("a", [], lambda c: c.Exp(x)), b.body("b", [], lambda c: c.Neg(x))
            return b.If(yes, then_branch=then, else_branch=other)

        return g.If(yes, then_branch=g.body("t", [], inner), else_branch=g.body("e", [], lambda b: b.Abs(x)))

    model = model_of(build, x=X)
    after = applied(inline_branches, model)
    same_results(model, after)
    assert counts(optimize(optimize(model, 1), 1)) == {"Exp": 1}


def test_a_condition_that_depends_on_the_input_stays() -> None:
    def build(g, x):
        cond = g.Greater(g.Gather(g.Reshape(x, np.array([-1])), np.int64(0)), np.float32(0))
        return g.If(
            cond, then_branch=g.body("t", [], lambda b: b.Exp(x)), else_branch=g.body("e", [], lambda b: b.Neg(x))
        )

    applied(inline_branches, model_of(build, x=X), changes=False)


def test_a_condition_on_known_extents_is_folded_first() -> None:
    def build(g, x):
        cond = g.Equal(g.Gather(g.Shape(x), np.int64(0)), np.int64(2))
        return g.If(
            cond, then_branch=g.body("t", [], lambda b: b.Exp(x)), else_branch=g.body("e", [], lambda b: b.Neg(x))
        )

    model = model_of(build, x=X)
    after = optimize(model, 1)
    same_results(model, after)
    assert counts(after) == {"Exp": 1}
