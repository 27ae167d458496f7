"""The first value at which two executions of a model part.

First all values that both have are asked for at once: the first that differs, in execution order, is the one. An engine
that fuses may be right when every value is watched and wrong when none is. Then values are asked for one at a time, with
all that leads to them free to be fused, halving the range in which the fault must begin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sardonyx.core.compare import Difference, compare
from sardonyx.core.errors import SardonyxError
from sardonyx.ir import Model, Value
from sardonyx.ir.place import place
from sardonyx.verify.executions import OfModel, values_of

__all__ = ["FirstDifference", "compared", "first_difference"]


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """Where two executions part.

    Attributes:
        value: the name of the first value that differs; what it is computed from agrees.
        node: the operator that makes it, as in ``Gemm 'fc1'``.
        where: its place in the graph.
        source: the line of user code it was exported from, where that is known.
        difference: how far apart the two are.
        fused: the value is right when all values are watched, and wrong when what leads to it may be fused.
    """

    value: str
    node: str
    where: str
    source: str | None
    difference: Difference
    fused: bool = False

    def __str__(self) -> str:
        source = f" (exported from {self.source})" if self.source else ""
        lines = [f"first difference: '{self.value}', made by {self.node}{source}: {self.difference.fault}"]
        if self.fused:
            lines.append("  it is right when every value is watched: look at what is fused up to here")
        return "\n".join(lines)


def first_difference(
    a: OfModel, b: OfModel, feeds: Mapping[str, Any], tolerance: float | None = None
) -> FirstDifference | None:
    """The first value of `a`'s model that `b` has too, and gives otherwise. None if there is none.

    Args:
        tolerance: as for `compare`.
    """
    model = a.model or b.model
    if model is None:
        return None
    there = {v.name for v in values_of(b.model or model)}
    shared = [v for v in values_of(model) if v.name in there]
    if not shared:
        return None
    together = _all_at_once(a, b, feeds, shared, tolerance)
    return together or _one_by_one(a, b, feeds, model, shared, tolerance)


def _all_at_once(
    a: OfModel, b: OfModel, feeds: Mapping[str, Any], shared: Sequence[Value], tolerance: float | None
) -> FirstDifference | None:
    names = [v.name for v in shared]
    try:
        pairs = zip(shared, a.values(feeds, names), b.values(feeds, names), strict=True)
        differences = ((v, compared(v.name, x, y, tolerance)) for v, x, y in pairs)
        return next((_found(v, d) for v, d in differences if not d.ok), None)
    except SardonyxError:
        return None  # an engine need not give every value; one at a time asks for less


def _one_by_one(
    a: OfModel, b: OfModel, feeds: Mapping[str, Any], model: Model, shared: Sequence[Value], tolerance: float | None
) -> FirstDifference | None:
    """Halve the values that lead to a wrong output until one is left before which all is right."""

    def difference(v: Value) -> Difference:
        (x,), (y,) = a.values(feeds, [v.name]), b.values(feeds, [v.name])
        return compared(v.name, x, y, tolerance)

    wrong = next(((v, d) for v in model.graph.outputs if v in shared and not (d := difference(v)).ok), None)
    if wrong is None:
        return None
    leading = _leading_to(wrong[0])
    line = [v for v in shared if v in leading]
    low, high, found = 0, len(line) - 1, wrong[1]
    while low < high:
        middle = (low + high) // 2
        here = difference(line[middle])
        if here.ok:
            low = middle + 1
        else:
            high, found = middle, here
    return _found(line[high], found, fused=True)


def _leading_to(value: Value) -> set[Value]:
    found: set[Value] = set()
    waiting = [value]
    while waiting:
        v = waiting.pop()
        if v in found:
            continue
        found.add(v)
        if v.producer is not None:
            waiting += [x for x in v.producer.inputs if x is not None]
            waiting += [x for graph in v.producer.subgraphs for x in graph.captured()]
    return found


def _found(value: Value, difference: Difference, *, fused: bool = False) -> FirstDifference:
    node = value.producer
    assert node is not None
    return FirstDifference(value.name, repr(node), place(node), node.source, difference, fused)


def compared(name: str, x: Any, y: Any, tolerance: float | None) -> Difference:
    """Sequences agree if all their elements do."""
    if not isinstance(x, list) and not isinstance(y, list):
        return Difference(name, "absent") if x is None and y is None else compare(name, x, y, tolerance)
    if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
        return Difference(name, "sequence", fault="the sequences have different lengths")
    each = [compared(f"{name}[{i}]", p, q, tolerance) for i, (p, q) in enumerate(zip(x, y, strict=True))]
    return max(each, key=lambda d: (not d.ok, d.error), default=Difference(name, "sequence of 0"))
