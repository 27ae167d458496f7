"""Makers of tensors, sequences, maps and optionals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnx._dtypes import tensor_dtype_to_field, tensor_dtype_to_np_dtype
from sardonyx.compat.onnx._given import given
from sardonyx.compat.onnx._rounding import saturate_cast, to_float8e8m0
from sardonyx.compat.onnx.onnx_pb import MapProto, OptionalProto, SequenceProto, SparseTensorProto, TensorProto
from sardonyx.core import dtypes
from sardonyx.ir import Tensor
from sardonyx.ir.entries import to_entries

__all__ = ["make_map", "make_optional", "make_sequence", "make_sparse_tensor", "make_tensor"]

_SATURATES = (
    dtypes.FLOAT8E4M3FN,
    dtypes.FLOAT8E4M3FNUZ,
    dtypes.FLOAT8E5M2,
    dtypes.FLOAT8E5M2FNUZ,
    dtypes.FLOAT4E2M1,
    dtypes.FLOAT6E2M3,
    dtypes.FLOAT6E3M2,
)


def make_tensor(name: str, data_type: int, dims: Sequence[int], vals: Any, raw: bool = False) -> TensorProto:
    """A tensor whose elements `vals` lists; with `raw`, whose bytes `vals` are (an array gives its own).

    Small floats take the nearest value they have; what is too large becomes their largest.
    """
    made = TensorProto(**given(data_type=data_type, name=name))
    made.dims.extend(dims)
    tensor_dtype_to_np_dtype(data_type)  # refuses what is no type
    kind = dtypes.dtype(int(data_type))
    if raw and kind is dtypes.STRING:
        raise TypeError("Can not use raw_data to store string type.")
    count = math.prod(dims)
    if raw:
        if isinstance(vals, np.ndarray):
            vals = _raw(vals, kind)
        if not isinstance(vals, bytes):
            raise TypeError(f"Raw data must be bytes or numpy.ndarray, but got {type(vals)}.")
        expected = kind.nbytes(count)
        if len(vals) != expected:
            shown = f"Expected {expected} bytes, but got {len(vals)} bytes."
            raise ValueError(f"Raw data size does not match tensor's size. {shown}")
        made.raw_data = vals
        return made
    field = getattr(made, tensor_dtype_to_field(data_type))
    if kind is dtypes.STRING:
        texts = [v.encode("utf-8") if isinstance(v, str) else v for v in np.array(vals, dtype=object).reshape(-1)]
        _require(len(texts), count)
        field.extend(texts)
        return made
    array = _elements(vals, kind)
    _require(array.size, count)
    field.extend(to_entries(Tensor(array, dtype=kind, shape=array.shape)).tolist())
    return made


def _elements(vals: Any, kind: dtypes.DType) -> np.ndarray[Any, Any]:
    if kind is dtypes.FLOAT8E8M0:
        return to_float8e8m0(np.asarray(vals, np.float32).reshape(-1), True, "up")
    if kind in _SATURATES:
        return saturate_cast(np.asarray(vals).reshape(-1), kind.numpy)
    return np.asarray(vals, dtype=kind.numpy).reshape(-1)


def _raw(array: np.ndarray[Any, Any], kind: dtypes.DType) -> bytes:
    """The bytes of an array as they are, whatever its type; elements of less than a byte are packed."""
    if kind.bits >= 8:
        return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return bytes(Tensor(array.astype(kind.numpy), dtype=kind, shape=array.shape).raw())


def _require(count: int, expected: int) -> None:
    if count != expected:
        shown = f"requiring {expected} elements."
        raise ValueError(f"Number of values ({count}) does not match tensor dimensions {shown}")


def make_sparse_tensor(values: TensorProto, indices: TensorProto, dims: Sequence[int]) -> SparseTensorProto:
    """A tensor of which only the nonzero values are stored."""
    return SparseTensorProto(**given(values=values, indices=indices, dims=dims))


# What a sequence holds, by its elem_type.
_SEQUENCE_FIELDS = {
    SequenceProto.TENSOR: "tensor_values",
    SequenceProto.SPARSE_TENSOR: "sparse_tensor_values",
    SequenceProto.SEQUENCE: "sequence_values",
    SequenceProto.MAP: "map_values",
    SequenceProto.OPTIONAL: "optional_values",
}
_OPTIONAL_FIELDS = {
    OptionalProto.TENSOR: "tensor_value",
    OptionalProto.SPARSE_TENSOR: "sparse_tensor_value",
    OptionalProto.SEQUENCE: "sequence_value",
    OptionalProto.MAP: "map_value",
    OptionalProto.OPTIONAL: "optional_value",
}
_INTEGER_KEYS = {d.code for d in dtypes.ALL if d.is_integer and d.bits >= 8}


def make_sequence(name: str, elem_type: int, values: Sequence[Any]) -> SequenceProto:
    """A sequence of messages of one kind."""
    made = SequenceProto(**given(name=name))
    if elem_type == SequenceProto.UNDEFINED:
        made.elem_type = elem_type
        return made
    field = _SEQUENCE_FIELDS.get(elem_type)
    if field is None:
        raise TypeError("The element type in the input sequence is not supported.")
    made.elem_type = elem_type
    getattr(made, field).extend(values)
    return made


def make_map(name: str, key_type: int, keys: list[Any], values: SequenceProto) -> MapProto:
    """A dictionary; the values are those of a sequence, in the order of the keys."""
    made = MapProto(**given(name=name, key_type=key_type))
    if key_type == TensorProto.STRING:
        made.string_keys.extend(keys)
    elif key_type in _INTEGER_KEYS:
        made.keys.extend(keys)
    made.values.CopyFrom(values)
    return made


def make_optional(name: str, elem_type: int, value: Any) -> OptionalProto:
    """A value that may be absent (None)."""
    made = OptionalProto(**given(name=name))
    if elem_type == OptionalProto.UNDEFINED:
        made.elem_type = elem_type
        return made
    field = _OPTIONAL_FIELDS.get(elem_type)
    if field is None:
        raise TypeError("The element type in the input optional is not supported.")
    made.elem_type = elem_type
    if value is None:
        raise AssertionError("an optional of a kind needs a value; OptionalProto.UNDEFINED is the kind of none")
    getattr(made, field).CopyFrom(value)
    return made
