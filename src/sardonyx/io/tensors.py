"""Tensors between TensorProto and the graph IR; nothing is decoded or copied on reading."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core import dtypes
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import FormatError
from sardonyx.io.paths import Folder
from sardonyx.io.types import read_dtype
from sardonyx.ir import Array, ExternalLocation, SparseTensor, Tensor
from sardonyx.ir.entries import RANK, count_entries, from_entries, unfit
from sardonyx.proto import SparseTensorProto, TensorProto
from sardonyx.proto.decode import Deferred

__all__ = ["read_sparse", "read_tensor", "typed_field", "write_sparse", "write_tensor"]

# The typed field that holds each element type when raw_data does not, and the width of one entry in it.
_FIELD: dict[DType, str] = {
    **dict.fromkeys((dtypes.FLOAT32, dtypes.COMPLEX64), "float_data"),
    **dict.fromkeys((dtypes.FLOAT64, dtypes.COMPLEX128), "double_data"),
    dtypes.INT64: "int64_data",
    **dict.fromkeys((dtypes.UINT32, dtypes.UINT64), "uint64_data"),
    dtypes.STRING: "string_data",
}


def typed_field(dtype: DType) -> str:
    """The field of a message that holds elements of that type when `raw_data` does not."""
    return _FIELD.get(dtype, "int32_data")


def read_tensor(proto: TensorProto, folder: Folder | None = None) -> Tensor:
    """A lazy tensor over the bytes of `proto`, or of the external file it names.

    Raises:
        FormatError: sizes contradict the shape, or external data is named and there is no folder to look in.
    """
    shape = tuple(proto.entries("dims")[: RANK + 1])  # one too many is as impossible as a million
    where = f"tensor '{proto.name}'"
    dtype = read_dtype(proto.data_type, where)
    fault = unfit(dtype, shape)
    if fault is not None:
        raise FormatError(f"{where} has an impossible shape: {fault}", why=f"its shape is {list(shape)}"[:200])
    if proto.HasField("segment"):
        raise FormatError(f"{where} is stored in segments", why="the standard has never defined how segments join")
    notes = proto.entries("metadata_props")
    facts: dict[str, Any] = {
        "name": proto.name,
        "doc": proto.doc_string,
        "metadata": {p.key: p.value for p in notes} if notes else None,
    }
    if proto.data_location == TensorProto.EXTERNAL:
        return _external(proto, dtype, shape, folder, facts)
    table = proto.entries("external_data")
    if isinstance(table, Deferred):
        table.check()  # nobody reads it, and still it must be well-formed
    if proto.HasField("raw_data"):
        raw = vars(proto)["raw_data"]  # a view, or bytes where there are few
        expected = dtype.nbytes(math.prod(shape))
        if dtype is dtypes.STRING or len(raw) != expected:
            raise FormatError(
                f"{where} holds {len(raw)} bytes, {dtype}{list(shape)} needs {expected}",
                fix="the file is damaged; export the model again",
            )
        return Tensor(raw, dtype=dtype, shape=shape, **facts)
    return Tensor(_typed(proto, dtype, shape), dtype=dtype, shape=shape, **facts)


def _external(
    proto: TensorProto, dtype: DType, shape: tuple[int, ...], folder: Folder | None, facts: dict[str, Any]
) -> Tensor:
    entries = {p.key: p.value for p in proto.entries("external_data")}
    try:
        length = entries.get("length")
        external = ExternalLocation(
            entries["location"],
            int(entries.get("offset", 0)),
            None if length is None else int(length),
            entries.get("checksum"),
        )
    except (KeyError, ValueError) as error:
        raise FormatError(f"tensor '{proto.name}' has a malformed external-data table", why=str(error)) from error
    if folder is None:
        raise FormatError(
            f"tensor '{proto.name}' lies in the file {external.location!r}",
            why="the model was read from bytes, so there is no folder to find it in",
            fix="load the model by its path",
        )
    nbytes = dtype.nbytes(math.prod(shape))
    # The path is judged now, while the caller can still refuse the model; the bytes are mapped, not read.
    view = folder.view(external, nbytes)
    return Tensor(view, dtype=dtype, shape=shape, external=external, **facts)


def _typed(proto: TensorProto, dtype: DType, shape: tuple[int, ...]) -> Array:
    """The elements out of float_data, int32_data and their like."""
    if dtype is dtypes.STRING:
        entries = np.empty(len(proto.string_data), object)
        entries[:] = [_text(s) for s in proto.string_data]
    else:
        entries = np.asarray(getattr(proto, typed_field(dtype)))
    expected = count_entries(dtype, shape)
    if entries.size != expected:
        raise FormatError(
            f"tensor '{proto.name}' holds {entries.size} entries, {dtype}{list(shape)} needs {expected}",
            fix="the file is damaged; export the model again",
        )
    return from_entries(entries, dtype, shape)


def _text(data: bytes | memoryview) -> str | bytes:
    try:
        return bytes(data).decode()
    except UnicodeDecodeError:
        return bytes(data)


def write_tensor(tensor: Tensor, proto: TensorProto, external: ExternalLocation | None = None) -> None:
    """State `tensor` in `proto`: in raw form, or as lying at `external`."""
    proto.dims.extend(tensor.shape)
    proto.data_type = tensor.dtype.code
    if tensor.name:
        proto.name = tensor.name
    if tensor.doc:
        proto.doc_string = tensor.doc
    for key, value in tensor.metadata.items():
        proto.metadata_props.add(key=key, value=value)
    if tensor.dtype is dtypes.STRING:
        proto.string_data.extend(s.encode() if isinstance(s, str) else bytes(s) for s in tensor.numpy().reshape(-1))
    elif external is not None:
        proto.data_location = TensorProto.EXTERNAL
        proto.external_data.add(key="location", value=external.location)
        proto.external_data.add(key="offset", value=str(external.offset))
        proto.external_data.add(key="length", value=str(tensor.nbytes))
    else:
        proto.set_view("raw_data", tensor.raw())


def read_sparse(proto: SparseTensorProto, folder: Folder | None = None) -> SparseTensor:
    return SparseTensor(
        read_tensor(proto.values, folder), read_tensor(proto.indices, folder), tuple(int(d) for d in proto.dims)
    )


def write_sparse(tensor: SparseTensor, proto: SparseTensorProto) -> None:
    write_tensor(tensor.values, proto.values)
    write_tensor(tensor.indices, proto.indices)
    proto.dims.extend(tensor.shape)
