"""Small models for the tests of passes, and what every pass must keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sardonyx.check import check
from sardonyx.core.dtypes import FLOAT32
from sardonyx.evaluate import evaluate
from sardonyx.ir import Graph, Model, TensorType, Value
from sardonyx.ops import latest_opset
from sardonyx.ops.builder import Builder
from sardonyx.passes.contract import Pass, Work
from sardonyx.rewrite.example import sample

Build = Callable[..., Any]


def model_of(build: Build, opset: int | None = None, **inputs: TensorType) -> Model:
    """The model that `build(builder, *inputs)` writes; what it returns are the outputs."""
    graph = Graph("main", [Value(name, kind) for name, kind in inputs.items()])
    model = Model(graph, {"": opset or latest_opset()})
    g = Builder(graph, model.opsets)
    made = build(g, *graph.inputs)
    for i, value in enumerate(made if isinstance(made, tuple) else (made,)):
        g.rename(value, f"out{i}")
        graph.outputs.append(value)
    return model


def feeds(model: Model, extent: int = 3) -> dict[str, Any]:
    return {
        v.name: sample(v.type, v.name, extent)
        for v in model.graph.inputs
        if v.const is None and isinstance(v.type, TensorType)
    }


def counts(model: Model) -> Mapping[str, int]:
    """How often each operator occurs, graphs inside included."""
    return Counter(node.op_type for node in model.graph.walk())


def same_results(before: Model, after: Model, tolerance: float = 0.0, extent: int = 3) -> None:
    """`after` is legal, and gives what `before` gives, under the same names."""
    check(after)
    assert [v.name for v in after.graph.outputs] == [v.name for v in before.graph.outputs]
    given = feeds(before, extent)
    for old, new in zip(evaluate(before, given), evaluate(after, given), strict=True):
        assert (old.dtype, old.shape) == (new.dtype, new.shape)
        np.testing.assert_allclose(new, old, rtol=tolerance, atol=tolerance)


def applied(pass_: Pass, model: Model, *, changes: bool = True) -> Model:
    """The model after one pass, which told the truth about changing it and kept its results."""
    work = Work(model.clone(), true={"newest opset"}, verify=True)
    assert pass_(work) is changes
    same_results(model, work.model, 1e-6)
    return work.model


X = TensorType(FLOAT32, (2, 3))
