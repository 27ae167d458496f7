"""`torch.cond` and `torch.while_loop`: graphs inside a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sardonyx.core import dtypes as d
from sardonyx.core.errors import UnsupportedError
from sardonyx.ir import TensorType, Value
from sardonyx.ops.builder import Builder

if TYPE_CHECKING:
    from sardonyx.frontends.torch.translate import Translator

__all__ = ["HIGHER"]


def _module(t: Translator, node: Any) -> torch.fx.GraphModule:
    """The graph that a node of kind `get_attr` names."""
    return getattr(node.graph.owning_module, node.target)


def _operands(t: Translator, items: Sequence[Any]) -> list[Any]:
    return [t.get(x) if isinstance(x, torch.fx.Node) else x for x in items]


def _inline(t: Translator, g: Builder, module: torch.fx.GraphModule, inputs: Sequence[Any]) -> list[Value]:
    """Write the nodes of `module` with `g`; what it returns."""
    outer, t.g = t.g, g
    try:
        placeholders = [n for n in module.graph.nodes if n.op == "placeholder"]
        t.values.update(zip(placeholders, inputs, strict=True))
        t.translate(module.graph.nodes)
        (output,) = (n for n in module.graph.nodes if n.op == "output")
        returned: Any = output.args[0]
        results = [t.get(n) for n in (returned if isinstance(returned, (list, tuple)) else [returned])]
    finally:
        t.g = outer
    if not all(isinstance(r, Value) for r in results):
        raise UnsupportedError("a branch or loop that returns something else than tensors")
    return results


def cond(t: Translator, node: torch.fx.Node) -> tuple[Value, ...]:
    predicate, yes, no, *rest = node.args
    operands = _operands(t, rest[0] if rest else node.kwargs.get("operands", ()))  # pyright: ignore[reportArgumentType]
    if not isinstance(predicate, torch.fx.Node) or not isinstance(t.get(predicate), Value):
        raise UnsupportedError("a condition on sizes", fix="export with that size fixed")

    def branch(which: Any, name: str) -> Any:
        return t.g.body(name, [], lambda g: _inline(t, g, _module(t, which), operands))

    results = t.g.If(
        t.get(predicate),
        then_branch=branch(yes, "then_branch"),
        else_branch=branch(no, "else_branch"),
        outputs=len(_fakes(node)),
    )
    return tuple(results)


def while_loop(t: Translator, node: torch.fx.Node) -> tuple[Value, ...]:
    """Loop asks for the condition of the next round at the end of each."""
    asks, does, carried, *rest = node.args
    start = _operands(t, carried)  # pyright: ignore[reportArgumentType]
    fixed = _operands(t, rest[0] if rest else ())  # pyright: ignore[reportArgumentType]
    if not all(isinstance(v, Value) for v in start):
        raise UnsupportedError("a loop that carries sizes", fix="carry a tensor, as torch.tensor(0)")

    def asked(g: Builder, values: Sequence[Any]) -> Value:
        (answer,) = _inline(t, g, _module(t, asks), [*values, *fixed])
        return g.Reshape(answer, np.zeros(0, np.int64)) if answer.rank else answer

    def body(g: Builder, turn: Value, again: Value, *values: Value) -> list[Value]:
        results = _inline(t, g, _module(t, does), [*values, *fixed])
        return [asked(g, results), *results]

    types = [TensorType(v.dtype, v.shape) for v in start]
    scalars = [("turn", TensorType(d.INT64, ())), ("again", TensorType(d.BOOL, ()))]
    graph = t.g.body("body", [*scalars, *((f"carried_{i}", kind) for i, kind in enumerate(types))], body)
    return tuple(t.g.Loop(None, asked(t.g, start), *start, body=graph, outputs=len(start)))


def _fakes(node: torch.fx.Node) -> Sequence[Any]:
    fake = node.meta["val"]
    return fake if isinstance(fake, (list, tuple)) else (fake,)


HIGHER: dict[Any, Callable[[Any, torch.fx.Node], tuple[Value, ...]]] = {
    torch.ops.higher_order.cond: cond,
    torch.ops.higher_order.while_loop: while_loop,
}
