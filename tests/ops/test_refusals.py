"""What a node's types and constants contradict is refused; what cannot be told is left open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32, INT64
from sardonyx.core.errors import SardonyxError
from sardonyx.ops import Known, infer_outputs, known, schema_of
from sardonyx.ops.promote import promote


def numbers(*values: int) -> Known:
    return known(INT64, (len(values),), values)


def floats(*shape: Any) -> Known:
    return known(FLOAT32, shape)


def found(op: str, inputs: Sequence[Known | None], version: int = 24, outputs: int = 1, **facts: Any) -> Known:
    schema = schema_of("", op, version)
    assert schema is not None
    attrs = {name: spec.default for name, spec in schema.attributes.items()} | facts
    promoted: tuple[Any, Any, Any] = promote(schema, inputs, attrs, symbolic=True)
    return infer_outputs(*promoted, outputs)[0]


REFUSED: dict[str, tuple[str, list[Known | None], dict[str, Any]]] = {
    "two extents left open": ("Reshape", [floats(4), numbers(-1, -1)], {}),
    "an extent below -1": ("Reshape", [floats(4), numbers(-2)], {}),
    "too many elements": ("Reshape", [floats(4), numbers(5)], {}),
    "a negative extent": ("ConstantOfShape", [numbers(2, -1)], {}),
    "parts that do not add up": ("SplitToSequence", [floats(4), numbers(1, 2)], {}),
    "no matrix": ("EyeLike", [floats(2, 2, 2)], {}),
    "no rows": ("Multinomial", [floats(2)], {"dtype": 6}),
    "classes that are no integers": ("Multinomial", [floats(2, 3)], {"dtype": 1}),
    "a scalar has no elements to take": ("Gather", [floats(), numbers(0)], {}),
}


@pytest.mark.parametrize("title", REFUSED)
def test_contradictions_are_refused(title: str) -> None:
    op, inputs, facts = REFUSED[title]
    with pytest.raises(SardonyxError):
        found(op, inputs, **facts)


def test_what_is_needed_of_a_rank_that_is_not_known_leaves_the_shape_open() -> None:
    unknown = known(FLOAT32, None)
    for op in ("Flatten", "Transpose", "ArgMax", "GlobalAveragePool"):
        assert not found(op, [unknown]).has_shape


def test_kernel_extents_come_from_the_attribute_where_the_filter_has_no_shape() -> None:
    unknown = floats(5, *(symbol(name) for name in "chw"))
    y = found("Conv", [floats(1, 3, 8, 8), unknown], kernel_shape=[3, 3])
    assert y.shape == (1, 5, 6, 6)


def test_attributes_of_integers_are_integers_as_inputs() -> None:
    n = symbol("N")
    y = found("Slice", [floats(n, 4)], version=9, starts=[1], ends=[3], axes=[1])
    assert y.shape == (n, 2)
