"""Normalizations: a row at a time, with what surrounds them fused in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core.dtypes import FLOAT32
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.fuse import Steps, fuse, low_value
from sardonyx.engine.kernels.rows import Normalization
from sardonyx.engine.lowering import Deferred, Lowering, NotNative, lower
from sardonyx.engine.rows import RowHead, prologue
from sardonyx.engine.space import physical_order
from sardonyx.engine.views import View
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


@lower("LpNormalization")
def lp_normalization(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    _give(low, node, "l1" if attrs["p"] == 1 else "l2", [attrs["axis"] % _rank(low, node)])


def by_channel(low: Lowering, view: View, rank: int) -> Value:
    """A vector of one number per channel, as an operand of an image of `rank` axes."""
    return low_value(low, view.unsqueezed(range(1, rank - 1)))


@lower("InstanceNormalization")
def instance_norm(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    rank = _rank(low, node)
    affine = [
        (op, by_channel(low, low.view(v), rank)) for op, v in zip(("mul", "add"), node.inputs[1:], strict=True) if v
    ]
    _give(low, node, "layer", range(2, rank), affine, attrs["epsilon"])


@lower("GroupNormalization")
def group_norm(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """The groups become an axis of their own."""
    source, scale, bias = node.inputs
    assert source is not None and scale is not None and bias is not None
    x, groups = low.view(source), attrs["num_groups"]
    channels = x.shape[1]
    if not isinstance(channels, int) or {low.shape(scale), low.shape(bias)} != {(channels,)} or x.dtype is not FLOAT32:
        raise NotNative("GroupNormalization of a symbolic number of channels, or by group")
    shape = (x.shape[0], groups, channels // groups, *x.shape[2:])
    split = x.reshaped(shape)
    if split is None:
        raise NotNative("GroupNormalization of channels that do not lie evenly")
    head = RowHead("layer", Formula(("f32",)), [split], tuple(range(2, len(shape))), attrs["epsilon"])
    views: list[View] = []
    for value in (scale, bias):
        grouped = low.contiguous(low.view(value)).reshaped(shape[1:3])
        assert grouped is not None
        views.append(grouped.unsqueezed(range(2, len(shape) - 1)).broadcast_to(shape))
    formula = Formula(("f32",) * 3, (Step("fma", (0, 1, 2), "f32"),))
    order = physical_order(shape, [split])
    out = low.force(
        Deferred(shape, FLOAT32, formula, views, head, order, (node.name or node.op_type,)), node.output.name
    )
    whole = out.reshaped(x.shape)
    assert whole is not None
    low.give(node.output, whole)


@lower("BatchNormalization")
def batch_norm(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """A factor and a summand per channel, so that it joins what gives its input."""
    source = node.inputs[0]
    assert source is not None
    if attrs.get("training_mode") or any(v.uses for v in node.outputs[1:]):
        raise NotNative("BatchNormalization while training")
    if any(v is None or low.dtype(v) is not FLOAT32 for v in node.inputs):
        raise NotNative(f"BatchNormalization of {low.dtype(source)}")
    factor, shift = _affine(low, node, attrs["epsilon"])
    rank = _rank(low, node)

    def recipe(s: Steps, x: list[int], _: dict[str, Any], kind: str) -> int:
        return s.step("fma", *x, kind=kind)

    inputs = [source, by_channel(low, factor, rank), by_channel(low, shift, rank)]
    low.give(node.output, fuse(low, node, attrs, recipe, inputs))


def _affine(low: Lowering, node: Node, epsilon: float) -> tuple[View, View]:
    """What channels are multiplied by, and what is added then."""
    params = [v for v in node.inputs[1:] if v is not None]
    arrays = [low.const(v) for v in params]
    known = [a.astype(np.float64) for a in arrays if a is not None]
    if len(known) == 4:
        scale, bias, mean, var = known
        factor = scale / np.sqrt(var + epsilon)
        pair = (factor, bias - mean * factor)
        return low.constant(pair[0].astype(np.float32)), low.constant(pair[1].astype(np.float32))
    scale, bias, mean, var = (low.view(v) for v in params)
    names = (node.name or node.op_type,)
    factor, shift = low.temp(FLOAT32, scale.shape), low.temp(FLOAT32, scale.shape)
    steps = (
        Step("const", (), "f32", (epsilon,)),
        Step("add", (1, 2), "f32"),
        Step("sqrt", (3,), "f32"),
        Step("div", (0, 4), "f32"),
    )
    low.map(Formula(("f32", "f32"), steps), [scale, var], factor, (0,), names)
    product = (Step("mul", (1, 2), "f32"), Step("sub", (0, 3), "f32"))
    low.map(Formula(("f32",) * 3, product), [bias, mean, factor], shift, (0,), names)
    return factor, shift
