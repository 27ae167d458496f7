"""Models and the functions they bring along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sardonyx.ir.attr import Attr
from sardonyx.ir.graph import Graph
from sardonyx.ir.noted import Fact, Noted, OnDemand

__all__ = ["Function", "FunctionKey", "Model"]

FunctionKey: TypeAlias = tuple[str, str, str]  # domain, name, overload


class Function(Noted, OnDemand):
    """An operator defined by a graph of others. Its attributes are named, with or without a default value."""

    __slots__ = ("attributes", "defaults", "domain", "graph", "name", "opsets")
    MADE = {"attributes": list, "defaults": dict, "opsets": dict}

    overload = Fact("")
    attributes: list[str]
    defaults: dict[str, Attr]
    opsets: dict[str, int]

    def __init__(
        self,
        domain: str,
        name: str,
        graph: Graph,
        overload: str = "",
        attributes: list[str] | None = None,
        defaults: dict[str, Attr] | None = None,
        opsets: dict[str, int] | None = None,
        doc: str = "",
        metadata: dict[str, str] | None = None,
    ) -> None:
        self._facts = None
        self.domain, self.name, self.graph = domain, name, graph
        if overload:
            self.overload = overload
        if doc:
            self.doc = doc
        if attributes:
            self.attributes = attributes
        if defaults:
            self.defaults = defaults
        if opsets:
            self.opsets = opsets
        if metadata:
            self.metadata = metadata

    @property
    def key(self) -> FunctionKey:
        return self.domain, self.name, self.overload

    def __repr__(self) -> str:
        return f"Function({self.name!r}, {self.graph!r})"


@dataclass(eq=False)
class Model:
    """A graph, the functions it calls, and the operator-set versions both are written in.

    `opsets` maps a domain ('' is ai.onnx) to its version. `extras` keeps what the format has and no room here interprets
    (training information, device configurations), so that a round trip loses nothing.
    """

    graph: Graph
    opsets: dict[str, int] = field(default_factory=dict[str, int])
    functions: dict[FunctionKey, Function] = field(default_factory=dict[FunctionKey, Function])
    ir_version: int = 14
    producer: str = "sardonyx"
    producer_version: str = ""
    domain: str = ""
    model_version: int = 0
    doc: str = ""
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    extras: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def opset(self) -> int:
        """The version of the ai.onnx domain."""
        return self.opsets.get("", 1)

    def graphs(self) -> list[Graph]:
        """The main graph and the bodies of the functions."""
        return [self.graph, *(f.graph for f in self.functions.values())]

    def clone(self) -> Model:
        """A copy whose graphs can be changed freely; constants are shared, since nobody writes to them."""
        from sardonyx.ir.clone import clone_model

        return clone_model(self)

    def __repr__(self) -> str:
        return f"Model({self.graph!r}, opset {self.opset})"
