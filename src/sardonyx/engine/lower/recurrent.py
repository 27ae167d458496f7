"""LSTM, GRU and RNN: one product for the inputs of all steps, then one kernel that walks through time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, mod
from sardonyx.core.dtypes import FLOAT32
from sardonyx.engine.blocking import Cutting
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.fuse import Steps
from sardonyx.engine.kernels.cell_product import group_of, pack_cell_kernel, packed_cell, rest_of
from sardonyx.engine.kernels.recurrent import GATES, Cell, CellSpec, cell_kernel
from sardonyx.engine.lower.linalg import product_of
from sardonyx.engine.lowering import Lowering, NotNative, lower
from sardonyx.engine.program import Address, Argument, Call
from sardonyx.engine.shared import one_of_equals
from sardonyx.engine.tiles import Group
from sardonyx.engine.views import Buffer, View, contiguous_strides
from sardonyx.ir import Node, Value
from sardonyx.ops.recurrent import chosen

# direction -> how many, and the first that goes backwards
DIRECTIONS = {"forward": (1, 1), "reverse": (1, 0), "bidirectional": (2, 1)}
FUNCTIONS: dict[Cell, tuple[str, ...]] = {
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
    "GRU": ("Sigmoid", "Tanh"),
    "RNN": ("Tanh",),
}
PAD = 16  # floats between rows of what the inputs contribute, so that they do not all meet in one set of the cache
_ZERO = np.zeros(1, np.float32)

# name -> its steps, given the number of what it is applied to, alpha and beta
STEPS: dict[str, Callable[[Steps, int, float, float], int]] = {
    **{name: lambda s, x, a, b, op=name: s.step(op, x) for name in ("relu", "tanh", "sigmoid", "softsign", "softplus")},
    "affine": lambda s, x, a, b: s.step("add", s.step("mul", x, s.number(a, "f32")), s.number(b, "f32")),
    "leakyrelu": lambda s, x, a, b: s.step("leaky_relu", x, attrs=(a,)),
    "thresholdedrelu": lambda s, x, a, b: s.step("thresholded_relu", x, attrs=(a,)),
    "scaledtanh": lambda s, x, a, b: s.step(
        "mul", s.step("tanh", s.step("mul", x, s.number(b, "f32"))), s.number(a, "f32")
    ),
    "hardsigmoid": lambda s, x, a, b: s.step("hard_sigmoid", x, attrs=(a, b)),
    "elu": lambda s, x, a, b: s.step("elu", x, attrs=(a,)),
}


def _function(name: str, alpha: float, beta: float, bound: float | None) -> Formula:
    """An activation, with its argument held between -bound and bound."""
    steps = Steps(1, ["f32"])
    STEPS[name](steps, steps.step("clip", 0, attrs=(-bound, bound)) if bound else 0, alpha, beta)
    return Formula(("f32",), tuple(steps.steps))


def _functions(cell: Cell, directions: int, attrs: dict[str, Any]) -> list[tuple[Formula, ...]]:
    """The activations of each direction."""
    own = FUNCTIONS[cell]
    names: Sequence[str] = attrs["activations"] or own * directions
    names = names[:directions] if cell == "RNN" else names
    if len(names) != len(own) * directions:
        raise NotNative(f"{cell} with {len(names)} activations for {directions} directions")
    found = chosen(names, attrs["activation_alpha"], attrs["activation_beta"])
    bounds = [None if i % len(own) == 2 else attrs["clip"] for i in range(len(names))]  # what leaves a cell is not held
    made = [_function(*one, bound) for one, bound in zip(found, bounds, strict=True)]
    return [tuple(made[i * len(own) : (i + 1) * len(own)]) for i in range(directions)]


@dataclass(eq=False)
class _Facts:
    """A node and its inputs, which have the extents they should."""

    low: Lowering
    node: Node
    cell: Cell
    attrs: dict[str, Any]
    inputs: dict[str, Value]
    directions: int
    turn: int
    hidden: int

    def __post_init__(self) -> None:
        self.by_batch = bool(self.attrs["layout"])
        first, second, self.features = self.low.shape(self.inputs["X"])
        self.time, self.batch = (second, first) if self.by_batch else (first, second)
        self.rows = GATES[self.cell] * self.hidden  # of W and R, in each direction
        self.linear = self.cell == "GRU" and bool(self.attrs["linear_before_reset"])
        self.names = (self.node.name or self.cell,)
        self.state = (self.directions, self.batch, self.hidden)
        self.shapes: dict[str, tuple[Dim, ...]] = {
            "W": (self.directions, self.rows, self.features),
            "R": (self.directions, self.rows, self.hidden),
            "B": (self.directions, 2 * self.rows),
            "P": (self.directions, 3 * self.hidden),
            "sequence_lens": (self.batch,),
        }
        for name, shape in self.shapes.items():
            if name in self.inputs:
                have = self.low.shape(self.inputs[name])
                self.low.claim_all(have, shape, f"{self.node!r} has {name} for its units, directions and sequences")

    def dense(self, name: str) -> View:
        """An input of the shape that it must have."""
        view, shape = self.low.contiguous(self.low.view(self.inputs[name])), self.shapes[name]
        return View(view.buffer, shape, contiguous_strides(shape), view.offset)

    def turned(self, view: View) -> View:
        """[batch, direction, unit] of layout 1 as [direction, batch, unit], and back."""
        return view.permuted((1, 0, 2)) if self.by_batch else view

    def begin(self, name: str, state: View) -> None:
        """Write the state before the first step."""
        if name in self.inputs:
            source = self.turned(self.low.view(self.inputs[name]))
            self.low.claim_all(source.shape, self.state, f"{self.node!r} has a state to begin with for each sequence")
        else:
            source = self.low.constant(_ZERO).broadcast_to(state.shape)
        self.low.copy(source, state, self.names)


def _facts(low: Lowering, node: Node, attrs: dict[str, Any]) -> _Facts:
    cell: Cell = node.op_type  # pyright: ignore[reportAssignmentType] one that is registered below
    order = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
    inputs = {n: v for n, v in zip(order, node.inputs, strict=False) if v is not None and v.name}
    for name, value in inputs.items():
        if name != "sequence_lens" and low.dtype(value) is not FLOAT32:
            raise NotNative(f"{cell} of {low.dtype(value)}")
    if attrs["direction"] not in DIRECTIONS:
        raise NotNative(f"{cell} in the direction '{attrs['direction']}'")
    hidden = attrs["hidden_size"] or low.shape(inputs["R"])[2]
    if not isinstance(hidden, int) or hidden == 0:
        raise NotNative(f"{cell} of {hidden} hidden units")
    return _Facts(low, node, cell, attrs, inputs, *DIRECTIONS[attrs["direction"]], hidden)


def _biases(facts: _Facts) -> tuple[View, View | None] | None:
    """What the inputs' product is added to, for all gates of all directions; and what a linear GRU adds to the state's."""
    if "B" not in facts.inputs:
        return None
    low, rows, hidden = facts.low, facts.rows, facts.hidden
    early = rows - hidden if facts.linear else rows  # both biases of these gates come with the inputs
    b = facts.dense("B")
    if b.const is not None:
        both = b.const[:, :rows].copy()
        both[:, :early] += b.const[:, rows : rows + early]
        late = low.constant(b.const[:, rows + early :].copy()) if facts.linear else None
        return low.constant(both.reshape(-1)), late
    out = low.temp(FLOAT32, (facts.directions, rows))
    halves = [b.narrowed(1, start, early) for start in (0, rows)]
    low.map(
        Formula(("f32", "f32"), (Step("add", (0, 1), "f32"),)), halves, out.narrowed(1, 0, early), (0, 1), facts.names
    )
    flat = out.reshaped((facts.directions * rows,))
    assert flat is not None
    if not facts.linear:
        return flat, None
    low.copy(b.narrowed(1, early, hidden), out.narrowed(1, early, hidden), facts.names)
    return flat, low.contiguous(b.narrowed(1, rows + early, hidden))


def _given(facts: _Facts, bias: View | None) -> View:
    """What the inputs contribute to each gate at each step: [time, batch, direction x gate x unit]."""
    low, width = facts.low, facts.directions * facts.rows
    x, w = low.view(facts.inputs["X"]), facts.dense("W").reshaped((width, facts.features))
    assert w is not None
    shape = (*x.shape[:2], width)
    product = product_of(low, x, w.permuted((1, 0)), shape, facts.names)
    if bias is not None:
        product.formula = Formula(("f32", "f32"), (Step("add", (0, 1), "f32"),))
        product.operands = [bias.broadcast_to(shape)]
    assert product.head is not None
    pitch = -(-width // PAD) * PAD + PAD
    buffer = Buffer("temp", FLOAT32, shape[0] * shape[1] * pitch)
    given = View(buffer, shape, (shape[1] * pitch, pitch, 1))
    product.head.emit(low, product.formula, product.operands, given, product.nodes)
    return given.permuted((1, 0, 2)) if facts.by_batch else given


def _packed(facts: _Facts, groups: Sequence[Group]) -> list[tuple[Buffer, int]]:
    """R as the kernel reads it: for each product the numbers, and how many of them belong to a direction."""
    low, hidden = facts.low, facts.hidden
    r = facts.dense("R")
    found: list[tuple[Buffer, int]] = []
    first = 0
    for group in groups:
        size, count = group.size(hidden), group.count(hidden)
        part = r.narrowed(1, first * hidden, group.gates * hidden)
        first += group.gates
        if part.const is not None:
            found.append((low.constant(one_of_equals(packed_cell(part.const, group)), r.buffer.name).buffer, size))
            continue
        out = low.temp(FLOAT32, (facts.directions, size)).buffer
        args: list[Argument | None] = [Address(out, 0, True), Address(part.buffer, part.offset)]
        args += [hidden, count, size, part.strides[0]]
        low.call(Call(pack_cell_kernel(group), args, facts.directions * count, facts.names))
        found.append((out, size))
    return found


@dataclass(frozen=True, eq=False)
class _Memory:
    """Where what the kernel reads and writes lies."""

    h: View
    c: View | None
    y: View | None
    x: View
    packed: list[tuple[Buffer, int]]
    bias: View | None


def _call(facts: _Facts, spec: CellSpec, at: _Memory, first: int, count: int) -> None:
    """The steps of `count` directions from `first` on."""
    low, hidden, batch = facts.low, facts.hidden, facts.batch
    own = first * batch * hidden

    def place(name: str, size: int) -> Address:
        view = facts.dense(name)
        return Address(view.buffer, view.offset + first * size)

    args: list[Argument | None] = [Address(at.h.buffer, own, True)]
    args += [Address(at.c.buffer, own, True)] if at.c is not None else []
    args += [Address(at.y.buffer, first * at.y.strides[1], True)] if at.y is not None else []
    args += [Address(at.x.buffer, at.x.offset + first * facts.rows)]
    args += [Address(buffer, first * size) for buffer, size in at.packed]
    args += [place("P", 3 * hidden)] if spec.peepholes else []
    args += [Address(at.bias.buffer, at.bias.offset + first * hidden)] if at.bias is not None else []
    args += [place("sequence_lens", 0)] if spec.lengths else []
    args += [facts.time, count, batch, hidden, facts.directions * batch * hidden, facts.turn - first]
    args += [None, None, None, None, None, *at.x.strides[:2]]
    args += at.y.strides[:3] if at.y is not None else []
    low.call(
        Call(
            cell_kernel(spec, low.target),
            args,
            1,
            facts.names,
            scratch=2 * 4 * batch * hidden + 64 if len(spec.products) > 1 else 0,
            blocking=Cutting(group_of(spec.products[0], spec.rest, low.target), len(spec.products) == 1),
            blocking_of=(facts.time, count, batch, hidden),
            phased=True,
            flops=facts.time * count * batch * facts.rows * hidden * 2,
        )
    )


@lower("LSTM", "GRU", "RNN")
def recurrent(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Weights W meet all inputs at once; R is packed for the kernel. Directions whose activations differ go one by one."""
    facts = _facts(low, node, attrs)
    functions = _functions(facts.cell, facts.directions, attrs)
    wanted = [v if v is not None and (v.uses or v in low.results) else None for v in (*node.outputs, None, None)]
    biases, back = _biases(facts) or (None, None)
    x = _given(facts, biases)
    h = low.temp(FLOAT32, (2, *facts.state))
    facts.begin("initial_h", h.narrowed(0, mod(facts.time, 2), 1).squeezed([0]))
    c = low.temp(FLOAT32, facts.state) if facts.cell == "LSTM" else None
    if c is not None:
        facts.begin("initial_c", c)
    y = None
    if wanted[0] is not None:  # so that those who read it join directions without a copy
        order = (2, 0, 1, 3) if facts.by_batch else (0, 1, 2, 3) if wanted[0] in low.results else (0, 2, 1, 3)
        y = low.temp(FLOAT32, (facts.time, *facts.state), order, wanted[0].name)
    spec = CellSpec(
        facts.cell,
        functions[0],
        coupled=bool(attrs.get("input_forget")),
        peepholes="P" in facts.inputs,
        linear=facts.linear,
        biased=back is not None,
        lengths="sequence_lens" in facts.inputs,
        gives=y is not None,
        rest=rest_of(facts.hidden, low.target),
    )
    groups = [group_of(gates, spec.rest, low.target) for gates in spec.products]
    memory = _Memory(h, c, y, x, _packed(facts, groups), back)
    if len(set(functions)) == 1:
        _call(facts, spec, memory, 0, facts.directions)
    else:
        for i, own in enumerate(functions):
            _call(facts, replace(spec, functions=own), memory, i, 1)
    results = [y if y is None or not facts.by_batch else y.permuted((2, 0, 1, 3))]
    results += [facts.turned(s) for s in (h.narrowed(0, 0, 1).squeezed([0]), c) if s is not None]
    for value, view in zip(wanted, results, strict=False):
        if value is not None and view is not None:
            low.give(value, view)
