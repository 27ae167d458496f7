"""The element types of the standard, as one table.

A `DType` knows its ONNX code, its width in bits, its kind and the NumPy type that holds one element. Types narrower than
a byte are held one element per byte in NumPy (ml_dtypes) and packed in files: see `core.packing`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import ml_dtypes
import numpy as np

from sardonyx.core.errors import DTypeError

__all__ = ["ALL", "DType", "dtype"]

Kind = Literal["none", "bool", "int", "uint", "float", "complex", "string"]


@dataclass(frozen=True, slots=True, eq=False)
class DType:
    """One element type.

    Attributes:
        name: the NumPy-style name, as in ``float32``.
        code: the value of ``TensorProto.DataType``.
        onnx: the enumerator's name in ``TensorProto.DataType``.
        bits: the width of one element in a file; 0 for strings.
        kind: what sort of number it is.
        numpy: the NumPy type that holds one element; object for strings.
    """

    name: str
    code: int
    onnx: str
    bits: int
    kind: Kind
    numpy: np.dtype[np.generic]

    @property
    def itemsize(self) -> int:
        """Bytes that one element takes in memory."""
        return self.numpy.itemsize

    @property
    def is_float(self) -> bool:
        return self.kind == "float"

    @property
    def is_integer(self) -> bool:
        return self.kind in ("int", "uint")

    @property
    def packed(self) -> bool:
        """Whether a file stores several elements in one byte."""
        return 0 < self.bits < 8 and self.kind != "bool"

    def nbytes(self, count: int) -> int:
        """Bytes that `count` elements take in a file."""
        return (count * self.bits + 7) // 8

    @property
    def text(self) -> str:
        """The name used by the ONNX text syntax: ``float`` and ``double`` where others say float32 and float64."""
        return self.onnx.lower()

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return dtype, (self.name,)  # each type is one object, also across processes


def _row(name: str, code: int, onnx: str, bits: int, kind: Kind, numpy: object) -> DType:
    return DType(name, code, onnx, bits, kind, np.dtype(numpy))  # pyright: ignore[reportArgumentType, reportCallIssue] ml_dtypes scalars


# fmt: off
UNDEFINED      = _row("undefined",      0,  "UNDEFINED",      0,   "none",    object)
FLOAT32        = _row("float32",        1,  "FLOAT",          32,  "float",   np.float32)
UINT8          = _row("uint8",          2,  "UINT8",          8,   "uint",    np.uint8)
INT8           = _row("int8",           3,  "INT8",           8,   "int",     np.int8)
UINT16         = _row("uint16",         4,  "UINT16",         16,  "uint",    np.uint16)
INT16          = _row("int16",          5,  "INT16",          16,  "int",     np.int16)
INT32          = _row("int32",          6,  "INT32",          32,  "int",     np.int32)
INT64          = _row("int64",          7,  "INT64",          64,  "int",     np.int64)
STRING         = _row("string",         8,  "STRING",         0,   "string",  object)
BOOL           = _row("bool",           9,  "BOOL",           8,   "bool",    np.bool_)
FLOAT16        = _row("float16",        10, "FLOAT16",        16,  "float",   np.float16)
FLOAT64        = _row("float64",        11, "DOUBLE",         64,  "float",   np.float64)
UINT32         = _row("uint32",         12, "UINT32",         32,  "uint",    np.uint32)
UINT64         = _row("uint64",         13, "UINT64",         64,  "uint",    np.uint64)
COMPLEX64      = _row("complex64",      14, "COMPLEX64",      64,  "complex", np.complex64)
COMPLEX128     = _row("complex128",     15, "COMPLEX128",     128, "complex", np.complex128)
BFLOAT16       = _row("bfloat16",       16, "BFLOAT16",       16,  "float",   ml_dtypes.bfloat16)
FLOAT8E4M3FN   = _row("float8e4m3fn",   17, "FLOAT8E4M3FN",   8,   "float",   ml_dtypes.float8_e4m3fn)
FLOAT8E4M3FNUZ = _row("float8e4m3fnuz", 18, "FLOAT8E4M3FNUZ", 8,   "float",   ml_dtypes.float8_e4m3fnuz)
FLOAT8E5M2     = _row("float8e5m2",     19, "FLOAT8E5M2",     8,   "float",   ml_dtypes.float8_e5m2)
FLOAT8E5M2FNUZ = _row("float8e5m2fnuz", 20, "FLOAT8E5M2FNUZ", 8,   "float",   ml_dtypes.float8_e5m2fnuz)
UINT4          = _row("uint4",          21, "UINT4",          4,   "uint",    ml_dtypes.uint4)
INT4           = _row("int4",           22, "INT4",           4,   "int",     ml_dtypes.int4)
FLOAT4E2M1     = _row("float4e2m1",     23, "FLOAT4E2M1",     4,   "float",   ml_dtypes.float4_e2m1fn)
FLOAT8E8M0     = _row("float8e8m0",     24, "FLOAT8E8M0",     8,   "float",   ml_dtypes.float8_e8m0fnu)
UINT2          = _row("uint2",          25, "UINT2",          2,   "uint",    ml_dtypes.uint2)
INT2           = _row("int2",           26, "INT2",           2,   "int",     ml_dtypes.int2)
FLOAT6E2M3     = _row("float6e2m3",     27, "FLOAT6E2M3",     6,   "float",   ml_dtypes.float6_e2m3fn)
FLOAT6E3M2     = _row("float6e3m2",     28, "FLOAT6E3M2",     6,   "float",   ml_dtypes.float6_e3m2fn)
# fmt: on

ALL: tuple[DType, ...] = tuple(row for row in list(globals().values()) if isinstance(row, DType))

_BY_NAME: dict[str, DType] = {
    spelling: row for row in ALL for spelling in (row.name, row.onnx, row.text, row.numpy.name) if spelling != "object"
} | {"f16": FLOAT16, "f32": FLOAT32, "f64": FLOAT64, "bf16": BFLOAT16, "i32": INT32, "i64": INT64, "str": STRING}
_BY_CODE: dict[int, DType] = {row.code: row for row in ALL}


@functools.lru_cache(maxsize=512)
def _from_numpy(numpy: np.dtype[np.generic]) -> DType:
    if numpy.kind in "USO":
        return STRING
    found = _BY_NAME.get(numpy.name)
    if found is None:
        raise DTypeError(
            f"NumPy type {numpy} has no counterpart in ONNX", fix="cast the array to a type of the standard"
        )
    return found


def dtype(spec: DType | int | str | type | np.dtype[np.generic]) -> DType:
    """The `DType` that `spec` names: a `DType`, an ONNX code, a name in NumPy's or ONNX's spelling, or a NumPy type.

    Raises:
        DTypeError: `spec` names no element type of the standard.
    """
    if isinstance(spec, DType):
        return spec
    if isinstance(spec, int):
        found = _BY_CODE.get(spec)
    elif isinstance(spec, str):
        found = _BY_NAME.get(spec)
    else:
        return _from_numpy(np.dtype(spec))
    if found is None:
        raise DTypeError(
            f"{spec!r} names no element type", fix="use a name such as 'float32' or a TensorProto.DataType code"
        )
    return found
