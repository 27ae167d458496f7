"""Memory of outputs: it comes back when nobody holds it, and not before."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from sardonyx.engine.bind import address
from sardonyx.engine.outputs import LARGE, Outputs, room_for
from sardonyx.engine.session import Session
from tests.engine.oracle import floats, parse

COUNT = LARGE // 4


def taken(pool: Outputs, count: int = COUNT) -> Any:
    return pool.empty((count,), np.float32, 4 * count)


def test_what_was_let_go_of_is_used_again() -> None:
    pool = Outputs()
    pool.expect(2 * room_for(LARGE))
    first = taken(pool)
    at = address(first)
    del first
    assert address(taken(pool, COUNT - 3)) == at


def test_what_a_view_holds_is_not() -> None:
    pool = Outputs()
    pool.expect(2 * room_for(LARGE))
    view = taken(pool).reshape(2, -1)[1:, ::2]
    view[:] = 7
    gc.collect()
    taken(pool)[:] = 1
    assert (view == 7).all()


def test_no_more_is_kept_than_a_run_takes() -> None:
    pool = Outputs()
    pool.expect(room_for(LARGE))
    several = [taken(pool), taken(pool), taken(pool, 3 * COUNT)]
    several.clear()
    assert pool.held == room_for(LARGE)
    kept = taken(pool)
    assert pool.held == 0
    del kept
    pool.trim()
    assert pool.held == 0


def test_blocks_waste_little() -> None:
    assert all(n <= room_for(n) <= n + max(n // 8, 64) + 1 for n in range(1, 1 << 20, 997))


def test_results_stay_what_they_were() -> None:
    session = Session(parse("(float[n] x) => (float[n] y) { y = Neg(x) }"))
    x = floats(COUNT)
    results = [session(x * i)[0] for i in range(3)]
    for i, y in zip(range(3), results, strict=True):
        np.testing.assert_array_equal(y, -(x * i))
    results.clear()
    np.testing.assert_array_equal(session(x)[0], -x)
    session.trim()
    np.testing.assert_array_equal(session(x)[0], -x)
