"""Writing what takes the place of a node as statements in the ONNX text syntax, loops and branches included.

    return write(new, "size = Abs (x)  Y = ReduceSum <keepdims = 1> (size, axes)", x=new.input(0), axes=[1])

The statements are of the version that the adapter leads to. Their free names are keywords: values of the graph, None for an
input left out, or what becomes a constant. Where a node needs more than one expression, this reads better than `rewrite.op`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from sardonyx.ir import Function, Graph, Node, TensorType, Value
from sardonyx.ir.clone import clone_node
from sardonyx.ir.text import parse_function
from sardonyx.ops import schema_of
from sardonyx.passes.versions.adapter import Old
from sardonyx.rewrite import Op
from sardonyx.rewrite.splice import insert_before

__all__ = ["at_each_axis", "splice", "write"]


def write(new: Old, statements: str, gives: str = "Y", **values: Any) -> tuple[Any, ...]:
    """Put the statements before the node, and give the values of the names in `gives`."""
    function = _parsed(new.version, statements, tuple(values), tuple(gives.split()))
    return splice(new, function, list(values.values()))


@functools.lru_cache(maxsize=512)
def _parsed(opset: int, statements: str, takes: tuple[str, ...], gives: tuple[str, ...]) -> Function:
    head = f'<domain: "sardonyx", opset_import: ["": {opset}]> f ({", ".join(takes)}) => ({", ".join(gives)})'
    return parse_function(f"{head} {{ {statements} }}")


def splice(new: Old, function: Function, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Put the nodes of a function's body before the node, and give what it returns; its attributes are bound already."""
    node, body = new.node, function.graph
    assert node.graph is not None
    mapping: dict[Value, Value | None] = dict.fromkeys(body.inputs)
    for formal, given in zip(body.inputs, inputs, strict=False):
        mapping[formal] = given if given is None else insert_before(node, [given], new.facts, new.names)[0]
    hint = node.name or node.outputs[0].name
    for inner in body.nodes:
        made = clone_node(inner, mapping)  # pyright: ignore[reportArgumentType] None stands for an input left out
        _name(made, hint, new)
        node.graph.insert_before(node, made)
        made.source, made.metadata = node.source, dict(node.metadata)
        _settle(made, new)
    found = [mapping[v] for v in body.outputs]
    given = {mapping[v] for v in body.inputs}
    return tuple(Op("Identity")(v) if v in given or v in found[:i] else v for i, v in enumerate(found))


def _name(node: Node, hint: str, new: Old) -> None:
    """Give what was made names of its own."""
    node.name = new.names.fresh(f"{hint}_{node.name or node.op_type}")
    for value in node.outputs:
        if value.name:
            value.name = new.names.fresh(f"{hint}_{value.name}")
    for graph in node.subgraphs:
        for value in graph.inputs:
            value.name = new.names.fresh(f"{hint}_{value.name}")
        for inner in graph.nodes:
            _name(inner, hint, new)


def _settle(node: Node, new: Old) -> None:
    """Let the types of a new node and of what is inside it be known."""
    for graph in node.subgraphs:
        _type_inputs(node, graph, new)
        for inner in graph.nodes:
            _settle(inner, new)
    _check_types(node, new)
    new.facts.settle(node)


def _check_types(node: Node, new: Old) -> None:
    """Refuse element types that a new node's operator does not take in that version."""
    schema = schema_of(node.domain, node.op_type, new.version)
    assert schema is not None, f"{node!r} is written in opset {new.version}"
    for i, value in enumerate(node.inputs):
        formal, kind = schema.formal(i), None if value is None else new.facts.type(value)
        if formal is not None and isinstance(kind, TensorType) and kind.dtype and kind.dtype not in formal.types:
            new.refuse(
                f"{node.op_type}, in terms of which it can be said, takes no {kind.dtype} in opset {new.version}"
            )


def _type_inputs(node: Node, graph: Graph, new: Old) -> None:
    """The inputs of a loop's body have the types of what goes around, those of a scan's also of slices."""
    states = len(graph.inputs)
    if node.op_type == "Scan":
        states -= int(node.attr("num_scan_inputs"))
    for i, (inner, outer) in enumerate(zip(graph.inputs, node.inputs, strict=False)):
        kind = None if outer is None or inner.type is not None else new.facts.type(outer)
        if isinstance(kind, TensorType) and i >= states and kind.shape:
            kind = TensorType(kind.dtype, (None,) * (len(kind.shape) - 1))
        inner.type = inner.type or kind


def at_each_axis(rank: int, statements: Callable[[int], str], *, given: str = "hit") -> str:
    """Statements that are run for those axes d for which element d of `hit` is true, one after another.

    For one axis they read ``x_d`` and make ``y``; the first reads ``x_0``, and the last result is named ``x_end``.
    """
    steps: list[str] = []
    for d in range(rank):
        steps.append(f"""
            place_{d} = Constant <value = int64 {{{d}}}> ()  here_{d} = Gather <axis = 0> ({given}, place_{d})
            x_{d + 1} = If (here_{d}) <
                then_branch = reached_{d} () => (y) {{ {statements(d)} }},
                else_branch = passed_{d} () => (same) {{ same = Identity (x_{d}) }}>
        """)
    return "\n".join([*steps, f"x_end = Identity (x_{rank})"])
