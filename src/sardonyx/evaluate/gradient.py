"""Gradient: the one operator that speaks of other nodes of its graph, so that no function of its inputs can compute it.

The nodes that lead from `xs` and `zs` to `y` run again on the node's own inputs; then derivatives flow back through them. What
a derivative does at one node is a row of `PULLBACKS`: it takes the derivative of the final value with respect to the node's
output, and gives those with respect to the node's inputs, None where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sardonyx.core.errors import InputError, UnsupportedError
from sardonyx.ir import Array, Graph, Node, Value

__all__ = ["GRADIENT", "PULLBACKS", "gradient"]

GRADIENT = ("ai.onnx.preview.training", "Gradient")

Run = Callable[[Node, Sequence[Any]], list[Any]]
Pullback = Callable[[Array, Sequence[Any], Array, Mapping[str, Any]], Sequence[Any]]


def _fit(derivative: Array, like: Array) -> Array:
    """The derivative with respect to what was broadcast: the sum over the places where it was used."""
    extra = derivative.ndim - like.ndim
    axes = (
        *range(extra),
        *(i + extra for i, n in enumerate(like.shape) if n == 1 and derivative.shape[i + extra] != 1),
    )
    return derivative.sum(axis=axes, keepdims=True).reshape(like.shape)


def _elementwise(rule: Callable[..., Sequence[Array]]) -> Pullback:
    """A rule of dy, the inputs and y, at broadcast shapes."""

    def pull(dy: Array, inputs: Sequence[Any], y: Array, _: Mapping[str, Any]) -> Sequence[Any]:
        return [_fit(np.broadcast_to(d, dy.shape), x) for d, x in zip(rule(dy, *inputs, y), inputs, strict=True)]

    return pull


def _reshape(dy: Array, inputs: Sequence[Any], _y: Array, _: Mapping[str, Any]) -> Sequence[Any]:
    return [dy.reshape(inputs[0].shape), *[None] * (len(inputs) - 1)]


def _transpose(dy: Array, inputs: Sequence[Any], _y: Array, attrs: Mapping[str, Any]) -> Sequence[Any]:
    perm = attrs.get("perm") or tuple(reversed(range(dy.ndim)))
    return [dy.transpose(np.argsort(perm))]


def _matmul(dy: Array, inputs: Sequence[Any], _y: Array, _: Mapping[str, Any]) -> Sequence[Any]:
    a, b = inputs
    if a.ndim < 2 or b.ndim < 2:  # a vector is a matrix of one row or column, whose axis the product drops
        wide = dy[..., None, :] if a.ndim < 2 and b.ndim >= 2 else dy[..., None] if a.ndim >= 2 else dy.reshape(1, 1)
        left, right = (a[None, :] if a.ndim < 2 else a), (b[:, None] if b.ndim < 2 else b)
        da, db = _matmul(wide, [left, right], wide, {})
        return [da.reshape(a.shape), db.reshape(b.shape)]
    return [_fit(dy @ b.swapaxes(-1, -2), a), _fit(a.swapaxes(-1, -2) @ dy, b)]


def _gemm(dy: Array, inputs: Sequence[Any], _y: Array, attrs: Mapping[str, Any]) -> Sequence[Any]:
    a, b, *rest = inputs
    left, right = (a.T if attrs["transA"] else a), (b.T if attrs["transB"] else b)
    scaled = dy * np.asarray(attrs["alpha"], dy.dtype)
    da, db = scaled @ right.T, left.T @ scaled
    bias = [None if c is None else _fit(dy * np.asarray(attrs["beta"], dy.dtype), c) for c in rest]
    return [da.T if attrs["transA"] else da, db.T if attrs["transB"] else db, *bias]


def _reduce(dy: Array, inputs: Sequence[Any], y: Array, attrs: Mapping[str, Any], *, mean: bool) -> Sequence[Any]:
    x = inputs[0]
    axes = inputs[1] if len(inputs) > 1 and inputs[1] is not None else ()
    axes = tuple(int(a) % x.ndim for a in np.reshape(axes, -1))
    if not axes and not attrs["noop_with_empty_axes"]:
        axes = tuple(range(x.ndim))
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    share = np.asarray(y.size / max(x.size, 1) if mean else 1, dy.dtype)
    return [np.broadcast_to(dy.reshape(kept) * share, x.shape), *[None] * (len(inputs) - 1)]


def _softmax(dy: Array, _inputs: Sequence[Any], y: Array, attrs: Mapping[str, Any]) -> Sequence[Any]:
    return [y * (dy - (dy * y).sum(axis=attrs["axis"], keepdims=True))]


# fmt: off
PULLBACKS: dict[str, Pullback] = {
    "Identity": _elementwise(lambda dy, x, y: [dy]),
    "Neg":      _elementwise(lambda dy, x, y: [-dy]),
    "Abs":      _elementwise(lambda dy, x, y: [dy * np.sign(x)]),
    "Exp":      _elementwise(lambda dy, x, y: [dy * y]),
    "Log":      _elementwise(lambda dy, x, y: [dy / x]),
    "Sqrt":     _elementwise(lambda dy, x, y: [dy / (y + y)]),
    "Sin":      _elementwise(lambda dy, x, y: [dy * np.cos(x)]),
    "Cos":      _elementwise(lambda dy, x, y: [-dy * np.sin(x)]),
    "Relu":     _elementwise(lambda dy, x, y: [dy * (x > 0)]),
    "Tanh":     _elementwise(lambda dy, x, y: [dy * (1 - y * y)]),
    "Sigmoid":  _elementwise(lambda dy, x, y: [dy * y * (1 - y)]),
    "Reciprocal": _elementwise(lambda dy, x, y: [-dy * y * y]),
    "Add":      _elementwise(lambda dy, a, b, y: [dy, dy]),
    "Sub":      _elementwise(lambda dy, a, b, y: [dy, -dy]),
    "Mul":      _elementwise(lambda dy, a, b, y: [dy * b, dy * a]),
    "Div":      _elementwise(lambda dy, a, b, y: [dy / b, -dy * y / b]),
    "Reshape": _reshape, "Flatten": _reshape, "Squeeze": _reshape, "Unsqueeze": _reshape,
    "Transpose": _transpose,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "ReduceSum": lambda dy, x, y, attrs: _reduce(dy, x, y, attrs, mean=False),
    "ReduceMean": lambda dy, x, y, attrs: _reduce(dy, x, y, attrs, mean=True),
    "Softmax": _softmax,
}
# fmt: on


def gradient(
    node: Node,
    arrays: Sequence[Any],
    attrs: Mapping[str, Any],
    run: Run,
    attributes_of: Callable[[Node], Mapping[str, Any]],
    known: Callable[[Value], Any],
) -> list[Array]:
    """The derivatives of the sum of y's elements with respect to each of xs.

    Args:
        node: the Gradient node; `arrays` are its inputs, the values of xs and then of zs.
        run: gives the outputs of another node of the graph for given inputs.
        attributes_of: the attributes of another node, defaults included.
        known: the value of anything that does not depend on xs and zs.

    Raises:
        InputError: a name that the node gives is none of the graph's values.
        UnsupportedError: an operator on the way to y has no row in `PULLBACKS`.
    """
    graph = node.graph
    assert graph is not None
    names = [*attrs["xs"], *(attrs["zs"] or ())]
    given = [_named(graph, name) for name in names]
    y = _named(graph, attrs["y"])
    values: dict[Value, Any] = dict(zip(given, arrays, strict=True))
    path = _path(graph, y, set(given))
    for step in path:
        inputs = [None if v is None else values[v] if v in values else known(v) for v in step.inputs]
        values.update(zip(step.outputs, run(step, inputs), strict=False))
    if y not in values:
        return [np.zeros_like(x) for x in arrays[: len(attrs["xs"])]]
    flowing: dict[Value, Array] = {y: np.ones_like(values[y])}
    for step in reversed(path):
        dy = flowing.get(step.outputs[0])
        if dy is None:
            continue
        rule = PULLBACKS.get(step.op_type) if step.domain == "" else None
        if rule is None:
            raise UnsupportedError(
                f"Gradient cannot pass through {step!r}",
                missing=[f"{step.op_type} (derivative)"],
                why=f"derivatives are known for {', '.join(sorted(PULLBACKS))}",
                fix="train in a framework: export the model without Gradient",
            )
        inputs = [None if v is None else values[v] if v in values else known(v) for v in step.inputs]
        for value, part in zip(
            step.inputs, rule(dy, inputs, values[step.outputs[0]], attributes_of(step)), strict=True
        ):
            if value is not None and part is not None:
                part = np.asarray(part, values[value].dtype if value in values else dy.dtype)
                flowing[value] = flowing[value] + part if value in flowing else part
    return [flowing[v] if v in flowing else np.zeros_like(values[v]) for v in given[: len(attrs["xs"])]]


def _named(graph: Graph, name: str) -> Value:
    found = graph.find(name)
    if found is None:
        raise InputError(f"Gradient names '{name}', which is no value of its graph")
    return found


def _path(graph: Graph, y: Value, given: set[Value]) -> list[Node]:
    """The nodes between the given values and y that depend on a given value, in the graph's order."""
    needed: dict[Node, None] = {}
    waiting = [] if y in given else [y]
    while waiting:
        producer = waiting.pop().producer
        if producer is not None and producer not in needed:
            needed[producer] = None
            waiting += [v for v in producer.inputs if v is not None and v not in given]
    depends, path = set(given), list[Node]()
    for step in graph.nodes:
        if step in needed and not depends.isdisjoint(v for v in step.inputs if v is not None):
            depends.update(step.outputs)
            path.append(step)
    return path
