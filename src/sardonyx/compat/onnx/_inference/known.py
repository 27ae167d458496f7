"""Type messages as the operators' rules know them, and what the rules found as messages again.

The rules know more than the official package can say: formulas over names. On the way in every name is a symbol of that
spelling, and an extent nothing is known of is a dim without a name; on the way out whatever is neither a number nor one
name is unknown.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from sardonyx.compat.onnx._inference.errors import counted
from sardonyx.core import dtypes
from sardonyx.core.dims import Dim, Expr, symbol
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import SardonyxError
from sardonyx.io.tensors import read_tensor
from sardonyx.ir import MapType, OpaqueType, OptionalType, SequenceType, SparseTensorType, TensorType, Type
from sardonyx.ops import Known
from sardonyx.ops.known import known_constant
from sardonyx.proto import TensorProto, TensorShapeProto, TypeProto

__all__ = ["Extent", "constant", "extents_of", "known_type", "nameless", "read_extents", "type_message", "with_values"]

Extent: TypeAlias = int | str | None  # a number, a name, or unknown
_DTYPES: dict[int, DType] = {row.code: row for row in dtypes.ALL if row.code}
_numbers = itertools.count()


def nameless() -> Dim:
    """An extent that equals no other: a product, so that rules which prefer names prefer any to this."""
    number = next(_numbers)
    return symbol(f"?{number}") * symbol(f"?{number}'")


# -- in ------------------------------------------------------------------------------------------------------------------


def known_type(type: TypeProto) -> Type | None:
    """The type that a message states."""
    return _read(type, nameless)


def _read(type: TypeProto, unknown: Callable[[], Dim | None]) -> Type | None:
    kind = type.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type"):
        tensor: Any = getattr(type, kind)
        shape = tuple(_dim(d, unknown) for d in tensor.shape.dim) if tensor.HasField("shape") else None
        dtype = _DTYPES.get(tensor.elem_type)
        return TensorType(dtype, shape) if kind == "tensor_type" else SparseTensorType(dtype, shape)
    if kind == "sequence_type":
        return SequenceType(_read(type.sequence_type.elem_type, _nothing))
    if kind == "optional_type":
        return OptionalType(_read(type.optional_type.elem_type, _nothing))
    if kind == "map_type":
        key = _DTYPES.get(type.map_type.key_type, dtypes.UNDEFINED)
        return MapType(key, _read(type.map_type.value_type, _nothing))
    return OpaqueType(type.opaque_type.domain, type.opaque_type.name) if kind == "opaque_type" else None


def _nothing() -> None:
    return None


def _dim(dim: TensorShapeProto.Dimension, unknown: Callable[[], Dim | None]) -> Dim | None:
    if dim.HasField("dim_value"):
        return int(dim.dim_value)
    return symbol(dim.dim_param) if dim.dim_param else unknown()


def constant(tensor: TensorProto, type: Type | None) -> Known:
    """What is known of a constant, given the type its name has."""
    try:
        found = known_constant(read_tensor(tensor))
    except SardonyxError:  # its elements lie in another file, or nowhere
        return Known(type)
    return Known(type, found.value, found.floats)  # a constant whose name has no type has none


def with_values(type: Type | None, values: Sequence[Extent]) -> Known:
    """A vector or scalar of integers that were followed."""
    scalar = isinstance(type, TensorType) and type.shape == () and len(values) == 1
    array = np.empty(len(values), object)
    array[:] = [nameless() if v is None else symbol(v) if isinstance(v, str) else v for v in values]
    return Known(type, array.reshape(()) if scalar else array)


def read_extents(shape: TensorShapeProto) -> list[Extent]:
    """The extents of a shape."""
    return [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in shape.dim]


# -- out -----------------------------------------------------------------------------------------------------------------


def extents_of(dims: Sequence[Dim | None]) -> list[Extent]:
    """What can be said of dims in a message."""
    return [_extent(d) for d in dims]


def _extent(d: Dim | None) -> Extent:
    return d.name if isinstance(d, Expr) else d


def type_message(type: Type | None) -> TypeProto:
    """The message that states a type."""
    made = TypeProto()
    _write(type, made)
    return made


def _write(type: Type | None, made: TypeProto) -> None:
    match type:
        case TensorType(dtype, shape) | SparseTensorType(dtype, shape):
            tensor = made.tensor_type if isinstance(type, TensorType) else made.sparse_tensor_type
            tensor.SetInParent()
            if dtype:
                tensor.elem_type = dtype.code
            if shape is not None:
                tensor.shape.SetInParent()
                for extent in extents_of(shape):
                    write_extent(extent, tensor.shape.dim.add())
        case SequenceType(element) | OptionalType(element):
            holder = made.sequence_type if isinstance(type, SequenceType) else made.optional_type
            holder.elem_type.SetInParent()
            _write(element, holder.elem_type)
        case MapType(key, value):
            made.map_type.key_type = key.code
            made.map_type.value_type.SetInParent()
            _write(value, made.map_type.value_type)
        case OpaqueType(domain, name):
            made.opaque_type.domain, made.opaque_type.name = domain, name
        case None:
            pass


def write_extent(extent: Extent, dim: TensorShapeProto.Dimension) -> None:
    """State an extent."""
    if isinstance(extent, int):
        dim.dim_value = counted(extent)
    elif extent is not None:
        dim.dim_param = extent
