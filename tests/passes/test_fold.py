"""Constants are computed once, integers that inference follows are written down, and nothing grows without need."""

from __future__ import annotations

import numpy as np

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32
from sardonyx.ir import Tensor, TensorType
from sardonyx.passes.clean import dead_code
from sardonyx.passes.contract import Work
from sardonyx.passes.fold import fold_constants
from tests.passes.models import X, applied, counts, model_of

ANY = TensorType(FLOAT32, (symbol("n"), 4))


def test_a_tree_of_constants_becomes_one() -> None:
    def build(g, x):
        return g.Add(x, g.Mul(np.float32([1, 2, 3]), g.Neg(np.float32([1, 1, 1]))))

    after = applied(fold_constants, model_of(build, x=X))
    assert counts(after) == {"Add": 1}


def test_a_constant_is_folded_though_its_operator_has_more_outputs() -> None:
    def build(g, x):
        return g.Add(x, g.LayerNormalization(np.float32([[1, 2, 4]]), np.float32([1, 1, 2])))

    assert counts(applied(fold_constants, model_of(build, x=X))) == {"Add": 1}


def test_integers_of_known_extents_become_constants() -> None:
    def build(g, x):
        return g.Reshape(x, g.Concat(g.Gather(g.Shape(x), np.array([1])), np.array([-1]), axis=0))

    after = applied(dead_code, applied(fold_constants, model_of(build, x=ANY)))
    assert counts(after) == {"Reshape": 1}


def test_integers_that_depend_on_the_input_stay() -> None:
    def build(g, x):
        return g.Reshape(x, g.Concat(g.Gather(g.Shape(x), np.array([0])), np.array([-1]), axis=0))

    applied(fold_constants, model_of(build, x=ANY), changes=False)


def test_a_constant_result_keeps_its_name() -> None:
    def build(g, x):
        return g.Relu(x), g.Neg(np.float32([1, 2]))

    after = applied(fold_constants, model_of(build, x=X))
    assert counts(after) == {"Relu": 1, "Identity": 1}
    applied(fold_constants, after, changes=False)


def test_results_that_would_be_too_long_stay() -> None:
    def build(g, x):
        return g.Add(x, g.Expand(np.float32([[1]]), np.array([2000, 3])))

    model = model_of(build, x=TensorType(FLOAT32, (1, 3)))
    work = Work(model.clone(), fold_limit=1000)
    assert not fold_constants(work)
    assert fold_constants(Work(model.clone()))


def test_long_constants_that_others_read_are_not_stored_twice() -> None:
    def build(g, x):
        w = g.value(np.ones((3, 2000), np.float32))
        return g.MatMul(g.MatMul(x, w), g.Transpose(w, perm=[1, 0]))

    model = model_of(build, x=X)
    assert not fold_constants(Work(model.clone(), fold_limit=1000))


def test_defaults_of_inputs_are_no_constants() -> None:
    def build(g, x):
        return g.Add(x, g.Neg(g.graph.inputs[1]))

    model = model_of(lambda g, x, d: build(g, x), x=X, d=X)
    model.graph.add_initializer(Tensor(np.zeros((2, 3), np.float32)), "d")
    assert not fold_constants(Work(model.clone()))


def test_constants_of_a_body_are_folded_but_loop_counters_are_not() -> None:
    def build(g, x):
        cond = g.Greater(g.Gather(g.Reshape(x, [-1]), np.int64(0)), np.float32(0))
        then = g.body("then", [], lambda b: b.Add(x, b.Neg(np.float32(1))))
        other = g.body("else", [], lambda b: b.Sub(x, np.float32(2)))
        return g.If(cond, then_branch=then, else_branch=other)

    after = applied(fold_constants, model_of(build, x=X))
    assert "Neg" not in counts(after)


def test_constant_nodes_become_constants() -> None:
    def build(g, x):
        node = g.op("Constant", value_floats=[1.0, 2.0, 3.0])
        return g.Add(x, node)

    assert counts(applied(fold_constants, model_of(build, x=X))) == {"Add": 1}
