"""Normalizations: a row at a time, with what surrounds them fused in."""

from __future__ import annotations

from typing import Any

from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.kernels.rows import Normalization
from sardonyx.engine.lowering import Deferred, Lowering, NotNative, lower
from sardonyx.engine.rows import RowHead, prologue
from sardonyx.ir import Node, Value
from sardonyx.core.dtypes import FLOAT32


def _give(
    low: Lowering,
    node: Node,
    kind: Normalization,
    order: tuple[int, ...],
    axes: int,
    affine: list[tuple[str, Value | None]],
    epsilon: float = 0.0,
) -> None:
    """Normalize the first input; then apply `affine` steps (an operation and its operand) in order."""
    source = node.inputs[0]
    assert source is not None
    if low.dtype(source) is not FLOAT32 or low.dtype(node.output) is not FLOAT32:
        raise NotNative(f"{node.op_type} of {low.dtype(source)}")
    shape = low.shape(source)
    formula, operands, names = prologue(low, source)
    head = RowHead(kind, formula, [v.broadcast_to(shape) for v in operands], axes, order, epsilon)
    given = [(op, v) for op, v in affine if v is not None]
    views = [low.view(v).broadcast_to(shape) for _, v in given]
    args = ("f32",) * (1 + len(given))
    last = [0, *(len(args) + i for i in range(len(given)))]
    steps = tuple(Step(op, (last[i], 1 + i), "f32") for i, (op, _) in enumerate(given))
    if not steps:
        steps = (Step("cast", (0,), "f32"),)
    nodes = (*names, node.name or node.op_type)
    low.give(node.output, Deferred(shape, FLOAT32, Formula(args, steps), views, head, order, nodes))


@lower("Softmax", "LogSoftmax")
def softmax(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source = node.inputs[0]
    assert source is not None
    rank = len(low.shape(source))
    axis = attrs["axis"] % rank
    order = (*(i for i in range(rank) if i != axis), axis)
    _give(low, node, "softmax" if node.op_type == "Softmax" else "log_softmax", order, 1, [])


@lower("LayerNormalization", "RMSNormalization")
def layer_norm(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source, scale, bias = [*node.inputs, None, None][:3]
    assert source is not None
    if any(v.uses for v in node.outputs[1:]):
        raise NotNative("LayerNormalization whose statistics are read")
    rank = len(low.shape(source))
    axes = rank - attrs["axis"] % rank
    kind: Normalization = "layer" if node.op_type == "LayerNormalization" else "rms"
    _give(low, node, kind, tuple(range(rank)), axes, [("mul", scale), ("add", bias)], attrs["epsilon"])
