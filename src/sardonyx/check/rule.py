"""What a rule of legality is: a code, a law, and a function that finds what breaks it.

    @rule("SDX-C132", on=Site)
    def required_inputs(site: Site) -> Findings:
        \"""An input that is not optional must be given.\"""
        ...
        yield Finding("Gemm 'fc1' leaves out its input 'A'", why="...", fix="...")

The files of this room hold one subject each; importing one puts its rules into `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from sardonyx.check.messages import Names
from sardonyx.core.errors import Fault
from sardonyx.ir import Function, Graph, Model, Node, SparseTensor, Tensor
from sardonyx.ir.place import place, place_of_graph
from sardonyx.ops import Schema

__all__ = ["RULES", "Finding", "Findings", "Rule", "Site", "Subject", "rule"]

Subject = Literal["model", "graph", "function", "node", "schema node", "call", "constant"]


@dataclass(frozen=True, slots=True)
class Site:
    """The thing a rule looks at, and what is around it. Which of the later fields are set follows from the subject.

    Attributes:
        opsets: the versions in force here: the model's, or the function's.
        outer: names of the surrounding graphs that are made before this place.
        node, schema: of "node" and "schema node" (a node whose operator is known).
        index: of a node, which one of its graph it is.
        callee: of "call": the model's function that the node calls.
        constant, name: of "constant": an initializer or a tensor in an attribute.
        folder: where external data lies, when the model's own place is known.
    """

    model: Model
    opsets: Mapping[str, int]
    graph: Graph
    function: Function | None = None
    is_main: bool = True
    outer: Names = field(default_factory=Names)
    node: Node | None = None
    index: int | None = None
    schema: Schema | None = None
    callee: Function | None = None
    constant: Any = None
    name: str = ""
    folder: Path | None = None

    @property
    def where(self) -> str:
        holder = place(self.node, self.index) if self.node else place_of_graph(self.graph)
        if isinstance(self.constant, (Tensor, SparseTensor)) or self.name:
            holder = f"tensor '{self.name}' of {holder}"
        return f"function '{self.function.name}', {holder}" if self.function else holder


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach; `node` says where more exactly, when the rule looked at a whole graph, `severity` whether it is a lesser one."""

    what: str
    why: str | None = None
    fix: str | None = None
    node: Node | None = None
    severity: Literal["error", "warning"] | None = None


Findings: TypeAlias = Iterator[Finding]


@dataclass(frozen=True, slots=True)
class Rule:
    """A law that models must keep, or (severity "warning") had better keep."""

    code: str
    subject: Subject
    law: str
    find: Callable[[Site], Findings]
    severity: Literal["error", "warning"]

    def faults(self, site: Site) -> Iterator[Fault]:
        order: dict[Node, int] = {}
        for found in self.find(site):
            if found.node is None:
                where = site.where
            else:
                order = order or {node: i for i, node in enumerate(site.graph.nodes)}
                where = replace(site, node=found.node, index=order.get(found.node)).where
            yield Fault(self.code, found.what, where, found.why, found.fix, found.severity or self.severity)


RULES: dict[Subject, list[Rule]] = {}


def rule(
    code: str, on: Subject, severity: Literal["error", "warning"] = "error"
) -> Callable[[Callable[[Site], Findings]], Callable[[Site], Findings]]:
    """Put a function into the table of rules; the first line of its docstring is the law."""

    def add(function: Callable[[Site], Findings]) -> Callable[[Site], Findings]:
        law = (function.__doc__ or "").strip().splitlines()[0]
        RULES.setdefault(on, []).append(Rule(code, on, law, function, severity))
        return function

    return add
