"""Attributes: made from Python values, read back as such."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable
from typing import Any

from sardonyx.compat.onnx._given import given
from sardonyx.compat.onnx.onnx_pb import (
    AttributeProto,
    GraphProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    TypeProto,
)

__all__ = ["get_attribute_value", "get_node_attr_value", "make_attribute", "make_attribute_ref"]


def to_bytes(value: str | bytes) -> bytes:
    """A text in UTF-8."""
    return value.encode("utf-8") if isinstance(value, str) else value


def _same(value: Any) -> Any:
    return value


# Python's type -> the enumerator of one value, the enumerator of many, and what is stored. The first row that fits counts.
_KINDS: list[tuple[type | tuple[type, ...], str, str, Callable[[Any], Any]]] = [
    (numbers.Integral, "INT", "INTS", int),
    (numbers.Real, "FLOAT", "FLOATS", float),
    ((str, bytes), "STRING", "STRINGS", to_bytes),
    (TensorProto, "TENSOR", "TENSORS", _same),
    (SparseTensorProto, "SPARSE_TENSOR", "SPARSE_TENSORS", _same),
    (GraphProto, "GRAPH", "GRAPHS", _same),
    (TypeProto, "TYPE_PROTO", "TYPE_PROTOS", _same),
]
# fmt: off
_FIELDS = {
    "INT": "i",      "FLOAT": "f",       "STRING": "s",        "TENSOR": "t",
    "INTS": "ints",  "FLOATS": "floats", "STRINGS": "strings", "TENSORS": "tensors",
    "GRAPH": "g",       "SPARSE_TENSOR": "sparse_tensor",    "TYPE_PROTO": "tp",
    "GRAPHS": "graphs", "SPARSE_TENSORS": "sparse_tensors",  "TYPE_PROTOS": "type_protos",
}
# fmt: on
_SINGLE = {single for _, single, _, _ in _KINDS}
_CODES = AttributeProto.AttributeType


def _kind_of(key: str, value: Any, attr_type: int | None) -> tuple[int, Any]:
    """The enumerator of `value`, and what its field stores."""
    for kinds, single, _, store in _KINDS:
        if isinstance(value, kinds):
            return _CODES.Value(single), store(value)
    if not isinstance(value, Iterable):
        raise TypeError(f"'{value}' is not an accepted attribute value.")
    items = list(value)
    if attr_type is not None:  # what was asked for decides, and the field refuses what it cannot hold
        return attr_type, [to_bytes(v) for v in items] if attr_type_to_str(attr_type) == "STRINGS" else items
    if not items:
        raise ValueError(f"Could not infer attribute `{key}` type from empty iterator")
    for kinds, _, many, store in _KINDS:
        if all(isinstance(item, kinds) for item in items):
            return _CODES.Value(many), [store(item) for item in items]
    raise ValueError("Could not infer the attribute type from the elements of the passed Iterable value.")


def attr_type_to_str(attr_type: int) -> str:
    """The name of a type of attributes; of an unknown one, `UNDEFINED`."""
    return _CODES.names_by_value.get(attr_type, "UNDEFINED")


def make_attribute(key: str, value: Any, doc_string: str | None = None, attr_type: int | None = None) -> AttributeProto:
    """An attribute that holds `value`, of the type the value has; an empty list needs `attr_type`."""
    if value is None:
        raise TypeError("'None' is not an accepted attribute value.")
    code, stored = _kind_of(key, value, attr_type)
    if attr_type is not None and code != attr_type:
        shown = f"'{attr_type_to_str(code)}'({code}) mismatched with specified type '{attr_type_to_str(attr_type)}'({attr_type})"
        raise TypeError(f"Inferred attribute type {shown}")
    field = _FIELDS.get(attr_type_to_str(code))
    if field is None or (attr_type_to_str(code) in _SINGLE and isinstance(stored, list)):
        raise AssertionError(f"no list has the attribute type '{attr_type_to_str(code)}'")
    made = AttributeProto(name=key, type=code, **{field: stored})
    if doc_string:
        made.doc_string = doc_string
    return made


def make_attribute_ref(
    name: str, attr_type: int, doc_string: str | None = None, *, ref_attr_name: str | None = None
) -> AttributeProto:
    """An attribute, in a function's body, that stands for one of the function's (by default of the same name)."""
    named = name if ref_attr_name is None else ref_attr_name
    if not named:
        raise ValueError("ref_attr_name must be non-empty")
    made = AttributeProto(**given(name=name, type=attr_type), ref_attr_name=named)
    if doc_string:
        made.doc_string = doc_string
    return made


def get_attribute_value(attr: AttributeProto) -> Any:
    """What an attribute holds; lists are Python lists, text is bytes, and what holds nothing gives None."""
    if attr.ref_attr_name:
        raise ValueError(f"Cannot get value of reference attribute: {attr}")
    name = attr_type_to_str(attr.type)
    if attr.type == AttributeProto.UNDEFINED:
        return None
    if name not in _FIELDS:
        raise ValueError(f"Unsupported ONNX attribute: {attr}")
    value = getattr(attr, _FIELDS[name])
    return value if name in _SINGLE else list(value)


def get_node_attr_value(node: NodeProto, attr_name: str) -> Any:
    """What the attribute of that name holds."""
    found = [attr for attr in node.attribute if attr.name == attr_name]
    if not found:
        raise ValueError(f"Node has no attribute with name {attr_name}")
    if len(found) > 1:
        raise ValueError(f"Node has multiple attributes with name {attr_name}")
    return get_attribute_value(found[0])
