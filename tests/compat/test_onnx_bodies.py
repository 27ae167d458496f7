"""Operators written with others give the values that the standard's cases expect of the operators themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import sardonyx.compat.onnx as ours
from benchmarks.suite import node_cases, plain
from sardonyx.compat.onnx.inliner import inline_selected_functions
from sardonyx.evaluate import evaluate
from sardonyx.io import from_bytes
from sardonyx.ops import lookup
from sardonyx.ops.bodies import all_bodies, bodies_of
from tests.ops.test_backend_cases import assert_same

BODIES = {(body.domain, body.name) for body in all_bodies()}


def operator(case: Any) -> tuple[str, str]:
    return case.model.graph.node[0].domain, case.model.graph.node[0].op_type


def model_of(case: Any) -> Any:
    """The case's model, raised to the version in which the oldest body is written, if the operator is the same there."""
    model = ours.ModelProto.FromString(case.model.SerializeToString())
    domain, name = operator(case)
    schema = lookup(domain, name)
    entries = {entry.domain: entry for entry in model.opset_import}
    assert schema is not None
    since = schema.at(entries[domain].version).version
    bodies = bodies_of(domain, name, since)
    if not bodies:
        return None
    if "" not in entries:
        entries[""] = model.opset_import.add()
    entries[""].version = max(entries[""].version, bodies[min(bodies)].written)
    return model if schema.at(entries[domain].version).version == since else None


def cases() -> list[Any]:
    single = (c for c in node_cases() if len(c.model.graph.node) == 1 and operator(c) in BODIES)
    return [case for case in single if model_of(case) is not None]


@pytest.mark.parametrize("case", cases(), ids=lambda c: c.name)
def test_case(case: Any) -> None:
    made = inline_selected_functions(model_of(case), [operator(case)], inline_schema_functions=True)
    assert operator(case)[1] not in {node.op_type for node in made.graph.node}
    ours.checker.check_model(made)
    expanded = SimpleNamespace(name=f"{case.name}_expanded", rtol=case.rtol, atol=case.atol)  # judged as such
    for inputs, expected in case.data_sets:
        results = evaluate(from_bytes(made.SerializeToString()), plain(inputs))
        for result, truth in zip(results, plain(expected), strict=True):
            if operator(case)[1] == "Bernoulli":  # the values are random
                assert result.dtype == truth.dtype and result.shape == truth.shape
            elif isinstance(truth, list):
                for part, wanted in zip(result, truth, strict=True):
                    assert_same(expanded, part, wanted)
            else:
                assert_same(expanded, result, truth)


def test_cases_cover_the_operators() -> None:
    assert {operator(c) for c in cases()} == BODIES


def test_every_body_is_of_a_version_that_exists() -> None:
    for held in all_bodies():
        schema = lookup(held.domain, held.name)
        assert schema is not None and held.since in schema.since
