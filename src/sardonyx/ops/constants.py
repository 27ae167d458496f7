"""Python numbers, lists and arrays as constants of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from sardonyx.core.dtypes import BOOL, FLOAT32, INT64, STRING, DType
from sardonyx.core.errors import DTypeError
from sardonyx.ir import Array, Graph, Tensor, Value
from sardonyx.ops.names import Names

__all__ = ["Constants", "Literal", "as_array"]

Literal: TypeAlias = bool | int | float | complex | str | Sequence[Any] | np.ndarray[Any, Any] | np.generic | Tensor

SHARED_BYTES = 1024  # constants up to this size exist once per graph
_DEFAULTS: list[tuple[type | tuple[type, ...], DType]] = [(bool, BOOL), (int, INT64), (float, FLOAT32), (str, STRING)]


def as_array(literal: Any, wanted: DType | None = None) -> Array:
    """`literal` as an array. Arrays keep their type; Python numbers take `wanted`, else bool, int64 or float32.

    Raises:
        DTypeError: a number that `wanted` cannot hold.
    """
    if isinstance(literal, Tensor):
        return literal.numpy()
    if isinstance(literal, (np.ndarray, np.generic)):
        return np.asarray(literal)
    first = literal
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    kind = wanted or next((k for types, k in _DEFAULTS if isinstance(first, types)), INT64 if first == [] else None)
    exact = np.asarray(literal)
    if kind is None:
        return exact
    if kind.is_integer and exact.dtype.kind == "f" and not np.array_equal(exact, np.trunc(exact)):
        raise DTypeError(f"{literal!r} is no {kind}", fix="round it, or cast the other input to a float type")
    try:
        return np.asarray(literal, kind.numpy)
    except OverflowError as error:
        raise DTypeError(f"{literal!r} does not fit {kind}", why=str(error)) from error


class Constants:
    """The initializers a builder makes; equal small ones exist once."""

    def __init__(self, graph: Graph, names: Names) -> None:
        self.graph, self._names = graph, names
        self._shared: dict[tuple[DType, tuple[int, ...], bytes], Value] = {}

    def add(self, literal: Any, wanted: DType | None = None, hint: str = "const") -> Value:
        """The constant as a value. A tensor that has a name is somebody's weight: it keeps its name and stays its own."""
        tensor = literal if isinstance(literal, Tensor) else Tensor(as_array(literal, wanted))
        if tensor.name or tensor.nbytes > SHARED_BYTES or tensor.dtype is STRING:
            return self._new(tensor, hint)
        key = tensor.dtype, tensor.shape, bytes(tensor.raw())
        found = self._shared.get(key)
        if found is None or found.const is None:
            found = self._shared[key] = self._new(tensor, hint)
        return found

    def _new(self, tensor: Tensor, hint: str) -> Value:
        return self.graph.add_initializer(tensor, self._names.fresh(tensor.name or hint))
