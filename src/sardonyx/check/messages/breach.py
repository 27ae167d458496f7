"""A breach of a law in a message, and its way out of the messages around it, which says where it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from sardonyx.core.errors import Fault
from sardonyx.ir.place import SOURCE_KEY
from sardonyx.proto import FunctionProto, GraphProto, NodeProto

__all__ = ["AtFunction", "AtGraph", "AtNode", "AtTensor", "Breach", "Breaches", "Step", "within"]


@dataclass(frozen=True, slots=True)
class AtTensor:
    """In a tensor, under the name of the constant or attribute that it is the value of."""

    name: str


@dataclass(frozen=True, slots=True)
class AtNode:
    """In a node; `own` if the node itself is wrong, and not how its graph ties it to others."""

    node: NodeProto
    index: int
    holder: GraphProto | FunctionProto
    own: bool = True


@dataclass(frozen=True, slots=True)
class AtGraph:
    """In what a graph says of itself."""

    name: str


@dataclass(frozen=True, slots=True)
class AtFunction:
    """In a function, or anything inside it."""

    name: str


Step: TypeAlias = AtTensor | AtNode | AtGraph | AtFunction


class Breach:
    """What is wrong, in the words that users of the official checker know, and the steps from there outwards.

    `unreadable` is set where the official package fails to read a value, and raises another class.
    """

    __slots__ = ("code", "trail", "unreadable", "what")

    def __init__(self, code: str, what: str, *trail: Step, unreadable: bool = False) -> None:
        self.code, self.what, self.unreadable = code, what, unreadable
        self.trail: list[Step] = list(trail)

    @property
    def nodes(self) -> list[NodeProto]:
        """The nodes of graphs in which it is, the innermost first."""
        steps = (step for step in self.trail if isinstance(step, AtNode))
        return [step.node for step in steps if step.own and isinstance(step.holder, GraphProto)]

    @property
    def in_data(self) -> bool:
        """Whether the data of a constant is what is wrong."""
        return bool(self.trail) and isinstance(self.trail[0], AtTensor)

    @property
    def where(self) -> str:
        """The place, spelled as for a fault that is found in the graph."""
        around = (step for step in self.trail if isinstance(step, (AtNode, AtGraph)))
        holder = _place(next(around, AtGraph("")))
        inner = self.trail[0] if self.trail else None
        place = f"tensor '{inner.name}' of {holder}" if isinstance(inner, AtTensor) else holder
        outer = self.trail[-1] if self.trail else None
        return f"function '{outer.name}', {place}" if isinstance(outer, AtFunction) else place

    def fault(self) -> Fault:
        """This breach as `sx.check` reports it: with the law that it breaks, and what to do."""
        from sardonyx.check.messages.laws import LAWS

        why, fix = LAWS[self.code]
        return Fault(self.code, self.what, self.where, why, fix)


def _place(step: AtNode | AtGraph) -> str:
    if isinstance(step, AtGraph):
        return f"graph '{step.name}'" if step.name else "the graph"
    node = step.node
    domain = "" if node.domain in ("", "ai.onnx") else f"{node.domain}."
    shown = f"{domain}{node.op_type}" + (f" '{node.name}'" if node.name else "")
    source = next((e.value for e in reversed(node.entries("metadata_props")) if e.key == SOURCE_KEY), "")
    exported = f" (exported from {source})" if source else ""
    return f"{_place(AtGraph(step.holder.name))}, node {step.index}: {shown}{exported}"


Breaches: TypeAlias = Iterator[Breach]


def within(step: Step, breaches: Iterable[Breach]) -> Breaches:
    """The same breaches, one step further out."""
    for breach in breaches:
        breach.trail.append(step)
        yield breach
