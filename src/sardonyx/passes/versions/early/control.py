"""The branches of If gave results of one shape; Scan ran over a batch of sequences."""

from __future__ import annotations

from typing import Any

from sardonyx.ir import TensorType, Value
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr, Op
from sardonyx.rewrite.op import Squeeze, Unsqueeze


@down("If", 11)
def branches_of_one_shape(new: Old) -> Expr:
    """Either branch gave a result of the same shape."""
    then, other = (new.node.attrs[name].value.outputs for name in ("then_branch", "else_branch"))
    for a, b in zip(then, other, strict=False):
        if _differ(_shape(new, a), _shape(new, b)):
            new.refuse("its branches give results of other shapes")


def _shape(new: Old, value: Value) -> tuple[Any, ...] | None:
    kind = new.facts.type(value)
    return kind.shape if isinstance(kind, TensorType) else None


def _differ(a: tuple[Any, ...] | None, b: tuple[Any, ...] | None) -> bool:
    """Whether two shapes are known to be different."""
    if a is None or b is None:
        return False
    return len(a) != len(b) or any(
        isinstance(m, int) and isinstance(n, int) and m != n for m, n in zip(a, b, strict=True)
    )


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
