from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import sardonyx as sx
from sardonyx.core.dims import Dim, symbol
from sardonyx.core.dtypes import BOOL, FLOAT32, INT64, DType
from sardonyx.infer import infer
from sardonyx.ir import Graph, Model, TensorType, Value
from sardonyx.ops.builder import Builder

N = symbol("n")
TRUE = np.array(True)
COUNTER = [("i", TensorType(INT64, ())), ("go", TensorType(BOOL, ()))]


def builder(opset: int = 20, **inputs: TensorType) -> tuple[Builder, list[Value]]:
    graph = Graph("main", [Value(name, kind) for name, kind in inputs.items()])
    return Builder(graph, {"": opset}), graph.inputs


def tensor(dtype: DType, *shape: Dim) -> TensorType:
    return TensorType(dtype, shape)


def body(g: Builder, state: TensorType, step: Callable[[Builder, Value, Value], list[Value]]) -> Graph:
    """A loop's body over one state: `step(builder, iteration, state)` gives the next state and what is collected."""
    return g.body("body", [*COUNTER, ("s", state)], lambda h, i, go, s: [go, *step(h, i, s)])


def model(g: Builder, *outputs: Value) -> Model:
    g.graph.outputs = list(outputs)
    return Model(g.graph, dict(g.opsets))


def test_a_known_condition_chooses_the_branch_for_inference() -> None:
    g, (x,) = builder(x=tensor(FLOAT32, N, 4))
    then = g.body("then", [], lambda h: h.Identity(x))
    other = g.body("else", [], lambda h: h.ReduceSum(x, [1]))
    assert str(g.If(np.array(False), then_branch=then, else_branch=other).type) == "float32[n, 1]"


def test_a_loop_counts_and_collects() -> None:
    g, (x,) = builder(x=tensor(INT64, 2))
    step = body(g, tensor(INT64, 2), lambda h, i, s: [h.Add(s, i), h.Mul(s, 2)])
    last, rows = g.Loop(np.int64(3), TRUE, x, body=step, outputs=2)
    rows.type = None
    made = model(g, last, rows)
    assert infer(made).shape(rows) == (3, 2)
    results = sx.evaluate(made, [np.array([1, 10])])
    assert results[0].tolist() == [4, 13]
    assert results[1].tolist() == [[2, 20], [2, 20], [4, 22]]


def test_the_trip_count_may_be_an_extent() -> None:
    g, (x,) = builder(x=tensor(FLOAT32, N, 2))
    count = g.Squeeze(g.Shape(x, start=0, end=1), [0])
    step = body(g, tensor(FLOAT32, N, 2), lambda h, i, s: [s, h.ReduceSum(s, [0], keepdims=0)])
    _, rows = g.Loop(count, None, x, body=step, outputs=2)
    assert str(rows.type) == "float32[n, 2]"


def test_a_loop_that_never_runs_gives_its_state_and_empty_collections() -> None:
    g, (x,) = builder(x=tensor(FLOAT32, 3))
    step = body(g, tensor(FLOAT32, 3), lambda h, i, s: [h.Neg(s), s])
    last, rows = g.Loop(np.int64(0), None, x, body=step, outputs=2)
    results = sx.evaluate(model(g, last, rows), [np.ones(3, np.float32)])
    assert results[0].tolist() == [1, 1, 1]
    assert results[1].shape == (0, 3)
    assert results[1].dtype == np.float32


def test_a_condition_ends_a_loop() -> None:
    g, (x,) = builder(x=tensor(INT64))

    def double(h: Builder, i: Value, go: Value, s: Value) -> list[Value]:
        twice = h.Mul(s, 2)
        return [h.Less(twice, 100), twice]

    last = g.Loop(None, TRUE, x, body=g.body("body", [*COUNTER, ("s", tensor(INT64))], double))
    assert sx.evaluate(model(g, last), [np.int64(7)])[0] == 112


def test_a_state_that_grows_has_no_known_extent() -> None:
    g, (x,) = builder(x=tensor(FLOAT32, 1, 4))
    unknown = TensorType(FLOAT32, None)
    grown = g.body("body", [*COUNTER, ("s", unknown)], lambda h, i, go, s: [go, h.Concat(s, x, axis=0)])
    last = g.Loop(np.int64(5), TRUE, x, body=grown)
    last.type = None
    shape = infer(model(g, last)).shape(last)
    assert shape is not None
    assert len(shape) == 2
    assert shape[1] == 4
    assert not isinstance(shape[0], int)


def test_nested_loops_are_inferred_in_bounded_time() -> None:
    """Each level infers its body several times; forty levels would never end."""

    def nested(g: Builder, depth: int, x: Value) -> Value:
        def step(h: Builder, i: Value, go: Value, s: Value) -> list[Value]:
            inner = nested(h, depth - 1, s) if depth else s
            return [go, h.Concat(inner, inner, axis=0)]

        inside = g.body(f"body{depth}", [*COUNTER, ("s", TensorType(FLOAT32, None))], step)
        return g.Loop(np.int64(1), TRUE, x, body=inside)

    g, (x,) = builder(x=tensor(FLOAT32, 1, 4))
    made = model(g, nested(g, 40, x))
    begun = time.perf_counter()
    infer(made)
    assert time.perf_counter() - begun < 10


def scan_body(g: Builder) -> Graph:
    def add(h: Builder, s: Value, e: Value) -> list[Value]:
        total = h.Add(s, e)
        return [total, total]

    return g.body("body", [("s", tensor(FLOAT32, 2)), ("e", tensor(FLOAT32, 2))], add)


def test_a_scan_walks_any_axis_in_either_direction() -> None:
    g, (s, x) = builder(s=tensor(FLOAT32, 2), x=tensor(FLOAT32, 2, N))
    last, rows = g.Scan(
        s, x, body=scan_body(g), num_scan_inputs=1, scan_input_axes=[1], scan_input_directions=[1],
        scan_output_axes=[-1], scan_output_directions=[1], outputs=2,
    )  # fmt: skip
    assert str(rows.type) == "float32[2, n]"
    x_value = np.array([[1, 2, 3], [10, 20, 30]], np.float32)
    results = sx.evaluate(model(g, last, rows), [np.zeros(2, np.float32), x_value])
    assert results[0].tolist() == [6, 60]
    assert results[1].tolist() == [[6, 5, 3], [60, 50, 30]]


def test_a_batched_scan_with_lengths() -> None:
    """The state stays as it is after the last element of a sequence."""
    g, (lens, s, x) = builder(8, lens=tensor(INT64, 2), s=tensor(FLOAT32, 2, 2), x=tensor(FLOAT32, 2, 3, 2))
    last, _ = g.Scan(lens, s, x, body=scan_body(g), num_scan_inputs=1, outputs=2)
    feeds = [np.array([2, 3]), np.zeros((2, 2), np.float32), np.ones((2, 3, 2), np.float32)]
    assert sx.evaluate(model(g, last), feeds)[0].tolist() == [[2, 2], [3, 3]]
