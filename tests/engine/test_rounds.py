"""Many rounds of a body at once: the same results as one by one, wherever they end, and however many are run ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sardonyx.engine import rounds
from sardonyx.engine.runner import Runner
from sardonyx.engine.session import Session
from tests.engine.oracle import floats, parse
from tests.engine.test_bodies import LOOP, SCAN, agree

ENDS = """(int64 n, float[4] x, float most) => (end, last, sums, numbers) { yes = Constant <value = bool {1}> ()
  zero = Constant <value = int64 {0}> ()
  end, last, sums, numbers = Loop (n, yes, x, zero) <body = step (int64 i, bool go, float[4] h, int64 l) =>
  (bool again, float[4] next, int64 number, float sum, int64 twice) {
    next = Add (h, x)  sum = ReduceSum <keepdims = 0> (next)  again = Less (sum, most)
    number = Identity (i)  twice = Add (i, l) }> }"""


@pytest.fixture
def singly(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list with an item for each round of a compiled body that is run by itself."""
    found: list[int] = []
    run = Runner.run

    def noted(self: Runner, *given: Any) -> Any:
        found.append(len(self.inputs))
        return run(self, *given)

    monkeypatch.setattr(Runner, "run", noted)
    return found


@pytest.mark.parametrize("cheap", [0.0, 1.0], ids=["dear", "cheap"])
@pytest.mark.parametrize("arguments", [1, 1 << 16], ids=["in pairs", "in one"])
def test_a_loop_ends_where_its_body_says_so(cheap: float, arguments: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "CHEAP", cheap)
    monkeypatch.setattr(rounds, "ARGUMENTS", arguments)
    model = parse(ENDS)
    session, x = Session(model), np.full(4, 0.25, np.float32)
    for most in (40.5, 1e9, 0.5, 1.5, 8.5, 23.5, 24.5, 25.5, 30.5):  # a round adds one to the sum
        agree(session, model, [np.array(50), x, np.array(most, np.float32)])
    agree(session, model, [np.array(np.iinfo(np.int64).max), x, np.array(70.5, np.float32)])


def test_rounds_that_are_alike_are_run_at_once(singly: list[int]) -> None:
    """Also those of a body that nobody ran before, from the 25th on where it may end."""
    for text, feeds, few in (
        (LOOP, [np.array(500), floats(3, 8), floats(8, 8, seed=1, scale=0.2)], 1),
        (SCAN, [floats(3, 4), floats(500, 3, 4, seed=1), floats(4, 4, seed=2)], 1),
        (ENDS, [np.array(500), np.full(4, 0.25, np.float32), np.array(1e9, np.float32)], 24),
    ):
        model = parse(text)
        agree(Session(model), model, feeds)
        assert len(singly) <= few
        singly.clear()


@pytest.mark.parametrize("arguments", [1, 200, 1 << 16], ids=["in pairs", "in few", "in one"])
def test_a_scan_at_once_in_any_direction(arguments: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "ARGUMENTS", arguments)
    model = parse(
        "(float[S] start, float[S, T] xs, float[T, S] others, float[S] w) => (end, all, more) {"
        " end, all, more = Scan <num_scan_inputs = 2, scan_input_axes = [1, 0], scan_input_directions = [1, 0],"
        " scan_output_axes = [0, -1], scan_output_directions = [0, 1], body = step (h, x, o) => (next, out, both) {"
        " a = Add (h, x)  next = Mul (a, w)  out = Mul (next, o)  both = Sub (x, o) }> (start, xs, others) }"
    )
    session = Session(model)
    for count in (1, 24, 25, 60):
        feeds = [floats(4), floats(4, count, seed=1), floats(count, 4, seed=2), floats(4, seed=3, scale=0.5)]
        agree(session, model, feeds)


STATES = {
    "unchanged": "a = Add (h, k)  next = Identity (a)  kept = Identity (k)",
    "swapped": "next = Identity (k)  kept = Identity (h)",
    "not read": "next = Add (h, x)  kept = Neg (x)",
    "twice": "next = Add (h, k)  kept = Identity (next)",
    "not handed on": "next = Neg (h)  kept = Add (h, x)",
}


@pytest.mark.parametrize("body", STATES.values(), ids=STATES)
@pytest.mark.parametrize("again", ["Identity (go)", "Constant <value = bool {1}> ()", "Less (i, most)"])
def test_states_of_every_kind(body: str, again: str) -> None:
    model = parse(
        "(int64 n, float[3] x, float[3] y, int64 most) => (end, last, sums) { yes = Constant <value = bool {1}> ()"
        " end, last, sums = Loop (n, yes, x, y) <body = step (int64 i, bool go, float[3] h, float[3] k) =>"
        f" (bool again, float[3] next, float[3] kept, float[3] sum) {{ again = {again} {body} sum = Add (next, kept) }}> }}"
    )
    session = Session(model)
    for count in (1, 40, 3, 24, 33):
        agree(session, model, [np.array(count), floats(3, scale=0.1), floats(3, seed=1, scale=0.1), np.array(30)])


def test_what_is_no_number_ahead_does_no_harm() -> None:
    """A body counts up to the last element and picks it: those run ahead would pick behind it."""
    model = parse(
        "(float[N] xs, int64 most) => (end, seen) { none = Constant <value = float {0}> ()"
        " no = Constant <value = int64 {9223372036854775807}> ()  yes = Constant <value = bool {1}> ()"
        " end, seen = Loop (no, yes, none) <body = step (int64 i, bool go, float h) => (bool again, float next, float x) {"
        " x = Gather (xs, i)  next = Add (h, x)  again = Less (i, most) }> }"
    )
    session = Session(model)
    for count in (30, 100, 17, 3):
        agree(session, model, [floats(count), np.array(count - 1)])


def test_what_nobody_asks_for_is_left_out() -> None:
    """A node may name fewer results than its body has."""
    loop = parse(
        "(int64 n, float[3] x) => (end) { yes = Constant <value = bool {1}> ()"
        " end = Loop (n, yes, x) <body = step (int64 i, bool go, float[3] h) =>"
        " (bool again, float[3] next, float[3] seen) { again = Identity (go) next = Neg (h) seen = Abs (h) }> }"
    )
    scan = parse(
        "(float[3] x, float[T, 3] xs) => (end) { end = Scan <num_scan_inputs = 1, body = step (h, e) => (next, seen)"
        " { next = Add (h, e) seen = Abs (h) }> (x, xs) }"
    )
    for count in (5, 40):
        agree(Session(loop), loop, [np.array(count), floats(3)])
        agree(Session(scan), scan, [floats(3), floats(count, 3, seed=1)])


@pytest.mark.parametrize("half", ["Mul (h, k)", "Where (go, h, k)"], ids=["not told", "told"])
def test_a_loop_without_a_condition_runs_to_its_end(half: str) -> None:
    """What its body says of another round is only handed on then."""
    model = parse(
        "(int64 n, float[3] x) => (end, seen) {"
        " end, seen = Loop (n, , x) <body = step (int64 i, bool go, float[3] h) =>"
        " (bool again, float[3] next, float[3] half) { again = Not (go) k = Constant <value = float {0.5}> ()"
        f" next = Neg (h) half = {half} }}> }}"
    )
    session = Session(model)
    for count in (3, 40, 100):
        agree(session, model, [np.array(count), floats(3)])
