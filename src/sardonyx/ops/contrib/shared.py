"""What the operators of com.microsoft have in common."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import ShapeError
from sardonyx.ir import Array
from sardonyx.ops.apply import infer_outputs, run_reference
from sardonyx.ops.declare import operator
from sardonyx.ops.known import Dims, Known
from sardonyx.ops.quant import quantized, spread
from sardonyx.ops.schema import Schema, latest_opset, schema_of
from sardonyx.ops.typesets import TypeSet

__all__ = [
    "BYTES",
    "FLOAT",
    "HALVES",
    "contrib",
    "requantized",
    "restored",
    "shape_of",
    "single",
    "value_of",
    "values_of",
]

BYTES: TypeSet = frozenset({d.INT8, d.UINT8})
FLOAT: TypeSet = frozenset({d.FLOAT32})
HALVES: TypeSet = frozenset({d.FLOAT32, d.FLOAT16, d.BFLOAT16})

contrib: Callable[..., Any] = functools.partial(operator, since=(1,), domain="com.microsoft")


def single(x: Array) -> Array:
    """x in float32 at least, in which the statistics and products of half-width floats are taken."""
    return x if x.dtype == np.float64 else x.astype(np.float32)


def restored(x: Array, scale: Array, zero_point: Array | None, axis: int = 1) -> Array:
    """(x - zero_point) * scale, in float32."""
    whole = x.astype(np.int64)
    if zero_point is not None:
        whole = whole - spread(zero_point, x.shape, axis, 0).astype(np.int64)
    return whole.astype(np.float32) * spread(scale, x.shape, axis, 0).astype(np.float32)


def requantized(y: Array, scale: Array, zero_point: Array | None, to: DType | Any, axis: int = 1) -> Array:
    """saturate(round(y / scale) + zero_point)"""
    point = None if zero_point is None else spread(zero_point, y.shape, axis, 0)
    factor = spread(scale, y.shape, axis, 0)
    return quantized(y.astype(np.float32), factor, point, d.dtype(to), saturate=True, precision=d.FLOAT32)


def _standard(name: str, given: dict[str, Any]) -> tuple[Schema, dict[str, Any]]:
    """The newest schema of a standard operator, and its attributes with their defaults."""
    schema = schema_of("", name, latest_opset())
    assert schema is not None, name
    defaults = {n: bool(a.default) if a.is_flag else a.default for n, a in schema.attributes.items()}
    return schema, defaults | {n: v for n, v in given.items() if v is not None}


def values_of(name: str, *inputs: Any, outputs: int = 1, **attrs: Any) -> list[Array]:
    """What a standard operator gives."""
    schema, values = _standard(name, attrs)
    return run_reference(schema, inputs, values, outputs)


def value_of(name: str, *inputs: Any, **attrs: Any) -> Array:
    """The first thing that a standard operator gives."""
    return values_of(name, *inputs, **attrs)[0]


def shape_of(name: str, *inputs: Known | None, **attrs: Any) -> Dims:
    """The shape of what a standard operator gives."""
    schema, values = _standard(name, attrs)
    [found] = infer_outputs(schema, inputs, values, 1)
    if not found.has_shape:
        raise ShapeError(f"the shape of {name} does not follow")
    return found.shape
