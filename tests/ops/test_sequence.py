from __future__ import annotations

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.core.dims import Dim, symbol
from sardonyx.core.dtypes import FLOAT32, INT64
from sardonyx.core.errors import InputError
from sardonyx.ir import Graph, Model, OptionalType, SequenceType, TensorType, Value
from sardonyx.ops.builder import Builder

N = symbol("n")


def builder(**inputs: TensorType | SequenceType | OptionalType) -> tuple[Builder, list[Value]]:
    graph = Graph("main", [Value(name, kind) for name, kind in inputs.items()])
    return Builder(graph, {"": 24}), graph.inputs


def run(g: Builder, output: Value, *feeds: object) -> object:
    g.graph.outputs = [output]
    return sx.evaluate(Model(g.graph, dict(g.opsets)), list(feeds))[0]


def f32(*shape: Dim) -> TensorType:
    return TensorType(FLOAT32, shape)


def test_a_sequence_knows_what_its_tensors_share() -> None:
    g, (x, y) = builder(x=f32(N, 2), y=f32(3, 2))
    pair = g.SequenceConstruct(x, y)
    assert str(pair.type) == "seq(float32[?, 2])"
    assert str(g.SequenceConstruct(x, x).type) == "seq(float32[n, 2])"
    assert str(g.ConcatFromSequence(pair, axis=0).type).endswith(", 2]")
    assert g.SequenceAt(pair, 0).type.dtype is FLOAT32
    assert str(g.ConcatFromSequence(g.SequenceConstruct(x, x), axis=-1, new_axis=1).type).startswith("float32[n, 2, ")


@pytest.mark.parametrize(("position", "expected"), [(None, [1, 2, 9]), (0, [9, 1, 2]), (2, [1, 2, 9]), (-1, [1, 9, 2])])
def test_inserting(position: int | None, expected: list[int]) -> None:
    g, (s, x) = builder(s=SequenceType(TensorType(INT64, ())), x=TensorType(INT64, ()))
    longer = g.SequenceInsert(s, x, position)
    assert run(g, longer, [np.int64(1), np.int64(2)], np.int64(9)) == expected


@pytest.mark.parametrize(("position", "expected"), [(None, [1]), (0, [2]), (-2, [2])])
def test_erasing(position: int | None, expected: list[int]) -> None:
    g, (s,) = builder(s=SequenceType(TensorType(INT64, ())))
    assert run(g, g.SequenceErase(s, position), [np.int64(1), np.int64(2)]) == expected


def test_a_position_outside_is_refused() -> None:
    g, (s,) = builder(s=SequenceType(TensorType(INT64, ())))
    with pytest.raises(InputError, match="position 2 is outside a sequence of 2"):
        run(g, g.SequenceAt(s, 2), [np.int64(1), np.int64(2)])


@pytest.mark.parametrize(
    ("split", "keepdims", "shapes", "element"),
    [
        (None, 1, [(1, 2)] * 5, "[1, 2]"),
        (None, 0, [(2,)] * 5, "[2]"),
        (2, 1, [(2, 2), (2, 2), (1, 2)], "[?, 2]"),
        (5, 1, [(5, 2)], "[5, 2]"),
        ([1, 4], 1, [(1, 2), (4, 2)], "[?, 2]"),
    ],
)
def test_splitting(split: object, keepdims: int, shapes: list[tuple[int, ...]], element: str) -> None:
    g, (x,) = builder(x=f32(5, 2))
    parts = g.SplitToSequence(x, split, keepdims=keepdims)
    assert str(parts.type) == f"seq(float32{element})"
    found = run(g, parts, np.ones((5, 2), np.float32))
    assert isinstance(found, list)
    assert [p.shape for p in found] == shapes


def test_an_empty_sequence_and_its_length() -> None:
    g, _ = builder()
    empty = g.SequenceEmpty(dtype=INT64)
    assert str(empty.type) == "seq(int64[...])"
    assert run(g, g.SequenceLength(empty)) == 0


def test_a_map_gives_whole_tensors_to_each_round() -> None:
    g, (s, x) = builder(s=SequenceType(f32(N)), x=f32(1))
    body = g.body("body", [("e", f32(N)), ("b", f32(1))], lambda h, e, b: [h.Add(e, b)])
    mapped = g.SequenceMap(s, x, body=body)
    assert str(mapped.type) == "seq(float32[n])"
    found = run(g, mapped, [np.ones(2, np.float32), np.zeros(2, np.float32)], np.ones(1, np.float32))
    assert isinstance(found, list)
    assert [p.tolist() for p in found] == [[2, 2], [1, 1]]


def test_optionals_hold_or_do_not() -> None:
    g, (o,) = builder(o=OptionalType(f32(2)))
    assert str(g.OptionalGetElement(o).type) == "float32[2]"
    assert run(g, g.OptionalHasElement(o), None) == np.array(False)
    with pytest.raises(InputError, match="no element"):
        run(g, g.OptionalGetElement(o), None)
    g, (x,) = builder(x=f32(2))
    assert str(g.Optional(x).type) == "optional(float32[2])"
    nothing = g.op("Optional", type=SequenceType(f32(2)))
    assert str(nothing.type) == "optional(seq(float32[2]))"
    assert run(g, nothing, np.ones(2, np.float32)) is None
