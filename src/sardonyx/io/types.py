"""Types between TypeProto and the graph IR."""

from __future__ import annotations

from sardonyx.core import dims, dtypes
from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import FormatError
from sardonyx.ir import MapType, OpaqueType, OptionalType, SequenceType, Shape, SparseTensorType, TensorType, Type
from sardonyx.proto import TensorShapeProto, TypeProto

__all__ = ["read_dtype", "read_type", "write_type"]


_KNOWN = {row.code: row for row in dtypes.ALL}


def read_dtype(code: int, where: str) -> DType:
    """The element type of that code; `where` says whose it is."""
    found = _KNOWN.get(code)
    if found is None:
        raise FormatError(
            f"{where} has the element type {code}, which the standard does not know",
            why=f"its codes are 1 to {max(_KNOWN)}",
            fix="the file is damaged, or newer than this version of Sardonyx",
        )
    return found


def read_dim(proto: TensorShapeProto.Dimension) -> Dim | None:
    """A number, a symbolic dim (``dim_param`` may hold an expression such as ``2*N``), or None."""
    which = proto.WhichOneof("value")
    if which == "dim_value":
        return int(proto.dim_value) if proto.dim_value >= 0 else None  # some exporters write -1 for "unknown"
    if which == "dim_param" and proto.dim_param:
        try:
            return dims.parse(proto.dim_param)
        except FormatError:  # not an expression: a name with spaces or punctuation is still a name
            return dims.symbol(proto.dim_param)
    return None


def read_shape(proto: TensorShapeProto) -> Shape:
    return tuple(read_dim(d) for d in proto.dim)


def read_type(proto: TypeProto) -> Type | None:
    """The type that `proto` states, or None if it states none."""
    which = proto.WhichOneof("value")
    if which in ("tensor_type", "sparse_tensor_type"):
        tensor = proto.tensor_type if which == "tensor_type" else proto.sparse_tensor_type
        dtype = read_dtype(tensor.elem_type, "a type") if tensor.elem_type else None
        shape = read_shape(tensor.shape) if tensor.HasField("shape") else None
        if which == "tensor_type":
            return TensorType(dtype, shape, proto.denotation or None)
        return SparseTensorType(dtype, shape)
    if which == "sequence_type":
        return SequenceType(read_type(proto.sequence_type.elem_type))
    if which == "optional_type":
        return OptionalType(read_type(proto.optional_type.elem_type))
    if which == "map_type":
        return MapType(read_dtype(proto.map_type.key_type, "the key of a map"), read_type(proto.map_type.value_type))
    if which == "opaque_type":
        return OpaqueType(proto.opaque_type.domain, proto.opaque_type.name)
    return None


def write_shape(shape: Shape, proto: TensorShapeProto) -> None:
    for d in shape:
        dim = proto.dim.add()
        if isinstance(d, int):
            dim.dim_value = d
        elif d is not None:
            dim.dim_param = str(d)


def write_type(type: Type | None, proto: TypeProto) -> None:
    """State `type` in `proto`."""
    match type:
        case TensorType(dtype, shape, denotation):
            proto.tensor_type.elem_type = dtype.code if dtype else 0
            if shape is not None:
                proto.tensor_type.shape.SetInParent()
                write_shape(shape, proto.tensor_type.shape)
            if denotation:
                proto.denotation = denotation
        case SparseTensorType(dtype, shape):
            proto.sparse_tensor_type.elem_type = dtype.code if dtype else 0
            if shape is not None:
                proto.sparse_tensor_type.shape.SetInParent()
                write_shape(shape, proto.sparse_tensor_type.shape)
        case SequenceType(element):
            proto.sequence_type.elem_type.SetInParent()
            write_type(element, proto.sequence_type.elem_type)
        case OptionalType(element):
            proto.optional_type.elem_type.SetInParent()
            write_type(element, proto.optional_type.elem_type)
        case MapType(key, value):
            proto.map_type.key_type = key.code
            proto.map_type.value_type.SetInParent()
            write_type(value, proto.map_type.value_type)
        case OpaqueType(domain, name):
            proto.opaque_type.domain, proto.opaque_type.name = domain, name
        case None:
            pass
