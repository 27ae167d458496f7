"""Control flow: operators whose attributes are graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from sardonyx.core import dims
from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, OptionalType, SequenceType, TensorType, Type
from sardonyx.ops.declare import GraphAttr, Input, Int, Ints, Output, infers, operator, reference, types
from sardonyx.ops.known import Known, axis_of, known, same
from sardonyx.ops.typesets import BOOL, CLASSIC, CLASSIC_BF, I64, IR9, IR10, IR11, IR12, IR13, TypeSet, optionals, seqs


def anything(tensors: TypeSet) -> TypeSet:
    """Tensors of these types, sequences of them, and what of either may be absent."""
    return tensors | seqs(tensors) | optionals(tensors) | optionals(seqs(CLASSIC_BF))


def joined(a: Known, b: Known) -> Known:
    """What holds of a value that is either `a` or `b`."""
    return Known(_joined(a.type, b.type))


def _joined(a: Type | None, b: Type | None) -> Type | None:
    if a == b:
        return a
    if isinstance(a, TensorType) and isinstance(b, TensorType) and a.dtype == b.dtype:
        if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
            return TensorType(a.dtype, None)
        return TensorType(a.dtype, tuple(x if x == y else None for x, y in zip(a.shape, b.shape, strict=True)))
    for container in (SequenceType, OptionalType):
        if isinstance(a, container) and isinstance(b, container):
            return container(_joined(a.element, b.element))
    return None


VALUES: dict[int, TypeSet] = {
    1: CLASSIC, 13: CLASSIC | seqs(CLASSIC), 16: anything(CLASSIC_BF), 19: anything(IR9), 21: anything(IR10),
    23: anything(IR11), 24: anything(IR12), 25: anything(IR13),
}  # fmt: skip


@operator("If", since=(1, 11, 13, 16, 19, 21, 23, 24, 25))
class If:
    """The results of one of two graphs, which see the values around them."""

    V = types(VALUES)
    B = types(BOOL)
    cond = Input(B)
    outputs = Output(V, variadic=True, homogeneous=False)
    then_branch, else_branch = GraphAttr(required=True), GraphAttr(required=True)

    @infers
    def infer(cond: Known, *, then_branch: Any, else_branch: Any) -> list[Known]:
        branches: tuple[list[Known], list[Known]] = else_branch(), then_branch()
        taken = cond.scalar()
        if isinstance(taken, int):
            return branches[bool(taken)]
        return [joined(a, b) for a, b in zip(*branches, strict=True)]

    @reference
    def run(cond: Array, *, then_branch: Any, else_branch: Any) -> list[Any]:
        return list(then_branch() if cond.item() else else_branch())


def settled(state: Sequence[Known], step: Callable[[list[Known]], Sequence[Known]]) -> tuple[list[Known], list[Known]]:
    """What holds of the state before and after every round of a loop, and all that the body gives then.

    Each round forgets what the body changes, so that this ends.
    """
    before = [Known(x.type) for x in state]  # the integers in it are those of the first round only
    while True:
        results = list(step(before))
        after = [joined(old, new) for old, new in zip(before, results, strict=False)]
        if after == before:
            return after, results
        before = after


def without_axis(x: Known, axis: int) -> Known:
    """A slice of `x` along `axis`."""
    if not x.has_shape:
        return Known(x.type)
    at = axis_of(axis, x.rank)
    return known(x.dtype, (*x.shape[:at], *x.shape[at + 1 :]))


def stacked(x: Known, count: Dim | None, axis: int = 0) -> Known:
    """So many tensors like `x`, stacked along a new axis."""
    if not x.has_shape:
        return known(x.dtype, None)
    at = axis_of(axis, x.rank + 1)
    return known(x.dtype, (*x.shape[:at], count, *x.shape[at:]))


def stack(rows: Sequence[Array], body: Any, output: int, axis: int = 0) -> Array:
    """The tensors that a body gave, stacked along a new axis. Of none, only its declared output tells what they would be."""
    if rows:
        return np.stack(rows, axis)
    kind = body.graph.outputs[output].type
    if not isinstance(kind, TensorType) or kind.dtype is None or kind.shape is None:
        raise ShapeError(
            "a loop that never ran has no shape for what it collects",
            why=f"output {output} of its body declares {kind or 'no type'}",
            fix="declare its element type and shape, or run sx.infer_shapes",
        )
    shape = [d if isinstance(d, int) else 0 for d in kind.shape]
    return np.zeros((*shape[:axis], 0, *shape[axis:]) if axis >= 0 else (*shape, 0), kind.dtype.numpy)


def at_once(
    body: Any, count: int, inputs: Sequence[Any], carried: dict[int, int], *, stepped: range = range(0), start: int = 0,
    loops: bool = False, ends: bool = False,
) -> list[Any] | None:  # fmt: skip
    """The outputs of `count` rounds of a body: the carried ones of the last round, of the others all, stacked.

    None unless whoever made the body can run them in one go: then they are run one by one.

    Args:
        carried: the outputs that are an input in the next round, and which.
        stepped: the inputs that have a slice along their first axis for each round.
        loops: the first two inputs are the number of the round, from `start`, and what is true; so the first output is no
            result: it says whether another round comes.
        ends: it counts, so that there may be fewer rounds.
    """
    many = getattr(body, "many", None)
    if many is None or count < 1:
        return None
    return many(count, inputs, carried, stepped=stepped, start=start, loops=loops, ends=ends)


TRIES = (0, 24)  # rounds before which the rest is tried at once: by the second one, a body that may end them has not


@operator("Loop", since=(1, 11, 13, 16, 19, 21, 23, 24, 25))
class Loop:
    """Runs `body` up to M times while cond holds: it takes and gives the state, and what else it gives is collected."""

    V = types(VALUES)
    I = types(I64)  # noqa: E741 the standard's name
    B = types(BOOL)
    M, cond = Input(I, optional=True), Input(B, optional=True)
    v_initial = Input(V, variadic=True, homogeneous=False, mins={1: 1, 11: 0})
    v_final_and_scan_outputs = Output(V, variadic=True, homogeneous=False)
    body = GraphAttr(required=True)

    @infers
    def infer(M: Known | None, cond: Known | None, *v_initial: Known | None, body: Any) -> list[Known]:
        i = known(d.INT64, ())
        going = known(d.BOOL, (), None if cond is None else 1)  # where it is asked, it holds in every round
        state = [x or Known(None) for x in v_initial]
        after, results = settled(state, lambda before: body(i, going, *before)[1:])
        goes_on = body_goes_on(body(i, going, *after)[0]) if cond is not None else True
        started = cond is None or cond.scalar() == 1
        limit = None if M is None else M.scalar()
        count = dims.dmax(limit, 0) if limit is not None and started and goes_on else None
        return [*after, *(stacked(x, count) for x in results[len(state) :])]

    @reference
    def run(M: Array | None, cond: Array | None, *v_initial: Any, body: Any, n_outputs: int) -> list[Any]:
        limit = None if M is None else int(M.item())
        going = cond is None or bool(cond.item())
        state, i = list(v_initial), 0
        rows: list[list[Array]] = [[] for _ in range(n_outputs - len(state))]
        places = {1 + k: 2 + k for k in range(len(state))}
        while (limit is None or i < limit) and (going or cond is None):
            if i in TRIES and going:
                given, left = [np.array(i), np.array(True), *state], ENDLESS if limit is None else limit - i
                found = at_once(body, left, given, places, start=i, loops=True, ends=cond is not None)
                if found is not None:
                    stacked = found[1 + len(state) :]
                    pieces = [[np.stack(row), x] if row else [x] for row, x in zip(rows, stacked, strict=False)]
                    return [*found[1 : 1 + len(state)], *map(np.concatenate, pieces)]
            again, *results = body(np.array(i, np.int64), np.array(going), *state)
            state, going, i = results[: len(state)], bool(again.item()), i + 1
            for row, result in zip(rows, results[len(state) :], strict=False):
                row.append(result)
        return [*state, *(stack(row, body, 1 + len(state) + k) for k, row in enumerate(rows))]


ENDLESS = 1 << 62


def body_goes_on(again: Known) -> bool:
    """Whether a body is known to ask for another round every time."""
    return again.scalar() == 1


@operator("Scan", since=(8, 9, 11, 16, 19, 21, 23, 24, 25))
class Scan:
    """Runs `body` once for each slice of the scan inputs: it takes and gives the state, and what else it gives is collected.

    At version 8, everything has a batch axis in front of the one that is scanned.
    """

    V = types({8: CLASSIC, 16: CLASSIC_BF, 19: IR9, 21: IR10, 23: IR11, 24: IR12, 25: IR13})
    I = types({8: I64})  # noqa: E741
    sequence_lens = Input(I, optional=True, until=9)
    initial_state_and_scan_inputs = Input(V, variadic=True, homogeneous=False)
    final_state_and_scan_outputs = Output(V, variadic=True, homogeneous=False)
    body, num_scan_inputs = GraphAttr(required=True), Int(required=True)
    directions = Ints(until=9)
    scan_input_axes, scan_input_directions = Ints(since=9), Ints(since=9)
    scan_output_axes, scan_output_directions = Ints(since=9), Ints(since=9)

    @infers
    def infer(
        *inputs: Known,
        body: Any,
        num_scan_inputs: int,
        scan_input_axes: tuple[int, ...] | None,
        scan_output_axes: tuple[int, ...] | None,
        opset: int,
    ) -> list[Known]:
        state, scanned = inputs[:-num_scan_inputs], inputs[-num_scan_inputs:]
        batch = next((x.shape[0] for x in scanned if x.has_shape), None)
        if opset < 9:
            state, scanned = ([without_axis(x, 0) for x in xs] for xs in (state, scanned))
        axes = scan_input_axes or (0,) * num_scan_inputs
        slices = [without_axis(x, axis) for x, axis in zip(scanned, axes, strict=True)]
        count: Dim | None = None
        for x, axis in zip(scanned, axes, strict=True):
            if x.has_shape:
                extent = x.shape[axis_of(axis, x.rank)]
                count = extent if count is None else same(count, extent, "lengths of the scan inputs")
        after, results = settled(state, lambda before: body(*before, *slices))
        collected = results[len(state) :]
        places = scan_output_axes or (0,) * len(collected)
        outputs = [*after, *(stacked(x, count, axis) for x, axis in zip(collected, places, strict=True))]
        return [stacked(x, batch) for x in outputs] if opset < 9 else outputs

    @reference
    def run(
        *inputs: Array,
        body: Any,
        num_scan_inputs: int,
        scan_input_axes: tuple[int, ...] | None,
        scan_input_directions: tuple[int, ...] | None,
        scan_output_axes: tuple[int, ...] | None,
        scan_output_directions: tuple[int, ...] | None,
        directions: tuple[int, ...] | None = None,
        n_outputs: int,
        opset: int,
    ) -> list[Array]:
        states = len(inputs) - num_scan_inputs
        into = list(zip(scan_input_axes or (0,) * num_scan_inputs, scan_input_directions or directions or (0,) * num_scan_inputs, strict=True))  # fmt: skip
        collected = n_outputs - states
        out = list(zip(scan_output_axes or (0,) * collected, scan_output_directions or (0,) * collected, strict=True))
        if opset < 9:
            batch = [_scan([x[b] for x in inputs], body, into, out) for b in range(inputs[-1].shape[0])]
            return [np.stack(results) for results in zip(*batch, strict=True)]
        return _scan(inputs, body, into, out)


Paths: TypeAlias = Sequence[tuple[int, int]]  # an axis, and 1 where it is walked backwards


def _scan(inputs: Sequence[Array], body: Any, into: Paths, out: Paths) -> list[Array]:
    """The last state, and what the body gave for each slice."""
    state, scanned = list(inputs[: -len(into)]), inputs[-len(into) :]
    slices = [np.moveaxis(x, axis, 0)[:: -1 if back else 1] for x, (axis, back) in zip(scanned, into, strict=True)]
    places = {k: k for k in range(len(state))}
    given = [*state, *slices]
    found = at_once(body, len(slices[0]), given, places, stepped=range(len(state), len(given)))
    if found is not None:
        laid = [
            np.moveaxis(x[:: -1 if b else 1], 0, axis) for x, (axis, b) in zip(found[len(state) :], out, strict=False)
        ]
        return [*found[: len(state)], *map(np.ascontiguousarray, laid)]
    rows: list[list[Array]] = [[] for _ in out]
    for elements in zip(*slices, strict=True):
        results = body(*state, *elements)
        state = results[: len(state)]
        for row, result in zip(rows, results[len(state) :], strict=False):
            row.append(result)
    ordered = [row[:: -1 if back else 1] for row, (_, back) in zip(rows, out, strict=True)]
    return [*state, *(stack(row, body, len(state) + k, out[k][0]) for k, row in enumerate(ordered))]


__all__: list[str] = []
