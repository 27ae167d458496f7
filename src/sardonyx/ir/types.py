"""The types a value can have. Shapes are tuples of dims; a dim that nothing is known of is None."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, Union

from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import DType

__all__ = [
    "MapType",
    "OpaqueType",
    "OptionalType",
    "SequenceType",
    "Shape",
    "SparseTensorType",
    "TensorType",
    "Type",
    "show_shape",
]

Shape: TypeAlias = tuple[Dim | None, ...]


def show_shape(shape: Sequence[Dim | None] | None) -> str:
    """``[batch, 3, ?]``, or ``[...]`` when not even the rank is known."""
    return "[...]" if shape is None else "[" + ", ".join("?" if d is None else str(d) for d in shape) + "]"


@dataclass(frozen=True, slots=True)
class TensorType:
    """A dense tensor; `shape` is None when the rank is unknown, `dtype` is None when the element type is.

    `axes` says what each axis stands for (the denotations of its dims), where anything is said. It has no part in equality.
    """

    dtype: DType | None
    shape: Shape | None = None
    denotation: str | None = None
    axes: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"{self.dtype or '?'}{show_shape(self.shape)}"


@dataclass(frozen=True, slots=True)
class SparseTensorType:
    """A sparse tensor in coordinate form."""

    dtype: DType | None
    shape: Shape | None = None
    denotation: str | None = field(default=None, compare=False)
    axes: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"sparse_tensor({self.dtype or '?'}{show_shape(self.shape)})"


@dataclass(frozen=True, slots=True)
class SequenceType:
    """A sequence whose elements all have one type."""

    element: Type | None
    denotation: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"seq({self.element or '?'})"


@dataclass(frozen=True, slots=True)
class OptionalType:
    """A value that may be absent."""

    element: Type | None
    denotation: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"optional({self.element or '?'})"


@dataclass(frozen=True, slots=True)
class MapType:
    """A map from integers or strings to values of one type."""

    key: DType
    value: Type | None
    denotation: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"map({self.key}, {self.value or '?'})"


@dataclass(frozen=True, slots=True)
class OpaqueType:
    """A type that only a custom domain understands."""

    domain: str
    name: str
    denotation: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"opaque({self.domain}, {self.name})"


Type: TypeAlias = Union[TensorType, SparseTensorType, SequenceType, OptionalType, MapType, OpaqueType]
