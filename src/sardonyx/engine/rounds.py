"""Many rounds of a body as one native plan: the steps of each round with arguments of its own, one round behind the other.

Nothing comes back to Python in between, so that a round costs what its kernels cost. That needs rounds that are alike: what a
round hands to the next one has the shape that the next one takes. Where a round says whether another one comes, some are run
ahead and those behind the last one forgotten: twice as many each time, as long as they cost next to nothing, and only where
kernels bear numbers that mean nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sardonyx.engine.bind import Bound, address
from sardonyx.engine.threads import NativePlan, execute
from sardonyx.ir import Array

__all__ = ["Rounds", "run_rounds"]

MOST = 1 << 22  # rounds, where all are sure to come
ARGUMENTS = 1 << 16  # that are written at a time
AHEAD, AHEAD_BYTES = 256, 1 << 20  # rounds that are run ahead, and what they may hand on
CHEAP = 100e-6  # seconds that may be spent in vain
PATIENCE = 10e-3  # seconds in which nobody can interrupt

# Kernels whose addresses do not depend on data, or that hold indices to what is there.
HARMLESS = (
    *(
        "contract",
        "depthwise",
        "gather",
        "integer",
        "map",
        "matrix",
        "pack",
        "pool",
        "range",
        "reduce",
        "rows",
        "running",
    ),
    *("scale", "split", "swap", "winograd"),
)


@dataclass(frozen=True)
class Rounds:
    """What the inputs and outputs of a body are.

    Attributes:
        count: how many there are, at most.
        stepped: the inputs that have a slice along their first axis for each round.
        carried: the outputs that are an input in the next round, and which.
        counter: the input that counts the rounds, from `start`.
        going: the input that is true in every round.
        asked: the output that says whether another round comes, or that nobody needs.
        ends: that it is not always true.
    """

    count: int
    stepped: frozenset[int]
    carried: Mapping[int, int]
    counter: int | None = None
    start: int = 0
    going: int | None = None
    asked: int | None = None
    ends: bool = False


class _Block:
    """The steps of some rounds in a row, with their arguments."""

    def __init__(self, bound: Bound, plan: NativePlan, rounds: int) -> None:
        self.bound, self.plan = bound, plan
        width = len(bound.args)
        self.args = np.tile(bound.args, (rounds, 1))
        self.table = np.tile(plan.table, (rounds, 1))
        moves = address(self.args) - address(bound.args) + np.arange(rounds) * (8 * width)
        self.table[:, 1] += np.repeat(moves, plan.rows)

    def run(self, count: int, given: Mapping[int, Array], made: Mapping[int, Array]) -> None:
        """Run so many rounds; for each input and output, the address of it in each."""
        rows = self.args[:count]
        for addresses, named in ((given, self.bound.input_places), (made, self.bound.output_places)):
            for i, places in named:
                for slot, offset in places:
                    rows[:, slot] = addresses[i] + offset
        plan = self.plan
        execute(NativePlan(self.table[: count * plan.rows], plan.scratch, plan.scratch_bytes), self.bound.threads)


def run_rounds(bound: Bound, rounds: Rounds, inputs: Sequence[Array]) -> list[Array] | None:
    """The outputs: as the last round left them if they are carried, else stacked; None if the rounds are not alike.

    Args:
        bound: the plan of one round.
        inputs: dense, and of the right types; what is given for the counter does not matter.
    """
    plan = bound.segments[0] if len(bound.segments) == 1 else None
    if not isinstance(plan, NativePlan):
        return None
    for output, source in rounds.carried.items():
        if (inputs[source].shape, inputs[source].dtype) != bound.outputs[output]:
            return None
    at_once = ARGUMENTS // max(len(bound.args), 1)
    if not rounds.ends and rounds.count > MOST:
        return None
    if not rounds.ends:
        return _all(_Block(bound, plan, max(2, min(rounds.count, at_once))), rounds, inputs)
    if not all(call.kernel.name.startswith(HARMLESS) for calls in bound.calls for call in calls):
        return None
    handed = sum(inputs[source].nbytes for source in rounds.carried.values())
    at_once = max(2, min(rounds.count, at_once, AHEAD, AHEAD_BYTES // max(handed, 1)))
    return _until(_Block(bound, plan, at_once), rounds, inputs, at_once)


def _given(rounds: Rounds, inputs: Sequence[Array], now: Array, count: Array) -> dict[int, Array]:
    """Where the inputs lie in rounds `now` that are not carried; `count` holds the numbers of rounds."""
    found: dict[int, Array] = {}
    for i, x in enumerate(inputs):
        if i == rounds.counter:
            count[: len(now)] = now + rounds.start
            found[i] = address(count) + np.arange(len(now)) * count.itemsize
        else:
            found[i] = address(x) + now * (x[0].nbytes if i in rounds.stepped else 0)
    return found


def _all(block: _Block, rounds: Rounds, inputs: Sequence[Array]) -> list[Array]:
    """All rounds; what is carried lies in two places in turn."""
    outputs, at_once = block.bound.outputs, len(block.args)
    made = [np.empty((2 if i in rounds.carried else rounds.count, *s), t) for i, (s, t) in enumerate(outputs)]
    starts, steps = [address(a) for a in made], [a[0].nbytes for a in made]
    done, size, count = 0, min(64, at_once), np.empty(at_once, np.int64)
    while done < rounds.count:
        began = time.perf_counter()
        now = np.arange(done, min(done + size, rounds.count))
        given = _given(rounds, inputs, now, count)
        for o, i in rounds.carried.items():
            before = starts[o] + (now - 1 & 1) * steps[o]
            given[i] = np.where(now == 0, given[i], before)
        places = {o: starts[o] + (now & 1 if o in rounds.carried else now) * steps[o] for o in range(len(made))}
        block.run(len(now), given, places)
        done += len(now)
        if time.perf_counter() - began < PATIENCE:
            size = min(2 * size, at_once)
    return [a[rounds.count - 1 & 1].copy() if o in rounds.carried else a for o, a in enumerate(made)]


def _until(block: _Block, rounds: Rounds, inputs: Sequence[Array], at_once: int) -> list[Array]:
    """Rounds until one says that it was the last; what is carried has a place behind each of those run ahead."""
    outputs = block.bound.outputs
    made = [np.empty((at_once + (i in rounds.carried), *s), t) for i, (s, t) in enumerate(outputs)]
    starts, steps = [address(a) for a in made], [a[0].nbytes for a in made]
    for o, i in rounds.carried.items():
        made[o][0] = inputs[i]
    assert rounds.asked is not None
    answers = made[rounds.asked].reshape(at_once, -1)
    found: list[list[Array]] = [[] for _ in made]
    done, size, count = 0, 1, np.empty(at_once, np.int64)
    while True:
        began = time.perf_counter()
        here = np.arange(min(size, rounds.count - done))
        given = _given(rounds, inputs, here + done, count)
        given |= {i: starts[o] + here * steps[o] for o, i in rounds.carried.items()}
        block.run(
            len(here), given, {o: starts[o] + (here + (o in rounds.carried)) * steps[o] for o in range(len(made))}
        )
        over = np.flatnonzero(~answers[: len(here)].all(1))
        ran = int(over[0]) + 1 if len(over) else len(here)
        done += ran
        for o, a in enumerate(made):
            if o not in rounds.carried:
                found[o].append(a[:ran].copy())
        if len(over) or done == rounds.count:
            return [made[o][ran].copy() if o in rounds.carried else np.concatenate(found[o]) for o in range(len(made))]
        for o in rounds.carried:
            made[o][0] = made[o][ran]
        if time.perf_counter() - began < CHEAP:
            size = min(2 * size, at_once)
