"""Reductions."""

from __future__ import annotations

from typing import Any

from sardonyx.core.dims import Expr
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.kernels.reduce import INTEGER, Reduction
from sardonyx.engine.lowering import Deferred, Lowering, NotNative, lower
from sardonyx.engine.rows import ReduceHead, prologue
from sardonyx.ir import Node, Value

KINDS: dict[str, Reduction] = {
    "ReduceSum": "sum",
    "ReduceMean": "mean",
    "ReduceMax": "max",
    "ReduceMin": "min",
    "ReduceProd": "prod",
    "ReduceSumSquare": "sum_square",
    "ReduceL1": "l1",
    "ReduceL2": "l2",
    "ReduceLogSum": "log_sum",
    "ReduceLogSumExp": "log_sum_exp",
}


def reduced(low: Lowering, node: Node, source: Value, kind: Reduction, axes: list[int], keep: bool) -> None:
    """Give the node's output: `source` reduced over `axes`."""
    formula, operands, names = prologue(low, source)
    behind = Formula(("i32",), (Step("cast", (0,), "i1"),)) if formula.kind == "i1" and kind in ("max", "min") else None
    if behind is not None:  # truth values are compared as numbers
        last = len(formula.args) + len(formula.steps) - 1
        formula = Formula(formula.args, (*formula.steps, Step("cast", (last,), "i32")))
    computed = formula.kind
    seeks = kind.startswith(("first", "last"))
    if computed not in ("f32", "f64") and (kind not in INTEGER or computed not in ("i32", "i64")):
        raise NotNative(f"{node.op_type} of {low.dtype(source)}")
    result = "i64" if seeks else computed
    head = ReduceHead(kind, formula, operands, low.shape(source), tuple(axes), keep)
    nodes = (*names, node.name or node.op_type)
    out = node.output
    low.give(out, Deferred(low.shape(out), low.dtype(out), behind or Formula((result,)), [], head, None, nodes))


@lower("ArgMax", "ArgMin")
def arg(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """The number of the extreme element: the extreme one is found first, then its number."""
    source = node.inputs[0]
    assert source is not None
    rank = len(low.shape(source))
    if not rank:
        raise NotNative(f"{node.op_type} of a scalar")
    which = "last" if attrs["select_last_index"] else "first"
    kind: Reduction = f"{which}_{node.op_type[3:].lower()}"  # pyright: ignore[reportAssignmentType] one of four
    reduced(low, node, source, kind, [attrs["axis"] % rank], bool(attrs["keepdims"]))


@lower(*KINDS)
def reduce(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source = node.inputs[0]
    assert source is not None
    rank = len(low.shape(source))
    given = node.inputs[1] if len(node.inputs) > 1 else None
    axes = low.ints(given) if given is not None else attrs.get("axes")
    if given is not None and (axes is None or any(isinstance(a, Expr) for a in axes)):
        raise NotNative("axes that are data")
    if not axes and attrs.get("noop_with_empty_axes"):
        raise NotNative("a reduction over no axes")
    over = sorted({int(a) % rank for a in axes}) if axes else list(range(rank))  # pyright: ignore[reportArgumentType]
    if not over:
        raise NotNative("a reduction of a scalar")
    reduced(low, node, source, KINDS[node.op_type], over, bool(attrs["keepdims"]))
