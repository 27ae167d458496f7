"""The product of states with the recurrent weights R of a cell, for all gates of some hidden units.

R is packed in groups of hidden units, [group][k][vector of units][gate][lane]: the gates of a unit lie together, a group is
read from one end to the other, and its sums stay in registers. Units that do not fill a group make a smaller one,
[k][gate][unit], filled up to whole vectors.

A sum is taken over k in order, in runs of about RUN products; so neither the rows that share one reading of a group nor
threads change one bit of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.map import decode
from sardonyx.engine.tiles import Group
from sardonyx.ir import Array
from sardonyx.tile import Builder, Const, Expr, Fma, Kernel, Pointer, Ramp, f32, i64
from sardonyx.tile.expr import Broadcast, binary

__all__ = ["Group", "Product", "group_of", "pack_cell_kernel", "packed_cell", "rest_of"]

RUN = 256  # products that are added up in one go


def rest_of(hidden: int, target: Target) -> int:
    """What kernels need to know of the number of hidden units: how many do not fill the largest group."""
    return hidden % (4 * target.lanes(f32))


def group_of(gates: int, rest: int, target: Target) -> Group:
    """Four sums hide the latency of adding to them, for one row: R does not come faster. More rows fill the registers."""
    vectors, lanes = max(1, 4 // gates), target.lanes(f32)
    rows = (target.registers - 1) // (gates * vectors + 1)  # sums, an element of the state, and one vector of R for all
    return Group(gates, rows, vectors, lanes, rest % (vectors * lanes))


def packed_cell(r: Array, group: Group) -> Array:
    """[direction, gate x unit, k] -> [direction, what the file's first lines say]."""
    directions, rows, depth = r.shape
    hidden = rows // group.gates
    full = hidden // group.units
    by_gate = r.reshape(directions, group.gates, hidden, depth)
    out = np.zeros((directions, group.size(hidden)), r.dtype)
    whole = out[:, : full * depth * group.width]
    split = by_gate[:, :, : full * group.units].reshape(
        directions, group.gates, full, group.vectors, group.lanes, depth
    )
    whole.reshape(directions, full, depth, group.vectors, group.gates, group.lanes)[...] = split.transpose(
        0, 2, 5, 3, 1, 4
    )
    if group.rest:
        last = out[:, full * depth * group.width :].reshape(directions, depth, group.last)
        units = by_gate[:, :, full * group.units :].reshape(directions, group.gates * group.rest, depth)
        last[:, :, : group.gates * group.rest] = units.transpose(0, 2, 1)
    return out


@functools.cache
def pack_cell_kernel(group: Group) -> Kernel:
    """What `packed_cell` does, for an R that is computed.

    Parameters: out, r, hidden, groups, and the strides of a direction of out and r. Task: (direction, group).
    """
    k = Builder("pack_cell")
    out, r = k.ptr("out", f32), k.ptr("r", f32)
    hidden, groups = k.param("hidden"), k.param("groups")
    strides = k.param("out_stride"), k.param("r_stride")
    lanes = group.lanes
    direction, number = decode(k, k.task, [Const(0, i64), groups])
    out = out.at(direction * strides[0] + number * hidden * group.width)
    first = k.let("first", number * group.units)
    lines = r.at(direction * strides[1] + first * hidden)

    def full() -> None:
        for v in range(group.vectors):
            index = k.let("index", (Ramp(i64.x(lanes)) + v * lanes) * hidden)
            for gate in range(group.gates):
                with k.loop("p", 0, hidden) as p:
                    values = lines.at(gate * hidden * hidden).load(index + p, lanes)
                    out.store(p * group.width + (v * group.gates + gate) * lanes, values)

    def last() -> None:
        with k.loop("p", 0, hidden * group.last, lanes) as p:
            out.store(p, Const(0.0, f32.x(lanes)))
        for gate in range(group.gates):
            with k.loop("u", 0, group.rest) as u, k.loop("p", 0, hidden) as p:
                out.store(p * group.last + gate * group.rest + u, lines.load((gate * hidden + u) * hidden + p))

    if not group.rest:
        full()
        return k.build()
    with k.when(first + group.units <= hidden):
        full()
    with k.otherwise():
        last()
    return k.build()


class Product:
    """The sums of a group for a few rows of states, each of which lies `hidden` elements behind the one before."""

    def __init__(self, k: Builder, group: Group, hidden: Expr) -> None:
        """Called in the setup of the kernel."""
        self.k, self.group, self.hidden = k, group, hidden
        runs = k.let("runs", (hidden + (RUN - 1)) // RUN)
        self.run = k.let("run", (hidden + runs - 1) // runs)
        self.sums = k.local("sums", f32, group.rows * group.width + group.lanes)
        full = k.let("full", hidden // group.units)
        self.panel_size = k.let("panel_size", hidden * group.width)
        self.size = k.let("size", full * self.panel_size + hidden * group.last)

    def each(self, base: Pointer, count: Expr, panel: Pointer, body: Callable[[Expr, Expr], None], last: bool) -> None:
        """body(row, place) for all rows, where `at(place, ...)` gives their sums.

        base: where the first row starts. panel: the packed group, the last one or another.
        """
        k, most = self.k, self.group.rows
        top = k.reg("top", i64, 0)
        with k.loop("tile", 0, (count + (most - 1)) // most):
            left = k.let("left", count - top)
            tiles = k.let("tiles", (left + (most - 1)) // most)
            height = k.let("height", (left + tiles - 1) // tiles)  # tiles of equal height
            state = Pointer(k, k.let("state", base.at(top * self.hidden).base), f32)
            self._chain(most, height, state, panel, last)
            with k.loop("row", 0, height) as row:
                body(k.let("line", top + row), row)
            k.set(top, top + height)

    def at(self, place: Expr, unit: Expr, last: bool) -> list[Expr]:
        """The sums of each gate for a vector of units, counted within the group."""
        lanes, gates = self.group.lanes, range(self.group.gates)
        line = self.sums.at(place * self.group.width)
        if last:
            return [line.load(unit + g * self.group.rest, lanes) for g in gates]
        return [line.load(unit * self.group.gates + g * lanes, lanes) for g in gates]

    def _chain(self, rows: int, height: Expr, state: Pointer, panel: Pointer, last: bool) -> None:
        """`_sum` for the height that there is."""
        if rows == 1:
            self._sum(1, state, panel, last)
            return
        with self.k.when(height.eq(rows)):
            self._sum(rows, state, panel, last)
        with self.k.otherwise():
            self._chain(rows - 1, height, state, panel, last)

    def _sum(self, rows: int, state: Pointer, panel: Pointer, last: bool) -> None:
        k, lanes = self.k, self.group.lanes
        width = self.group.last if last else self.group.width
        columns = range(width // lanes)
        lines = [Pointer(k, k.let("line", state.at(self.hidden * r).base), f32) for r in range(rows)]
        weights = k.ptr_reg("weights", panel)
        with k.loop("start", 0, self.hidden, self.run) as start:
            sums = [[k.reg("sum", f32.x(lanes), 0.0) for _ in columns] for _ in lines]
            with k.loop("p", start, binary("min", start + self.run, self.hidden)) as p:
                spread = [k.let("x", Broadcast(line.load(p), lanes)) for line in lines]
                for j in columns:
                    weight = weights.load(j * lanes, lanes)
                    for x, line in zip(spread, sums, strict=True):
                        k.set(line[j], Fma(x, weight, line[j]))
                k.advance(weights, width)
            places = [(r * self.group.width + j * lanes, sums[r][j]) for r in range(rows) for j in columns]
            with k.when(start.eq(0)):
                for at, value in places:
                    self.sums.store(at, value)
            with k.otherwise():
                for at, value in places:
                    self.sums.store(at, self.sums.load(at, lanes) + value)
