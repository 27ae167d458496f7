"""What inference found out about a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from sardonyx.core.errors import Fault
from sardonyx.ir import Model, Shape, TensorType, Type, Value
from sardonyx.ops import Known

__all__ = ["Inference"]


@dataclass(eq=False)
class Inference:
    """Types and carried integers by value, and every contradiction that was met.

    Values in the bodies of functions are not kept: they differ from call to call.
    """

    model: Model
    known: dict[Value, Known] = field(default_factory=dict[Value, Known])
    faults: list[Fault] = field(default_factory=list[Fault])

    def type(self, value: Value) -> Type | None:
        found = self.known.get(value)
        return value.type if found is None else found.type

    def shape(self, value: Value) -> Shape | None:
        found = self.type(value)
        return found.shape if isinstance(found, TensorType) else None

    def ints(self, value: Value) -> npt.NDArray[Any] | None:
        """The integers (or dims) in a value, as an object array of the value's shape, where they could be followed."""
        found = self.known.get(value)
        return None if found is None else found.value

    def annotate(self) -> None:
        """Write the types to the values of the model."""
        for value, found in self.known.items():
            if found.type is not None:
                value.type = found.type
