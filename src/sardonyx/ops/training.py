"""Training inside a model: dropout, gradients, and the steps that optimizers take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array, show_shape
from sardonyx.ops.declare import (
    Flag,
    Float,
    Input,
    Int,
    Ints,
    Output,
    String,
    Strings,
    infers,
    operator,
    reference,
    types,
)
from sardonyx.ops.elementwise import wide
from sardonyx.ops.known import Dims, Known
from sardonyx.ops.typesets import BOOL, CLASSIC, FLOAT8, FLOATS, FLOATS_BF, I64

PREVIEW = "ai.onnx.preview.training"


@operator("Dropout", since=(1, 6, 7, 10, 12, 13, 22), deterministic=False)
class Dropout:
    """In training, each element is zero with probability `ratio`, else scaled by 1 / (1 - ratio); else nothing happens.

    Before version 12 a model did not say whether it trains: then it does not.
    """

    T = types({1: FLOATS, 13: FLOATS_BF, 22: FLOATS_BF | FLOAT8})
    T1 = types({10: BOOL, 12: FLOATS, 22: FLOATS_BF | FLOAT8})
    T2 = types(BOOL)
    data = Input(T)
    ratio = Input(T1, optional=True, since=12, was=Float(0.5))
    training_mode = Input(T2, optional=True, since=12)
    output = Output(T)
    mask = Output(T, optional=True, until=10)
    mask10 = Output(T1, optional=True, since=10, until=12, names={1: "mask"})
    mask12 = Output(T2, optional=True, since=12, names={1: "mask"})
    seed, is_test, consumed_inputs = Int(since=12), Flag(0, until=7), Ints(until=6)

    @infers
    def infer(data: Known, ratio: Known | None, training_mode: Known | None) -> list[Dims]:
        for name, x in (("ratio", ratio), ("training_mode", training_mode)):
            if x is not None and x.has_shape and x.rank != 0:
                raise ShapeError(f"{name} of Dropout is a scalar", why=f"its shape is {show_shape(x.shape)}")
        return [data.shape, data.shape]

    @reference
    def run(
        data: Array, ratio: Array | None, training_mode: Array | None, *, seed: int | None, n_outputs: int, opset: int
    ) -> list[Array]:
        share = 0.5 if ratio is None else float(ratio)
        keep = np.ones(data.shape, bool)
        y = data
        if training_mode is not None and bool(training_mode) and share != 0:
            keep = np.random.RandomState(seed).uniform(size=data.shape) >= share  # the generator of the official cases
            y = np.where(keep, wide(data) / (1 - share), 0).astype(data.dtype) if share < 1 else np.zeros_like(data)
        return [y, keep if opset >= 10 else keep.astype(data.dtype)][:n_outputs]


@operator("Gradient", since=(1,), domain=PREVIEW)
class Gradient:
    """The derivative of the value that `y` names with respect to each of those that `xs` names; `zs` names what else it needs.

    It speaks of other nodes of its graph, which no function of its inputs can do: the interpreter computes it.
    """

    T1, T2 = types(CLASSIC), types(FLOATS)
    Inputs = Input(T1, variadic=True, homogeneous=False)
    Outputs = Output(T2, variadic=True, homogeneous=False)
    xs, zs, y = Strings(required=True), Strings(), String(required=True)

    @infers
    def infer(*inputs: Known, xs: Sequence[str]) -> list[Known]:
        return [Known(x.type) for x in inputs[: len(xs)]]


def optimizer(name: str, states: int, step: Callable[..., tuple[Array, ...]], doc: str, facts: dict[str, Any]) -> None:
    """An operator that moves tensors against their gradients: inputs R, T, all tensors, all gradients, all states.

    `step(r, t, x, g, *states, **facts)` gives the new tensor and its new states.
    """

    def infer(R: Known, T: Known, *inputs: Known) -> list[Known]:
        count = len(inputs) // (2 + states)
        return [Known(x.type) for x in (*inputs[:count], *inputs[2 * count :])]

    def run(R: Array, T: Array, *inputs: Array, **given: Any) -> list[Array]:
        count = len(inputs) // (2 + states)
        chosen = {key: given[key] for key in facts}
        moved = [step(R, int(T), *inputs[i::count], **chosen) for i in range(count)]
        return [new.astype(inputs[0].dtype) for kind in zip(*moved, strict=True) for new in kind]

    T1, T2 = types(frozenset({d.FLOAT32, d.FLOAT64})), types(I64)
    T3 = types(frozenset({d.FLOAT32, d.FLOAT64}))
    block: dict[str, Any] = {"__doc__": doc, "T1": T1, "T2": T2, "T3": T3, "R": Input(T1), "T": Input(T2)}
    block |= {"inputs": Input(T3, variadic=True, homogeneous=False)}
    block |= {"outputs": Output(T3, variadic=True, homogeneous=False)}
    block |= facts
    block |= {"infer": infers(infer), "run": reference(run)}
    operator(name, since=(1,), domain=PREVIEW)(type(name, (), block))


def adagrad(
    r: Array, t: int, x: Array, g: Array, h: Array, *, norm_coefficient: float, epsilon: float, decay_factor: float
) -> tuple[Array, ...]:
    g = norm_coefficient * x + g
    h = h + g * g
    return x - r / (1 + t * decay_factor) * g / (np.sqrt(h) + epsilon), h


def adam(
    r: Array, t: int, x: Array, g: Array, v: Array, h: Array, *, alpha: float, beta: float, epsilon: float,
    norm_coefficient: float, norm_coefficient_post: float,
) -> tuple[Array, ...]:  # fmt: skip
    g = norm_coefficient * x + g
    v, h = alpha * v + (1 - alpha) * g, beta * h + (1 - beta) * g * g
    rate = r * np.sqrt(1 - beta**t) / (1 - alpha**t) if t > 0 else r  # both averages began at zero
    return (1 - norm_coefficient_post) * (x - rate * v / (np.sqrt(h) + epsilon)), v, h


def momentum(
    r: Array, t: int, x: Array, g: Array, v: Array, *, alpha: float, beta: float, norm_coefficient: float, mode: str
) -> tuple[Array, ...]:
    g = norm_coefficient * x + g
    v = alpha * v + (beta if t > 0 else 1) * g
    return x - r * (g + alpha * v if mode == "nesterov" else v), v


optimizer(
    "Adagrad", 1, adagrad, "Steps shorter the more a coordinate has moved: over the root of the sum of squared gradients.",
    {"norm_coefficient": Float(0.0), "epsilon": Float(1e-6), "decay_factor": Float(0.0)},
)  # fmt: skip
optimizer(
    "Adam", 2, adam, "Steps along the averaged gradient, over the root of the averaged squared gradient.",
    {"alpha": Float(0.9), "beta": Float(0.999), "epsilon": Float(1e-6), "norm_coefficient": Float(0.0),
     "norm_coefficient_post": Float(0.0)},
)  # fmt: skip
optimizer(
    "Momentum", 1, momentum, "Steps along the gradient and, fading, those before it; Nesterov's look ahead.",
    {"alpha": Float(required=True), "beta": Float(required=True), "norm_coefficient": Float(required=True),
     "mode": String(required=True)},
)  # fmt: skip

__all__: list[str] = []
