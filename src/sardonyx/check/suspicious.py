"""Legal shapes that are seldom what was meant: warnings. What inference found counts as declared, if it was annotated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sardonyx.check.rule import Finding, Findings, Site, rule
from sardonyx.ir import Tensor, TensorType, Value, show_shape
from sardonyx.ops import lookup


def _shape(value: Value | None) -> tuple[Any, ...] | None:
    kind = None if value is None else value.type
    return kind.shape if isinstance(kind, TensorType) else None


@rule("SDX-C185", on="graph", severity="warning")
def extents_have_names(site: Site) -> Findings:
    """An extent of an input is a number or has a name."""
    if site.is_main and site.function is None:
        for value in site.graph.inputs:
            shape = _shape(value)
            if shape is not None and None in shape:
                yield Finding(
                    f"input '{value.name}' has extents without a name: {show_shape(shape)}",
                    "of two such extents nobody knows whether they are equal",
                    'name them: sx.set_dims(model, {"x": ["batch", 3]})',
                )


@rule("SDX-C186", on="graph", severity="warning")
def tensors_have_elements(site: Site) -> Findings:
    """An input or output of the main graph has elements."""
    if site.is_main and site.function is None:
        for role, values in (("input", site.graph.inputs), ("output", site.graph.outputs)):
            for value in values:
                shape = _shape(value)
                if shape is not None and 0 in shape:
                    yield Finding(
                        f"{role} '{value.name}' can hold no element: {show_shape(shape)}",
                        "one of its extents is 0",
                        "exporters write 0 where they mean an open extent: give it a name",
                    )


@rule("SDX-C187", on="schema node", severity="warning")
def no_outer_product_by_chance(site: Site) -> Findings:
    """A column and a vector of one length do not meet in an elementwise operator."""
    node = site.node
    assert node is not None
    op = lookup(node.domain, node.op_type)
    if op is None or not op.elementwise or len(node.inputs) != 2:
        return
    a, b = _shape(node.inputs[0]), _shape(node.inputs[1])
    if a is not None and b is not None and (_spreads(a, b) or _spreads(b, a)):
        yield Finding(
            f"{node!r} makes a matrix of a column {show_shape(max(a, b, key=len))} and a vector {show_shape(min(a, b, key=len))}",
            "broadcasting sets the vector's axis against the column's last, which is 1",
            "reshape one of the two, or unsqueeze the vector if the matrix is meant",
        )


def _spreads(column: Sequence[Any], vector: Sequence[Any]) -> bool:
    """Whether a column [..., n, 1] meets a vector [n] of more than one element."""
    return len(vector) == 1 and len(column) > 1 and column[-1] == 1 and column[-2] == vector[0] not in (1, None)


@rule("SDX-C188", on="schema node", severity="warning")
def reshapes_keep_open_extents_open(site: Site) -> Findings:
    """A Reshape of a tensor with open extents does not name a number for each of its own."""
    node = site.node
    assert node is not None
    if node.op_type != "Reshape" or node.domain or len(node.inputs) < 2 or node.inputs[0] is None:
        return
    shape, target = _shape(node.inputs[0]), _numbers(node.inputs[1])
    if shape is None or not target or all(isinstance(n, int) for n in shape):
        return
    if all(n > 0 for n in target):
        yield Finding(
            f"{node!r} makes {show_shape(shape)} {show_shape(target)}",
            "that fits for one size of the open extents only",
            "write -1 for one of the numbers, or set_batch(model) to find what was meant",
        )


def _numbers(value: Value | None) -> list[int] | None:
    """The elements of a constant that is a vector of integers."""
    const = None if value is None else value.const
    if const is None and value is not None and value.producer is not None and value.producer.op_type == "Constant":
        const = value.producer.attr("value")
    if not isinstance(const, Tensor) or len(const.shape) != 1 or not const.dtype.is_integer:
        return None
    return [int(n) for n in const.numpy()]


@rule("SDX-C189", on="schema node", severity="warning")
def squeezes_say_where(site: Site) -> Findings:
    """A Squeeze of a tensor with open extents names its axes."""
    node = site.node
    assert node is not None
    if node.op_type != "Squeeze" or node.domain or "axes" in node.attrs or not node.inputs:
        return
    shape = _shape(node.inputs[0])
    named = len(node.inputs) > 1 and node.inputs[1] is not None
    if shape is not None and not named and not all(isinstance(n, int) for n in shape):
        yield Finding(
            f"{node!r} drops whatever axis of {show_shape(shape)} is 1 when the model runs",
            "an open extent may be 1, and then the result has another rank",
            "name the axes",
        )
