"""Do the types of a node's inputs fit its operator, and those of default values their inputs?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sardonyx.core.dtypes import DType
from sardonyx.core.errors import Fault
from sardonyx.ir import Graph, MapType, Node, OptionalType, SequenceType, SparseTensorType, Tensor, TensorType, Type
from sardonyx.ir.place import place_of_graph
from sardonyx.ops import Known, Schema

__all__ = ["default_faults", "spell", "type_faults"]


def spell(kind: Type | None) -> DType | str | None:
    """The type as type constraints spell it, without its shape; None where it is not wholly known."""
    if isinstance(kind, TensorType):
        return kind.dtype
    if isinstance(kind, SparseTensorType):
        return None if kind.dtype is None else f"sparse_tensor({kind.dtype.text})"
    if isinstance(kind, (SequenceType, OptionalType)):
        inner = _inside(kind.element)
        return None if inner is None else f"{'seq' if isinstance(kind, SequenceType) else 'optional'}({inner})"
    if isinstance(kind, MapType):
        inner = _inside(kind.value)
        return None if inner is None else f"map({kind.key.text},{inner})"
    return None


def _inside(kind: Type | None) -> str | None:
    inner = spell(kind)
    return f"tensor({inner.text})" if isinstance(inner, DType) else inner


def type_faults(schema: Schema, node: Node, inputs: Sequence[Known | None], where: str) -> Iterator[Fault]:
    """Inputs of a type the operator does not take, and inputs that must share a type and do not."""
    bound: dict[str, tuple[str, DType | str]] = {}
    for i, x in enumerate(inputs):
        formal = schema.formal(i)
        kind = None if x is None or formal is None else spell(x.type)
        if formal is None or kind is None:
            continue
        if kind not in formal.types:
            allowed = ", ".join(sorted(str(t) for t in formal.types))
            yield Fault(
                "SDX-T101",
                f"{node!r} does not take {kind} as its input '{formal.name}'",
                where,
                f"at opset version {schema.version} it takes {allowed}",
                "insert a Cast, or convert the model to a newer opset if that allows the type",
            )
        elif formal.homogeneous or not formal.variadic:
            other = bound.setdefault(formal.type, (formal.name, kind))
            if other[1] != kind:
                yield Fault(
                    "SDX-T102",
                    f"{node!r} got {other[1]} as '{other[0]}' and {kind} as '{formal.name}'",
                    where,
                    f"both are of type {formal.type}",
                    "insert a Cast so that they agree",
                )


def default_faults(graph: Graph) -> Iterator[Fault]:
    """Default values of another element type or shape than their inputs declare."""
    for value in graph.inputs:
        const, kind = value.const, value.type
        if not isinstance(const, Tensor) or not isinstance(kind, TensorType):
            continue
        fits = kind.dtype in (None, const.dtype) and (kind.shape is None or len(kind.shape) == const.rank)
        extents = zip(kind.shape or (), const.shape, strict=False)
        if not fits or any(isinstance(d, int) and d != n for d, n in extents):
            yield Fault(
                "SDX-C164",
                f"the default value of input '{value.name}' is {const.dtype}{list(const.shape)}",
                place_of_graph(graph),
                f"the input is declared as {kind}",
                "correct the declared type, or the constant",
            )
