"""Weights in safetensors files: a length of 8 bytes, a JSON table, then the elements of every tensor, one after another."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from sardonyx.core import dtypes
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import FormatError, InputError, UnsupportedError
from sardonyx.io.files import replace_file
from sardonyx.io.paths import map_file
from sardonyx.ir import Array, Tensor
from sardonyx.ir.entries import unfit

__all__ = ["load_weights", "save_weights"]

_NAMES: dict[DType, str] = {
    dtypes.BOOL: "BOOL",
    dtypes.UINT8: "U8",
    dtypes.INT8: "I8",
    dtypes.UINT16: "U16",
    dtypes.INT16: "I16",
    dtypes.UINT32: "U32",
    dtypes.INT32: "I32",
    dtypes.UINT64: "U64",
    dtypes.INT64: "I64",
    dtypes.FLOAT16: "F16",
    dtypes.BFLOAT16: "BF16",
    dtypes.FLOAT32: "F32",
    dtypes.FLOAT64: "F64",
    dtypes.FLOAT8E4M3FN: "F8_E4M3",
    dtypes.FLOAT8E5M2: "F8_E5M2",
}
_TYPES = {name: dtype for dtype, name in _NAMES.items()}
_LONGEST = 100_000_000  # bytes of a table, as the format's own reader has it


def save_weights(weights: Mapping[str, Tensor | Array], path: str | os.PathLike[str]) -> None:
    """Write tensors by name. The file appears whole or not at all.

    Raises:
        UnsupportedError: the format has no name for an element type.
        InputError: a name is not possible there.
    """
    tensors = {name: w if isinstance(w, Tensor) else Tensor(w, name=name) for name, w in weights.items()}
    if "__metadata__" in tensors:
        raise InputError("no tensor can be called '__metadata__'", why="the format uses that name itself")
    table: dict[str, Any] = {}
    at = 0
    for name, tensor in tensors.items():
        kind = _NAMES.get(tensor.dtype)
        if kind is None:
            raise UnsupportedError(f"safetensors has no element type {tensor.dtype}", where=f"tensor '{name}'")
        table[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    header = json.dumps(table).encode()
    header += b" " * (-len(header) % 8)  # so that the elements are aligned

    def write(file: Any) -> None:
        file.write(len(header).to_bytes(8, "little") + header)
        for tensor in tensors.values():
            file.write(tensor.raw())

    replace_file(Path(path), write)


def load_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a file by name, mapped and not read.

    Raises:
        FormatError: it is no well-formed safetensors file.
        InputError: there is no such file.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no file '{path}'")
    data = map_file(Path(path).resolve())
    start = 8 + int.from_bytes(data[:8], "little")
    if len(data) < 8 or start > len(data) or start > _LONGEST:
        raise FormatError("this is no safetensors file", offset=0, why="its table is longer than the file")
    try:
        table = json.loads(bytes(data[8:start]))
    except (ValueError, RecursionError) as error:
        raise FormatError("the table of a safetensors file is no JSON", offset=8, why=str(error)) from error
    if not isinstance(table, dict):
        raise FormatError("the table of a safetensors file is no JSON object", offset=8)
    entries = cast("dict[str, Any]", table)
    return {name: _tensor(name, entry, data[start:]) for name, entry in entries.items() if name != "__metadata__"}


def _tensor(name: str, entry: Any, data: memoryview) -> Tensor:
    match entry:
        case {"dtype": str(kind), "shape": [*shape], "data_offsets": [int(begin), int(end)]} if kind in _TYPES and all(
            type(d) is int for d in shape
        ):
            dtype, extents = _TYPES[kind], tuple(cast("list[int]", shape))
        case _:
            raise FormatError(f"tensor '{name:.100}' is described wrongly", why=f"{entry!r:.200}")
    fault = unfit(dtype, extents)
    tensor = Tensor(data[begin:end], name=name, dtype=dtype, shape=extents) if fault is None else None
    if tensor is None or not 0 <= begin <= end <= len(data) or end - begin != tensor.nbytes:
        why = fault or f"bytes {begin} to {end} of {len(data)} do not hold it"
        raise FormatError(
            f"tensor '{name:.100}' does not fit its place", why=why, fix="the file is damaged; copy it again"
        )
    return tensor
