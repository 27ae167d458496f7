"""Scan lost its batch axis."""

from __future__ import annotations

import numpy as np

from sardonyx.core.dtypes import BOOL, INT64
from sardonyx.ir import Attr, Graph, Node, Tensor, TensorType, Type, Value
from sardonyx.passes.versions.adapter import Old, up
from sardonyx.rewrite import Expr, Op


@up("Scan", 9)
def scan_of_batches(old: Old) -> Expr:
    """Every input had a batch axis in front: a Scan over the batch holds one Scan for each sequence.

    Sequences may have lengths of their own. Behind its length a sequence changes no state, and what it gives is undefined.
    """
    node = old.node
    if not node.inputs:
        old.refuse("it has no inputs")
    lengths, outer = node.inputs[0], list(node.inputs[1:])
    count, directions, body = old.attr("num_scan_inputs"), old.attr("directions"), node.attrs["body"]
    if lengths is not None and any(directions or ()):
        old.refuse(
            "where a sequence that is read backwards begins was never said", fix="export the model for opset 9 or newer"
        )
    node.set_attr("body", None)  # it moves, and must not go with the node
    given = [Value(old.names.fresh("sequence"), _without_batch(old, v)) for v in outer]
    starts, made = list(given), [Value(old.names.fresh("result")) for _ in node.outputs]
    results, steps = list(made), list[Node]()
    if lengths is not None:
        length, first = (Value(old.names.fresh(name), TensorType(INT64, ())) for name in ("length", "first"))
        zero = Attr.of("value", Tensor(np.zeros((), np.int64)))
        steps.append(Node("Constant", [], [first], {"value": zero}, name=old.names.fresh("first")))
        _stop_at(old, body.value, length, len(given) - count)
        starts, results = [first, *given], [Value(old.names.fresh("end")), *made]
        given, outer = [*given, length], [*outer, lengths]
    attrs = {"body": body, "num_scan_inputs": count, "scan_input_directions": directions}
    attrs = {k: v for k, v in attrs.items() if v is not None}
    steps.append(Node("Scan", starts, results, attrs, name=old.names.fresh("scan")))
    batch = Graph(old.names.fresh("batch"), given, made)
    for step in steps:
        batch.append(step)
        old.facts.settle(step)
    scan = Op("Scan")(*outer, body=Attr.of("body", batch), num_scan_inputs=len(given))
    return tuple(scan[i] for i in range(len(made)))


def _stop_at(old: Old, body: Graph, length: Value, states: int) -> None:
    """Let the body count its rounds, and keep its states as they are from round number `length` on."""
    now, then, one, within = (
        Value(old.names.fresh(name), TensorType(INT64, ())) for name in ("now", "then", "one", "within")
    )
    within.type = TensorType(BOOL, ())
    step = Attr.of("value", Tensor(np.ones((), np.int64)))
    body.append(Node("Constant", [], [one], {"value": step}, name=old.names.fresh("one")))
    body.append(Node("Add", [now, one], [then], name=old.names.fresh("count")))
    body.append(Node("Less", [now, length], [within], name=old.names.fresh("within")))
    kept: list[Value] = []
    for before, after in zip(body.inputs[:states], body.outputs[:states], strict=True):
        kept.append(Value(old.names.fresh("kept"), before.type))
        body.append(Node("Where", [within, after, before], [kept[-1]], name=old.names.fresh("keep")))
    body.inputs, body.outputs = [now, *body.inputs], [then, *kept, *body.outputs[states:]]


def _without_batch(old: Old, value: Value | None) -> Type | None:
    kind = None if value is None else old.facts.type(value)
    if isinstance(kind, TensorType) and kind.shape:
        return TensorType(kind.dtype, kind.shape[1:])
    return kind
