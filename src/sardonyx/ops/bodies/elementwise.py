"""Operators of each element, or of two: comparisons, casts, bounds."""

from __future__ import annotations

from sardonyx.ops.bodies.body import Call, body, body_of

for _name, _strict in (("GreaterOrEqual", "Greater"), ("LessOrEqual", "Less")):
    body(_name, {12: 12, 16: 16}, f"ahead = {_strict} (A, B)  level = Equal (A, B)  C = Or (ahead, level)")


@body_of("CastLike", {v: v for v in (15, 19, 21, 23, 24, 25)})
def cast_like(call: Call) -> str:
    """A Cast to the type that the second input has."""
    facts = [f"to = {call.element(1)}"]
    for name in ("saturate", "round_mode"):
        if name in call.attributes:
            kind = "string" if name == "round_mode" else "int"
            facts.append(f"{name}: {kind} = @{name}")
    return f"output = Cast <{', '.join(facts)}> (input)"


@body_of("Clip", {13: 13})
def clip(call: Call) -> str:
    """Choices between the input and the bounds that are given."""
    steps, held = [], "input"
    for index, name, outside in ((1, "min", "Less"), (2, "max", "Less")):
        if call.gives(index):
            order = f"{held}, {name}" if name == "min" else f"{name}, {held}"
            steps.append(f"beyond_{name} = {outside} ({order})  by_{name} = Where (beyond_{name}, {name}, {held})")
            held = f"by_{name}"
    return "\n".join([*steps, f"output = Identity ({held})"])


@body_of("Bernoulli", {15: 15, 22: 22})
def bernoulli(call: Call) -> str:
    """One where a uniform number is below the probability."""
    seed = ", seed: float = @seed" if call.attributes.get("seed") is not None else ""
    return f"""
    drawn = RandomUniformLike <low = 0.0, high = 1.0, dtype = {call.element(0)}{seed}> (input)
    hit = Less (drawn, input)
    output = Cast <to = {call.attributes.get("dtype") or call.element(0)}> (hit)
    """


body("SwiGLU", {28: 28}, "gate = Swish <alpha: float = @alpha> (A)  Y = Mul (gate, B)")
