"""Scan ran over a batch of sequences."""

from __future__ import annotations

from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr, Op
from sardonyx.rewrite.op import Squeeze, Unsqueeze


@down("Scan", 9)
def scan_of_one(new: Old) -> Expr:
    """A batch of one sequence."""
    node, count = new.node, new.attr("num_scan_inputs")
    for name in ("scan_input_axes", "scan_output_axes", "scan_output_directions"):
        if any(new.attr(name) or ()):
            new.refuse(f"its '{name}' came with opset 9")
    directions, body = new.attr("scan_input_directions"), node.attrs["body"]
    node.set_attr("body", None)  # it moves, and must not go with the node
    batch = [Unsqueeze(value, axes=(0,)) for value in node.inputs]
    attrs = {"body": body, "num_scan_inputs": count, "directions": directions}
    scan = Op("Scan")(None, *batch, **{k: v for k, v in attrs.items() if v is not None})
    return tuple(Squeeze(scan[i], axes=(0,)) for i in range(len(node.outputs)))
