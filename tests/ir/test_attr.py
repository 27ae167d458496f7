"""Attributes read their kind off the value."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from sardonyx.core.dtypes import FLOAT32
from sardonyx.core.errors import InputError
from sardonyx.ir import Attr, AttrKind, Graph, Tensor, TensorType

VALUES = [
    (1, AttrKind.INT, 1),
    (True, AttrKind.INT, 1),
    (np.int32(3), AttrKind.INT, 3),
    (1.5, AttrKind.FLOAT, 1.5),
    (np.float32(0.5), AttrKind.FLOAT, 0.5),
    ("a", AttrKind.STRING, "a"),
    (b"\xff", AttrKind.STRING, b"\xff"),
    ([1, 2], AttrKind.INTS, (1, 2)),
    ((1, 2.5), AttrKind.FLOATS, (1.0, 2.5)),
    (["a", "b"], AttrKind.STRINGS, ("a", "b")),
    (TensorType(FLOAT32), AttrKind.TYPE_PROTO, TensorType(FLOAT32)),
]


@pytest.mark.parametrize(("value", "kind", "held"), VALUES, ids=repr)
def test_kind_follows_from_value(value: object, kind: AttrKind, held: object) -> None:
    attr = Attr.of("a", value)
    assert (attr.kind, attr.value) == (kind, held)
    assert type(attr.value) is type(held)


def test_kinds_are_the_standards() -> None:
    assert {k.name: int(k) for k in AttrKind} == dict(onnx.AttributeProto.AttributeType.items())


def test_tensors_and_graphs() -> None:
    assert isinstance(Attr.of("a", np.ones(2)).value, Tensor)
    graph = Graph("g")
    assert Attr.of("a", graph).graphs() == (graph,)
    assert Attr.of("a", [graph, graph]).graphs() == (graph, graph)
    assert Attr.of("a", 1).graphs() == ()


@pytest.mark.parametrize("value", [[], object(), [1, "a"], {"a": 1}])
def test_what_has_no_kind_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="attribute 'a' cannot hold"):
        Attr.of("a", value)


def test_an_empty_list_needs_its_kind() -> None:
    assert Attr.of("a", [], AttrKind.INTS).value == ()
    assert Attr.of("a", [1, 2], AttrKind.FLOATS).value == (1.0, 2.0)
