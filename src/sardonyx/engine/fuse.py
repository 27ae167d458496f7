"""Joining an elementwise node to what it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sardonyx.core.dims import Dim
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.lowering import Deferred, Head, Lowering, kind_of
from sardonyx.engine.views import View
from sardonyx.ir import Node, TensorType, Value

__all__ = ["Recipe", "Steps", "fuse", "low_value"]


@dataclass(eq=False)
class Steps:
    """The steps of a formula while it is written; values are numbered, arguments first."""

    count: int  # of arguments
    kinds: list[str]  # of all values so far
    steps: list[Step] = field(default_factory=list[Step])

    def step(self, op: str, *inputs: int, kind: str | None = None, attrs: tuple[Any, ...] = ()) -> int:
        """Append a step; its kind is that of its first input unless given."""
        self.steps.append(Step(op, inputs, kind or self.kinds[inputs[0]], attrs))
        self.kinds.append(self.steps[-1].kind)
        return len(self.kinds) - 1

    def number(self, value: float, kind: str) -> int:
        """A literal."""
        return self.step("const", kind=kind, attrs=(value,))

    def graft(self, formula: Formula, arguments: Sequence[int]) -> int:
        """Append the steps of another formula over these values; gives the number of its result."""
        numbers = list(arguments)
        for step in formula.steps:
            numbers.append(self.step(step.op, *(numbers[i] for i in step.inputs), kind=step.kind, attrs=step.attrs))
        return numbers[-1]


# (steps, the inputs' numbers, the node's attributes, the result's kind) -> the result's number
Recipe: TypeAlias = Callable[[Steps, list[int], dict[str, Any], str], int]


@dataclass(eq=False)
class _Part:
    """What one input contributes: a literal, a deferred computation to swallow, or a view."""

    literal: float | None = None
    deferred: Deferred | None = None
    view: View | None = None


def low_value(low: Lowering, view: View) -> Value:
    """A value of no graph that stands for a view: an operand that a lowering makes itself."""
    value = Value(type=TensorType(view.dtype, view.shape))
    low.state[value] = view
    return value


def fuse(low: Lowering, node: Node, attrs: dict[str, Any], recipe: Recipe, inputs: Sequence[Value]) -> Deferred:
    """The deferred result of an elementwise node, with the computations that only it reads drawn in.

    Raises:
        NotNative: a type that formulas do not compute in.
    """
    out = node.output
    shape, dtype = low.shape(out), low.dtype(out)
    halves = node.op_type in ("Cast", "CastLike")
    result_kind = kind_of(dtype, halves=halves)
    kinds = [kind_of(low.dtype(v), halves=halves) for v in inputs]
    parts, head = _parts(low, inputs, shape)
    views: list[View] = []
    wide: list[str] = [head.formula.args[0]] if head is not None else []
    offset = len(wide)

    def place(view: View, kind: str) -> int:
        for i, have in enumerate(views):
            if have.same_place(view):
                return offset + i
        views.append(view)
        wide.append(kind)
        return offset + len(views) - 1

    sources: list[list[int]] = []
    for part, kind in zip(parts, kinds, strict=True):
        if part.view is not None:
            sources.append([place(part.view, kind)])
        elif part.deferred is not None:
            inner = part.deferred
            own = inner.formula.args[1:] if inner.head is not None else inner.formula.args
            first = [0] if inner.head is not None else []
            sources.append(first + [place(v, k) for v, k in zip(inner.operands, own, strict=True)])
        else:
            sources.append([])
    steps = Steps(len(wide), list(wide))
    numbers: list[int] = []
    grafted: dict[int, int] = {}  # the same computation read twice by this node is computed once
    for part, kind, source in zip(parts, kinds, sources, strict=True):
        if part.literal is not None:
            numbers.append(steps.number(part.literal, kind))
        elif part.deferred is not None:
            if id(part.deferred) not in grafted:
                grafted[id(part.deferred)] = steps.graft(part.deferred.formula, source)
            numbers.append(grafted[id(part.deferred)])
        else:
            numbers.append(source[0])
    last = recipe(steps, numbers, attrs, result_kind)
    if last != len(steps.kinds) - 1:  # the result must be the last value
        steps.step("cast", last, kind=result_kind)
    swallowed = [p.deferred for p in parts if p.deferred is not None]
    names = dict.fromkeys(n for d in swallowed for n in d.nodes) | {node.name or node.op_type: None}
    formula = Formula(tuple(wide), tuple(steps.steps))
    order = head.order if head is not None else None
    return Deferred(shape, dtype, formula, views, head.head if head is not None else None, order, tuple(names))


def _parts(low: Lowering, inputs: Sequence[Value], shape: tuple[Dim, ...]) -> tuple[list[_Part], Deferred | None]:
    """What each input contributes, and the deferred computation whose head the result keeps."""
    head: Deferred | None = None
    parts: list[_Part] = []
    for value in inputs:
        array = low.const(value)
        if array is not None and array.size == 1 and len(array.shape) <= len(shape):
            parts.append(_Part(literal=array.reshape(()).item()))
            continue
        deferred = _joinable(low, value, inputs)
        if deferred is None or deferred.shape != shape:
            parts.append(_Part(view=low.view(value).broadcast_to(shape)))
        elif deferred.head is None:
            parts.append(_Part(deferred=deferred))
        elif head is None or head is deferred:
            head = deferred
            parts.append(_Part(deferred=deferred))
        else:  # one head only: the other one goes to memory
            parts.append(_Part(view=low.view(value).broadcast_to(shape)))
    if head is not None and not _fits(head.head, parts, head):
        value = next(v for v, p in zip(inputs, parts, strict=True) if p.deferred is head)
        view = low.view(value).broadcast_to(shape)
        parts = [_Part(view=view) if p.deferred is head else p for p in parts]
        head = None
    return parts, head


def _joinable(low: Lowering, value: Value, inputs: Sequence[Value]) -> Deferred | None:
    """The deferred computation of a value that only this node reads, if more than once (as in x * x)."""
    found = low.state.get(value)
    if not isinstance(found, Deferred) or value in low.results:
        return None
    return found if len(value.users) == 1 else None


def _fits(head: Head | None, parts: Sequence[_Part], own: Deferred) -> bool:
    """Whether everything else that the formula will read can be read beside the head's results."""
    if head is None:
        return True
    others = [p.view for p in parts if p.view is not None]
    others += [v for p in parts if p.deferred is not None and p.deferred is not own for v in p.deferred.operands]
    return all(head.accepts(v) for v in others)
