"""Quantization with the range found at run time."""

from __future__ import annotations

from sardonyx.ops.bodies.body import body

body(
    "DynamicQuantizeLinear",
    {11: 11},
    """
    lowest = Constant <value = float {0.0}> ()
    highest = Constant <value = float {255.0}> ()
    smallest = ReduceMin <keepdims = 0> (x)
    largest = ReduceMax <keepdims = 0> (x)
    below = Min (smallest, lowest)
    above = Max (largest, lowest)
    range = Sub (above, below)
    scale = Div (range, highest)
    steps = Div (below, scale)
    zero = Sub (lowest, steps)
    inside = Clip (zero, lowest, highest)
    whole = Round (inside)
    point = Cast <to = 2> (whole)
    y_scale = Identity (scale)
    y_zero_point = Identity (point)
    y = QuantizeLinear (x, scale, point)
    """,
)
