"""Tensors, sparse ones too, and the types of values."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sardonyx.check.messages.breach import Breach, Breaches
from sardonyx.check.messages.context import Context, state, state_text
from sardonyx.core import dtypes
from sardonyx.core.errors import PathError
from sardonyx.io.paths import safe_path
from sardonyx.io.tensors import typed_field
from sardonyx.proto import SparseTensorProto, TensorProto, TypeProto, ValueInfoProto

__all__ = ["check_sparse_tensor", "check_tensor", "check_value_info", "external_file", "linear_size", "misplaced"]

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


def check_value_info(info: ValueInfoProto, ctx: Context) -> Breaches:
    """A value has a name; in the main graph's interface also a type that says what callers need."""
    yield from state_text("SDX-C102", info, "name", "value_info")
    if not ctx.is_main_graph:
        return
    if not info.HasField("type"):
        yield from state("SDX-C141", info, "type", "value_info")
        return
    kind = TypeProto.WhichOneof(info.type, "value")
    if kind == "opaque_type":
        yield from state_text("SDX-C141", info.type.opaque_type, "name", "type")
    elif kind not in _STATED:
        yield Breach("SDX-C141", f"Unrecognized type value case (value_info name: {info.name}): {kind}")
    else:
        for field in _STATED[kind]:
            yield from state("SDX-C141", getattr(info.type, kind), field, "type")


def _count(tensor: TensorProto) -> int | str:
    """How many elements a tensor has, or why that cannot be said."""
    count = 1
    for extent in tensor.entries("dims"):
        count *= extent
        if extent < 0:
            return "Negative dimension value"
        if count > LARGEST:
            return "Tensor dimension product overflow"
    return count


def _size(tensor: TensorProto, field: str) -> int:
    """How many entries or bytes a field has, none of which is copied."""
    return len(tensor.view(field) if field == "raw_data" else tensor.entries(field))


def check_tensor(tensor: TensorProto, ctx: Context) -> Breaches:
    """A tensor states its type and holds all its elements in the one field that its type uses, or in a file."""
    if not tensor.HasField("data_type"):
        yield from state("SDX-C162", tensor, "data_type", "tensor")
    elif tensor.data_type == TensorProto.UNDEFINED:
        what = f"setting data_type field (tensor name: {tensor.name}) to UNDEFINED is not allowed"
        yield Breach("SDX-C162", what)
    filled = [field for field in FIELDS if _size(tensor, field)]
    if tensor.HasField("data_location") and tensor.data_location == TensorProto.EXTERNAL:
        yield from _check_external(tensor, filled, ctx)
        return
    count = _count(tensor)
    if isinstance(count, str):
        yield Breach("SDX-C162", f"{count} (tensor name: {tensor.name})")
    elif tensor.data_type != TensorProto.UNDEFINED:
        yield from _check_data(tensor, filled, count)


def _check_data(tensor: TensorProto, filled: list[str], count: int) -> Breaches:
    shown = f"TensorProto (tensor name: {tensor.name})"
    if not count and filled:
        yield Breach("SDX-C163", f"{shown} is 0-element but contains data!")
    if count and len(filled) != 1:
        code = "SDX-C166" if filled else "SDX-C163"
        yield Breach(code, f"{shown} should contain one and only one value field.")
        return
    kind = _DTYPES.get(int(tensor.data_type))
    if "raw_data" in filled:
        yield from _check_raw(tensor, kind, count, shown)
    elif kind is None:
        yield Breach("SDX-C162", f"Unrecognized data_type (tensor name: {tensor.name}): {tensor.data_type}")
    elif count:
        yield from _check_entries(tensor, kind, filled[0], count, shown)


def _check_entries(tensor: TensorProto, kind: dtypes.DType, held_in: str, count: int, shown: str) -> Breaches:
    field = typed_field(kind)
    if held_in != field:
        stored = f"should be stored in field '{field}' instead of '{held_in}'"
        yield Breach("SDX-C166", f"values of data_type '{tensor.data_type}' {stored}")
        return
    needed, held = _entries(kind, count), _size(tensor, field)
    if needed > LARGEST:
        yield Breach("SDX-C162", f"{shown} has a shape too large to validate against its data type.")
    elif held < needed:
        required = f"the declared shape requires {needed} values"
        yield Breach("SDX-C163", f"{shown} {field} size ({held}) is too small: {required}.")
    elif kind in FLOAT6 and any(not 0 <= code <= 0x3F for code in tensor.int32_data):
        yield Breach("SDX-C166", f"{shown} FLOAT6 int32_data values must use only bits 0-5.")


def _entries(kind: dtypes.DType, count: int) -> int:
    """How many entries of its typed field hold `count` elements: an int32 holds 32 bits of the types that pack."""
    if kind in (dtypes.COMPLEX64, dtypes.COMPLEX128):
        return 2 * count
    return -(-count * kind.bits // 32) if kind.bits in (2, 4) else count


def _check_raw(tensor: TensorProto, kind: dtypes.DType | None, count: int, shown: str) -> Breaches:
    if kind is dtypes.STRING:
        what = f"STRING data (tensor name: {tensor.name}) should not be stored in raw_data field"
        yield Breach("SDX-C166", what)
        return
    if kind is None:  # no size is known
        return
    needed, held = kind.nbytes(count), _size(tensor, "raw_data")
    if needed > LARGEST or (kind in FLOAT6 and count * 6 > LARGEST):
        yield Breach("SDX-C162", f"{shown} has a shape too large to validate against its data type.")
        return
    if held < needed:
        required = f"is too small for the declared shape and type ({needed} bytes required)."
        yield Breach("SDX-C163", f"{shown} raw_data size ({held} bytes) {required}")
        return
    used = count * 6 % 8
    if kind in FLOAT6 and used and tensor.view("raw_data")[needed - 1] >> used:
        yield Breach("SDX-C166", f"{shown} has non-zero padding bits in its packed FLOAT6 raw_data.")


def _check_external(tensor: TensorProto, filled: list[str], ctx: Context) -> Breaches:
    shown = f"TensorProto ( tensor name: {tensor.name})"
    if filled:
        yield Breach("SDX-C166", f"Data of {shown} is stored externally and should not have data field.{filled[0]}")
    places = [e.value for e in tensor.entries("external_data") if e.key == "location" and e.HasField("value")]
    if not places:
        yield Breach("SDX-C171", f"{shown} is stored externally but doesn't have a location.")
    for place in places:
        try:
            external_file(ctx.folder, place)
        except PathError as error:
            yield misplaced(tensor.name, place, error)


def external_file(folder: str, location: str) -> Path | None:
    """The file that holds a tensor's data; None for data that a program keeps in memory (its location begins with `#`).

    Raises:
        PathError: the location leaves the folder, or is no plain file.
    """
    if location.startswith("#") and not folder and ".." not in location:
        return None
    return safe_path(Path(folder or "."), location and os.path.normpath(location))


# Why a place is refused, in the words that programs look for.
_UNSAFE = {
    "absolute": "at a relative path, but '{0}' is an absolute path",
    "climbs out": "in the model's folder, but '{0}' points outside the directory",
    "empty": "in a file whose name should not be empty",
    "symbolic link": "in a plain file, but '{0}' is a symbolic link",
    "hard link": "in a plain file, but '{0}' has multiple hard links: such a hardlink may lead elsewhere",
    "leads out": "in a plain file, but '{0}' resolves outside model directory",
}


def misplaced(name: str, location: str, error: PathError) -> Breach:
    """The breach of data that lies where it may not."""
    why = error.why or ""
    wanted = next(
        (text for words, text in _UNSAFE.items() if words in why), "in a plain file, but '{0}' is not regular file"
    )
    leaves = not location or location.startswith("/") or ".." in Path(os.path.normpath(location)).parts
    what = f"Data of TensorProto ( tensor name: {name}) should be stored {wanted.format(location)}"
    return Breach("SDX-C171" if leaves else "SDX-C172", f"{what} ({error.what}{f': {why}' if why else ''})")


def check_sparse_tensor(sparse: SparseTensorProto, ctx: Context) -> Breaches:
    """A sparse tensor has a vector of values, and for each its place: inside the shape, in ascending order."""
    if not sparse.HasField("values"):
        yield from state("SDX-C165", sparse, "values", "sparse_tensor_proto")
        return
    values, shape = sparse.values, list(sparse.entries("dims"))
    shown = f"Sparse tensor ({values.name})"
    legal = True
    for breach in _sparse_parts(sparse, shown, shape, ctx):
        legal = False
        yield breach
    if legal and sparse.HasField("indices"):
        yield from _check_places(sparse.indices, values.dims[0], shape)


def _sparse_parts(sparse: SparseTensorProto, shown: str, shape: list[int], ctx: Context) -> Breaches:
    values = sparse.values
    yield from check_tensor(values, ctx)
    if len(values.entries("dims")) != 1:
        yield Breach("SDX-C165", f"{shown}: values must have rank 1.")
    if not shape:
        yield Breach("SDX-C165", f"{shown} must have a dense-rank > 0")
    elif min(shape) <= 0:
        yield Breach("SDX-C165", f"{shown} dimensions are not positive.")
    if not sparse.HasField("indices"):
        if any(values.entries("dims")):
            yield Breach("SDX-C165", f"{shown} has no index values.")
        return
    indices = sparse.indices
    yield from check_tensor(indices, ctx)
    if indices.data_type != TensorProto.INT64:
        yield Breach("SDX-C165", f"Sparse tensor indices ({indices.name}) must have INT64 type.")
    if len(indices.entries("dims")) not in (1, 2):
        yield Breach("SDX-C165", f"Sparse tensor indices ({indices.name}) must have rank 1 or 2.")


def _check_places(indices: TensorProto, count: int, shape: list[int]) -> Breaches:
    shown = f"Sparse tensor indices ({indices.name})"
    if indices.dims[0] != count:
        yield Breach("SDX-C165", f"{shown}: {indices.dims[0]} places are given for {count} values.")
        return
    linear = len(indices.dims) == 1
    if not linear and indices.dims[1] != len(shape):
        yield Breach("SDX-C165", f"{shown}: the second dimension does not match the rank of the tensor.")
        return
    extents = [linear_size(shape)] if linear else shape
    flat, wanted = _integers(indices), _count(indices)
    if len(flat) != wanted:
        sizes = f"expected num elements {wanted} does not match the actual num elements {len(flat)}"
        what = f"Data size mismatch. Tensor: {indices.name} {sizes}"
        yield Breach("SDX-C165", what, unreadable=True)
        return
    rows = [flat[i : i + len(extents)] for i in range(0, len(flat), len(extents))]
    for i, row in enumerate(rows):
        if any(not 0 <= at < extent for at, extent in zip(row, extents, strict=True)):
            yield Breach("SDX-C165", f"{shown}: the place of value {i}, {row}, is out of range of {extents}.")
    for i, (before, after) in enumerate(itertools.pairwise(rows)):
        if after <= before:
            yield Breach("SDX-C165", f"{shown}: the place of value {i + 1} is not in sorted order.")


def linear_size(shape: Sequence[int]) -> int:
    """How many places linear indices can name: the official checker counts them in 64 bits, with sign, and so do we."""
    return (math.prod(shape) + 2**63) % 2**64 - 2**63


def _integers(tensor: TensorProto) -> list[int]:
    raw = tensor.view("raw_data")
    return np.frombuffer(raw, "<i8").tolist() if raw and len(raw) % 8 == 0 else [int(i) for i in tensor.int64_data]
