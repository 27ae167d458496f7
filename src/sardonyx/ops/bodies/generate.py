"""Operators that make values: ranges and windows."""

from __future__ import annotations

import math

from sardonyx.ops.bodies.body import Call, body, body_of

# The number of steps from start to limit; then a loop adds delta to what it starts with, once for each.
STEPS = """
    way = Sub (limit, start)
    way_f = Cast <to = {real}> (way)
    delta_f = Cast <to = {real}> (delta)
    quotient = Div (way_f, delta_f)
    up = Ceil (quotient)
    positive = Relu (up)
    count = Cast <to = 7> (positive)
    any = Cast <to = 9> (positive)
    end, output = Loop (count, any, start) <body = steps (int64 i, bool go, at) => (go_on, next, here) {{
        go_on = Identity (go)
        next = Add (at, delta)
        here = Identity (at)
    }}>
"""
body("Range", {11: 11}, STEPS.format(real=1))


@body_of("Range", {27: 27})
def range_(call: Call) -> str:
    """As before, but the number of steps is found in double where a float could not hold it."""
    return STEPS.format(real=11 if call.element(0) in (7, 11) else 1)


def window(name: str, constant: float, cosine: float, cosine2: float) -> None:
    """A window is a sum of cosines of the place in it, over its size (or its size less one, if it is not periodic)."""
    second = f"""
    double = Add (angle, angle)
    wave2 = Cos (double)
    weight2 = Constant <value = float {{{cosine2!r}}}> ()
    part2 = Mul (weight2, wave2)
    curve = Add (sum, part2)"""
    body(
        name,
        {17: 17},
        f"""
    zero = Constant <value = float {{0.0}}> ()
    one = Constant <value = float {{1.0}}> ()
    turn = Constant <value = float {{{math.tau!r}}}> ()
    count = Cast <to = 1> (size)
    periodic_i = Constant <value_int: int = @periodic> ()
    periodic_f = Cast <to = 1> (periodic_i)
    less = Sub (one, periodic_f)
    span = Sub (count, less)
    step = Div (turn, span)
    place = Range (zero, count, one)
    angle = Mul (place, step)
    wave = Cos (angle)
    base = Constant <value = float {{{constant!r}}}> ()
    weight = Constant <value = float {{{cosine!r}}}> ()
    part = Mul (weight, wave)
    sum = Add (base, part){second if cosine2 else ""}
    output = Cast <to: int = @output_datatype> ({"curve" if cosine2 else "sum"})
    """,
    )


window("HannWindow", 0.5, -0.5, 0.0)
window("HammingWindow", 25 / 46, -21 / 46, 0.0)
window("BlackmanWindow", 0.42, -0.5, 0.08)
