"""The model in memory: Model, Graph, Function, Node, Value, Attr, Tensor."""

from __future__ import annotations

from sardonyx.ir.attr import Attr, AttrKind
from sardonyx.ir.graph import Graph, Node, Use, Value
from sardonyx.ir.model import Function, FunctionKey, Model
from sardonyx.ir.tensor import Array, ExternalLocation, SparseTensor, Tensor
from sardonyx.ir.types import (
    MapType,
    OpaqueType,
    OptionalType,
    SequenceType,
    Shape,
    SparseTensorType,
    TensorType,
    Type,
    show_shape,
)

__all__ = [
    "Array",
    "Attr",
    "AttrKind",
    "ExternalLocation",
    "Function",
    "FunctionKey",
    "Graph",
    "MapType",
    "Model",
    "Node",
    "OpaqueType",
    "OptionalType",
    "SequenceType",
    "Shape",
    "SparseTensor",
    "SparseTensorType",
    "Tensor",
    "TensorType",
    "Type",
    "Use",
    "Value",
    "show_shape",
]
