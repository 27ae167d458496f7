"""Mapping over sequences was a loop; what may be absent had no type of its own."""

from __future__ import annotations

import numpy as np

from sardonyx.core.dtypes import BOOL, INT64
from sardonyx.ir import Attr, Graph, Node, OptionalType, SequenceType, TensorType, Value
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Identity, Loop, SequenceEmpty, SequenceLength


@down("SequenceMap", 17)
def map_by_loop(new: Old) -> Expr:
    """A loop over the positions of the first sequence, which adds what the body gives to the ends of sequences."""
    node = new.node
    body: Graph = new.attr("body")
    node.set_attr("body", None)  # it moves, and must not go with the node
    position = Value(new.names.fresh("position"), TensorType(INT64, ()))
    go = Value(new.names.fresh("go"), TensorType(BOOL, ()))
    first = next(iter(body.nodes), None)
    for outer, inner in zip(node.inputs, body.inputs, strict=True):
        assert outer is not None
        value = outer
        if isinstance(new.facts.type(outer), SequenceType):
            value = Value(inner.name, inner.type)
            at = Node("SequenceAt", [outer, position], [value], name=new.names.fresh("element"))
            body.append(at) if first is None else body.insert_before(first, at)
        inner.replace_uses(value)
        body.outputs = [value if v is inner else v for v in body.outputs]
    starts: list[Expr] = []
    grown: list[Value] = []
    before: list[Value] = []
    for result, out in zip(body.outputs, node.outputs, strict=True):
        kind = new.facts.type(out)
        element = kind.element if isinstance(kind, SequenceType) else None
        if not isinstance(element, TensorType) or element.dtype is None:
            new.refuse("the type of what its body gives is unknown", fix="declare the types of the model's inputs")
        starts.append(SequenceEmpty(dtype=element.dtype.code))
        before.append(Value(new.names.fresh("before"), kind))
        grown.append(Value(new.names.fresh("after"), kind))
        body.append(Node("SequenceInsert", [before[-1], result], [grown[-1]], name=new.names.fresh("insert")))
    on = Value(new.names.fresh("on"), go.type)
    body.append(Node("Identity", [go], [on], name=new.names.fresh("goes_on")))
    body.inputs, body.outputs = [position, go, *before], [on, *grown]
    loop = Loop(SequenceLength(node.inputs[0]), np.array(True), *starts, body=Attr.of("body", body))
    return tuple(loop[i] for i in range(len(grown)))


@down("OptionalHasElement", 18)
def what_is_known_to_be_there(new: Old) -> Expr:
    """Only what may be absent was asked for: a tensor is there, and what is left out is not."""
    value = new.input(0)
    if value is not None and isinstance(new.facts.type(value), OptionalType):
        return None
    return Identity(np.array(value is not None))


@down("OptionalGetElement", 18)
def what_is_there(new: Old) -> Expr:
    """Only what may be absent was opened; anything else is itself."""
    value = new.input(0)
    return None if value is None or isinstance(new.facts.type(value), OptionalType) else Identity(value)


@down("Optional OptionalHasElement OptionalGetElement", 15)
def nothing_may_be_absent(new: Old) -> Expr:
    """There were no types for what may be absent."""
    new.refuse(
        "what may be absent has had a type since opset 15 only", fix="give tensors, and another input that says so"
    )
