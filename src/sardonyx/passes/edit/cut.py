"""A part of a model as a model of its own."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.core.errors import InputError
from sardonyx.infer import infer_shapes
from sardonyx.ir import Graph, Model, Value
from sardonyx.passes.clean import dead_code
from sardonyx.passes.contract import Work

__all__ = ["extract"]


def extract(model: Model, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None) -> Model:
    """The part of `model` that computes `outputs` from `inputs`.

    Args:
        inputs: names of values where the part begins; None keeps the inputs of the model that the outputs need.
        outputs: names of values that it gives; None keeps the outputs of the model.

    Raises:
        InputError: the main graph has no such value, or an output also needs an input that is not named.
    """
    cut = infer_shapes(model)  # an input must state its type, which the model may not
    graph = cut.graph
    known = {v.name: v for v in graph.values() if v.name}
    results = graph.outputs if outputs is None else [_named(known, name) for name in outputs]
    before = list(graph.inputs)
    if inputs is not None:
        begins = [_begin(graph, _named(known, name)) for name in inputs]
        moved = dict(begins)
        results = [moved.get(v, v) for v in results]
        graph.inputs = [new for _, new in begins]
        for value in graph.inputs:
            value.graph = graph
    graph.outputs = list(results)
    work = Work(cut)
    dead_code(work)
    missing = [v for v in before if v not in graph.inputs and v.const is None and _is_needed(graph, v)]
    if missing:
        names = ", ".join(f"'{v.name}'" for v in missing)
        raise InputError(
            f"the outputs also need {names}",
            why=f"they cannot be computed from {', '.join(inputs or ()) or 'nothing'} alone",
            fix="name these inputs too, or values between them and the outputs",
        )
    if inputs is None:
        graph.inputs = [v for v in graph.inputs if _is_needed(graph, v)]
    for value in before:
        if value not in graph.inputs and value.const is not None and not _is_needed(graph, value):
            graph.initializers.pop(value.name, None)
    return cut


def _named(known: dict[str, Value], name: str) -> Value:
    found = known.get(name)
    if found is None:
        raise InputError(f"the main graph has no value '{name}'", fix="`sardonyx show` prints the names of all values")
    return found


def _begin(graph: Graph, old: Value) -> tuple[Value, Value]:
    """The value, and the input that its readers read instead; an input stays what it is."""
    if old in graph.inputs:
        return old, old
    new = Value(old.name, old.type)
    new.doc, new.metadata = old.doc, dict(old.metadata)
    for node, i in old.uses:
        node.set_input(i, new)
    for inner in graph.walk_graphs():
        if inner is not graph:
            inner.outputs = [new if v is old else v for v in inner.outputs]
    graph.initializers.pop(old.name, None)
    old.name = graph.fresh_name(f"{old.name}_before") if old.producer is not None else old.name
    return old, new


def _is_needed(graph: Graph, value: Value) -> bool:
    return bool(value.uses) or any(value in inner.outputs for inner in graph.walk_graphs())
