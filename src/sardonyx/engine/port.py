"""The inputs and outputs of a session, described as onnxruntime describes them."""

from __future__ import annotations

from dataclasses import dataclass

from sardonyx.core.dtypes import DType
from sardonyx.ir import MapType, OptionalType, SequenceType, SparseTensorType, TensorType, Type, Value

__all__ = ["Port", "spelled_element"]


@dataclass(frozen=True)
class Port:
    """An input or output of a session.

    `shape` holds ints, names of symbolic dims, and None where nothing is known, as in onnxruntime; `type` spells the type
    as onnxruntime does.
    """

    name: str
    shape: list[int | str | None]
    type: str

    @staticmethod
    def of(value: Value) -> Port:
        """The port of a graph's input or output."""
        kind = value.type.element if isinstance(value.type, OptionalType) else value.type
        dims = kind.shape or () if isinstance(kind, (TensorType, SparseTensorType)) else ()
        shape = [d if d is None or isinstance(d, int) else str(d) for d in dims]
        return Port(value.name, shape, "" if value.type is None else _spelled(value.type))


def _spelled(kind: Type | None) -> str:
    """``seq(tensor(float))``."""
    if isinstance(kind, TensorType):
        return f"tensor({spelled_element(kind.dtype)})"
    if isinstance(kind, SparseTensorType):
        return f"sparse_tensor({spelled_element(kind.dtype)})"
    if isinstance(kind, SequenceType):
        return f"seq({_spelled(kind.element)})"
    if isinstance(kind, OptionalType):
        return f"optional({_spelled(kind.element)})"
    if isinstance(kind, MapType):
        return f"map({spelled_element(kind.key)},{_spelled(kind.value)})"
    return str(kind)


def spelled_element(kind: DType | None) -> str:
    """`float` for float32, as onnxruntime spells element types."""
    return "?" if kind is None else _ORT_NAMES.get(kind.text, kind.text)


_ORT_NAMES = {"float32": "float", "float64": "double"}
