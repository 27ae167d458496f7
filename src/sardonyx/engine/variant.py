"""What a call fixes before a model is compiled: the results, the inputs with a default that it overrides, unknown ranks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from sardonyx.core.dims import Dim, symbol
from sardonyx.ir import Model, TensorType

__all__ = ["Choice", "specialize"]


@dataclass(frozen=True)
class Choice:
    """What calls that share a compiled model have in common.

    Attributes:
        outputs: the names of the results; None means the graph's outputs.
        given: the inputs with a default value that get another.
        ranks: of the inputs whose type has none.
    """

    outputs: tuple[str, ...] | None = None
    given: frozenset[str] = frozenset()
    ranks: frozenset[tuple[str, int]] = frozenset()


def specialize(model: Model, choice: Choice) -> Model:
    """A copy of the model for these calls: defaults that stand are constants, every extent of an input has a name."""
    model = model.clone()
    graph = model.graph
    graph.inputs = [v for v in graph.inputs if v.const is None or v.name in choice.given]
    ranks = dict(choice.ranks)
    taken = {str(d) for v in graph.values() for d in v.shape or () if d is not None}
    fresh = (name for i in itertools.count() if (name := f"_n{i}") not in taken)
    for value in graph.inputs:
        if value.const is not None:
            graph.remove_initializer(value)
        kind = value.type
        if isinstance(kind, TensorType) and (kind.shape is not None or value.name in ranks):
            extents = (None,) * ranks[value.name] if kind.shape is None else kind.shape
            shape: tuple[Dim, ...] = tuple(symbol(next(fresh)) if d is None else d for d in extents)
            value.type = replace(kind, shape=shape)
    if choice.outputs is not None:
        by_name = {v.name: v for v in graph.values()}
        graph.outputs = [by_name[name] for name in choice.outputs]
    return model
