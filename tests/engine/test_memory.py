"""The memory plan: what lives at the same time never overlaps, and what does not live together shares. What is let go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import sardonyx as sx
from sardonyx.engine.codegen import detect
from sardonyx.engine.compile import compile_model
from sardonyx.engine.memory import ALIGNMENT, Life, plan_memory
from sardonyx.engine.prepare import prepare
from sardonyx.io.paths import let_go, map_file
from tests.engine.oracle import parse


@st.composite
def lives(draw: st.DrawFn) -> list[Life]:
    found: list[Life] = []
    for _ in range(draw(st.integers(0, 25))):
        first = draw(st.integers(0, 15))
        found.append(Life(draw(st.integers(0, 1000)), first, first + draw(st.integers(0, 6))))
    return found


def overlap(a: Life, b: Life) -> bool:
    return a.first <= b.last and b.first <= a.last


@given(lives())
def test_no_two_that_live_together_overlap(plan: list[Life]) -> None:
    offsets, size = plan_memory(plan)
    for i, a in enumerate(plan):
        assert offsets[i] % ALIGNMENT == 0
        assert offsets[i] >= 0 and offsets[i] + a.size <= size
        for j, b in enumerate(plan[:i]):
            if overlap(a, b) and a.size and b.size:
                assert offsets[i] + a.size <= offsets[j] or offsets[j] + b.size <= offsets[i]


@given(lives())
def test_the_arena_is_at_least_what_lives_at_once_and_at_most_everything(plan: list[Life]) -> None:
    _, size = plan_memory(plan)
    rounded = [-(-max(a.size, 1) // ALIGNMENT) * ALIGNMENT for a in plan]
    at_once = [sum(r for r, a in zip(rounded, plan, strict=True) if a.first <= step <= a.last) for step in range(25)]
    assert max(at_once, default=0) <= size <= sum(rounded)


def test_a_chain_needs_room_for_two() -> None:
    _, size = plan_memory([Life(640, i, i + 1) for i in range(50)])
    assert size == 2 * 640


def test_the_result_of_a_step_is_not_what_it_reads() -> None:
    offsets, _ = plan_memory([Life(64, 0, 1), Life(64, 1, 2)])
    assert offsets[0] != offsets[1]


def test_constants_that_kernels_hold_are_let_go(tmp_path: Path) -> None:
    """A weight is packed for its kernel; one that a reference reads stays."""
    text = "(float[N, 64] x) => (y, z) <float[64, 64] w = {%s}, float[64] c = {%s}>"
    body = "{ y = MatMul(x, w) s = NonZero(c) z = Identity(s) }"
    model = parse(text % (", ".join(["1"] * 4096), ", ".join(["1"] * 64)) + body)
    compiled = compile_model(prepare(model), detect(), precision="highest")
    assert all(v.const is None for v in compiled.model.graph.initializers.values() if v.name == "w")
    sx.save(model, tmp_path / "m.onnx")
    session = sx.Session(tmp_path / "m.onnx")
    for _ in range(2):
        np.testing.assert_array_equal(session(np.ones((2, 64), np.float32))[0], np.full((2, 64), 64, np.float32))


def test_pages_of_a_mapped_file_come_again(tmp_path: Path) -> None:
    numbers = np.arange(1 << 16, dtype=np.int64)
    (tmp_path / "numbers").write_bytes(numbers.tobytes())
    mapped = np.frombuffer(map_file(tmp_path / "numbers"), np.int64)
    for part in (mapped, mapped[1000:60000], mapped[5:9], mapped[::2]):
        let_go(part)
        np.testing.assert_array_equal(mapped, numbers)
    own = numbers.copy()
    let_go(own)
    np.testing.assert_array_equal(own, numbers)
