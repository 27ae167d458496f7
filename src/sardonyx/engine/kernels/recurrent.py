"""Recurrent cells: one kernel runs an LSTM, GRU or RNN through time.

What the inputs contribute, X_t @ W.T and the biases, was made before for all steps by one contraction. What is left of a step is

    the product of the state with R.T, for all gates of some hidden units      a matrix times a vector, or a few
    the gates, and the new state of those units                                vectors of units

so a step is bound by reading R. R is packed in groups of hidden units, [group][k][vector of units][gate][lane]: the gates of
a unit lie together, a group is read from one end to the other, and its sums stay in registers. Several rows of a batch share
one reading of a group.

The state lies twice in memory, and steps go to and fro between the two places: the last one writes to the first place. The
sum over k is taken in order, in runs of about RUN products; so neither the rows in a block nor threads change one bit of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from sardonyx.engine.codegen import Target
from sardonyx.engine.formula import Formula, emit
from sardonyx.engine.kernels.map import decode
from sardonyx.ir import Array
from sardonyx.tile import Builder, Const, Expr, Fma, Kernel, Pointer, Ramp, f32, i32, i64, select
from sardonyx.tile.expr import Bin, Broadcast, binary
from sardonyx.tile.math.fraction import sigmoid_fraction, tanh_fraction

__all__ = ["Cell", "CellSpec", "Group", "cell_kernel", "group_of", "pack_cell_kernel", "packed_cell"]

RUN = 256  # products that are added up in one go

Cell: TypeAlias = Literal["LSTM", "GRU", "RNN"]


@dataclass(frozen=True)
class CellSpec:
    """What a step computes.

    functions: the activations of the gates, of what is new, and of the cell of an LSTM that is given; as far as there are.
    coupled: the forget gate of an LSTM is 1 - its input gate. peepholes: its gates look at the cell.
    linear: the reset gate of a GRU scales the product with the state, to which a bias may have been added (`biased`).
    lengths: sequences end early. gives: outputs of all steps are stored.
    whole: hidden units fill vectors.
    """

    cell: Cell
    functions: tuple[Formula, ...]
    coupled: bool = False
    peepholes: bool = False
    linear: bool = False
    biased: bool = False
    lengths: bool = False
    gives: bool = True
    whole: bool = False

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


@dataclass(frozen=True)
class Group:
    """The hidden units whose sums the registers hold together: for `rows` rows at most, `vectors` vectors of each gate."""

    gates: int
    rows: int
    vectors: int
    lanes: int

    @property
    def units(self) -> int:
        return self.vectors * self.lanes

    @property
    def width(self) -> int:
        """How many numbers of R belong to one k."""
        return self.gates * self.units


def group_of(gates: int, target: Target) -> Group:
    """Four sums hide the latency of adding to them, for one row: R does not come faster. More rows fill the registers."""
    vectors = max(1, 4 // gates)
    rows = (target.registers - 1) // (gates * vectors + 1)  # sums, an element of the state, and one vector of R for all
    return Group(gates, rows, vectors, target.lanes(f32))


def packed_cell(r: Array, group: Group) -> Array:
    """[direction, gate x unit, k] -> [direction, group, k, vector, gate, lane], filled up with zeros."""
    directions, rows, depth = r.shape
    hidden = rows // group.gates
    groups = -(-hidden // group.units)
    wide = np.zeros((directions, group.gates, groups * group.units, depth), r.dtype)
    wide[:, :, :hidden] = r.reshape(directions, group.gates, hidden, depth)
    split = wide.reshape(directions, group.gates, groups, group.vectors, group.lanes, depth)
    return np.ascontiguousarray(split.transpose(0, 2, 5, 3, 1, 4))


@functools.cache
def pack_cell_kernel(group: Group) -> Kernel:
    """What `packed_cell` does, for an R that is computed.

    Parameters: out, r, hidden, depth, groups, and the stride of a direction of r. Task: (direction, group).
    """
    k = Builder("pack_cell")
    out, r = k.ptr("out", f32), k.ptr("r", f32)
    hidden, depth, groups, step = (k.param(x) for x in ("hidden", "depth", "groups", "stride"))
    lanes = group.lanes
    direction, number = decode(k, k.task, [Const(0, i64), groups])
    out, r = out.at(k.task * depth * group.width), r.at(direction * step)
    for v in range(group.vectors):
        first = k.let("first", number * group.units + v * lanes)
        mask = k.let("mask", k.mask(binary("max", binary("min", hidden - first, lanes), 0), lanes))
        lines = k.let("lines", (Ramp(i64.x(lanes)) + first) * depth)
        for gate in range(group.gates):
            place = out.at((v * group.gates + gate) * lanes)
            line = r.at(gate * hidden * depth)
            with k.loop("p", 0, depth) as p:
                place.store(p * group.width, line.load(lines + p, lanes, mask))
    return k.build()


@dataclass(frozen=True)
class _Rows:
    """Rows of states: where the first starts, those of one task following at a distance of `hidden`."""

    base: Pointer
    count: Expr


class _Product:
    """The sums over k of a state and packed R, for a group of units and a few rows."""

    def __init__(self, k: Builder, group: Group, hidden: Expr) -> None:
        """Called in the setup of the kernel."""
        self.k, self.group, self.hidden = k, group, hidden
        runs = k.let("runs", (hidden + (RUN - 1)) // RUN)
        self.run = k.let("run", (hidden + runs - 1) // runs)
        self.sums = k.local("sums", f32, group.rows * group.width)
        self.size = k.let("size", hidden * group.width)  # of a packed group

    def compute(self, rows: _Rows, first: Expr, panel: Pointer) -> Expr:
        """sums = the sums of as many rows from `first` on as a group holds; gives how many those are."""
        k = self.k
        left = k.let("rows_left", rows.count - first)
        tiles = k.let("tiles", (left + (self.group.rows - 1)) // self.group.rows)
        height = k.let("height", (left + tiles - 1) // tiles)  # blocks of equal height
        base = Pointer(k, k.let("state", rows.base.at(first * self.hidden).base), f32)

        def chain(most: int) -> None:
            if most == 1:
                self._sum(1, base, panel)
                return
            with k.when(height.eq(most)):
                self._sum(most, base, panel)
            with k.otherwise():
                chain(most - 1)

        chain(self.group.rows)
        return height

    def _sum(self, rows: int, base: Pointer, panel: Pointer) -> None:
        k, lanes = self.k, self.group.lanes
        columns = range(self.group.width // lanes)
        lines = [Pointer(k, k.let("line", base.at(self.hidden * r).base), f32) for r in range(rows)]
        weights = k.ptr_reg("weights", panel)
        with k.loop("start", 0, self.hidden, self.run) as start:
            sums = [[k.reg("sum", f32.x(lanes), 0.0) for _ in columns] for _ in lines]
            with k.loop("p", start, binary("min", start + self.run, self.hidden)) as p:
                spread = [k.let("x", Broadcast(line.load(p), lanes)) for line in lines]
                for j in columns:
                    weight = weights.load(j * lanes, lanes)
                    for x, line in zip(spread, sums, strict=True):
                        k.set(line[j], Fma(x, weight, line[j]))
                k.advance(weights, self.group.width)
            places = [(r * self.group.width + j * lanes, sums[r][j]) for r in range(rows) for j in columns]
            with k.when(start.eq(0)):
                for at, value in places:
                    self.sums.store(at, value)
            with k.otherwise():
                for at, value in places:
                    self.sums.store(at, self.sums.load(at, lanes) + value)

    def of(self, row: Expr, unit: Expr) -> list[Expr]:
        """The sums of each gate for a vector of units, counted within the group."""
        lanes, gates = self.group.lanes, self.group.gates
        at = self.k.let("index", row * self.group.width + unit * gates)
        return [self.sums.load(at + g * lanes, lanes) for g in range(gates)]


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
            self.products = [_Product(k, group_of(gates, target), self.hidden) for gates in spec.products]
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

            rows = _Rows(before, count)
            back = k.let("back", odd.ne(0))
            if len(self.products) > 1:
                self._reset_first(d, back, rows, here)
            else:
                cell_of = {"LSTM": self._lstm, "GRU": self._gru, "RNN": self._rnn}[self.spec.cell]
                self._units(0, d, u, back, rows, lambda row, at, sums: cell_of(here(row, *at), sums, d))

    # -- walking ----------------------------------------------------------------------------------------------------------

    def _units(
        self,
        number: int,
        d: Expr,
        block: Expr,
        back: Expr,
        rows: _Rows,
        body: Callable[[Expr, tuple[Expr, Expr | None], list[Expr]], None],
    ) -> None:
        """body(row, (unit, mask), sums) for all rows and all vectors of units of a block, with the sums of a product.

        Steps go through the groups to and fro (`back`), so that each begins with what the one before has left in the cache.
        """
        k, product = self.k, self.products[number]
        units, lanes = product.group.units, self.lanes
        groups = k.let("groups", (self.hidden + (units - 1)) // units)
        start = k.let("first_group", block * self.block_u)
        stop = k.let("last_group", binary("min", start + self.block_u, groups))
        with k.loop("g", start, stop) as group:
            group = k.let("group", select(back, start + stop - 1 - group, group))
            panel = Pointer(k, k.let("panel", self.r[number].at((d * groups + group) * product.size).base), f32)
            first = k.let("first_unit", group * units)
            many = k.let("units", binary("min", self.hidden - first, units))
            top = k.reg("top", i64, 0)
            with k.loop("tile", 0, (rows.count + (product.group.rows - 1)) // product.group.rows):
                height = product.compute(rows, top, panel)
                with k.loop("row", 0, height) as row:

                    def vector(unit: Expr, mask: Expr | None, row: Expr = row, top: Expr = top) -> None:
                        body(k.let("line", top + row), (k.let("unit", first + unit), mask), product.of(row, unit))

                    if self.spec.whole:
                        with k.loop("v", 0, many, lanes) as v:
                            vector(v, None)
                    else:
                        k.strip("v", 0, many, lanes, vector)
                k.set(top, top + height)

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

    def _reset_first(self, d: Expr, back: Expr, rows: _Rows, here: Callable[[Expr, Expr, Expr | None], _Here]) -> None:
        """The reset gate scales the state, all of which enters the product with what is new."""
        k, none = self.k, Const(0, i64)
        assert self.room is not None
        scaled, update = self.room, Pointer(k, k.let("update", self.room.at(self.block_b * self.hidden).base), f32)

        def gates(row: Expr, place: tuple[Expr, Expr | None], sums: list[Expr]) -> None:
            at = here(row, *place)
            to_z, to_r = self._given(at, sums)
            to = k.let("kept", row * self.hidden + at.unit)
            update.store(to, self._apply(0, to_z), at.mask)
            old = at.before.load(0, self.lanes, at.mask)
            scaled.store(to, self._apply(0, to_r) * old, at.mask)

        def state(row: Expr, place: tuple[Expr, Expr | None], sums: list[Expr]) -> None:
            at = here(row, *place)
            (value,) = self._given(at, sums, 2)
            z = update.load(row * self.hidden + at.unit, self.lanes, at.mask)
            old = at.before.load(0, self.lanes, at.mask)
            self._keep(at, k.let("fresh", (1.0 - z) * self._apply(1, value) + z * old))

        self._units(0, d, none, back, rows, gates)
        self._units(1, d, none, back, _Rows(scaled, rows.count), state)


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
