"""What rules may know: constants, types and integers, of new nodes too."""

from __future__ import annotations

import numpy as np
import pytest

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32
from sardonyx.core.errors import InputError, ShapeError
from sardonyx.ir import Node, Tensor, TensorType
from sardonyx.passes.facts import ModelFacts
from tests.passes.models import X, model_of

N = symbol("n")
ROWS = TensorType(FLOAT32, (N, 4))


def test_types_and_integers_come_from_inference() -> None:
    model = model_of(
        lambda g, x: g.Reshape(x, g.Concat(g.Gather(g.Shape(x), np.array([0])), np.array([2, 2]), axis=0)), x=ROWS
    )
    facts = ModelFacts(model)
    joined = next(n.output for n in model.graph.nodes if n.op_type == "Concat")
    assert facts.ints(joined).tolist() == [N, 2, 2]
    assert facts.type(model.graph.outputs[0]) == TensorType(FLOAT32, (N, 2, 2))


def test_a_new_node_is_settled() -> None:
    model = model_of(lambda g, x: g.Relu(x), x=ROWS)
    facts = ModelFacts(model)
    node = Node("Transpose", [model.graph.inputs[0]], 1, {"perm": (1, 0)})
    facts.settle(node)
    assert facts.type(node.output) == TensorType(FLOAT32, (4, N))


def test_a_new_node_that_contradicts_its_operator_is_refused() -> None:
    model = model_of(lambda g, x: g.Relu(x), x=X)
    with pytest.raises(ShapeError):
        ModelFacts(model).settle(Node("MatMul", [model.graph.inputs[0], model.graph.inputs[0]]))


def test_an_extent_that_nobody_knows_gets_a_name() -> None:
    model = model_of(lambda g, x: g.Relu(x), x=TensorType(FLOAT32, (3, 4)))
    facts = ModelFacts(model)
    node = Node("NonZero", [model.graph.inputs[0]])
    facts.settle(node)
    kind = facts.type(node.output)
    assert isinstance(kind, TensorType) and kind.shape is not None and kind.shape[0] == 2 and kind.shape[1] is not None


def test_a_number_learnt_later_beats_a_symbol() -> None:
    model = model_of(lambda g, x: (g.Relu(x), g.Neg(x)), x=ROWS)
    facts = ModelFacts(model)
    old, new = model.graph.outputs
    facts.known(new)
    facts._known[new] = type(facts.known(new))(TensorType(FLOAT32, (7, 4)))
    facts.equate(old, new)
    assert facts.type(new) == TensorType(FLOAT32, (7, 4))


def test_defaults_of_inputs_are_no_constants() -> None:
    model = model_of(lambda g, x, d: g.Add(x, d), x=X, d=X)
    value = model.graph.add_initializer(Tensor(np.zeros((2, 3), np.float32)), "d")
    assert ModelFacts(model).constant(value) is None


def test_attributes_are_of_the_kind_the_operator_wants() -> None:
    facts = ModelFacts(model_of(lambda g, x: g.Relu(x), x=X))
    assert facts.attribute("", "LeakyRelu", "alpha", 1).value == 1.0
    assert facts.attribute("", "Transpose", "perm", []).value == ()
    with pytest.raises(InputError, match="no attribute 'slope'"):
        facts.attribute("", "LeakyRelu", "slope", 1)
