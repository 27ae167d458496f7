"""Changing the element type."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dtypes import DType
from sardonyx.ir import Array
from sardonyx.ops.declare import (
    Flag,
    Input,
    Int,
    Output,
    String,
    carries,
    infers,
    operator,
    reference,
    types,
)
from sardonyx.ops.known import Known, known
from sardonyx.ops.typesets import BOOL, COMPLEX, FLOAT6, FLOAT8, IR9, IR10, IR11, IR12, IR13, NUMBERS, STRING

_OLD = NUMBERS | BOOL
_RANGE = {
    1: _OLD,
    9: _OLD | STRING,
    13: _OLD | STRING | {d.BFLOAT16},
    19: IR9 - COMPLEX,
    21: IR10 - COMPLEX,
    23: IR11 - COMPLEX,
    24: IR12 - COMPLEX,
    25: IR13 - COMPLEX,
    28: (IR13 | FLOAT6) - COMPLEX,
}

_LIKE = {15: _RANGE[13], 19: _RANGE[19], 21: _RANGE[21], 23: _RANGE[23], 24: _RANGE[24], 25: _RANGE[25]}


def convert(x: Array, to: DType, *, saturate: bool, round_mode: str = "up") -> Array:
    """`x` as `to`. With `saturate`, what exceeds a float8 becomes its largest value; narrower floats always do so."""
    if to is d.STRING:
        return _printed(x)
    if x.dtype == object:
        x = _read(x, to)
    if to is d.FLOAT8E8M0:
        return _power_of_two(x.astype(np.float64), saturate=saturate, round_mode=round_mode)
    if to.is_float and to.bits <= 8:
        limit = float(ml_dtypes.finfo(to.numpy).max)
        wide = to_odd(x)
        if saturate or to not in FLOAT8:
            wide = np.clip(wide, -limit, limit)
        return wide.astype(to.numpy)
    if to.is_integer and to.bits < 8:  # wraps around, as wider integers do
        whole = x.astype(np.float32) if x.dtype.kind == "V" else x
        return whole.astype(np.int64).astype(np.int8 if to.kind == "int" else np.uint8).astype(to.numpy)
    if to is d.BFLOAT16:
        return to_odd(x).astype(to.numpy)
    return x.astype(to.numpy)


def to_odd(x: Array) -> Array:
    """`x` as float32, where what does not fit is cut off and leaves its mark in the last bit.

    Rounded again, to fewer bits, it gives what rounding `x` once would have given: no tie appears that was none.
    """
    if x.dtype.kind in "iu" and x.dtype.itemsize == 8:  # the same for int64, which float64 does not hold
        size = np.where(x < 0, 0 - x.astype(np.uint64), x.astype(np.uint64))
        jammed = (size >> np.uint64(11)) | ((size & np.uint64(2047)) != 0)
        exact = np.where(size < 1 << 53, size.astype(np.float64), jammed.astype(np.float64) * 2048)
        x = np.where(x < 0, -exact, exact)
    if x.dtype.name not in ("float64", "int32", "uint32"):
        return x.astype(np.float32)
    exact = x.astype(np.float64)
    with np.errstate(over="ignore"):
        near = exact.astype(np.float32)
    beyond = np.abs(near.astype(np.float64)) > np.abs(exact)
    cut = np.where(beyond, np.nextafter(near, np.float32(0)), near)
    inexact = (cut.astype(np.float64) != exact) & np.isfinite(exact)
    return np.where(inexact, cut.view(np.uint32) | np.uint32(1), cut.view(np.uint32)).view(np.float32).reshape(x.shape)


def _read(x: Array, to: DType) -> Array:
    """Strings as numbers; for an integer type, whole ones are read digit by digit."""

    def whole(text: str) -> int:
        try:
            return int(text)
        except ValueError:
            return int(float(text))

    wide = to.kind in ("int", "uint") and to.bits == 64
    read = whole if wide else float
    return np.array([read(s) for s in x.reshape(-1)], to.numpy if wide else np.float64).reshape(x.shape)


def _printed(x: Array) -> Array:
    strings = np.empty(x.size, object)
    strings[:] = [str(v) for v in x.reshape(-1)]
    return strings.reshape(x.shape)


def _power_of_two(x: Array, *, saturate: bool, round_mode: str) -> Array:
    """The nearest power of two between 2**-127 and 2**127, as a biased exponent; `round_mode` says where the others go."""
    mantissa, exponent = np.frexp(np.abs(x))  # |x| = mantissa * 2**exponent, mantissa in [0.5, 1)
    floor = exponent - 1
    up = {"up": mantissa > 0.5, "down": np.zeros_like(mantissa, bool), "nearest": mantissa >= 0.75}[round_mode]
    code = floor + up + 127
    code = np.where(x == 0, 0, code)
    code = np.clip(code, 0, 254) if saturate else np.where((code < 0) | (code > 254), 255, code)
    code = np.where(np.isnan(x), 255, np.where(np.isinf(x), 254 if saturate else 255, code))
    return code.astype(np.uint8).view(ml_dtypes.float8_e8m0fnu)


@operator("Cast", since=(1, 6, 9, 13, 19, 21, 23, 24, 25, 28), elementwise=True)
class Cast:
    """The value as another element type. Before opset 6 the type was spelled as a string: such models are upgraded first."""

    T1 = types(_RANGE)
    T2 = types(_RANGE)
    input = Input(T1)
    output = Output(T2)
    to = Int(required=True, since=6)
    to_name = String(required=True, until=6, spelled="to")
    saturate, round_mode = Flag(1, since=19), String("up", since=24)

    @infers
    def infer(input: Known, *, to: int) -> Known:
        return known(d.dtype(to), input.dims)

    @carries
    def carry(input: Known, *, to: int) -> Any:
        return input.value if d.dtype(to).is_integer else None

    @reference
    def run(input: Array, *, to: int, saturate: bool, round_mode: str) -> Array:
        return convert(input, d.dtype(to), saturate=saturate, round_mode=round_mode)


@operator("CastLike", since=(15, 19, 21, 23, 24, 25), elementwise=True)
class CastLike:
    """The value as the element type of another tensor."""

    T1 = types(_LIKE)
    T2 = types(_LIKE)
    input, target_type = Input(T1), Input(T2)
    output = Output(T2)
    saturate, round_mode = Flag(1, since=19), String("up", since=24)

    @infers
    def infer(input: Known, target_type: Known) -> Known:
        return known(target_type.dtype, input.dims)

    @carries
    def carry(input: Known, target_type: Known) -> Any:
        return input.value if target_type.dtype is not None and target_type.dtype.is_integer else None

    @reference
    def run(input: Array, target_type: Array, *, saturate: bool, round_mode: str) -> Array:
        return convert(input, d.dtype(target_type.dtype), saturate=saturate, round_mode=round_mode)


__all__: list[str] = []
