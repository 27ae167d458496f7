"""Every fact of every declared operator, at every version, equals the official package's."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
from onnx.defs import OpSchema

from sardonyx.core.dtypes import dtype
from sardonyx.ops import Operator, all_operators
from sardonyx.ops.schema import FormalSpec
from sardonyx.ops.typesets import TypeSet

HISTORY: dict[tuple[str, str], dict[int, OpSchema]] = {}
for official in onnx.defs.get_all_schemas_with_history():
    HISTORY.setdefault((official.domain, official.name), {})[official.since_version] = official


def official_types(spelled: Any) -> TypeSet:
    """Element types for dense tensors, spellings for everything else: as our type sets have it."""
    return frozenset(dtype(t[7:-1]) if t.startswith("tensor(") else t for t in spelled)


def default_of(attribute: Any) -> Any:
    value = onnx.helper.get_attribute_value(attribute.default_value) if attribute.default_value.name else None
    if isinstance(value, list):
        return tuple(v.decode() if isinstance(v, bytes) else v for v in value)
    return value.decode() if isinstance(value, bytes) else value


def assert_formals(ours: tuple[FormalSpec, ...], theirs: Any, where: str) -> None:
    assert [f.name for f in ours] == [f.name for f in theirs], where
    for mine, formal in zip(ours, theirs, strict=True):
        there = f"{where}.{formal.name}"
        kind = formal.option
        assert mine.optional == (kind == OpSchema.FormalParameterOption.Optional), there
        assert mine.variadic == (kind == OpSchema.FormalParameterOption.Variadic), there
        assert mine.types == official_types(formal.types), there
        if mine.variadic:
            assert (mine.min, mine.homogeneous) == (formal.min_arity, formal.is_homogeneous), there


STANDARD = [op for op in all_operators() if op.domain != "com.microsoft"]


@pytest.mark.parametrize("op", STANDARD, ids=repr)
def test_facts_equal_the_official_ones(op: Operator) -> None:
    versions = HISTORY[op.domain, op.name]
    assert set(op.since) == set(versions)
    for version, theirs in versions.items():
        ours = op.at(version)
        where = f"{op.name}-{version}"
        assert ours.deprecated == theirs.deprecated, where
        if theirs.deprecated:
            continue
        assert_formals(ours.inputs, theirs.inputs, where)
        assert_formals(ours.outputs, theirs.outputs, where)
        assert set(ours.attributes) == set(theirs.attributes), where
        for name, attribute in theirs.attributes.items():
            mine, there = ours.attributes[name], f"{where}.{name}"
            assert int(mine.kind) == attribute.type.value, there
            assert mine.required == attribute.required, there
            assert mine.default == pytest.approx(default_of(attribute)), there


def refused_counts(theirs: OpSchema) -> set[int]:
    """The numbers of outputs, between the least and the most, that the official checker does not allow all the same."""
    context = onnx.checker.C.CheckerContext()
    context.ir_version, context.opset_imports = onnx.IR_VERSION, {theirs.domain: theirs.since_version}
    inputs = [f"x{i}" for i in range(theirs.min_input)]
    found = set[int]()
    for count in range(theirs.min_output, min(theirs.max_output, theirs.min_output + 8) + 1):
        node = onnx.helper.make_node(theirs.name, inputs, [f"y{i}" for i in range(count)], domain=theirs.domain)
        try:
            onnx.checker.check_node(node, context)
        except onnx.checker.ValidationError as refusal:
            if "not in allowed output sizes" in str(refusal):
                found.add(count)
    return found


def test_outputs_that_come_together_are_known() -> None:
    for op in STANDARD:
        for version, theirs in HISTORY[op.domain, op.name].items():
            between = set(range(theirs.min_output + 1, theirs.max_output)) if op.outputs_together else set[int]()
            assert theirs.deprecated or refused_counts(theirs) == between, (op, version)
