"""Type messages: compared, merged and named, by the official package's rules.

There, an extent is a number, a name or unknown, and every name is opaque: no formula relates two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sardonyx.compat.onnx._inference.errors import refuse_shape, refuse_type
from sardonyx.proto import GraphProto, TensorProto, TensorShapeProto, TypeProto

__all__ = [
    "TENSORS",
    "Symbols",
    "check_types",
    "clear_shape",
    "fill_dim",
    "inner_type",
    "kind_of",
    "merge_shape",
    "merge_types",
    "tensor_of",
    "unite_types",
]

TENSORS = ("tensor_type", "sparse_tensor_type")
CONTAINERS = ("sequence_type", "optional_type")
Dimension = TensorShapeProto.Dimension


def kind_of(type: TypeProto) -> str | None:
    """Which kind of value the type is of; None when it says nothing."""
    return type.WhichOneof("value")


def tensor_of(type: TypeProto) -> Any:
    """The part that has the element type and the shape, if the type is a tensor's."""
    kind = kind_of(type)
    return getattr(type, kind) if kind in TENSORS else None


def inner_type(type: TypeProto) -> TypeProto | None:
    """The type of what is in a sequence, an optional or a map."""
    kind = kind_of(type)
    if kind in CONTAINERS:
        return getattr(type, kind).elem_type
    return type.map_type.value_type if kind == "map_type" else None


def _dtype_name(code: int) -> str:
    return TensorProto.DataType.names_by_value.get(code, str(code))


# -- what is inferred and what is declared -------------------------------------------------------------------------------


def check_types(inferred: TypeProto, existing: TypeProto) -> None:
    """Refuse two types that no value has both of."""
    a, b = kind_of(inferred), kind_of(existing)
    if a is None or b is None:
        return
    if a != b:
        raise refuse_type(f"type case mismatch. existing={b} inferred={a}")
    if a in TENSORS:
        _check_tensors(getattr(inferred, a), getattr(existing, b))
    elif a == "opaque_type":
        for field in ("domain", "name"):
            x, y = getattr(inferred.opaque_type, field), getattr(existing.opaque_type, field)
            if x and y and x != y:
                raise refuse_type(f"{field} mismatch for opaque type: existing={y} inferred={x}")
    else:
        if a == "map_type" and inferred.map_type.key_type != existing.map_type.key_type:
            x, y = inferred.map_type.key_type, existing.map_type.key_type
            raise refuse_type(f"key type mismatch from MapProto. existing={_dtype_name(y)} inferred={_dtype_name(x)}")
        check_types(_inside(inferred), _inside(existing))


def _inside(type: TypeProto) -> TypeProto:
    found = inner_type(type)
    assert found is not None
    return found


def _check_tensors(inferred: Any, existing: Any) -> None:
    if inferred.elem_type and existing.elem_type and inferred.elem_type != existing.elem_type:
        shown = f"({inferred.elem_type}) vs ({existing.elem_type})"
        raise refuse_type(f"Inferred elem type differs from existing elem type: {shown}")
    if not (inferred.HasField("shape") and existing.HasField("shape")):
        return
    i, e = inferred.shape.dim, existing.shape.dim
    if len(i) != len(e):
        raise refuse_shape(f"Inferred shape and existing shape differ in rank: ({len(i)}) vs ({len(e)})")
    for axis, (x, y) in enumerate(zip(i, e, strict=True)):
        if x.HasField("dim_value") and y.HasField("dim_value") and x.dim_value != y.dim_value:
            shown = f"({x.dim_value}) vs ({y.dim_value})"
            raise refuse_shape(f"Inferred shape and existing shape differ in dimension {axis}: {shown}")


def merge_types(inferred: TypeProto, existing: TypeProto) -> None:
    """Let `existing` say what both say: numbers win, then the names it already has."""
    check_types(inferred, existing)
    kind = kind_of(inferred)
    if kind in TENSORS:
        _merge_tensors(getattr(inferred, kind), getattr(existing, kind))
    elif kind in CONTAINERS:
        getattr(existing, kind).elem_type.SetInParent()
        merge_types(_inside(inferred), getattr(existing, kind).elem_type)
    elif kind == "map_type":
        existing.map_type.key_type = existing.map_type.key_type or inferred.map_type.key_type
        existing.map_type.value_type.SetInParent()
        merge_types(_inside(inferred), existing.map_type.value_type)
    elif kind == "opaque_type":
        for field in ("domain", "name"):
            if not existing.opaque_type.HasField(field) and inferred.opaque_type.HasField(field):
                setattr(existing.opaque_type, field, getattr(inferred.opaque_type, field))


def _merge_tensors(inferred: Any, existing: Any) -> None:
    if not existing.elem_type:
        existing.elem_type = inferred.elem_type
    if not inferred.HasField("shape"):
        return
    if not existing.HasField("shape"):
        existing.shape.CopyFrom(inferred.shape)
        return
    for x, y in zip(inferred.shape.dim, existing.shape.dim, strict=True):
        if x.HasField("dim_value") or y.WhichOneof("value") is None:
            y.CopyFrom(x)


# -- what several paths give ---------------------------------------------------------------------------------------------


def unite_types(source: TypeProto, target: TypeProto) -> None:
    """Let `target` say only what holds for both."""
    a, b = kind_of(source), kind_of(target)
    if a != b:
        raise refuse_type(f"Mismatched type: inferred={a} declared={b}")
    if a in TENSORS:
        x, y = getattr(source, a), getattr(target, a)
        if x.elem_type != y.elem_type:
            shown = f"inferred={_dtype_name(x.elem_type)} declared={_dtype_name(y.elem_type)}"
            raise refuse_type(f"Mismatched tensor element type: {shown.lower()}")
        _unite_shapes(x, y)
    elif a in CONTAINERS or a == "map_type":
        if a == "map_type" and source.map_type.key_type != target.map_type.key_type:
            raise refuse_type("Mismatched map tensor key type")
        part = "value_type" if a == "map_type" else "elem_type"
        for which, type in (("source", source), ("target", target)):
            if not getattr(type, a).HasField(part):
                raise refuse_type(f"{which} {a[:-5]} type missing {part[:-5]} type.")
        unite_types(_inside(source), _inside(target))


def _unite_shapes(source: Any, target: Any) -> None:
    if not source.HasField("shape"):
        target.ClearField("shape")
    elif target.HasField("shape"):
        if len(source.shape.dim) != len(target.shape.dim):
            target.ClearField("shape")
            return
        for x, y in zip(source.shape.dim, target.shape.dim, strict=True):
            if x != y:
                y.Clear()


def clear_shape(type: TypeProto) -> None:
    """Forget the shape of a tensor, or of the tensors in a sequence or an optional."""
    if kind_of(type) == "tensor_type":
        type.tensor_type.ClearField("shape")
    elif kind_of(type) in CONTAINERS:
        clear_shape(_inside(type))


def merge_shape(source: TensorShapeProto, target: Any) -> None:
    """Bring a shape into a tensor's type."""
    if not target.HasField("shape"):
        target.shape.CopyFrom(source)
        return
    if len(source.dim) != len(target.shape.dim):
        shown = f"inferred={len(source.dim)} declared={len(target.shape.dim)}"
        raise refuse_shape(f"Mismatch between number of inferred and declared dimensions. {shown}")
    for axis, (x, y) in enumerate(zip(source.dim, target.shape.dim, strict=True)):
        fill_dim(x, y, axis)


def fill_dim(source: Any, target: Any, axis: int = 0) -> None:
    """Bring an extent into another: numbers win, then the name that the target already has."""
    if source.HasField("dim_value"):
        if target.HasField("dim_value") and target.dim_value != source.dim_value:
            shown = f"Inferred={source.dim_value} Declared={target.dim_value} Dimension={axis}"
            differ = "Both inferred and declared dimension have values but they differ."
            raise refuse_shape(f"Can't merge shape info. {differ} {shown}")
        target.dim_value = source.dim_value
    elif target.WhichOneof("value") is None and source.HasField("dim_param"):
        target.dim_param = source.dim_param


# -- names for what is unknown -------------------------------------------------------------------------------------------


class Symbols:
    """The names of extents in a model, and new ones, ``unk__0`` and so on, for extents that have none."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.next = 0

    def add_graph(self, graph: GraphProto) -> None:
        """Learn the names in a graph and in the graphs in its nodes."""
        for infos in (graph.input, graph.output, graph.value_info):
            for info in infos:
                self.taken.update(dim.dim_param for dim in _dims(info.type) if dim.HasField("dim_param"))
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    self.add_graph(attribute.g)

    def name_all(self, type: TypeProto) -> None:
        """Give every unknown extent a name of its own."""
        for dim in _dims(type):
            if dim.WhichOneof("value") is None:
                dim.dim_param = self.fresh()

    def fresh(self) -> str:
        while (name := f"unk__{self.next}") in self.taken:
            self.next += 1
        self.next += 1
        self.taken.add(name)
        return name


def _dims(type: TypeProto) -> Iterator[Any]:
    inside = inner_type(type)
    if inside is not None:
        yield from _dims(inside)
    tensor = tensor_of(type)
    if tensor is not None and tensor.HasField("shape"):
        yield from tensor.shape.dim
