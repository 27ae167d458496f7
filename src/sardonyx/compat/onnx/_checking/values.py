"""Tensors, and what holds tensors: types of values, sparse tensors, sequences, maps, optionals."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sardonyx.compat.onnx._checking.context import CheckerContext, ValidationError, require, require_text
from sardonyx.compat.onnx._dtypes import tensor_dtype_to_field
from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.core import dtypes
from sardonyx.core.errors import SardonyxError
from sardonyx.io.paths import safe_path
from sardonyx.proto import (
    MapProto,
    OptionalProto,
    SequenceProto,
    SparseTensorProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
)

__all__ = [
    "check_map",
    "check_optional",
    "check_sequence",
    "check_sparse_tensor",
    "check_tensor",
    "check_value_info",
    "external_file",
]

LARGEST = 2**63 - 1
FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "raw_data", "double_data", "uint64_data")
FLOAT6 = (dtypes.FLOAT6E2M3, dtypes.FLOAT6E3M2)
_DTYPES = {kind.code: kind for kind in dtypes.ALL if kind is not dtypes.UNDEFINED}

# What each kind of type must state in the interface of the main graph.
_STATED = {
    "tensor_type": ("elem_type", "shape"),
    "sparse_tensor_type": ("elem_type", "shape"),
    "optional_type": ("elem_type",),
    "sequence_type": ("elem_type",),
    "map_type": ("key_type", "value_type"),
}


def check_value_info(info: ValueInfoProto, ctx: CheckerContext) -> None:
    """A value has a name; in the main graph's interface also a type that says what callers need."""
    require_text(info, "name", "value_info")
    if not ctx.is_main_graph:
        return
    require(info, "type", "value_info")
    kind = TypeProto.WhichOneof(info.type, "value")
    if kind == "opaque_type":
        require_text(info.type.opaque_type, "name", "type")
        return
    if kind not in _STATED:
        raise ValidationError(f"Unrecognized type value case (value_info name: {info.name}): {kind}")
    for field in _STATED[kind]:
        require(getattr(info.type, kind), field, "type")


def _count(tensor: TensorProto) -> int:
    count = 1
    for extent in tensor.dims:
        count *= extent
        if extent < 0 or count > LARGEST:
            what = "Negative dimension value" if extent < 0 else "Tensor dimension product overflow"
            raise ValidationError(f"{what} (tensor name: {tensor.name})")
    return count


def _size(tensor: TensorProto, field: str) -> int:
    """How many entries or bytes a field has, none of which is copied."""
    return len(tensor.view(field) if field == "raw_data" else getattr(tensor, field))


def check_tensor(tensor: TensorProto, ctx: CheckerContext) -> None:
    """A tensor states its type and holds all its elements in the one field that its type uses, or in a file."""
    shown = f"TensorProto (tensor name: {tensor.name})"
    require(tensor, "data_type", "tensor")
    if tensor.data_type == TensorProto.UNDEFINED:
        raise ValidationError(f"setting data_type field (tensor name: {tensor.name}) to UNDEFINED is not allowed")
    filled = [field for field in FIELDS if _size(tensor, field)]
    if tensor.HasField("data_location") and tensor.data_location == TensorProto.EXTERNAL:
        _check_external(tensor, filled, ctx)
        return
    count = _count(tensor)
    if not count and filled:
        raise ValidationError(f"{shown} is 0-element but contains data!")
    if count and len(filled) != 1:
        raise ValidationError(f"{shown} should contain one and only one value field.")
    kind = _DTYPES.get(int(tensor.data_type))
    if "raw_data" in filled:
        _check_raw(tensor, kind, count, shown)
        return
    if kind is None:
        raise ValidationError(f"Unrecognized data_type (tensor name: {tensor.name}): {tensor.data_type}")
    field = tensor_dtype_to_field(kind.code)
    if not count:
        return
    if filled != [field]:
        stored = f"should be stored in field '{field}' instead of '{filled[0]}'"
        raise ValidationError(f"values of data_type '{tensor.data_type}' {stored}")
    needed, held = _entries(kind, count), len(getattr(tensor, field))
    if needed > LARGEST:
        raise ValidationError(f"{shown} has a shape too large to validate against its data type.")
    if held < needed:
        raise ValidationError(
            f"{shown} {field} size ({held}) is too small: the declared shape requires {needed} values."
        )
    if kind in FLOAT6 and any(not 0 <= code <= 0x3F for code in tensor.int32_data):
        raise ValidationError(f"{shown} FLOAT6 int32_data values must use only bits 0-5.")


def _entries(kind: dtypes.DType, count: int) -> int:
    """How many entries of its typed field hold `count` elements: an int32 holds 32 bits of the types that pack."""
    if kind in (dtypes.COMPLEX64, dtypes.COMPLEX128):
        return 2 * count
    return -(-count * kind.bits // 32) if kind.bits in (2, 4) else count


def _check_raw(tensor: TensorProto, kind: dtypes.DType | None, count: int, shown: str) -> None:
    if kind is dtypes.STRING:
        raise ValidationError(f"STRING data (tensor name: {tensor.name}) should not be stored in raw_data field")
    if kind is None:  # no size is known
        return
    needed, held = kind.nbytes(count), _size(tensor, "raw_data")
    if needed > LARGEST or (kind in FLOAT6 and count * 6 > LARGEST):
        raise ValidationError(f"{shown} has a shape too large to validate against its data type.")
    if held < needed:
        required = f"is too small for the declared shape and type ({needed} bytes required)."
        raise ValidationError(f"{shown} raw_data size ({held} bytes) {required}")
    used = count * 6 % 8
    if kind in FLOAT6 and used and tensor.view("raw_data")[needed - 1] >> used:
        raise ValidationError(f"{shown} has non-zero padding bits in its packed FLOAT6 raw_data.")


def _check_external(tensor: TensorProto, filled: list[str], ctx: CheckerContext) -> None:
    shown = f"TensorProto ( tensor name: {tensor.name})"
    if filled:
        raise ValidationError(f"Data of {shown} is stored externally and should not have data field.{filled[0]}")
    places = [e.value for e in tensor.external_data if e.key == "location" and e.HasField("value")]
    if not places:
        raise ValidationError(f"{shown} is stored externally but doesn't have a location.")
    for place in places:
        external_file(ctx.folder, place, tensor.name)


def external_file(folder: str, location: str, name: str) -> Path | None:
    """The file that holds a tensor's data; None for data that a program keeps in memory (its location begins with `#`).

    Raises:
        ValidationError: the location leaves the folder, or is no plain file.
    """
    if location.startswith("#") and not folder and ".." not in location:
        return None
    try:
        return safe_path(Path(folder or "."), location and os.path.normpath(location))
    except SardonyxError as error:
        why = error.why or ""
        said = next(
            (text for words, text in _UNSAFE.items() if words in why), "a plain file, but {path} is not regular file"
        )
        wanted = said.format(location=location, folder=folder, path=os.path.join(folder, location))  # noqa: PTH118
        raise ValidationError(
            f"Data of TensorProto ( tensor name: {name}) should be {wanted} ({error.what}: {why})"
        ) from error


# Why a place is refused, in the words that programs look for.
_UNSAFE = {
    "absolute": "at a relative path, but '{location}' is an absolute path",
    "climbs out": "file inside '{folder}', but '{location}' points outside the directory",
    "empty": "in a file whose name should not be empty",
    "symbolic link": "a plain file, but {path} is a symbolic link",
    "hard link": "a plain file, but {path} has multiple hard links: such a hardlink may lead elsewhere",
    "leads out": "a plain file, but {path} resolves outside model directory",
}


def check_sparse_tensor(sparse: SparseTensorProto, ctx: CheckerContext) -> None:
    """A sparse tensor has a vector of values, and for each its place: inside the shape, in ascending order."""
    require(sparse, "values", "sparse_tensor_proto")
    values, shape = sparse.values, list(sparse.dims)
    check_tensor(values, ctx)
    shown = f"Sparse tensor ({values.name})"
    if len(values.dims) != 1:
        raise ValidationError(f"{shown}: values must have rank 1.")
    if not shape:
        raise ValidationError(f"{shown} must have a dense-rank > 0")
    if min(shape) <= 0:
        raise ValidationError(f"{shown} dimensions are not positive.")
    if not sparse.HasField("indices"):
        if values.dims[0]:
            raise ValidationError(f"{shown} has no index values.")
        return
    indices = sparse.indices
    check_tensor(indices, ctx)
    if indices.data_type != TensorProto.INT64:
        raise ValidationError(f"Sparse tensor indices ({indices.name}) must have INT64 type.")
    if len(indices.dims) not in (1, 2):
        raise ValidationError(f"Sparse tensor indices ({indices.name}) must have rank 1 or 2.")
    _check_places(indices, values.dims[0], shape)


def _check_places(indices: TensorProto, count: int, shape: list[int]) -> None:
    shown = f"Sparse tensor indices ({indices.name})"
    if indices.dims[0] != count:
        raise ValidationError(f"{shown}: {indices.dims[0]} places are given for {count} values.")
    linear = len(indices.dims) == 1
    if not linear and indices.dims[1] != len(shape):
        raise ValidationError(f"{shown}: the second dimension does not match the rank of the tensor.")
    total = 1
    for extent in shape:
        total *= extent
    extents = [total] if linear else shape
    flat = _integers(indices)
    rows = [flat[i : i + len(extents)] for i in range(0, len(flat), len(extents))]
    for i, row in enumerate(rows):
        if any(not 0 <= at < extent for at, extent in zip(row, extents, strict=True)):
            raise ValidationError(f"{shown}: the place of value {i}, {row}, is out of range of {extents}.")
    for i, (before, after) in enumerate(itertools.pairwise(rows)):
        if after <= before:
            raise ValidationError(f"{shown}: the place of value {i + 1} is not in sorted order.")


def _integers(tensor: TensorProto) -> list[int]:
    raw = tensor.view("raw_data")
    found = np.frombuffer(raw, "<i8").tolist() if raw and len(raw) % 8 == 0 else [int(i) for i in tensor.int64_data]
    if len(found) != _count(tensor):
        raise refuse_shape(
            f"Data size mismatch. Tensor: {tensor.name} expected num elements {_count(tensor)} "
            f"does not match the actual num elements {len(found)}"
        )
    return found


def _check_members(holder: Any, kinds: dict[int, tuple[str, Callable[[Any, CheckerContext], None]]], ctx: Any) -> None:
    require(holder, "elem_type", "structure")
    row = kinds.get(holder.elem_type)
    if row is None:
        where = f"( Structure name: {holder.name}, elem_type: {holder.elem_type})"
        raise ValidationError(f"{type(holder).__name__} {where} has no valid element type.")
    field, check = row
    if isinstance(holder, SequenceProto):
        for member in getattr(holder, field):
            check(member, ctx)
    elif holder.HasField(field):
        check(getattr(holder, field), ctx)


def check_sequence(sequence: SequenceProto, ctx: CheckerContext) -> None:
    """A sequence says what it holds, and holds legal ones."""
    _check_members(sequence, _IN_SEQUENCE, ctx)


def check_optional(optional: OptionalProto, ctx: CheckerContext) -> None:
    """An optional says what it may hold, and holds nothing or a legal one."""
    if not (optional.HasField("elem_type") and optional.elem_type == OptionalProto.UNDEFINED):
        _check_members(optional, _IN_OPTIONAL, ctx)


_NO_KEYS = (TensorProto.FLOAT, TensorProto.BOOL, TensorProto.FLOAT16, TensorProto.COMPLEX64, TensorProto.COMPLEX128)


def check_map(map_: MapProto, ctx: CheckerContext) -> None:
    """A map has integers or texts as keys, and a value for each."""
    shown = f"(map name: {map_.name})"
    require(map_, "key_type", "map")
    if map_.key_type == TensorProto.UNDEFINED or map_.key_type in _NO_KEYS:
        raise ValidationError(f"setting key_type field {shown} to {map_.key_type} is not allowed")
    if len(map_.keys) and len(map_.string_keys):
        raise ValidationError(f"Map {shown} should not contain more than one keys field.")
    require(map_, "values", "map")
    check_sequence(map_.values, ctx)
    held = len(getattr(map_.values, _IN_SEQUENCE[map_.values.elem_type][0]))
    if len(map_.keys) + len(map_.string_keys) != held:
        raise ValidationError(f"Length of map keys and map values are not the same {shown}")


_IN_SEQUENCE: dict[int, tuple[str, Callable[[Any, CheckerContext], None]]] = {
    SequenceProto.TENSOR: ("tensor_values", check_tensor),
    SequenceProto.SPARSE_TENSOR: ("sparse_tensor_values", check_sparse_tensor),
    SequenceProto.SEQUENCE: ("sequence_values", check_sequence),
    SequenceProto.MAP: ("map_values", check_map),
}
_IN_OPTIONAL: dict[int, tuple[str, Callable[[Any, CheckerContext], None]]] = {
    OptionalProto.TENSOR: ("tensor_value", check_tensor),
    OptionalProto.SPARSE_TENSOR: ("sparse_tensor_value", check_sparse_tensor),
    OptionalProto.SEQUENCE: ("sequence_value", check_sequence),
    OptionalProto.MAP: ("map_value", check_map),
}
