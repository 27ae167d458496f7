"""From nodes to calls.

Nodes are lowered in order, and nothing is computed before somebody needs it: an elementwise node, a product or a
normalization becomes a `Deferred` value, and an elementwise node that is its only reader joins it. So fusion groups form as
far as they reach, and a value that is read twice, or by something that needs it in memory, is computed where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np

from sardonyx.core.dims import Dim, ceildiv, dmax, dmin, floordiv, free_symbols
from sardonyx.core.dtypes import BOOL, DType
from sardonyx.engine.codegen import Target
from sardonyx.engine.copy import crossing, swap
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.kernels.map import Access, MapSpec, Source, map_kernel
from sardonyx.engine.program import Address, Argument, Call, Fallback, Program
from sardonyx.engine.space import collapse, physical_order
from sardonyx.engine.views import Buffer, View, contiguous_strides, product
from sardonyx.infer import Inference
from sardonyx.ir import Array, Node, Tensor, TensorType, Value
from sardonyx.ops import schema_of
from sardonyx.tile import type_of

__all__ = ["LOWER", "Deferred", "Head", "Lowering", "NotNative", "Stuck", "access", "kind_of", "lower"]


class NotNative(Exception):
    """No native kernel serves this node; the message says why, and the profile repeats it."""


class Stuck(Exception):
    """A node that was lowered before turned out not to be native: lowering begins again without it.

    `alone` says that its reference cannot run between native steps either.
    """

    def __init__(self, node: Node, why: str, *, alone: bool = False) -> None:
        super().__init__(why)
        self.node, self.alone = node, alone


class Head(Protocol):
    """The computation whose results a deferred formula takes as argument 0, before they reach memory."""

    def accepts(self, operand: View) -> bool:
        """Whether `operand`, broadcast to the result's shape, can be read beside the results."""
        ...

    def emit(
        self, low: Lowering, formula: Formula, operands: Sequence[View], out: View, nodes: tuple[str, ...]
    ) -> None:
        """Emit the calls that compute formula(result, operands...) into `out`."""
        ...


@dataclass(eq=False)
class Deferred:
    """formula(head's result, operands...) of the given shape, not computed yet. Operands are broadcast to the shape."""

    shape: tuple[Dim, ...]
    dtype: DType
    formula: Formula
    operands: list[View]
    head: Head | None = None
    order: tuple[int, ...] | None = None  # the physical order the result will have
    nodes: tuple[str, ...] = ()


State: TypeAlias = "View | Deferred"
Lower: TypeAlias = Callable[["Lowering", Node, dict[str, Any]], None]

LOWER: dict[tuple[str, str], Lower] = {}


def lower(*names: str, domain: str = "") -> Callable[[Lower], Lower]:
    """Register the lowering of operators. It raises `NotNative` to leave a node to its reference."""

    def register(function: Lower) -> Lower:
        for name in names:
            LOWER[domain, name] = function
        return function

    return register


KINDS = {"float32", "float64", "int64", "int32", "int8", "uint8", "int16", "uint16", "uint32", "uint64", "bool"}


def kind_of(dtype: DType, *, halves: bool = False) -> str:
    """The kind a formula sees; refuses types that formulas do not compute in.

    Args:
        halves: float16 and bfloat16 will do, for they are only cast.
    """
    if dtype.name not in KINDS and not (halves and dtype.name in ("float16", "bfloat16")):
        raise NotNative(f"no native arithmetic on {dtype}")
    return "i1" if dtype is BOOL else type_of(dtype.numpy).kind


def access(stride: Dim) -> Access:
    """How an operand with this stride moves along the innermost axis."""
    return "unit" if stride == 1 else "same" if stride == 0 else "strided"


@dataclass(eq=False)
class Lowering:
    """The state of lowering one graph."""

    facts: Inference
    target: Target
    opsets: dict[str, int]
    precision: str = "highest"
    program: Program = field(default_factory=Program)
    state: dict[Value, State] = field(default_factory=dict["Value", "State"])
    refused: dict[str, str] = field(default_factory=dict[str, str])  # node -> why it is not native
    results: frozenset[Value] = frozenset()
    constants: dict[int, Buffer] = field(default_factory=dict[int, Buffer])
    given: frozenset[str] = frozenset()  # the symbols whose numbers are known before the program runs

    def fresh(self, given: frozenset[str]) -> Lowering:
        """A lowering of another part of the graph; constants are shared."""
        made = Lowering(self.facts, self.target, self.opsets, self.precision, constants=self.constants, given=given)
        made._kept = self._kept
        return made

    def mark(self) -> tuple[int, dict[Value, State]]:
        """What to `rewind` to if a node is refused half-way."""
        return len(self.program.steps), dict(self.state)

    def rewind(self, mark: tuple[int, dict[Value, State]]) -> None:
        """Forget what was emitted since."""
        steps, self.state = mark
        del self.program.steps[steps:]
        self._copies = {key: (view, at) for key, (view, at) in self._copies.items() if at < steps}

    # -- what is known --------------------------------------------------------------------------------------------------

    def shape(self, value: Value) -> tuple[Dim, ...]:
        """The shape, in which every dim can be computed from the inputs' shapes."""
        kind = self.facts.type(value)
        if not isinstance(kind, TensorType) or kind.shape is None or any(d is None for d in kind.shape):
            raise NotNative(f"the shape of '{value.name}' depends on data")
        if not self._known(d for d in kind.shape if d is not None):
            raise NotNative(f"the shape of '{value.name}' depends on data")
        for d in kind.shape:
            if not isinstance(d, int):  # windows larger than an image, or pieces larger than the whole
                self.at_least(d, 0, f"'{value.name}' has extents of 0 or more")  # pyright: ignore[reportArgumentType] see above
        return kind.shape  # pyright: ignore[reportReturnType] no None in it, see above

    def _known(self, dims: Iterable[Dim]) -> bool:
        return all(isinstance(d, int) or free_symbols(d) <= self.given for d in dims)

    def claim(self, a: Dim, b: Dim, what: str) -> None:
        """Rely on two extents being equal: where they are symbols, it is checked when their numbers are known.

        Raises:
            NotNative: they differ.
        """
        if a != b:
            if isinstance(a, int) and isinstance(b, int):
                raise NotNative(f"{what}: {a} is not {b}")
            self.program.claims[a, b] = what

    def claim_all(self, a: Sequence[Dim], b: Sequence[Dim], what: str) -> None:
        """`claim` for extents side by side."""
        for x, y in zip(a, b, strict=True):
            self.claim(x, y, what)

    def at_least(self, have: Dim, least: Dim, what: str) -> None:
        """Rely on an extent being as large as another, as `claim` does on equal ones."""
        self.claim(dmin(have, least), least, what)

    def dtype(self, value: Value) -> DType:
        kind = self.facts.type(value)
        if not isinstance(kind, TensorType) or kind.dtype is None:
            raise NotNative(f"'{value.name}' is no tensor of a known type")
        return kind.dtype

    def const(self, value: Value | None) -> Array | None:
        """The constant array that a value is, or None."""
        if value is None or not isinstance(value.const, Tensor):
            return None
        return value.const.numpy()

    def ints(self, value: Value | None) -> list[Dim] | None:
        """The integers in a value, as inference followed them."""
        if value is None:
            return None
        found = self.facts.ints(value)
        if found is None or not self._known(found.flat):
            return None
        return list(found.reshape(-1))

    # -- values -----------------------------------------------------------------------------------------------------------

    def constant(self, array: Array, name: str = "") -> View:
        """A view of a constant array."""
        from sardonyx.core.dtypes import dtype

        key, order = id(array), _order_of(array)
        buffer = self.constants.get(key)
        if buffer is None:
            dense = np.asarray(array)  # not copied, if it lies densely in any order; references also give scalars
            if not array.flags.c_contiguous:
                dense = np.ascontiguousarray(array.transpose(order))
            buffer = Buffer("const", dtype(array.dtype), dense.size, name, dense)
            self.constants[key] = buffer
            self._kept.append(array)
        strides: list[Dim] = [0] * array.ndim
        for axis, step in zip(order, contiguous_strides([array.shape[i] for i in order]), strict=True):
            strides[axis] = step
        return View(buffer, tuple(array.shape), tuple(strides))

    _kept: list[Array] = field(default_factory=list["Array"])  # so that ids stay true

    def temp(self, dtype: DType, shape: Sequence[Dim], order: Sequence[int] | None = None, name: str = "") -> View:
        """A new temporary whose axes lie in `order`."""
        order = tuple(range(len(shape))) if order is None else tuple(order)
        strides: list[Dim] = [0] * len(shape)
        for axis, step in zip(order, contiguous_strides([shape[i] for i in order]), strict=True):
            strides[axis] = step
        return View(Buffer("temp", dtype, product(shape), name), tuple(shape), tuple(strides))

    def view(self, value: Value) -> View:
        """Where the elements of `value` lie; computes them if nobody has yet."""
        found = self.state.get(value)
        if isinstance(found, View):
            return found
        if isinstance(found, Deferred):
            try:
                view = self.force(found, value.name)
            except NotNative as why:
                raise self._stuck(value, str(why)) from why
            self.state[value] = view
            return view
        array = self.const(value)
        if array is None:
            raise NotNative(f"'{value.name}' is computed elsewhere")
        self.state[value] = view = self.constant(array, value.name)
        return view

    def _stuck(self, value: Value, why: str) -> Exception:
        return NotNative(why) if value.producer is None else Stuck(value.producer, why)

    def give(self, value: Value, what: State) -> None:
        """Say what a node's output is. Results of the graph and values read often are computed at once."""
        self.state[value] = what
        if isinstance(what, Deferred) and (len(value.users) != 1 or value in self.results):
            self.view(value)

    def join(self, value: Value) -> Deferred | None:
        """The deferred computation of a value that may still be extended, i.e. that has one reader."""
        found = self.state.get(value)
        return found if isinstance(found, Deferred) and len(value.users) == 1 else None

    # -- computing --------------------------------------------------------------------------------------------------------

    def force(self, deferred: Deferred, name: str = "") -> View:
        """Emit the computation and give the view of its result."""
        order = deferred.order
        if order is None:
            order = physical_order(deferred.shape, deferred.operands)
        out = self.temp(deferred.dtype, deferred.shape, order, name)
        if deferred.head is not None:
            deferred.head.emit(self, deferred.formula, deferred.operands, out, deferred.nodes)
        else:
            self.map(deferred.formula, deferred.operands, out, order, deferred.nodes)
        return out

    def contiguous(self, view: View, order: Sequence[int] | None = None) -> View:
        """The view, or a copy of it that lies densely in `order` (C order if not given)."""
        if view.is_contiguous(order):
            return view
        array = view.const
        if array is not None and view.size == view.buffer.size:  # no constant is copied run by run
            axes = tuple(range(view.rank)) if order is None else tuple(order)
            dense = self.constant(np.ascontiguousarray(array.transpose(axes)), view.buffer.name)
            return dense.permuted(np.argsort(axes).tolist())
        key = (view.buffer, view.shape, view.strides, view.offset, None if order is None else tuple(order))
        found = self._copies.get(key)
        if found is None:  # whoever asks again takes the same copy: values never change
            out = self.temp(view.dtype, view.shape, order)
            found = self._copies[key] = (out, len(self.program.steps))
            self.copy(view, out)
        return found[0]

    _copies: dict[tuple[Any, ...], tuple[View, int]] = field(default_factory=dict[tuple[Any, ...], "tuple[View, int]"])

    def copy(self, source: View, out: View, nodes: tuple[str, ...] = ("copy",)) -> None:
        """Copy elements from view to view of one shape."""
        kind = kind_of(source.dtype) if source.dtype.name in KINDS else f"u{source.dtype.bits}"
        order = sorted(range(out.rank), key=lambda i: _rank_of(out, i))
        dense = next((i for i, step in enumerate(source.strides) if step == 1 and source.shape[i] != 1), None)
        if order and dense is not None and _few(out.shape[order[-1]]) and source.dtype.itemsize < 4:
            order.append(order.pop(order.index(dense)))  # the longer of two lines, though the result is scattered
        self.map(Formula((kind,)), [source], out, order, nodes)

    def map(
        self, formula: Formula, operands: Sequence[View], out: View, order: Sequence[int], nodes: tuple[str, ...]
    ) -> None:
        """Emit an elementwise call."""
        views = [v.broadcast_to(out.shape) for v in operands]
        space = collapse(out.shape, [out, *views], order)
        own = access(space.strides[0][-1]) if space.inner != 1 else "unit"
        for i, view in enumerate(views, 1):
            axis = crossing(space, i) if own == "unit" and view.dtype.itemsize in (4, 8) else None
            if axis is None:
                continue
            if formula.steps or len(views) > 1:  # a copy that lies as the result does is read faster
                views[i - 1] = self.contiguous(view, order)
                self.map(formula, views, out, order, nodes)
            else:
                self.call(swap(self.target, space, out, view, axis, nodes))
            return
        sources = tuple(Source(k, access(s[-1])) for k, s in zip(formula.args, space.strides[1:], strict=True))
        outer = len(space.outer)
        kernel = map_kernel(MapSpec(formula, sources, outer, own), self.target)
        chunk: Dim = 4096 if outer == 0 else space.inner
        chunks: Dim = ceildiv(space.inner, 4096) if outer == 0 else 1
        args: list[Argument | None] = [Address(out.buffer, out.offset, True)]
        args += [Address(v.buffer, v.offset) for v in views]
        args += [space.inner, chunk, chunks]
        for axis, extent in enumerate(space.outer):
            args += [extent, *(s[axis] for s in space.strides)]
        args += [s[-1] for src, s in zip(sources, space.strides[1:], strict=True) if src.access == "strided"]
        args += [space.strides[0][-1]] if own == "strided" else []
        tasks = product(space.outer) * chunks
        grain = 1 if outer == 0 else dmax(floordiv(4096, dmax(space.inner, 1)), 1)
        self.call(Call(kernel, args, tasks, nodes, grain, flops=out.size * max(len(formula.steps), 1)))

    def call(self, call: Call) -> None:
        self.program.steps.append(call)

    # -- fall-back --------------------------------------------------------------------------------------------------------

    def fallback(self, node: Node, why: str) -> None:
        """Run a node by its reference, between native steps."""
        schema = schema_of(node.domain, node.op_type, self.opsets.get(node.domain, 1))
        if schema is None or schema.operator.run is None:
            raise NotNative(f"there is no reference of {node.op_type}: {why}")
        name = node.name or f"{node.op_type}({node.output.name})"
        self.refused[name] = why
        inputs = [None if v is None else self.view(v) for v in node.inputs]
        captured = [(v, self.view(v)) for g in node.subgraphs for v in g.captured() if v.const is None]
        outputs = [
            self.temp(self.dtype(v), self.shape(v), name=v.name) if v.name or v.uses else None for v in node.outputs
        ]
        self.program.steps.append(Fallback(node, inputs, captured, outputs, (name,)))
        for value, view in zip(node.outputs, outputs, strict=True):
            if view is not None:
                self.give(value, view)


def _order_of(array: Array) -> tuple[int, ...]:
    """The order in which the axes of an array lie, as far as its strides tell."""
    return tuple(sorted(range(array.ndim), key=lambda i: (-abs(array.strides[i]), i)))


def _rank_of(view: View, axis: int) -> tuple[int, int]:
    """A key that sorts axes by stride, largest first, as far as the order of symbolic strides can be told."""
    order = physical_order(view.shape, [view])
    return order.index(axis), axis


def _few(extent: Dim) -> bool:
    """Whether an axis is too short to fill lanes with."""
    return isinstance(extent, int) and extent < 8


def literal(kind: str, value: float) -> Step:
    """A step that gives a number."""
    return Step("const", (), kind, (value,))
