"""The memory plan: what lives at the same time never overlaps, and what does not live together shares."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sardonyx.engine.memory import ALIGNMENT, Life, plan_memory


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
