"""Values with the interface of onnxruntime's: an array, a sequence or nothing, in the memory of the CPU."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnxruntime.errors import Fail, InvalidArgument
from sardonyx.core import dtypes
from sardonyx.core.dtypes import DType
from sardonyx.engine.port import spelled_element

__all__ = ["OrtDevice", "OrtValue", "at_address", "on_cpu"]

Array = np.ndarray[Any, Any]


def on_cpu(device_type: str, device_id: int = 0) -> None:
    """Refuse any device but the CPU."""
    if device_type.lower() != "cpu" or device_id != 0:
        raise Fail(f"there is no device {device_type}:{device_id}; values lie on cpu:0")


def _kind(element_type: Any) -> DType:
    """The element type that a NumPy type, its name, or a number of `TensorProto.DataType` names."""
    if isinstance(element_type, (int, np.integer)):
        return next(d for d in dtypes.ALL if d.code == int(element_type))
    return dtypes.dtype(np.dtype(element_type))


def at_address(pointer: int, element_type: Any, shape: Sequence[int]) -> Array:
    """The array that lies at an address, in memory that somebody else keeps."""
    numpy = _kind(element_type).numpy
    size = math.prod(shape) * numpy.itemsize
    return np.frombuffer(memoryview((ctypes.c_char * size).from_address(pointer)), numpy).reshape(shape)


class OrtDevice:
    """Where memory lies: the CPU."""

    def __init__(self, device_type: str = "cpu", device_id: int = 0) -> None:
        on_cpu(device_type, device_id)
        self._id = device_id

    @staticmethod
    def make(ort_device_name: str, device_id: int, vendor_id: int = -1) -> OrtDevice:
        """The device of that name and number."""
        return OrtDevice(ort_device_name, device_id)

    @staticmethod
    def cpu() -> int:
        """The number of this kind of device."""
        return 0

    def device_id(self) -> int:
        """Its number."""
        return self._id

    def device_type(self) -> int:
        """The number of its kind: 0 is the CPU."""
        return 0


class OrtValue:
    """A tensor, a sequence of tensors, or an absent optional."""

    def __init__(self, ortvalue: Any, numpy_obj: Array | None = None) -> None:
        self._held = ortvalue._held if isinstance(ortvalue, OrtValue) else ortvalue

    # -- making -------------------------------------------------------------------------------------------------------

    @classmethod
    def ortvalue_from_numpy(
        cls, numpy_obj: Array, device_type: str = "cpu", device_id: int = 0, vendor_id: int = -1
    ) -> OrtValue:
        """A value over the memory of an array."""
        on_cpu(device_type, device_id)
        return cls(np.asarray(numpy_obj))

    @classmethod
    def ortvalue_from_numpy_with_onnx_type(cls, data: Array, /, onnx_element_type: int) -> OrtValue:
        """A value over the memory of an array whose elements are those of an ONNX type of the same width.

        Raises:
            InvalidArgument: the widths differ.
        """
        numpy = _kind(onnx_element_type).numpy
        if numpy.itemsize != data.dtype.itemsize:
            raise InvalidArgument(f"elements of {data.dtype} are not as wide as those of {numpy}")
        return cls(data.view(numpy))

    @classmethod
    def ortvalue_from_shape_and_type(
        cls,
        shape: Sequence[int],
        element_type: Any = np.float32,
        device_type: str = "cpu",
        device_id: int = 0,
        vendor_id: int = -1,
    ) -> OrtValue:
        """An uninitialised tensor."""
        on_cpu(device_type, device_id)
        return cls(np.empty(tuple(shape), _kind(element_type).numpy))

    @classmethod
    def from_dlpack(cls, data: Any, /) -> OrtValue:
        """A value over the memory of an array of any library that speaks DLPack."""
        return cls(np.from_dlpack(data))

    # -- asking -------------------------------------------------------------------------------------------------------

    @property
    def _array(self) -> Array:
        if not isinstance(self._held, np.ndarray):
            raise Fail("only a tensor has that")
        return self._held

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._array.ctypes.data

    def device_name(self) -> str:
        """Where it lies."""
        return "cpu"

    def shape(self) -> list[int]:
        """The extents."""
        return list(self._array.shape)

    def data_type(self) -> str:
        """As ``tensor(float)``."""
        if isinstance(self._held, list):
            return f"seq({OrtValue(self._held[0]).data_type()})" if self._held else "seq(tensor(float))"
        return f"tensor({spelled_element(_element(self._array))})"

    def element_type(self) -> int:
        """The number of the element type in `TensorProto.DataType`."""
        return _element(self._array).code

    def tensor_size_in_bytes(self) -> int:
        """How much memory the elements take."""
        return self._array.nbytes

    def has_value(self) -> bool:
        """Whether there is something: False for an absent optional."""
        return self._held is not None

    def is_tensor(self) -> bool:
        """Whether it is a tensor."""
        return isinstance(self._held, np.ndarray)

    def is_sparse_tensor(self) -> bool:
        """Whether it is a sparse tensor: never, they are dense here."""
        return False

    def is_tensor_sequence(self) -> bool:
        """Whether it is a sequence."""
        return isinstance(self._held, list)

    # -- the elements -------------------------------------------------------------------------------------------------

    def numpy(self) -> Any:
        """The array, over the same memory; for a sequence the list of its arrays."""
        return self._held

    def update_inplace(self, data: Any) -> None:
        """Copy elements in.

        Raises:
            InvalidArgument: the shape or type is another.
        """
        source = np.asarray(data.numpy() if isinstance(data, OrtValue) else data)
        if source.shape != self._array.shape or source.dtype != self._array.dtype:
            raise InvalidArgument(
                f"{source.dtype}{list(source.shape)} does not fit {self._array.dtype}{list(self._array.shape)}"
            )
        np.copyto(self._array, source)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self._array.astype(dtype, copy=bool(copy)) if dtype is not None or copy else self._array

    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self._array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


def _element(array: Array) -> DType:
    return dtypes.STRING if array.dtype.kind in "OUS" else dtypes.dtype(array.dtype)
