"""What a pass is: a name, what it requires and ensures, and a function that truthfully says whether it changed anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sardonyx.core.errors import CompileError
from sardonyx.ir import Graph, Model, Node, Value
from sardonyx.passes.facts import ModelFacts
from sardonyx.rewrite import Rule, Trace, apply_rules

__all__ = ["Apply", "Pass", "Work", "fingerprint", "one_pass", "rules_pass"]


@dataclass(eq=False)
class Work:
    """A model being transformed in place, and what is known of it.

    Attributes:
        true: the properties that hold, as passes ensured them.
        fold_limit: constants are not folded into results of more bytes than this, unless they shrink.
    """

    model: Model
    trace: Trace | None = None
    fold_limit: int = 1 << 24
    true: set[str] = field(default_factory=set[str])
    verify: bool = False
    after: Callable[[Pass, Work], None] | None = None
    log: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])
    _facts: ModelFacts | None = None

    @property
    def facts(self) -> ModelFacts:
        """The facts, inferred when first asked for."""
        if self._facts is None:
            self._facts = ModelFacts(self.model)
        return self._facts

    def forget(self) -> None:
        """Infer anew when next asked: values came to be that no `settle` saw, or more can be known than before."""
        self._facts = None

    @property
    def graph(self) -> Graph:
        return self.model.graph

    def is_input(self, value: Value) -> bool:
        """Whether a caller may give another value in place of this constant."""
        return value.graph is not None and value in value.graph.inputs


Apply: TypeAlias = Callable[[Work], bool]


@dataclass(frozen=True, eq=False)
class Pass:
    """One named stage.

    Attributes:
        apply: changes the model in place; says whether it changed anything.
        requires: properties that must hold before.
        ensures: properties that hold after.
    """

    name: str
    law: str
    apply: Apply
    requires: frozenset[str] = frozenset()
    ensures: frozenset[str] = frozenset()

    def __call__(self, work: Work) -> bool:
        """Apply the pass.

        Raises:
            CompileError: something it requires does not hold, or (when `work.verify`) it did not tell the truth.
        """
        missing = self.requires - work.true
        if missing:
            raise CompileError(
                f"pass {self.name} requires {', '.join(sorted(missing))}", why="no pass before it ensures that"
            )
        before = fingerprint(work.model) if work.verify else 0
        modified = self.apply(work)
        if work.verify and modified != (fingerprint(work.model) != before):
            told = "changed nothing" if modified else "left the model as it was"
            raise CompileError(
                f"pass {self.name} is not truthful",
                why=f"it says modified={modified}, but {told if modified else 'changed it'}",
            )
        work.true |= self.ensures
        work.log.append((self.name, modified))
        if work.after is not None:
            work.after(self, work)
        return modified

    def __repr__(self) -> str:
        return f"<pass {self.name}>"


def one_pass(name: str, *, requires: Sequence[str] = (), ensures: Sequence[str] = ()) -> Callable[[Apply], Pass]:
    """Make a pass of the function that applies it; its docstring is the pass's law."""

    def declare(apply: Apply) -> Pass:
        return Pass(name, (apply.__doc__ or "").strip(), apply, frozenset(requires), frozenset(ensures))

    return declare


def rules_pass(name: str, rules: Sequence[Rule], *, requires: Sequence[str] = ()) -> Pass:
    """A pass that applies rules to a fixed point."""

    def apply(work: Work) -> bool:
        return apply_rules(rules, work.graph, work.facts, work.trace) > 0

    return Pass(name, f"Apply the rules {', '.join(r.name for r in rules)}.", apply, frozenset(requires))


def fingerprint(model: Model) -> int:
    """A number that changes when anything a pass may change does: structure, attributes, names, versions."""
    parts: list[object] = [tuple(model.opsets.items()), model.ir_version, tuple(model.functions)]
    for graph in model.graphs():
        for inner in graph.walk_graphs():
            parts += [id(inner), tuple(map(_value, inner.inputs)), tuple(map(_value, inner.outputs))]
            parts += [(name, id(v.const)) for name, v in inner.initializers.items()]
            parts += [_node(n) for n in inner.nodes]
    return hash(tuple(parts))


def _value(value: Value | None) -> object:
    return None if value is None else (id(value), value.name)


def _node(node: Node) -> object:
    attrs = tuple(
        (name, a.kind, a.value if isinstance(a.value, (int, float, str, tuple)) else id(a.value))
        for name, a in node.attrs.items()
    )
    return id(node), node.domain, node.op_type, tuple(map(_value, node.inputs)), tuple(map(_value, node.outputs)), attrs
