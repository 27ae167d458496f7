"""What a `TensorProto.DataType` means: in NumPy, in the typed fields, by name."""

from __future__ import annotations

from collections.abc import KeysView
from typing import Any

import numpy as np

from sardonyx.core import dtypes
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import DTypeError

__all__ = [
    "get_all_tensor_dtypes",
    "np_dtype_to_tensor_dtype",
    "tensor_dtype_to_field",
    "tensor_dtype_to_np_dtype",
    "tensor_dtype_to_storage_tensor_dtype",
    "tensor_dtype_to_string",
]

_TYPES: dict[int, DType] = {row.code: row for row in dtypes.ALL if row is not dtypes.UNDEFINED}

# The typed field that holds the elements of a type, and the type of its entries: int32_data where nothing is said.
_STORAGE: dict[DType, tuple[str, DType]] = {
    **dict.fromkeys((dtypes.FLOAT32, dtypes.COMPLEX64), ("float_data", dtypes.FLOAT32)),
    **dict.fromkeys((dtypes.FLOAT64, dtypes.COMPLEX128), ("double_data", dtypes.FLOAT64)),
    **dict.fromkeys((dtypes.UINT32, dtypes.UINT64), ("uint64_data", dtypes.UINT64)),
    dtypes.INT64: ("int64_data", dtypes.INT64),
    dtypes.STRING: ("string_data", dtypes.STRING),
}
_IN_INT32 = ("int32_data", dtypes.INT32)


def tensor_dtype_to_np_dtype(tensor_dtype: int) -> np.dtype[Any]:
    """The NumPy type that holds one element."""
    return _TYPES[tensor_dtype].numpy


def tensor_dtype_to_field(tensor_dtype: int) -> str:
    """The field of `TensorProto` that holds the elements when `raw_data` does not."""
    return _STORAGE.get(_TYPES[tensor_dtype], _IN_INT32)[0]


def tensor_dtype_to_storage_tensor_dtype(tensor_dtype: int) -> int:
    """The type of an entry of that field."""
    return _STORAGE.get(_TYPES[tensor_dtype], _IN_INT32)[1].code


def tensor_dtype_to_string(tensor_dtype: int) -> str:
    """The name of the type, as `TensorProto.FLOAT`."""
    return f"TensorProto.{_TYPES[tensor_dtype].onnx}"


def np_dtype_to_tensor_dtype(np_dtype: Any) -> int:
    """The `TensorProto.DataType` of a NumPy type; text and objects are strings."""
    if np_dtype is None:
        raise ValueError("Unable to convert type None into TensorProto element type.")
    numpy = np.dtype(np_dtype)
    try:
        return dtypes.dtype(numpy).code
    except DTypeError as error:
        raise ValueError(f"Unable to convert type {numpy!r} into TensorProto element type.") from error


def get_all_tensor_dtypes() -> KeysView[int]:
    """All `TensorProto.DataType` values that an element can have."""
    return _TYPES.keys()
