"""Makers of types and of the value infos that carry them."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.compat.onnx._given import given
from sardonyx.compat.onnx.onnx_pb import TensorShapeProto, TypeProto, ValueInfoProto

__all__ = [
    "make_empty_tensor_value_info",
    "make_map_type_proto",
    "make_optional_type_proto",
    "make_sequence_type_proto",
    "make_sparse_tensor_type_proto",
    "make_sparse_tensor_value_info",
    "make_tensor_sequence_value_info",
    "make_tensor_type_proto",
    "make_tensor_value_info",
    "make_value_info",
]

Dims = Sequence[str | int | None] | None


def _fill(
    kind: TypeProto.Tensor | TypeProto.SparseTensor, shape: Dims, denotation: list[str] | None, text: str
) -> None:
    if shape is None:
        return
    if denotation and len(denotation) != len(shape):
        raise ValueError("Invalid shape_denotation. Must be of the same length as shape.")
    kind.shape.SetInParent()  # a scalar has a shape too
    for i, extent in enumerate(shape):
        dim: TensorShapeProto.Dimension = kind.shape.dim.add()
        if isinstance(extent, int):
            dim.dim_value = extent
        elif isinstance(extent, str):
            dim.dim_param = extent
        elif extent is not None:
            raise ValueError(f"Invalid item in shape: {extent}. Needs to be of int or {text}.")
        if denotation:
            dim.denotation = denotation[i]


def make_tensor_type_proto(elem_type: int, shape: Dims, shape_denotation: list[str] | None = None) -> TypeProto:
    """The type of a tensor; `shape` None is of unknown rank, an extent None is unknown."""
    made = TypeProto()
    made.tensor_type.elem_type = elem_type
    _fill(made.tensor_type, shape, shape_denotation, "str")
    return made


def make_sparse_tensor_type_proto(elem_type: int, shape: Dims, shape_denotation: list[str] | None = None) -> TypeProto:
    """The type of a sparse tensor."""
    made = TypeProto()
    made.sparse_tensor_type.elem_type = elem_type
    _fill(made.sparse_tensor_type, shape, shape_denotation, "text")
    return made


def make_sequence_type_proto(inner_type_proto: TypeProto) -> TypeProto:
    """The type of a sequence of values of one type."""
    made = TypeProto()
    made.sequence_type.elem_type.CopyFrom(inner_type_proto)
    return made


def make_optional_type_proto(inner_type_proto: TypeProto) -> TypeProto:
    """The type of a value that may be absent."""
    made = TypeProto()
    made.optional_type.elem_type.CopyFrom(inner_type_proto)
    return made


def make_map_type_proto(key_type: int, value_type: TypeProto) -> TypeProto:
    """The type of a dictionary."""
    made = TypeProto()
    made.map_type.key_type = key_type
    made.map_type.value_type.CopyFrom(value_type)
    return made


def make_value_info(name: str, type_proto: TypeProto, doc_string: str = "") -> ValueInfoProto:
    """A named value of a type."""
    made = ValueInfoProto(**given(name=name))
    if doc_string:
        made.doc_string = doc_string
    made.type.CopyFrom(type_proto)
    return made


def make_empty_tensor_value_info(name: str) -> ValueInfoProto:
    """A named value of which nothing is said."""
    return ValueInfoProto(**given(name=name))


def make_tensor_value_info(
    name: str, elem_type: int, shape: Dims, doc_string: str = "", shape_denotation: list[str] | None = None
) -> ValueInfoProto:
    """A named tensor."""
    return make_value_info(name, make_tensor_type_proto(elem_type, shape, shape_denotation), doc_string)


def make_sparse_tensor_value_info(
    name: str, elem_type: int, shape: Dims, doc_string: str = "", shape_denotation: list[str] | None = None
) -> ValueInfoProto:
    """A named sparse tensor."""
    return make_value_info(name, make_sparse_tensor_type_proto(elem_type, shape, shape_denotation), doc_string)


def make_tensor_sequence_value_info(
    name: str, elem_type: int, shape: Dims, doc_string: str = "", elem_shape_denotation: list[str] | None = None
) -> ValueInfoProto:
    """A named sequence of tensors."""
    tensor = make_tensor_type_proto(elem_type, shape, elem_shape_denotation)
    return make_value_info(name, make_sequence_type_proto(tensor), doc_string)
