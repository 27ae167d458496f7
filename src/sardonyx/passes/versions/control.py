"""Scan lost its batch axis."""

from __future__ import annotations

from sardonyx.ir import Attr, Graph, Node, TensorType, Type, Value
from sardonyx.passes.versions.adapter import Old, up
from sardonyx.rewrite import Expr, Op


@up("Scan", 9)
def scan_of_batches(old: Old) -> Expr:
    """Every input had a batch axis in front: a Scan over the batch holds one Scan for each sequence."""
    node = old.node
    if not node.inputs:
        old.refuse("it has no inputs")
    if node.inputs[0] is not None:
        old.refuse("its sequences have lengths of their own", fix="export the model for opset 9 or newer")
    count, directions, body = old.attr("num_scan_inputs"), old.attr("directions"), node.attrs["body"]
    node.set_attr("body", None)  # it moves, and must not go with the node
    given = [Value(old.names.fresh("sequence"), _without_batch(old, v)) for v in node.inputs[1:]]
    attrs = {"body": body, "num_scan_inputs": count, "scan_input_directions": directions}
    made = [Value(old.names.fresh("result")) for _ in node.outputs]
    inner = Node("Scan", given, made, {k: v for k, v in attrs.items() if v is not None}, name=old.names.fresh("scan"))
    batch = Graph(old.names.fresh("batch"), given, made)
    batch.append(inner)
    old.facts.settle(inner)
    scan = Op("Scan")(*node.inputs[1:], body=Attr.of("body", batch), num_scan_inputs=len(given))
    return tuple(scan[i] for i in range(len(made)))


def _without_batch(old: Old, value: Value | None) -> Type | None:
    kind = None if value is None else old.facts.type(value)
    if isinstance(kind, TensorType) and kind.shape:
        return TensorType(kind.dtype, kind.shape[1:])
    return kind
