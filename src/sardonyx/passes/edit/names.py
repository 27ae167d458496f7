"""New names for what a model is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sardonyx.core.errors import InputError
from sardonyx.ir import Graph, Model

__all__ = ["prefix", "rename"]


def rename(model: Model, names: Mapping[str, str]) -> Model:
    """A copy in which the values of the main graph, and of graphs inside it, have new names: ``{old: new}``.

    Raises:
        InputError: there is no value of an old name, or a new name is taken.
    """
    renamed = model.clone()
    values = [v.name for g in renamed.graph.walk_graphs() for v in g.values() if v.name]
    unknown = names.keys() - set(values)
    if unknown:
        raise InputError(
            f"the model has no value '{min(unknown)}'", fix="`sardonyx show` prints the names of all values"
        )
    kept = {name for name in values if name not in names}
    new = list(names.values())
    taken = next((name for name in new if name in kept or new.count(name) > 1 or not name), None)
    if taken is not None:
        raise InputError(f"the name '{taken}' is taken", why="a name stands for one value")
    _values(renamed.graph, lambda name: names.get(name, name))
    return renamed


def prefix(model: Model, text: str, *, interface: bool = True) -> Model:
    """A copy in which the names of all values and nodes begin with `text`, so that it can be joined with any other.

    Args:
        interface: whether inputs and outputs are renamed too.
    """
    renamed = model.clone()
    kept = set[str]() if interface else {v.name for v in (*renamed.graph.inputs, *renamed.graph.outputs)}
    _values(renamed.graph, lambda name: name if name in kept else text + name)
    for node in renamed.graph.walk():
        node.name = node.name and text + node.name
    return renamed


def _values(graph: Graph, new_name: Callable[[str], str]) -> None:
    """Rename every value of a graph and of those inside it; what refers to values by name follows."""
    for inner in list(graph.walk_graphs()):
        for value in dict.fromkeys(inner.values()):
            value.name = value.name and new_name(value.name)
        inner.initializers = {value.name: value for value in inner.initializers.values()}
        inner.quantization = tuple(_annotation(entry, new_name) for entry in inner.quantization)


def _annotation(entry: Any, new_name: Callable[[str], str]) -> Any:
    """The copy of a quantization annotation that names the same tensors."""
    copy = type(entry)()
    copy.CopyFrom(entry)
    copy.tensor_name = new_name(entry.tensor_name)
    for parameter in copy.quant_parameter_tensor_names:
        parameter.value = new_name(parameter.value)
    return copy
