"""Every example of every rule: those that fire keep what the model gives, those that refuse say why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.check import check
from sardonyx.core.dims import Expr
from sardonyx.evaluate import evaluate
from sardonyx.infer import infer
from sardonyx.ir import Graph, Model, TensorType
from sardonyx.ops import latest_opset
from sardonyx.passes.facts import ModelFacts
from sardonyx.passes.rules import ALL
from sardonyx.rewrite import Example, Rule, Trace, apply_rules
from sardonyx.rewrite.example import instantiate, sample

EXAMPLES = [e for rule in ALL for e in rule.examples]


def model_of(example: Example) -> Model:
    """The graph of an example, in the newest opset."""
    model = Model(Graph(), {"": latest_opset(), "com.microsoft": 1})
    model.graph = instantiate(example, ModelFacts(model))
    infer(model).annotate()
    return model


def feeds(model: Model, extent: int) -> dict[str, Any]:
    return {v.name: sample(v.type, v.name, extent) for v in model.graph.inputs if isinstance(v.type, TensorType)}


def extents(model: Model) -> tuple[int, ...]:
    shapes = [v.shape for v in model.graph.inputs]
    return (3, 5) if any(s is None or any(isinstance(d, Expr) for d in s) for s in shapes) else (3,)


@pytest.mark.parametrize("example", EXAMPLES, ids=repr)
def test_example(example: Example) -> None:
    model = model_of(example)
    before = model.clone()
    trace = Trace()
    count = apply_rules([example.rule], model.graph, ModelFacts(model), trace)
    said = trace.explain(example.rule.name)
    if example.because is not None:
        assert count == 0, said
        assert example.because in said, said or "the pattern was not found"
        return
    assert count > 0, said or "the pattern was not found"
    check(model)
    for extent in extents(before):
        given = feeds(before, extent)
        for old, new in zip(evaluate(before, given), evaluate(model, given), strict=True):
            assert (old.dtype, old.shape) == (new.dtype, new.shape)
            if example.tolerance is None:
                np.testing.assert_array_equal(new, old)
            else:
                np.testing.assert_allclose(new, old, rtol=example.tolerance, atol=example.tolerance)


@pytest.mark.parametrize("rule", ALL, ids=lambda r: r.name)
def test_rules_ship_examples_of_both(rule: Rule) -> None:
    assert rule.doc, "the law is missing"
    assert any(e.because is None for e in rule.examples), "no example that fires"
    assert any(e.because is not None for e in rule.examples), "no example that refuses"


def test_names_are_unique() -> None:
    names = [rule.name for rule in ALL]
    assert len(set(names)) == len(names)
