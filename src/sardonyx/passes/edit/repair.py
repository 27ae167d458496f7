"""Constants that hold the old number of samples, in a model whose batch was set free."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.infer import infer
from sardonyx.infer.result import Inference
from sardonyx.ir import Attr, Graph, Model, Node, Shape, Tensor, Value
from sardonyx.rewrite.build import Names

__all__ = ["repair"]

RECURRENT = {"RNN": (5,), "GRU": (5,), "LSTM": (5, 6)}  # the inputs that hold first states: [directions, batch, size]


def repair(model: Model, batch: str, size: int, shapes: Mapping[Node, Shape | None]) -> None:
    """Repair one place after another: each lets inference see further.

    Args:
        batch: the name of the free dim.
        size: the number that it was.
        shapes: of the first output of each node, when it was that number.
    """
    names, done = Names([model.graph]), set[tuple[Node, int]]()
    while True:
        found = infer(model)
        place = next(
            (p for n in model.graph.walk() for p in _stuck(n, found, batch, size, shapes) if p not in done), None
        )
        if place is None:
            return
        done.add(place)
        node, i = place
        if node.op_type in ("Reshape", "Expand"):
            target = _target(node, found, batch, size, _numbers(shapes.get(node)))
            assert node.inputs[1] is not None
            name = names.fresh(f"{node.inputs[1].name}_free")
            node.set_input(1, model.graph.add_initializer(Tensor(target, name=name)))
        else:
            carrier = _carrier(node, found, batch)
            assert carrier is not None
            _spread(model.graph, node, i, *carrier, len(found.shape(node.inputs[i]) or ()), names)  # pyright: ignore[reportArgumentType]


def _stuck(
    node: Node, found: Inference, batch: str, size: int, shapes: Mapping[Node, Shape | None]
) -> list[tuple[Node, int]]:
    """The inputs of a node that hold the old number where another of its inputs has the free batch."""
    if node.domain:
        return []
    if node.op_type in ("Reshape", "Expand"):
        return [(node, 1)] if _is_told(node, found, batch, size, shapes) else []
    if node.op_type in RECURRENT and not node.attr("layout", 0):
        meant = [i for i in RECURRENT[node.op_type] if i < len(node.inputs)]
    else:
        meant = list(range(len(node.inputs))) if node.op_type == "Concat" else []
    carrier = _carrier(node, found, batch) if meant and size == 1 else None
    if carrier is None:
        return []
    stuck: list[tuple[Node, int]] = []
    for i in meant:
        value = node.inputs[i]
        shape = None if value is None else found.shape(value)
        if shape is not None and carrier[1] < len(shape) and shape[carrier[1]] == 1:
            stuck.append((node, i))
    return stuck


def _carrier(node: Node, found: Inference, batch: str) -> tuple[Value, int] | None:
    """An input whose extent is the batch, and on which axis it is; not the one along which a Concat joins."""
    for value in node.inputs[:1] if node.op_type in RECURRENT else node.inputs:
        shape = None if value is None else found.shape(value)
        for axis, d in enumerate(shape or ()):
            joined = node.op_type == "Concat" and axis == node.attr("axis", 0) % len(shape or ())
            if value is not None and d == dims.symbol(batch) and not joined:
                return value, axis
    return None


def _spread(graph: Graph, node: Node, i: int, source: Value, axis: int, rank: int, names: Names) -> None:
    """Let each sample, as many as `source` has along `axis`, have its own copy of what stood there for one."""
    value = node.inputs[i]
    assert value is not None
    own = node.graph or graph

    def constant(numbers: list[int]) -> Value:
        return graph.add_initializer(Tensor(np.array(numbers, np.int64), name=names.fresh(f"{value.name}_place")))

    def made(op: str, inputs: list[Value], attrs: dict[str, Any] | None = None) -> Value:
        result = Value(names.fresh(f"{value.name}_{op}"))
        facts = {k: Attr.of(k, v) for k, v in (attrs or {}).items()}
        own.insert_before(node, Node(op, inputs, [result], facts, name=names.fresh(f"{node.name}_{op}")))
        return result

    count = made("Gather", [made("Shape", [source]), constant([axis])], {"axis": 0})
    behind = rank - axis - 1
    parts = [*([constant([1] * axis)] if axis else []), count, *([constant([1] * behind)] if behind else [])]
    node.set_input(i, made("Expand", [value, made("Concat", parts, {"axis": 0}) if len(parts) > 1 else count]))


def _numbers(shape: Shape | None) -> list[int] | None:
    """A shape of positive numbers."""
    numbers = [d for d in shape or () if isinstance(d, int) and d > 0]
    return numbers if shape is not None and len(numbers) == len(shape) else None


def _target(node: Node, found: Inference, batch: str, size: int, was: list[int] | None) -> Any:
    """What the target of a Reshape or Expand becomes."""
    target = found.ints(node.inputs[1])  # pyright: ignore[reportArgumentType] a node that is told the number has a target
    repaired = np.array(target, np.int64)
    if node.op_type == "Expand":
        repaired[0] = 1  # the batch of what is expanded stays
        return repaired
    place = _place(node, found, batch, size, was)
    if was is not None:
        repaired[:] = was  # all but the batch is as it was
    repaired[place] = 0 if was is None and -1 in repaired else -1  # 0 is copied from what is reshaped
    return repaired


def _place(node: Node, found: Inference, batch: str, size: int, was: list[int] | None) -> int:
    """The dim of a Reshape's result that holds the batch: where as many elements lie in front of it as in its data."""
    data = found.shape(node.inputs[0]) if node.inputs[0] is not None else None
    at = next((i for i, d in enumerate(data or ()) if d is not None and batch in dims.free_symbols(d)), 0)
    outer = _numbers((data or ())[:at])
    own = _numbers(tuple(dims.substitute(d, {batch: size}) for d in (data or ())[at : at + 1] if d is not None))
    if was is None or outer is None or not own:
        return 0
    start, running = prod(outer), [prod(was[:i]) for i in range(len(was) + 1)]
    stop = start * own[0]  # the batch may share its dim with others, on either side of it
    whole = (i for i, d in enumerate(was) if d == size and start <= running[i] and running[i + 1] <= stop)
    shared = (i for i, d in enumerate(was) if d % size == 0 and running[i] <= start and start * size <= running[i + 1])
    place = next(whole, None)
    if place is None and size == 1:
        place = _beside(was, running, start, (data or ())[at + 1 :])
    return next(shared, 0) if place is None else place


def _beside(was: list[int], running: list[int], start: int, behind: Shape) -> int | None:
    """The dim that a batch of one, which left no mark, was merged with: the one before it or the one behind.

    Where the dim behind is one of the data, or several of them joined, rows were counted through (samples times positions);
    where it is a part of one, the batch was merged with that part (samples times heads).
    """
    before = next((i for i, d in enumerate(was) if d > 1 and running[i + 1] == start), None)
    after = next((i for i, d in enumerate(was) if d > 1 and running[i] == start), None)
    if before is None or after is None:
        return after if before is None else before
    extents = _numbers(behind)
    together = {prod(extents[: i + 1]) for i in range(len(extents))} if extents else set[int]()
    return before if was[after] in together else after


def _is_told(node: Node, found: Inference, batch: str, size: int, shapes: Mapping[Node, Shape | None]) -> bool:
    """Whether a node reads something with the free batch, and is told the old number by a constant."""
    if node.domain or node.op_type not in ("Reshape", "Expand") or len(node.inputs) < 2:
        return False
    data, target = node.inputs[0], node.inputs[1]
    if data is None or target is None:
        return False
    shape, wanted = found.shape(data), found.ints(target)
    if shape is None or wanted is None or not len(wanted) or not all(isinstance(d, (int, np.integer)) for d in wanted):
        return False
    if not any(d is not None and batch in dims.free_symbols(d) for d in shape):
        return False
    first, here = int(wanted[0]), shape[0] == dims.symbol(batch)
    if node.op_type == "Expand":
        return first == size > 1 and here and len(wanted) == len(shape)
    was = _numbers(shapes.get(node))
    if was is None:
        return first == size and here if -1 in wanted else first > 0 and first % size == 0
    return int(wanted[_place(node, found, batch, size, was)]) > 0
