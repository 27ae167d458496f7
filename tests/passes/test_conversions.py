"""The official suite in other operator-set versions: legal, and as it was, or refused with a reason. Wrong is nothing."""

from __future__ import annotations

import pytest

from benchmarks.downward import OPSETS, convert_case, report
from benchmarks.suite import Case, node_cases, one_node, suite

EVERY = 23

# The operators of which some case cannot be said in opset 13, and what of them that is.
INEXPRESSIBLE = {
    "BitCast": "the bits of floats",
    "Cast": "types that opset 13 lacks",
    "CastLike": "types that opset 13 lacks",
    "DequantizeLinear": "types that opset 13 lacks",
    "Equal": "strings",
    "Identity": "what may be absent",
    "If": "what may be absent",
    "ImageDecoder": "files of images",
    "Loop": "what may be absent",
    "OptionalGetElement": "what may be absent",
    "OptionalHasElement": "what may be absent",
    "QuantizeLinear": "types that opset 13 lacks",
    "RegexFullMatch": "strings",
    "RoiAlign": "regions shifted by half a pixel, whose least size depends on the shift",
    "StringConcat": "strings",
    "StringSplit": "strings",
}


def holds(case: Case, opsets: tuple[int, ...]) -> None:
    for opset, outcome in convert_case(case, opsets):
        assert outcome.verdict != "wrong", f"opset {opset}: {outcome.why}"
        assert outcome.verdict != "refused" or (outcome.operator in INEXPRESSIBLE and outcome.why)


@pytest.mark.parametrize("case", node_cases()[::EVERY], ids=lambda c: c.name)
def test_some_cases(case: object) -> None:
    holds(one_node(case), (22, 17, 13))


@pytest.mark.slow
def test_all_cases() -> None:
    found = report(list(suite()), OPSETS)
    assert not found.wrong
    assert {operator for operator, _ in found.refusals} <= set(INEXPRESSIBLE)
    assert found.counts[13]["refused"] <= 204
