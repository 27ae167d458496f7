"""Sequences mapped by a loop."""

from __future__ import annotations

from sardonyx.core.errors import InputError
from sardonyx.ir import Graph, SequenceType, TensorType, Value
from sardonyx.ir.text import print_type
from sardonyx.ops.bodies.body import Call, body_of
from sardonyx.ops.bodies.splice import spliced


@body_of("SequenceMap", {17: 17})
def sequence_map(call: Call) -> str:
    """A loop over the first sequence, whose body ends with an insertion into each result."""
    graph: Graph = call.attributes["body"]
    names = ["input_sequence", *(f"additional_inputs_{i}" for i in range(1, len(call.given)))]
    sources: list[str] = []
    for i, name in enumerate(names):
        kind = call.types[i] if i < len(call.types) else None
        if not isinstance(kind, SequenceType) and i == 0:
            raise InputError(
                "Expected a sequence type for input 0 of SequenceMap",
                why=f"it is {kind or 'unknown'}",
                fix="declare the type of the value, or infer the model's types first",
            )
        sources.append(f"SequenceAt ({name}, at)" if isinstance(kind, SequenceType) else f"Identity ({name})")
    lines, made = spliced(graph, "each_", sources)
    results = [(f"out_sequence_{i}", value) for i, value in enumerate(graph.outputs)]
    steps = ["go_on = Identity (go)", *lines]
    steps += [
        f"{name}_after = SequenceInsert ({name}_before, {each})" for (name, _), each in zip(results, made, strict=True)
    ]
    empties = [f"{name}_empty = SequenceEmpty <dtype = {_element(value, call)}> ()" for name, value in results]
    kinds = [print_type(SequenceType(TensorType(value.dtype))) for _, value in results]
    before = ", ".join(f"{kind} {name}_before" for kind, (name, _) in zip(kinds, results, strict=True))
    after = ", ".join(f"{kind} {name}_after" for kind, (name, _) in zip(kinds, results, strict=True))
    text = "\n        ".join(steps)
    return f"""
    length = SequenceLength (input_sequence)
    always = Constant <value = bool {{1}}> ()
    {" ".join(empties)}
    {", ".join(name for name, _ in results)} = Loop (length, always, {", ".join(f"{name}_empty" for name, _ in results)}) <
        body = steps (int64 at, bool go, {before}) => (bool go_on, {after}) {{
        {text}
    }}>
    """


def _element(value: Value, call: Call) -> int:
    """The element type of a result of the body; the first sequence's where the body says nothing."""
    if value.dtype is not None:
        return value.dtype.code
    first = call.types[0]
    held = first.element if isinstance(first, SequenceType) else None
    return held.dtype.code if isinstance(held, TensorType) and held.dtype is not None else 1
