"""What each `TensorProto.DataType` is in NumPy, in the typed fields and by name, as one table."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sardonyx.compat.onnx._dtypes import (
    get_all_tensor_dtypes,
    tensor_dtype_to_np_dtype,
    tensor_dtype_to_storage_tensor_dtype,
    tensor_dtype_to_string,
)

__all__ = ["TENSOR_TYPE_MAP", "TensorDtypeMap"]


class TensorDtypeMap(NamedTuple):
    """One element type."""

    np_dtype: np.dtype[Any]
    storage_dtype: int
    name: str


TENSOR_TYPE_MAP: dict[int, TensorDtypeMap] = {
    code: TensorDtypeMap(
        tensor_dtype_to_np_dtype(code), tensor_dtype_to_storage_tensor_dtype(code), tensor_dtype_to_string(code)
    )
    for code in get_all_tensor_dtypes()
}
