"""Recurrent cells: one kernel runs an LSTM, GRU or RNN through time.

What the inputs contribute, X_t @ W.T and the biases, was made before for all steps by one contraction. What is left of a step
is the product of the state with R.T for some hidden units (`cell_product.py`), then their gates and their new state; it is
bound by reading R, which several rows of a batch share.

The state lies twice in memory, and steps go to and fro between the two places: the last one writes to the first place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Formula, emit
from sardonyx.engine.kernels.cell_product import Product, group_of
from sardonyx.engine.kernels.map import decode
from sardonyx.tile import Builder, Const, Expr, Fma, Kernel, Pointer, f32, i32, i64, select
from sardonyx.tile.expr import Bin, binary
from sardonyx.tile.math.fraction import sigmoid_fraction, tanh_fraction

__all__ = ["GATES", "Cell", "CellSpec", "cell_kernel"]

Cell: TypeAlias = Literal["LSTM", "GRU", "RNN"]


@dataclass(frozen=True)
class CellSpec:
    """What a step computes.

    functions: the activations of the gates, of what is new, and of the cell of an LSTM that is given; as far as there are.
    coupled: the forget gate of an LSTM is 1 - its input gate. peepholes: its gates look at the cell.
    linear: the reset gate of a GRU scales the product with the state, to which a bias may have been added (`biased`).
    lengths: sequences end early. gives: outputs of all steps are stored.
    rest: see `rest_of`.
    """

    cell: Cell
    functions: tuple[Formula, ...]
    coupled: bool = False
    peepholes: bool = False
    linear: bool = False
    biased: bool = False
    lengths: bool = False
    gives: bool = True
    rest: int = 0

    @property
    def plain(self) -> bool:
        """Whether sigmoid and tanh are all there is: gates are fractions then, and several share a division."""
        names = tuple(step.op for f in self.functions for step in f.steps)
        return names == ("sigmoid", "tanh", "tanh")[: len(self.functions)] and self.cell != "RNN"

    @property
    def products(self) -> list[int]:
        """The gates in each product with a state. A GRU whose reset scales the state needs that gate before the last product."""
        return [2, 1] if self.cell == "GRU" and not self.linear else [GATES[self.cell]]


GATES: dict[Cell, int] = {"LSTM": 4, "GRU": 3, "RNN": 1}


@dataclass(frozen=True, eq=False)
class _Here:
    """A vector of hidden units of one row at one step: `unit` counts within a direction, `mask` holds those there are.

    x: what the inputs contribute, gate after gate. before, after: the state. cell: that of an LSTM. out: the output.
    alive: whether the sequence goes on, if that may be false.
    """

    unit: Expr
    mask: Expr | None
    x: Pointer
    before: Pointer
    after: Pointer
    cell: Pointer | None
    out: Pointer | None
    alive: Expr | None


class _Recurrent:
    def __init__(self, k: Builder, spec: CellSpec, target: Target) -> None:
        self.k, self.spec, self.lanes = k, spec, target.lanes(f32)
        self.gates = GATES[spec.cell]
        self.h = k.ptr("h", f32)
        self.c = k.ptr("c", f32) if spec.cell == "LSTM" else None
        self.y = k.ptr("y", f32) if spec.gives else None
        self.x = k.ptr("x", f32)
        self.r = [k.ptr(f"r{i}", f32) for i in range(len(spec.products))]
        self.peep = k.ptr("peepholes", f32) if spec.peepholes else None
        self.bias = k.ptr("bias", f32) if spec.biased else None
        self.ends = k.ptr("ends", i32) if spec.lengths else None
        self.steps, self.directions, self.batch, self.hidden = (
            k.param(n) for n in ("steps", "directions", "batch", "hidden")
        )
        self.size, self.turn = k.param("size"), k.param("turn")
        self.span, self.block_b, self.block_u = (k.param(n) for n in ("span", "block_b", "block_u"))
        self.blocks_b, self.blocks_u = k.param("blocks_b"), k.param("blocks_u")
        self.x_steps = [k.param(f"x_{n}") for n in ("t", "b")]
        self.y_steps = [k.param(f"y_{n}") for n in ("t", "d", "b")] if spec.gives else []
        with k.setup():
            self.products = [Product(k, group_of(gates, spec.rest, target), self.hidden) for gates in spec.products]
        self.room = k.scratch(f32) if len(spec.products) > 1 else None

    def task(self) -> None:
        """See `cell_kernel`."""
        k = self.k
        phase, d, b, u = decode(k, k.task, [Const(0, i64), self.directions, self.blocks_b, self.blocks_u])
        first = k.let("first_row", b * self.block_b)
        count = k.let("rows", binary("min", self.block_b, self.batch - first))
        place = k.let("place", (d * self.batch + first) * self.hidden)
        begin = k.let("begin", phase * self.span)
        with k.loop("s", begin, binary("min", begin + self.span, self.steps)) as step:
            t = k.let("time", select(d >= self.turn, self.steps - 1 - step, step))
            odd = k.let("odd", Bin("and", self.steps - step, Const(1, i64)))
            before = Pointer(k, k.let("before", self.h.at(odd * self.size + place).base), f32)
            after = Pointer(k, k.let("after", self.h.at((1 - odd) * self.size + place).base), f32)
            x = Pointer(k, k.let("given", self.x.at(t * self.x_steps[0] + first * self.x_steps[1]).base), f32)
            x = x.at(d * self.hidden * self.gates)
            cell = None if self.c is None else self.c.at(place)
            out = None
            if self.y is not None:
                out = self.y.at(t * self.y_steps[0] + d * self.y_steps[1] + first * self.y_steps[2])
                out = Pointer(k, k.let("out", out.base), f32)

            def here(row: Expr, unit: Expr, mask: Expr | None) -> _Here:
                at = k.let("index", row * self.hidden + unit)
                return _Here(
                    unit,
                    mask,
                    x.at(row * self.x_steps[1] + unit),
                    before.at(at),
                    after.at(at),
                    None if cell is None else cell.at(at),
                    None if out is None else out.at(row * self.y_steps[2] + unit),
                    None if self.ends is None else k.let("alive", t < self.ends.load(first + row).to(i64)),
                )

            back = k.let("back", odd.ne(0))
            if len(self.products) > 1:
                self._reset_first(d, back, before, count, here)
            else:
                cell_of = {"LSTM": self._lstm, "GRU": self._gru, "RNN": self._rnn}[self.spec.cell]
                self._units(0, (d, u, back), before, count, lambda row, at, sums: cell_of(here(row, *at), sums, d))

    # -- walking ----------------------------------------------------------------------------------------------------------

    def _units(
        self,
        number: int,
        where: tuple[Expr, Expr, Expr],
        state: Pointer,
        count: Expr,
        body: Callable[[Expr, tuple[Expr, Expr | None], list[Expr]], None],
    ) -> None:
        """body(row, (unit, mask), sums) for `count` rows and all vectors of units of a block, with the sums of a product.

        Args:
            where: the direction, the block, and whether its groups come in reverse: steps go through them to and fro, so that
                each begins with what the one before has left in the cache.
        """
        k, product, lanes = self.k, self.products[number], self.lanes
        group, (d, block, back) = product.group, where
        whole = k.let("whole", self.hidden // group.units)
        start = k.let("first_group", block * self.block_u)
        stop = k.let("last_group", binary("min", start + self.block_u, whole))
        packed = self.r[number].at(d * product.size)

        def units(at: Expr, last: bool) -> None:
            first = k.let("first_unit", at * group.units)

            def row(line: Expr, place: Expr) -> None:
                for v in range(0, group.rest if last else group.units, lanes):
                    left = group.rest - v
                    mask = k.mask(Const(left, i64), lanes) if last and left < lanes else None
                    body(line, (k.let("unit", first + v), mask), product.at(place, Const(v, i64), last))

            product.each(
                state, count, Pointer(k, k.let("panel", packed.at(at * product.panel_size).base), f32), row, last
            )

        with k.loop("g", start, stop) as turn:
            units(k.let("group", select(back, start + stop - 1 - turn, turn)), False)
        if group.rest:
            with k.when(start + self.block_u > whole):
                units(whole, True)

    # -- cells ------------------------------------------------------------------------------------------------------------

    def _apply(self, number: int, value: Expr) -> Expr:
        return emit(self.k, self.spec.functions[number], [self.k.let("gate", value)], self.lanes)

    def _given(self, here: _Here, sums: Sequence[Expr], first: int = 0) -> list[Expr]:
        """What gates from `first` on are functions of: the inputs' part and the state's."""
        load = here.x.load
        return [load(self.hidden * (first + g), self.lanes, here.mask) + s for g, s in enumerate(sums)]

    def _keep(self, here: _Here, fresh: Expr) -> None:
        """The new state and the output; after the end of a sequence, the old state and 0."""
        shown = fresh
        if here.alive is not None:
            shown = select(here.alive, fresh, 0.0)
            fresh = select(here.alive, fresh, here.before.load(0, self.lanes, here.mask))
        here.after.store(0, fresh, here.mask)
        if here.out is not None:
            here.out.store(0, shown, here.mask)

    def _rnn(self, here: _Here, sums: Sequence[Expr], d: Expr) -> None:
        (value,) = self._given(here, sums)
        self._keep(here, self.k.let("fresh", self._apply(0, value)))

    def _lstm(self, here: _Here, sums: Sequence[Expr], d: Expr) -> None:
        k = self.k
        assert here.cell is not None
        to_i, to_o, to_f, to_c = self._given(here, sums)
        old = here.cell.load(0, self.lanes, here.mask)

        def seen(value: Expr, number: int, cell: Expr) -> Expr:
            if self.peep is None:
                return value
            line = self.peep.at((d * 3 + number) * self.hidden)
            return value + line.load(here.unit, self.lanes, here.mask) * cell

        to_i, to_f = seen(to_i, 0, old), seen(to_f, 2, old)
        if self.spec.plain:
            into, kept, whole_i = self._sigmoid(to_i)
            new, whole_new = self._tanh(to_c)
            into, whole = k.let("into", into * new), k.let("whole", whole_i * whole_new)
            if self.spec.coupled:
                kept = kept * whole_new
            else:
                kept, _, whole_f = self._sigmoid(to_f)
                kept, into, whole = kept * whole, into * whole_f, whole * whole_f
            cell = k.let("cell", Fma(kept, old, into) / whole)
            out, _, whole_o = self._sigmoid(seen(to_o, 1, cell))
            shown, whole_cell = self._tanh(cell)
            fresh = k.let("fresh", out * shown / (whole_o * whole_cell))
        else:
            into = self._apply(0, to_i)
            keep = 1.0 - into if self.spec.coupled else self._apply(0, to_f)
            cell = k.let("cell", keep * old + into * self._apply(1, to_c))
            fresh = k.let("fresh", self._apply(0, seen(to_o, 1, cell)) * self._apply(2, cell))
        here.cell.store(0, cell if here.alive is None else select(here.alive, cell, old), here.mask)
        self._keep(here, fresh)

    def _gru(self, here: _Here, sums: Sequence[Expr], d: Expr) -> None:
        """The reset gate scales the product."""
        k = self.k
        to_z, to_r = self._given(here, sums[:2])
        old = here.before.load(0, self.lanes, here.mask)
        back = sums[2]
        if self.bias is not None:
            back = back + self.bias.load(d * self.hidden + here.unit, self.lanes, here.mask)
        given = here.x.load(self.hidden * 2, self.lanes, here.mask)
        if self.spec.plain:
            reset, _, whole = self._sigmoid(to_r)
            new, whole_new = self._tanh(given + reset * back / whole)
            z, rest, whole = self._sigmoid(to_z)
            fresh = Fma(rest, new, z * old * whole_new) / (whole * whole_new)
        else:
            new = self._apply(1, given + self._apply(0, to_r) * back)
            z = self._apply(0, to_z)
            fresh = (1.0 - z) * new + z * old
        self._keep(here, k.let("fresh", fresh))

    def _sigmoid(self, x: Expr) -> tuple[Expr, Expr, Expr]:
        return sigmoid_fraction(self.k, self.k.let("gate", x))

    def _tanh(self, x: Expr) -> tuple[Expr, Expr]:
        return tanh_fraction(self.k, self.k.let("gate", x))

    def _reset_first(
        self, d: Expr, back: Expr, before: Pointer, count: Expr, here: Callable[[Expr, Expr, Expr | None], _Here]
    ) -> None:
        """The reset gate scales the state, all of which enters the product with what is new."""
        k, where = self.k, (d, Const(0, i64), back)
        assert self.room is not None
        scaled, update = self.room, Pointer(k, k.let("update", self.room.at(self.block_b * self.hidden).base), f32)

        def gates(row: Expr, place: tuple[Expr, Expr | None], sums: list[Expr]) -> None:
            at = here(row, *place)
            to_z, to_r = self._given(at, sums)
            kept = k.let("kept", row * self.hidden + at.unit)
            update.store(kept, self._apply(0, to_z), at.mask)
            old = at.before.load(0, self.lanes, at.mask)
            scaled.store(kept, self._apply(0, to_r) * old, at.mask)

        def state(row: Expr, place: tuple[Expr, Expr | None], sums: list[Expr]) -> None:
            at = here(row, *place)
            (value,) = self._given(at, sums, 2)
            z = update.load(row * self.hidden + at.unit, self.lanes, at.mask)
            old = at.before.load(0, self.lanes, at.mask)
            self._keep(at, k.let("fresh", (1.0 - z) * self._apply(1, value) + z * old))

        self._units(0, where, before, count, gates)
        self._units(1, where, scaled, count, state)


@functools.cache
def cell_kernel(spec: CellSpec, target: Target) -> Kernel:
    """The steps of a recurrent operator.

    Parameters: h (the state twice, [2][direction][batch][hidden]; the first step reads the second place if the number of steps
    is odd), c ([direction][batch][hidden], of an LSTM), y if outputs are stored, x (what the inputs contribute), packed R (for
    each product), the peepholes, the bias of a linear GRU, the lengths of sequences, if any; steps, directions, batch,
    hidden; size (from the first place of the state to the second), turn (directions from this one on go backwards); span (steps in a task), block_b (rows in one), block_u (groups of
    units in one), blocks_b, blocks_u; the strides of x along time and batch; those of y along time, direction and batch.

    Task: (span, direction, block of rows, block of units), the last fastest. Those of one span need all those of the span
    before. Scratch, of a GRU that is not linear: block_b * hidden floats twice; all its units are one block.
    """
    k = Builder(spec.cell.lower())
    _Recurrent(k, spec, target).task()
    return k.build()
