"""What a float32 model would give without rounding: the same model in float64, on the references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sardonyx.core import dtypes
from sardonyx.core.dtypes import DType
from sardonyx.evaluate import evaluate
from sardonyx.ir import Array, Attr, AttrKind, Graph, Model, Node, SequenceType, SparseTensor, Tensor, TensorType, Type

__all__ = ["truth_of", "widened"]

_WIDER: dict[DType, DType] = {dtypes.FLOAT32: dtypes.FLOAT64}
# Attributes that hold an element type, as a number.
_TYPE_ATTRIBUTES = {"to", "dtype", "output_dtype", "stash_type", "softmax_precision"}


def truth_of(model: Model, feeds: Mapping[str, Any]) -> list[Any]:
    """The results in float64, for inputs in float32."""
    wide = {n: x.astype(np.float64) if getattr(x, "dtype", None) == np.float32 else x for n, x in feeds.items()}
    return evaluate(widened(model), wide)


def widened(model: Model) -> Model:
    """A copy in which every float32 is a float64: constants, types, and the element types that attributes name."""
    copy = model.clone()
    for top in copy.graphs():
        for graph in top.walk_graphs():
            _widen_graph(graph)
    return copy


def _widen_graph(graph: Graph) -> None:
    for value in graph.values():
        value.type = _type(value.type)
        if isinstance(value.const, Tensor):
            value.const = _tensor(value.const)
    for node in graph.nodes:
        for attr in list(node.attrs.values()):
            node.attrs[attr.name] = _attr(node, attr)


def _attr(node: Node, attr: Attr) -> Attr:
    if attr.ref:
        return attr
    if attr.kind is AttrKind.TENSOR:
        return Attr(attr.name, attr.kind, _tensor(attr.value), doc=attr.doc)
    if attr.kind is AttrKind.INT and attr.name in _TYPE_ATTRIBUTES and attr.value == dtypes.FLOAT32.code:
        return Attr(attr.name, attr.kind, dtypes.FLOAT64.code)
    if node.op_type == "Constant" and attr.kind in (AttrKind.FLOAT, AttrKind.FLOATS):
        return Attr.of("value", Tensor(np.asarray(attr.value, np.float64)))
    return attr


def _type(type: Type | None) -> Type | None:
    if isinstance(type, TensorType) and type.dtype in _WIDER:
        return TensorType(_WIDER[type.dtype], type.shape)
    return SequenceType(_type(type.element)) if isinstance(type, SequenceType) else type


def _tensor(tensor: Tensor | SparseTensor) -> Any:
    if not isinstance(tensor, Tensor) or tensor.dtype is not dtypes.FLOAT32:
        return tensor
    wide: Array = tensor.numpy().astype(np.float64)
    return Tensor(wide, name=tensor.name)
