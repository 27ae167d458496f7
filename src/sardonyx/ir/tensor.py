"""Constant tensors: bytes that are looked at only when somebody asks for numbers.

A tensor's payload may be an array, a view into a mapped file, or a callable that maps one: loading a model touches no weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sardonyx.core import packing
from sardonyx.core.dtypes import DType, dtype
from sardonyx.core.errors import FormatError
from sardonyx.ir.noted import OnDemand

__all__ = ["Array", "ExternalLocation", "SparseTensor", "Tensor"]

Array: TypeAlias = npt.NDArray[Any]
Payload: TypeAlias = Array | bytes | memoryview | Callable[[], memoryview]


@dataclass(frozen=True, slots=True)
class ExternalLocation:
    """Where in which file the bytes of a tensor lie, as the model wrote it (the path is relative to the model)."""

    location: str
    offset: int = 0
    length: int | None = None
    checksum: str | None = None


class Tensor(OnDemand):
    """A constant: a name, an element type, a static shape, and a payload that is decoded on first use.

    Args:
        payload: an array, or the little-endian bytes of a file (or a callable that gives them), packed as files pack them.
        dtype, shape: needed unless `payload` is an array.
    """

    __slots__ = ("_array", "_payload", "doc", "dtype", "external", "metadata", "name", "shape")
    MADE = {"metadata": dict}

    metadata: dict[str, str]

    def __init__(
        self,
        payload: Payload,
        *,
        name: str = "",
        dtype: DType | None = None,
        shape: Sequence[int] | None = None,
        doc: str = "",
        external: ExternalLocation | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        if isinstance(payload, np.ndarray):
            self.dtype = dtype or _dtype_of(payload)
            self.shape: tuple[int, ...] = tuple(payload.shape) if shape is None else tuple(shape)
            self._array: Array | None = payload.reshape(self.shape)
            self._payload: bytes | memoryview | Callable[[], memoryview] | None = None
        else:
            if dtype is None or shape is None:
                raise TypeError("a tensor made from bytes needs a dtype and a shape")
            self.dtype, self.shape, self._array, self._payload = dtype, tuple(shape), None, payload
        self.name, self.doc, self.external = name, doc, external
        if metadata:
            self.metadata = metadata

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take in a file."""
        return self.dtype.nbytes(self.size)

    def numpy(self) -> Array:
        """The elements as an array; a read-only view of the file where the format allows it, never a copy then."""
        if self._array is None:
            self._array = self._decode()
        return self._array

    def raw(self) -> memoryview:
        """The elements as a file stores them: little-endian, packed. Strings have no raw form."""
        if self._payload is not None:
            payload = self._payload() if callable(self._payload) else self._payload
            return memoryview(payload) if isinstance(payload, bytes) else payload
        array = np.ascontiguousarray(self.numpy())
        if self.dtype.packed:
            return packing.pack(packing.to_codes(array, self.dtype), self.dtype.bits).data
        return array.reshape(-1).view(np.uint8).data

    def _decode(self) -> Array:
        data = np.frombuffer(self.raw(), np.uint8)
        if data.size < self.nbytes or (data.size > self.nbytes):
            raise FormatError(
                f"tensor '{self.name}' holds {data.size} bytes, {self.dtype}{list(self.shape)} needs {self.nbytes}",
                where=f"tensor '{self.name}'",
                fix="the file is damaged or was written with a wrong shape or element type; export it again",
            )
        if self.dtype.packed:
            codes = packing.unpack(data, self.dtype.bits, self.size)
            return packing.from_codes(codes, self.dtype).reshape(self.shape)
        return data.view(self.dtype.numpy).reshape(self.shape)

    def item(self) -> Any:
        """The only element, as a Python scalar."""
        return self.numpy().reshape(()).item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        return array.astype(dtype) if dtype is not None else (array.copy() if copy else array)

    def __repr__(self) -> str:
        return f"Tensor({self.name!r}, {self.dtype}{list(self.shape)})"


def _dtype_of(array: Array) -> DType:
    return dtype(array.dtype)


@dataclass(frozen=True, slots=True)
class SparseTensor:
    """A constant in coordinate form: `values[i]` lies at `indices[i]` (a row of coordinates, or a linear index)."""

    values: Tensor
    indices: Tensor
    shape: tuple[int, ...]
    metadata: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def name(self) -> str:
        return self.values.name

    def numpy(self) -> Array:
        """The dense array."""
        dense = np.zeros(self.shape, self.values.dtype.numpy)
        indices = self.indices.numpy()
        where = np.unravel_index(indices, self.shape) if indices.ndim == 1 else tuple(indices.T)
        dense[where] = self.values.numpy()
        return dense
