"""Tensors, sequences, maps and optionals to NumPy and back."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sardonyx.compat.onnx._dtypes import np_dtype_to_tensor_dtype, tensor_dtype_to_np_dtype
from sardonyx.compat.onnx._rounding import saturate_cast, to_float8e8m0
from sardonyx.compat.onnx.external_data_helper import load_external_data_for_tensor, uses_external_data
from sardonyx.compat.onnx.onnx_pb import MapProto, OptionalProto, SequenceProto, TensorProto
from sardonyx.core import dtypes, packing
from sardonyx.io.tensors import read_tensor
from sardonyx.ir import Tensor

__all__ = [
    "create_random_int",
    "from_array",
    "from_dict",
    "from_list",
    "from_optional",
    "saturate_cast",
    "to_array",
    "to_dict",
    "to_float8e8m0",
    "to_list",
    "to_optional",
    "tobytes_little_endian",
]

Array = np.ndarray[Any, Any]


def to_array(tensor: TensorProto, base_dir: str = "") -> Array:
    """The elements of a tensor; external ones are looked for in `base_dir`."""
    if tensor.HasField("segment"):
        raise ValueError("Currently not supporting loading segments.")
    if tensor.data_type == TensorProto.UNDEFINED:
        raise TypeError("The element type in the input tensor is UNDEFINED.")
    if uses_external_data(tensor):  # the tensor goes on saying where its bytes lie
        described, tensor = tensor, TensorProto()
        tensor.CopyFrom(described)
        load_external_data_for_tensor(tensor, str(Path(base_dir)))
    tensor_dtype_to_np_dtype(tensor.data_type)  # a KeyError where there is no such type
    held = read_tensor(tensor).numpy()
    if tensor.data_type == TensorProto.STRING:
        texts = np.empty(held.size, object)
        texts[:] = [text if isinstance(text, str) else bytes(text).decode("utf-8") for text in held.reshape(-1)]
        return texts.reshape(held.shape)
    return held


def tobytes_little_endian(array: Array) -> bytes:
    """The bytes of an array, in the order files have."""
    return (array.byteswap() if sys.byteorder == "big" else array).tobytes()


def from_array(array: Array, /, name: str | None = None) -> TensorProto:
    """A tensor that holds a copy of `array`; text and objects become strings."""
    made = TensorProto(dims=array.shape, name=name or None)
    if array.dtype.kind in "OU":
        made.data_type = TensorProto.STRING
        for item in array.reshape(-1):
            made.string_data.append(_text(item))
        return made
    if not array.dtype.isnative or array.dtype.kind == "S":
        raise ValueError(f"Unable to convert type {array.dtype!r} into TensorProto element type.")
    made.data_type = np_dtype_to_tensor_dtype(array.dtype)
    kind = dtypes.dtype(made.data_type)
    made.raw_data = bytes(Tensor(np.ascontiguousarray(array), dtype=kind, shape=array.shape).raw())
    return made


def _text(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8")
    if isinstance(item, bytes):
        return item
    raise NotImplementedError(
        f"Unrecognized object in the object array, expect a string, or array of bytes: {type(item)}"
    )


def to_list(sequence: SequenceProto) -> list[Any]:
    """The values of a sequence."""
    if sequence.elem_type not in _READ:
        raise TypeError("The element type in the input sequence is not supported.")
    field, read = _READ[sequence.elem_type]
    return [read(value) for value in getattr(sequence, f"{field}s")]


def from_list(lst: Sequence[Any], name: str | None = None, dtype: int | None = None) -> SequenceProto:
    """A sequence of values of one kind; `dtype` tells the kind where the list is empty."""
    made = SequenceProto(name=name or None)
    made.elem_type = dtype or (_kind(lst[0]) if len(lst) else SequenceProto.TENSOR)
    if any(not isinstance(item, type(lst[0])) for item in lst):
        what = "The element type in the input list is not the same for all elements"
        raise TypeError(f"{what} and therefore is not supported as a sequence.")
    field, write = _WRITE[made.elem_type]
    getattr(made, f"{field}s").extend(write(np.asarray(v) if write is from_array else v) for v in lst)
    return made


def to_dict(map_proto: MapProto) -> dict[Any, Any]:
    """The dictionary that a map holds."""
    keys = list(map_proto.string_keys if map_proto.key_type == TensorProto.STRING else map_proto.keys)
    values = to_list(map_proto.values)
    if len(keys) != len(values):
        raise IndexError("Length of keys and values for MapProto (map name: ", map_proto.name, ") are not the same.")
    return dict(zip(keys, values, strict=True))


def from_dict(dict_: dict[Any, Any], name: str | None = None) -> MapProto:
    """A map from integers of one type."""
    if not dict_:
        raise ValueError("Cannot convert an empty dictionary to MapProto.")
    made = MapProto(name=name or None)
    keys, values = list(dict_), list(dict_.values())
    key_type, *other_types = {np_dtype_to_tensor_dtype(np.result_type(type(key))) for key in keys}
    kind = dtypes.dtype(key_type)
    if other_types:
        what = "The key type in the input dictionary is not the same for all keys"
        raise TypeError(f"{what} and therefore is not valid as a map.")
    if kind is not dtypes.STRING and not (kind.is_integer and kind.bits >= 8):
        raise TypeError(f"Unsupported map key type: {key_type}")
    if len({_element(value) for value in values}) > 1:
        what = "The value type in the input dictionary is not the same for all values"
        raise TypeError(f"{what} and therefore is not valid as a map.")
    made.key_type = key_type
    if kind is dtypes.STRING:
        made.string_keys.extend(_text(key) for key in keys)
    else:
        made.keys.extend(int(key) for key in keys)
    made.values.CopyFrom(from_list(values))
    return made


def to_optional(optional: OptionalProto) -> Any:
    """The value, or None where there is none."""
    if optional.elem_type == OptionalProto.UNDEFINED:
        return None
    if optional.elem_type not in _READ:
        raise TypeError("The element type in the input optional is not supported.")
    field, read = _READ[optional.elem_type]
    return read(getattr(optional, field)) if optional.HasField(field) else None


def from_optional(opt: Any, name: str | None = None, dtype: int | None = None) -> OptionalProto:
    """An optional that holds a value, or None; `dtype` tells the kind of value."""
    if dtype is not None and dtype not in OptionalProto.DataType.values():
        raise TypeError(f"{dtype} must be a valid OptionalProto.DataType.")
    made = OptionalProto(name=name or None)
    made.elem_type = dtype or (OptionalProto.UNDEFINED if opt is None else _kind(opt))
    if opt is not None:
        field, write = _WRITE[made.elem_type]
        getattr(made, field).CopyFrom(write(opt))
    return made


def create_random_int(input_shape: tuple[int, ...], dtype: np.dtype[Any], seed: int = 1) -> Array:
    """Random integers over half the range that `dtype` and int32 share."""
    if np.dtype(dtype).kind not in "iu":
        raise TypeError(f"{dtype} is not supported by create_random_int.")
    limits = np.iinfo(dtype)
    most, least = min(limits.max, np.iinfo(np.int32).max), max(limits.min, np.iinfo(np.int32).min)
    return np.random.RandomState(seed).randint(least, most, size=input_shape, dtype=np.int32).astype(dtype)


def _packer(bits: int) -> Callable[[Array], Array]:
    def pack(array: Array) -> Array:
        """Small numbers, one per byte, as a stream of bits."""
        codes = array.astype(np.uint8, copy=False) if bits == 6 else array.reshape(-1).view(np.uint8)
        return packing.pack(codes & np.uint8((1 << bits) - 1), bits)

    return pack


def _unpacker(bits: int) -> Callable[[Array, Sequence[int]], Array]:
    def unpack(data: Array, dims: Sequence[int]) -> Array:
        """A stream of bits as small numbers, one per byte, in the shape `dims`."""
        count = math.prod(dims)
        if data.size * 8 < count * bits:
            raise ValueError(f"{data.size} bytes hold no {count} elements of {bits} bits, as shape {list(dims)} needs")
        return packing.unpack(data.astype(np.uint8, copy=False), bits, count).reshape(dims)

    return unpack


# Names that programs use, though they were not meant to be.
_pack_2bitx4, _pack_4bitx2, _pack_6bit = (_packer(bits) for bits in (2, 4, 6))
_unpack_2bit, _unpack_4bit, _unpack_6bit = (_unpacker(bits) for bits in (2, 4, 6))


def _class(value: Any) -> type[Any]:
    return dict if isinstance(value, dict) else list if isinstance(value, list) else np.ndarray


def _element(value: Any) -> type[Any] | int:
    """What the values of a map have in common: that they are lists, dictionaries, or tensors of one element type."""
    made = _class(value)
    return np_dtype_to_tensor_dtype(np.asarray(value).dtype) if made is np.ndarray else made


def _kind(value: Any) -> int:
    kinds: dict[type[Any], int] = {dict: SequenceProto.MAP, list: SequenceProto.SEQUENCE}
    return kinds.get(_class(value), SequenceProto.TENSOR)


def _sparse(_: Any) -> Any:
    raise TypeError("The element type in the input sequence is not supported.")


# The field of each kind of value, with the function that reads it, and the one that writes it.
_READ: dict[int, tuple[str, Any]] = {
    SequenceProto.TENSOR: ("tensor_value", to_array),
    SequenceProto.SPARSE_TENSOR: ("sparse_tensor_value", _sparse),
    SequenceProto.SEQUENCE: ("sequence_value", to_list),
    SequenceProto.MAP: ("map_value", to_dict),
}
_WRITE: dict[int, tuple[str, Any]] = {
    SequenceProto.TENSOR: ("tensor_value", from_array),
    SequenceProto.SEQUENCE: ("sequence_value", from_list),
    SequenceProto.MAP: ("map_value", from_dict),
}
