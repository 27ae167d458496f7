"""Types between TypeProto and the graph IR."""

from __future__ import annotations

from collections.abc import Sequence

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
    return tuple(read_dim(d) for d in proto.entries("dim"))


def read_type(proto: TypeProto) -> Type | None:
    """The type that `proto` states, or None if it states none."""
    which, denotation = proto.WhichOneof("value"), proto.denotation or None
    if which in ("tensor_type", "sparse_tensor_type"):
        tensor = proto.tensor_type if which == "tensor_type" else proto.sparse_tensor_type
        dtype = read_dtype(tensor.elem_type, "a type") if tensor.elem_type else None
        shape = read_shape(tensor.shape) if tensor.HasField("shape") else None
        axes = tuple([d.denotation for d in tensor.shape.dim]) if shape else ()
        kind = TensorType if which == "tensor_type" else SparseTensorType
        return kind(dtype, shape, denotation, axes if any(axes) else ())
    if which == "sequence_type":
        return SequenceType(read_type(proto.sequence_type.elem_type), denotation)
    if which == "optional_type":
        return OptionalType(read_type(proto.optional_type.elem_type), denotation)
    if which == "map_type":
        key = read_dtype(proto.map_type.key_type, "the key of a map")
        return MapType(key, read_type(proto.map_type.value_type), denotation)
    if which == "opaque_type":
        return OpaqueType(proto.opaque_type.domain, proto.opaque_type.name, denotation)
    return None


def write_shape(shape: Shape, proto: TensorShapeProto, axes: Sequence[str] = ()) -> None:
    for d in shape:
        dim = proto.dim.add()
        if isinstance(d, int):
            dim.dim_value = d
        elif d is not None:
            dim.dim_param = str(d)
    if len(axes) == len(shape):
        for dim, denotation in zip(proto.dim, axes, strict=True):
            if denotation:
                dim.denotation = denotation


def write_type(type: Type | None, proto: TypeProto) -> None:
    """State `type` in `proto`."""
    match type:
        case None:
            return
        case TensorType() | SparseTensorType():
            tensor = proto.tensor_type if isinstance(type, TensorType) else proto.sparse_tensor_type
            tensor.elem_type = type.dtype.code if type.dtype else 0
            if type.shape is not None:
                tensor.shape.SetInParent()
                write_shape(type.shape, tensor.shape, type.axes)
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
    if type.denotation:
        proto.denotation = type.denotation
