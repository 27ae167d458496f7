"""How many inputs and outputs the official rules reach for, whether a node has them or not.

What lies beyond a node's last input or output is refused at once, however lenient the caller; a number that a rule itself
counts is refused as any contradiction is.
"""

from __future__ import annotations

from sardonyx.compat.onnx._inference.errors import refuse_type
from sardonyx.compat.onnx._validation import ValidationError
from sardonyx.ops import Schema

__all__ = ["must_be_counted", "must_reach"]

REGIONS_SINCE = 11  # the version of Resize since which only sizes or scales that are there are asked for
DEQUANTIZED_SINCE = 19  # the version of DequantizeLinear since which the scale tells the type

# Operators whose rules reach for this many inputs before anything else; others for one, if it tells the output's type.
REACHED = {
    **dict.fromkeys(("Not", "SequenceMap"), 0),
    **dict.fromkeys(("Bernoulli", "EyeLike", "RMSNormalization", "RandomNormalLike"), 1),
    **dict.fromkeys(("RandomUniformLike", "RegexFullMatch"), 1),
    **dict.fromkeys(("ConvInteger", "MatMulInteger", "Where"), 2),
    **dict.fromkeys(("QLinearConv", "QLinearMatMul"), 4),
}
# Those that reach for more once the first input has a type, or a rank.
REACHED_THEN: dict[str, int] = dict.fromkeys(("QLinearConv", "QLinearMatMul"), 8)
REACHED_LAST: dict[str, int] = dict.fromkeys(("TopK", "Unsqueeze"), 2)
OUTPUTS_REACHED = {"TopK": 2}
# How many inputs a rule wants: at least, at most.
COUNTED = {"MaxUnpool": (2, 3), "OneHot": (3, 3), "Slice": (3, 5)}


def must_be_counted(schema: Schema, n_inputs: int) -> None:
    """Refuse a number of inputs before anything is asked of them."""
    name = schema.operator.name
    fewest, most = COUNTED.get(name, (0, n_inputs))
    if schema.min_inputs >= fewest and not fewest <= n_inputs <= most:
        raise refuse_type(f"{name} takes {fewest} to {most} inputs, not {n_inputs}")
    first = schema.inputs[0].type if schema.inputs else ""
    reached = REACHED.get(name, int(first == schema.outputs[0].type and "(" not in first))
    if name == "DequantizeLinear" and schema.version >= DEQUANTIZED_SINCE:
        reached = 2
    _beyond("Input", n_inputs, min(reached, schema.min_inputs))


def must_reach(schema: Schema, n_inputs: int, n_outputs: int, *, typed: bool, ranked: bool) -> None:
    """Refuse numbers once it is known whether the first input has a type, and a rank."""
    name = schema.operator.name
    last = 2 if name == "Resize" and schema.version < REGIONS_SINCE else REACHED_LAST.get(name, 0)
    reached = (REACHED_THEN.get(name, 0) if typed else 0, last if ranked else 0)
    _beyond("Input", n_inputs, min(max(reached), schema.min_inputs))
    _beyond("Output", n_outputs, OUTPUTS_REACHED.get(name, 0))


def _beyond(what: str, count: int, reached: int) -> None:
    if count < reached:
        raise ValidationError(f"{what} {count} is out of bounds.")
