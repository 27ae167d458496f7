"""The symbols of one inference: fresh names for unknown extents, and what became known of them since."""

from __future__ import annotations

import itertools
from collections.abc import Set
from dataclasses import replace

import numpy as np

from sardonyx.core.dims import Dim, Expr, free_symbols, substitute, symbol
from sardonyx.ir import OptionalType, SequenceType, Shape, TensorType, Type
from sardonyx.ops import Known

__all__ = ["Symbols"]


class Symbols:
    """Fresh symbols are ``_d0``, ``_d1``, ...; one that must equal something else is renamed to it, everywhere.

    Args:
        taken: the names the model uses; fresh symbols avoid them.
        inputs: the symbols in the types of the graph's inputs. These stand for what the caller gives, so that nothing can
            be learnt of them: a contradiction must not rename them.
    """

    def __init__(self, taken: Set[str], inputs: Set[str]) -> None:
        self._taken, self._inputs = taken, inputs
        self._numbers = itertools.count()
        self._fresh: set[str] = set()
        self._bindings: dict[str, Dim] = {}
        self._resolved: dict[Dim, Dim] = {}

    def fresh(self) -> Expr:
        name = next(n for i in self._numbers if (n := f"_d{i}") not in self._taken)
        self._fresh.add(name)
        return symbol(name)

    def is_fresh(self, name: str | None) -> bool:
        return name in self._fresh

    def is_free(self, name: str | None) -> bool:
        """Whether the symbol may still be given a meaning: it is no input's, and has none yet."""
        return name is not None and name not in self._inputs and name not in self._bindings

    def bind(self, name: str, meaning: Dim) -> None:
        """From now on `name` is `meaning`."""
        meaning = self.resolve(meaning)
        if name not in free_symbols(meaning):
            self._bindings[name] = meaning
            self._resolved.clear()

    def fresh_in(self, dims: Set[str]) -> list[str]:
        return sorted(dims & self._fresh)

    # -- reading through the bindings --------------------------------------------------------------------------------

    def resolve(self, d: Dim) -> Dim:
        if isinstance(d, int) or not self._bindings:
            return d
        found = self._resolved.get(d)
        if found is None:
            found = d
            while not isinstance(found, int) and not free_symbols(found).isdisjoint(self._bindings):
                found = substitute(found, self._bindings)
            self._resolved[d] = found
        return found

    def resolve_shape(self, shape: Shape) -> Shape:
        return tuple(None if d is None else self.resolve(d) for d in shape)

    def resolve_known(self, known: Known) -> Known:
        """`known` with every renamed symbol replaced, and every unknown extent given a fresh symbol."""
        kind = self.named(known.type)
        value = known.value
        if value is not None and self._bindings and any(isinstance(x, Expr) for x in value.flat):
            fresh = np.empty(value.shape, object)
            fresh.reshape(-1)[:] = [self.resolve(x) if isinstance(x, Expr) else x for x in value.flat]
            value = fresh
        return known if kind is known.type and value is known.value else replace(known, type=kind, value=value)

    def named(self, kind: Type | None) -> Type | None:
        """`kind` with a symbol for every unknown extent of a tensor; elements of sequences may differ, so theirs stay."""
        if isinstance(kind, TensorType) and kind.shape is not None:
            shape = tuple(self.fresh() if d is None else self.resolve(d) for d in kind.shape)
            return kind if shape == kind.shape else replace(kind, shape=shape)
        if (
            isinstance(kind, (SequenceType, OptionalType))
            and isinstance(kind.element, TensorType)
            and kind.element.shape
        ):
            shape = self.resolve_shape(kind.element.shape)
            return kind if shape == kind.element.shape else replace(kind, element=replace(kind.element, shape=shape))
        return kind
