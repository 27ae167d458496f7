"""Attributes of nodes: a name, a kind, and a Python value."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from sardonyx.core.errors import InputError
from sardonyx.ir.tensor import SparseTensor, Tensor
from sardonyx.ir.types import MapType, OpaqueType, OptionalType, SequenceType, SparseTensorType, TensorType

if TYPE_CHECKING:
    from sardonyx.ir.graph import Graph

__all__ = ["Attr", "AttrKind"]


class AttrKind(enum.IntEnum):
    """The kinds of attribute, numbered as ``AttributeProto.AttributeType`` numbers them."""

    UNDEFINED = 0
    FLOAT = 1
    INT = 2
    STRING = 3
    TENSOR = 4
    GRAPH = 5
    FLOATS = 6
    INTS = 7
    STRINGS = 8
    TENSORS = 9
    GRAPHS = 10
    SPARSE_TENSOR = 11
    SPARSE_TENSORS = 12
    TYPE_PROTO = 13
    TYPE_PROTOS = 14


_TYPES = (TensorType, SparseTensorType, SequenceType, OptionalType, MapType, OpaqueType)


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Attr:
    """One attribute.

    `value` is a float, int, str (bytes when not UTF-8), `Tensor`, `Graph`, `SparseTensor` or type, or a tuple of those, as
    `kind` says. In a function body `ref` may name the attribute of the function whose value stands here.
    """

    name: str
    kind: AttrKind
    value: Any
    ref: str = ""
    doc: str = ""

    def __init__(self, name: str, kind: AttrKind, value: Any, ref: str = "", doc: str = "") -> None:
        _set_name(self, name)
        _set_kind(self, kind)
        _set_value(self, value)
        _set_ref(self, ref)
        _set_doc(self, doc)

    @staticmethod
    def of(name: str, value: Any, kind: AttrKind | None = None) -> Attr:
        """An attribute of a Python value; `kind` is read off the value unless given (an empty list needs it)."""
        if kind is None:
            kind = _kind_of(name, value)
        if kind == AttrKind.FLOAT:
            value = float(value)
        elif kind == AttrKind.INT:
            value = int(value)
        elif kind == AttrKind.TENSOR and isinstance(value, np.ndarray):
            value = Tensor(value)
        elif kind in _PLURAL:
            convert = {AttrKind.FLOATS: float, AttrKind.INTS: int}.get(kind)
            value = tuple(convert(v) for v in value) if convert else tuple(value)
        return Attr(name, kind, value)

    def graphs(self) -> tuple[Graph, ...]:
        """The subgraphs this attribute holds, usually none."""
        if self.kind == AttrKind.GRAPH and not self.ref:
            return (self.value,)
        return self.value if self.kind == AttrKind.GRAPHS and not self.ref else ()


# A model makes many attributes: filling the slots of a frozen class this way takes half of what `dataclass` would do.
_set_name, _set_kind, _set_value, _set_ref, _set_doc = (vars(Attr)[f.name].__set__ for f in fields(Attr))

_SINGULAR: list[tuple[type | tuple[type, ...], AttrKind]] = [
    ((bool, int, np.integer), AttrKind.INT),
    ((float, np.floating), AttrKind.FLOAT),
    ((str, bytes), AttrKind.STRING),
    ((Tensor, np.ndarray), AttrKind.TENSOR),
    (SparseTensor, AttrKind.SPARSE_TENSOR),
    (_TYPES, AttrKind.TYPE_PROTO),
]
_PLURAL = {
    AttrKind.FLOATS: AttrKind.FLOAT,
    AttrKind.INTS: AttrKind.INT,
    AttrKind.STRINGS: AttrKind.STRING,
    AttrKind.TENSORS: AttrKind.TENSOR,
    AttrKind.GRAPHS: AttrKind.GRAPH,
    AttrKind.SPARSE_TENSORS: AttrKind.SPARSE_TENSOR,
    AttrKind.TYPE_PROTOS: AttrKind.TYPE_PROTO,
}
_PLURAL_OF = {one: many for many, one in _PLURAL.items()}


def _kind_of(name: str, value: Any) -> AttrKind:
    from sardonyx.ir.graph import Graph  # an attribute can hold a graph, and a graph's nodes hold attributes

    for types, kind in _SINGULAR:
        if isinstance(value, types):
            return kind
    if isinstance(value, Graph):
        return AttrKind.GRAPH
    if isinstance(value, Sequence) and value:
        kinds = {_kind_of(name, v) for v in value}  # pyright: ignore[reportUnknownVariableType]
        if kinds == {AttrKind.INT, AttrKind.FLOAT}:
            kinds = {AttrKind.FLOAT}
        if len(kinds) == 1 and (one := kinds.pop()) in _PLURAL_OF:
            return _PLURAL_OF[one]
    raise InputError(
        f"attribute '{name}' cannot hold {value!r}",
        why="its kind cannot be read off the value",
        fix="give a non-empty list of one type, or Attr.of(name, value, kind)",
    )
