"""A value as a rule sees it: with everything that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import DType
from sardonyx.ir import Array, Node, Shape, TensorType, Type, Value
from sardonyx.rewrite.facts import Facts

__all__ = ["Operand", "fits_into"]


@dataclass(frozen=True, slots=True)
class Operand:
    """A value and the facts about it."""

    value: Value
    facts: Facts

    @property
    def node(self) -> Node | None:
        return self.value.producer

    @property
    def type(self) -> Type | None:
        return self.facts.type(self.value)

    @property
    def dtype(self) -> DType | None:
        found = self.type
        return found.dtype if isinstance(found, TensorType) else None

    @property
    def is_float(self) -> bool:
        """Whether the elements are known to be floating-point numbers."""
        return self.dtype is not None and self.dtype.kind == "float"

    @property
    def shape(self) -> Shape | None:
        """The shape, or None when the rank is unknown; an extent nobody knows is a symbol of its own, or None."""
        found = self.type
        return found.shape if isinstance(found, TensorType) else None

    @property
    def rank(self) -> int | None:
        found = self.shape
        return None if found is None else len(found)

    @property
    def array(self) -> Array | None:
        """The elements, when the value is constant."""
        return self.facts.constant(self.value)

    @property
    def ints(self) -> list[Any] | None:
        """The integers or dims in a scalar or vector, where they can be followed."""
        found = self.facts.ints(self.value)
        return None if found is None or found.ndim > 1 else list(found.reshape(-1))

    @property
    def numbers(self) -> list[int] | None:
        """Like `ints`, when all of them are plain numbers."""
        found = self.ints
        return found if found is not None and all(isinstance(x, int) for x in found) else None

    def dim(self, axis: int) -> Dim | None:
        """One extent, or None when it is unknown."""
        found = self.shape
        return found[axis] if found is not None and -len(found) <= axis < len(found) else None

    def broadcasts_to(self, *shape: Dim | None) -> bool:
        """Whether this provably broadcasts to `shape` without widening it."""
        return fits_into(self.shape, shape)

    def same_shape(self, other: Operand) -> bool:
        """Whether both provably have one shape."""
        return self.shape is not None and None not in self.shape and self.shape == other.shape


def fits_into(shape: Sequence[Dim | None] | None, target: Sequence[Dim | None] | None) -> bool:
    """Whether `shape` provably broadcasts to `target` without widening it."""
    if shape is None or target is None or len(shape) > len(target):
        return False
    return all(d == 1 or (d is not None and d == t) for d, t in zip(shape[::-1], target[::-1], strict=False))
