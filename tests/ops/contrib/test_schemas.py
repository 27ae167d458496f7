"""Every fact of every operator of com.microsoft equals onnxruntime's."""

from __future__ import annotations

from typing import Any

import onnx
import pytest

from sardonyx.core.dtypes import dtype
from sardonyx.ops import Operator, all_operators
from sardonyx.ops.schema import ALIASES, FormalSpec

state: Any = pytest.importorskip("onnxruntime.capi._pybind_state", reason="its schemas are what is compared with")
ALIASED = {name for _, name in ALIASES}
THEIRS = {s.name: s for s in state.get_all_operator_schema() if s.domain == "com.microsoft" or s.name in ALIASED}
OURS = [op for op in all_operators() if op.domain == "com.microsoft"]


def allowed(theirs: Any, spelled: str) -> Any:
    """The types of a formal, whose type is a variable or spelled out."""
    for variable in theirs.type_constraints:
        if variable.type_param_str == spelled:
            return frozenset(dtype(t[7:-1]) for t in variable.allowed_type_strs)
    return frozenset({dtype(spelled[7:-1])})


def assert_formals(ours: tuple[FormalSpec, ...], theirs: Any, schema: Any) -> None:
    assert [f.name for f in ours] == [f.name for f in theirs]
    for mine, formal in zip(ours, theirs, strict=True):
        kind = str(formal.option).rsplit(".", 1)[-1]
        assert (mine.optional, mine.variadic) == (kind == "Optional", kind == "Variadic"), mine.name
        assert mine.types == allowed(schema, formal.typeStr), mine.name


@pytest.mark.parametrize("op", OURS, ids=repr)
def test_facts(op: Operator) -> None:
    theirs, ours = THEIRS[op.name], op.at(1)
    assert_formals(ours.inputs, theirs.inputs, theirs)
    assert_formals(ours.outputs, theirs.outputs, theirs)
    assert set(ours.attributes) == set(theirs.attributes)
    for name, attribute in theirs.attributes.items():
        mine = ours.attributes[name]
        assert mine.kind.name == str(attribute.type).rsplit(".", 1)[-1], name
        assert mine.required == attribute.required, name
        default = onnx.AttributeProto.FromString(attribute._default_value)
        value = onnx.helper.get_attribute_value(default) if default.type else None
        assert mine.default == pytest.approx(value.decode() if isinstance(value, bytes) else value), name
