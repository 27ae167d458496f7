"""Bodies of If, Loop and Scan: interpreted while they are cold, compiled when they are hot, the same all the while."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.engine import bodies
from sardonyx.engine.session import Session
from sardonyx.evaluate import evaluate
from tests.engine.oracle import floats, parse

LOOP = """(int64 n, float[R, 8] x, float[8, 8] w) => (y, seen) {
  yes = Constant <value = bool {1}> ()
  y, seen = Loop (n, yes, x) <body = step (int64 i, bool go, float[R, 8] h) => (bool again, float[R, 8] next, float sum) {
    m = MatMul (h, w)  again = Identity (go)  next = Tanh (m)  sum = ReduceSum <keepdims = 0> (next) }> }"""
SCAN = """(float[S, 4] start, float[T, S, 4] xs, float[4, 4] w) => (end, all) {
  end, all = Scan <num_scan_inputs = 1, body = step (h, x) => (next, out) {
    m = MatMul (h, w)  a = Add (m, x)  next = Sigmoid (a)  out = Neg (next) }> (start, xs) }"""
BRANCH = """(bool c, float[N] x) => (y) {
  d = Add (x, x)
  y = If (c) <then_branch = a () => (p) { p = Neg (d) }, else_branch = b () => (q) { e = Exp (d) q = Mul (e, x) }> }"""


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bodies that are compiled, by name."""
    names: list[str] = []
    made = bodies.Bodies._model_of

    def noted(self: Any, graph: Any, *others: Any) -> Any:
        names.append(graph.name)
        return made(self, graph, *others)

    monkeypatch.setattr(bodies.Bodies, "_model_of", noted)
    return names


def agree(session: Session, model: Any, feeds: list[Any]) -> None:
    for got, wanted in zip(session(*feeds), evaluate(model, feeds), strict=True):
        assert got.dtype == wanted.dtype and got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=1e-5)


def test_a_loop_is_compiled_once_for_all_extents(compiled: list[str]) -> None:
    model = parse(LOOP)
    session = Session(model)
    for rows, rounds in ((3, 30), (5, 20), (1, 0), (2, 1)):
        agree(session, model, [np.array(rounds), floats(rows, 8), floats(8, 8, seed=1)])
    assert compiled == ["step"]


def test_a_scan(compiled: list[str]) -> None:
    model = parse(SCAN)
    session = Session(model)
    for rows, rounds in ((3, 30), (2, 7)):
        agree(session, model, [floats(rows, 4), floats(rounds, rows, 4, seed=1), floats(4, 4, seed=2)])
    assert compiled == ["step"]


def test_a_branch_is_compiled_when_it_has_run_often(compiled: list[str]) -> None:
    model = parse(BRANCH)
    session = Session(model)
    for i in range(bodies.COLD + 3):
        agree(session, model, [np.array(True), floats(4 + i % 3)])
    assert compiled == ["a"]
    agree(session, model, [np.array(False), floats(4)])
    assert compiled == ["a"]


def test_other_types_are_another_body(compiled: list[str]) -> None:
    """What a body reads may change its rank from call to call."""
    model = parse(
        "(bool c, x) => (y) {"
        " y = If (c) <then_branch = a () => (p) { p = Neg (x) }, else_branch = b () => (q) { q = Abs (x) }> }"
    )
    session = Session(model)
    for shape in ((3,), (2, 2)):
        for _ in range(bodies.COLD + 1):
            agree(session, model, [np.array(True), floats(*shape)])
    assert set(compiled) == {"a"}


def test_sequences_and_strings_are_interpreted(compiled: list[str]) -> None:
    model = parse(
        "(int64 n, float[2] x) => (s) { yes = Constant <value = bool {1}> () empty = SequenceEmpty <dtype = 1> ()"
        " s = Loop (n, yes, empty) <body = step (int64 i, bool go, before) => (again, after)"
        " { again = Identity (go) after = SequenceInsert (before, x) }> }"
    )
    [got] = Session(model)(np.array(bodies.COLD + 5), floats(2))
    assert len(got) == bodies.COLD + 5 and compiled == []


def test_what_a_body_gives_may_be_an_input_or_a_constant_of_it(compiled: list[str]) -> None:
    """Each round's are arrays of their own, though nothing is computed."""
    model = parse(
        "(int64 n, float[4] x) => (end, befores, ones, sums) { yes = Constant <value = bool {1}> ()"
        " end, befores, ones, sums = Loop (n, yes, x) <body = step (int64 i, bool go, float[4] h) =>"
        " (bool again, float[4] next, float[4] before, float[2] one, float[4] sum) { again = Identity (go)"
        " before = Identity (h)  one = Constant <value = float[2] {1, 2}> ()  next = Add (h, x)  sum = Add (x, x) }> }"
    )
    session = Session(model)
    for rounds in (2, 30):
        agree(session, model, [np.array(rounds), floats(4)])
    assert compiled == ["step"]


def test_extents_may_change_from_round_to_round(compiled: list[str]) -> None:
    model = parse(
        "(int64 n, float[K] x) => (end) { yes = Constant <value = bool {1}> ()"
        " end = Loop (n, yes, x) <body = step (int64 i, bool go, h) => (again, next)"
        " { again = Identity (go)  next = Concat <axis = 0> (h, x) }> }"
    )
    session = Session(model)
    for rounds in (30, 5):
        agree(session, model, [np.array(rounds), floats(3)])
    assert compiled == ["step"]


def test_a_view_that_is_not_dense_is_copied(compiled: list[str]) -> None:
    """Slices along a later axis of a Scan's input, and what a reference around it transposed."""
    model = parse(
        "(float[S] start, float[S, T] xs, float[T, S] other) => (end, all) {"
        " end, all = Scan <num_scan_inputs = 2, scan_input_axes = [1, 0], body = step (h, x, o) => (next, out) {"
        " next = Add (h, x)  out = Mul (next, o) }> (start, xs, other) }"
    )
    session = Session(model)
    agree(session, model, [floats(4), floats(4, 30, seed=1), floats(30, 4, seed=2)])
    assert compiled == ["step"]


def test_a_body_knows_what_the_model_says_of_its_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels for extents that are known are better; a merged decoder is one If around all of it."""
    shapes: list[Any] = []
    made = bodies.Bodies._model_of

    def noted(self: Any, *others: Any) -> Any:
        model = made(self, *others)
        shapes.extend([v.shape for v in model.graph.inputs])
        return model

    monkeypatch.setattr(bodies.Bodies, "_model_of", noted)
    branches = "then_branch = a () => (p) { p = MatMul (x, z) }, else_branch = b () => (q) { q = Neg (x) }"
    model = parse(f"(bool c, float[N, 8] x, float[8, 8] w) => (y) {{ z = Add (w, w) y = If (c) <{branches}> }}")
    session = Session(model)
    for rows in [3] * (bodies.COLD + 1) + [5]:
        agree(session, model, [np.array(True), floats(rows, 8), floats(8, 8)])
    (x, z) = shapes
    assert x[1] == 8 and not isinstance(x[0], int) and not any(isinstance(d, int) for d in z)


def test_a_large_body_is_compiled_at_once(compiled: list[str]) -> None:
    steps = " ".join(f"x{i + 1} = Sin (x{i})" for i in range(bodies.LARGE - 1))
    branches = f"then_branch = a () => (p) {{ x0 = Neg (x) {steps} p = Neg (x{bodies.LARGE - 1}) }}, else_branch = b () => (q) {{ q = Neg (x) }}"
    model = parse(f"(bool c, float[N] x) => (y) {{ y = If (c) <{branches}> }}")
    session = Session(model)
    for flag in (False, True):
        agree(session, model, [np.array(flag), floats(3)])
    assert compiled == ["a"]
