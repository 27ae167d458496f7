"""Normalizations: a row at a time, with what surrounds them fused in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sardonyx.core.dtypes import FLOAT32
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.kernels.rows import Normalization
from sardonyx.engine.lowering import Deferred, Lowering, NotNative, lower
from sardonyx.engine.rows import RowHead, prologue
from sardonyx.engine.space import physical_order
from sardonyx.ir import Node, Value


def _give(
    low: Lowering,
    node: Node,
    kind: Normalization,
    axes: Sequence[int],
    affine: Sequence[tuple[str, Value | None]] = (),
    epsilon: float = 0.0,
) -> None:
    """Normalize the first input over `axes`; then apply `affine` steps (an operation and its operand) in order."""
    source = node.inputs[0]
    assert source is not None
    if low.dtype(source) is not FLOAT32 or low.dtype(node.output) is not FLOAT32:
        raise NotNative(f"{node.op_type} of {low.dtype(source)}")
    shape = low.shape(source)
    formula, operands, names = prologue(low, source)
    wide = [v.broadcast_to(shape) for v in operands]
    head = RowHead(kind, formula, wide, tuple(axes), epsilon)
    given = [(op, v) for op, v in affine if v is not None]
    views = [low.view(v).broadcast_to(shape) for _, v in given]
    args = ("f32",) * (1 + len(given))
    last = [0, *(len(args) + i for i in range(len(given)))]
    steps = tuple(Step(op, (last[i], 1 + i), "f32") for i, (op, _) in enumerate(given))
    nodes = (*names, node.name or node.op_type)
    order = physical_order(shape, wide)
    low.give(node.output, Deferred(shape, FLOAT32, Formula(args, steps), views, head, order, nodes))


def _rank(low: Lowering, node: Node) -> int:
    source = node.inputs[0]
    assert source is not None
    return len(low.shape(source))


@lower("Softmax", "LogSoftmax")
def softmax(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    axis = attrs["axis"] % _rank(low, node)
    _give(low, node, "softmax" if node.op_type == "Softmax" else "log_softmax", [axis])


@lower("LayerNormalization", "RMSNormalization")
def layer_norm(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    if any(v.uses for v in node.outputs[1:]):
        raise NotNative("LayerNormalization whose statistics are read")
    _, scale, bias = [*node.inputs, None, None][:3]
    rank = _rank(low, node)
    kind: Normalization = "layer" if node.op_type == "LayerNormalization" else "rms"
    axes = range(attrs["axis"] % rank, rank)
    _give(low, node, kind, axes, [("mul", scale), ("add", bias)], attrs["epsilon"])
