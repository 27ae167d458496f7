"""Before 8, operators on many tensors did not broadcast; before 7, those on two had to be asked to, and did it one way."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr, Op
from sardonyx.rewrite.op import (
    Add,
    Cast,
    Div,
    Equal,
    Exp,
    Greater,
    IsNaN,
    Less,
    Max,
    Min,
    Mul,
    Not,
    Or,
    Reshape,
    Sub,
    Where,
)

# What takes the operands the other way round.
_TURNED = {
    **{name: name for name in ("Add", "Mul", "And", "Or", "Xor", "Equal")},
    "Less": "Greater",
    "Greater": "Less",
}


@down("Pow", 12)
def pow_of_one_type(new: Old) -> Expr:
    """Both operands were floats of one type."""
    x, y = new.dtype(0), new.dtype(1)
    if x is None or y is None or (x is y and x.kind == "float"):
        return None
    through = x if x.kind == "float" else dtypes.FLOAT64
    power = Op("Pow")(*(Cast(new.input(i), to=through.code) for i in range(2)))
    return power if through is x else Cast(power, to=x.code)


@down("Clip", 11)
def clip_by_computed_bounds(new: Old) -> Expr:
    """Bounds were attributes; computed ones are a Max and a Min."""
    bounds = [new.input(i) for i in (1, 2)]
    if all(value is None or new.array(i) is not None for i, value in enumerate(bounds, 1)):
        return None
    low = new.input(0) if bounds[0] is None else Max(new.input(0), bounds[0])
    return low if bounds[1] is None else Min(low, bounds[1])


@down("GreaterOrEqual LessOrEqual", 12)
def order_or_equal(new: Old) -> Expr:
    """Or(Greater(a, b), Equal(a, b)), likewise Less."""
    a, b = new.input(0), new.input(1)
    return Or(Op(new.node.op_type.removesuffix("OrEqual"))(a, b), Equal(a, b))


@down("Celu", 12)
def celu_in_pieces(new: Old) -> Expr:
    """max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)"""
    x, alpha = new.input(0), new.attr("alpha")
    return Add(Max(x, 0.0), Min(Mul(Sub(Exp(Div(x, alpha)), 1.0), alpha), 0.0))


@down("Equal", 11)
def equal_floats(new: Old) -> Expr:
    """Floats are equal when neither is less, and neither is NaN."""
    dtype, a, b = new.dtype(0), new.input(0), new.input(1)
    if dtype is None or dtype.kind != "float":
        return None
    return Not(Or(Or(Less(a, b), Greater(a, b)), Or(IsNaN(a), IsNaN(b))))


@down("ThresholdedRelu", 10)
def thresholded_relu_in_pieces(new: Old) -> Expr:
    """x where x > alpha, else 0"""
    x, dtype = new.input(0), new.dtype(0)
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    return Where(Greater(x, new.attr("alpha")), x, np.zeros((), dtype.numpy))


@down("Sign", 9)
def sign_of_floats(new: Old) -> Expr:
    """(x > 0) - (x < 0)"""
    dtype, x = new.dtype(0), new.input(0)
    if dtype is None or dtype.kind != "float":
        new.refuse("only floats could be compared")
    return Sub(Cast(Greater(x, 0.0), to=dtype.code), Cast(Less(x, 0.0), to=dtype.code))


@down("Sum Mean Max Min", 8)
def many_of_one_shape(new: Old) -> Expr:
    """All inputs had one shape. Sums broadcast two at a time; what is compared is widened by a product with ones."""
    node, values = new.node, new.node.inputs
    shapes = [new.shape(i) for i in range(len(values))]
    if (None not in shapes and len(set(shapes)) == 1) or len(values) == 1:
        return None
    if node.op_type in ("Sum", "Mean"):
        total: Any = values[0]
        for value in values[1:]:
            total = Add(total, value)
        return total if node.op_type == "Sum" else Div(total, len(values))
    dtype = new.dtype(0)
    if dtype is None or not all(s is not None and all(isinstance(d, int) for d in s) for s in shapes):
        new.refuse("it broadcasts shapes that are not known", fix="declare the shapes of the model's inputs")
    ones = np.ones(np.broadcast_shapes(*[tuple(map(int, s)) for s in shapes if s is not None]), dtype.numpy)
    return Op(node.op_type)(*(Mul(value, ones) for value in values))


@down("Add Sub Mul Div And Or Xor Equal Less Greater Pow", 7)
def broadcast_when_asked(new: Old) -> Expr:
    """B stood for a run of axes of A: `axis` says where it begins. Operands that do not fit so are turned round if they may be."""
    node = new.node
    a, b = new.shape(0), new.shape(1)
    if a is None or b is None:
        new.refuse("it may broadcast shapes that are not known", fix="declare the shapes of the model's inputs")
    if a == b and None not in a:
        return None
    placed = _placed(a, b)
    if placed is None and node.op_type in _TURNED and _placed(b, a) is not None:
        node.op_type = _TURNED[node.op_type]
        node.set_inputs(node.inputs[::-1])
        placed, a, b = _placed(b, a), b, a
    if placed is None:
        new.refuse(f"shapes {a} and {b} were not broadcast to each other")
    core, axis = placed
    if len(core) != len(b) and len(b) > 1:
        if not all(isinstance(d, int) for d in core):
            new.refuse(f"an operand of shape {b} would have to lose axes of extent 1")
        new.wrap_input(1, Reshape(new.input(1), [int(d) for d in core]))
    node.set_attr("broadcast", 1)
    node.set_attr("axis", axis)
    return None


def _placed(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[tuple[Any, ...], int | None] | None:
    """B without the axes of extent 1 around it, and where it begins in A; None where it is no run of A's axes."""
    if len(b) > len(a):
        return None
    first = next((i for i, d in enumerate(b) if d != 1), None)
    if first is None:
        return (() if not b else (1,)), None
    last = next(i for i in range(len(b) - 1, -1, -1) if b[i] != 1)
    core, axis = b[first : last + 1], len(a) - len(b) + first
    fits = None not in core and a[axis : axis + len(core)] == core
    return (core, axis) if fits else None


@down("PRelu", 7)
def slope_of_channels(new: Old) -> Expr:
    """The slope was one number, or one for each channel."""
    x, slope = new.shape(0), new.shape(1)
    if x is None or slope is None:
        new.refuse("the shapes are unknown", fix="declare the shapes of the model's inputs")
    if x == slope or all(d == 1 for d in slope):
        return None
    aligned = (*[1] * (len(x) - len(slope)), *slope)
    if len(x) < 2 or any(d != 1 for i, d in enumerate(aligned) if i != 1):
        new.refuse(f"a slope of shape {slope} is neither one number nor one per channel")
    if len(slope) > 1:
        new.wrap_input(1, Reshape(new.input(1), [-1]))
    return None


@down("Cast", 6)
def cast_to_name(new: Old) -> Expr:
    """`to` was the name of the element type."""
    new.node.set_attr("to", dtypes.dtype(int(new.attr("to"))).onnx)
