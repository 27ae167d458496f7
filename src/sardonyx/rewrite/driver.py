"""Applying rules to graphs until none takes effect any more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from sardonyx.core.errors import CompileError, ShapeError
from sardonyx.ir import Graph, Node, TensorType, Type, Value
from sardonyx.rewrite.build import Builder, Names
from sardonyx.rewrite.facts import Facts
from sardonyx.rewrite.match import Match, Refused
from sardonyx.rewrite.matcher import Matcher, escapes
from sardonyx.rewrite.pattern import Out, Term
from sardonyx.rewrite.results import Results
from sardonyx.rewrite.rule import Rule, by_operator
from sardonyx.rewrite.trace import Firing, Refusal, Trace

__all__ = ["FUSED", "apply_rules"]

FUSED = "sardonyx.fused"  # the metadata key under which a node names those it was made from
Roots: TypeAlias = Sequence[Term | Out]
PATIENCE = 50  # firings per node of the graph; only rules that undo each other need more


def apply_rules(
    rules: Sequence[Rule], graphs: Graph | Iterable[Graph], facts: Facts, trace: Trace | None = None
) -> int:
    """Rewrite graphs, and the graphs inside them, to a fixed point; returns how many times a rule took effect.

    Raises:
        CompileError: the rules never come to an end.
    """
    return _Driver(rules, [graphs] if isinstance(graphs, Graph) else list(graphs), facts, trace).run()


class _Driver:
    def __init__(self, rules: Sequence[Rule], graphs: list[Graph], facts: Facts, trace: Trace | None) -> None:
        self.graphs, self.facts, self.trace = graphs, facts, trace
        self.index = by_operator(rules)
        self.matcher = Matcher(facts, explain=trace is not None and trace.near_misses)
        self.results = Results(graphs)
        self.names: Names | None = None
        self.count = 0
        self.unsorted: set[Graph] = set()

    def run(self) -> int:
        patience = 1000 + PATIENCE * sum(1 for g in self.graphs for _ in g.walk())
        while True:
            before = self.count
            waiting = deque(n for g in self.graphs for n in g.walk() if (n.domain, n.op_type) in self.index)
            while waiting:
                node = waiting.popleft()
                if node.graph is None:
                    continue
                for rule, form in self.index.get((node.domain, node.op_type), ()):
                    made = self.attempt(rule, form, node)
                    if made is not None:
                        waiting.extendleft(reversed(made))
                        break
                if self.count > patience:
                    last = [] if self.trace is None else self.trace.fired[-4:]
                    raise CompileError(
                        f"rewriting does not come to an end after {self.count} steps",
                        where=f"{node!r}",
                        why="some rules undo each other: " + "; ".join(map(str, last)),
                    )
            if self.count == before:  # a whole sweep changed nothing
                break
        for graph in self.unsorted:
            graph.sort()
        return self.count

    def attempt(self, rule: Rule, form: Roots, node: Node) -> list[Node] | None:
        """Apply `rule`, in one of its forms, at `node`; the new nodes, and those that read them, or None if it did not take effect."""
        found = False
        for match in self.matcher.matches(form, node):
            found = True
            try:
                return self.replace(rule, form, match)
            except Refused as refusal:
                if self.trace is not None:
                    self.trace.refuse(Refusal(rule.name, repr(node), str(refusal)))
        if self.trace is not None and self.trace.near_misses and not found:
            self.trace.refuse(Refusal(rule.name, repr(node), self.matcher.miss, found=False))
        return None

    def replace(self, rule: Rule, form: Roots, match: Match) -> list[Node]:
        roots: list[Value] = [found for root in form if (found := match.resolve(root)) is not None]
        if len(roots) != len(form):
            raise Refused("the node leaves out an output")
        self.only_roots(roots)
        if not rule.shared and (why := escapes(match, form, self.results)):
            raise Refused(why)
        expr = rule.replace(match)
        if self.names is None:
            self.names = Names(self.graphs)
        builder = Builder(
            self.facts,
            lambda p: match.resolve(p) if match.covers(p) else None,
            self.names,
            match.root.name or roots[0].name,
        )
        try:
            values = builder.all(expr if isinstance(expr, tuple) else (expr,))
            self.accept(rule, roots, values, builder)
        except ShapeError as error:
            builder.discard()
            raise Refused(f"the replacement is impossible: {error.what}") from error
        except Refused:
            builder.discard()
            raise
        return self.commit(rule, match, roots, [v for v in values if v is not None], builder)

    def only_roots(self, roots: Sequence[Value]) -> None:
        """Nodes of the roots disappear: none of their other outputs may be needed."""
        for root in roots:
            for value in root.producer.outputs if root.producer else ():
                if value not in roots and (value.uses or value in self.results):
                    raise Refused(f"'{value.name}', another output of {root.producer!r}, is needed")

    def accept(self, rule: Rule, roots: Sequence[Value], values: Sequence[Value | None], builder: Builder) -> None:
        """Refuse a replacement that is not of the type of what it replaces, or cannot take its name."""
        if len(roots) != len(values):
            raise CompileError(f"rule {rule.name} replaces {len(roots)} values and gives {len(values)}")
        made = {v for node in builder.nodes for v in node.outputs}
        for old, new in zip(roots, values, strict=True):
            if new is None:
                raise CompileError(f"rule {rule.name} gives no value for '{old.name}'")
            if new is old:
                raise CompileError(f"rule {rule.name} replaces '{old.name}' by itself")
            if why := _differs(self.facts.type(old), self.facts.type(new)):
                raise Refused(why)
            if new not in made and not self.results.can_stand_for(old, new):
                raise Refused(f"'{old.name}' is a result of the graph and '{new.name}' cannot take its name")

    def commit(
        self, rule: Rule, match: Match, roots: Sequence[Value], values: Sequence[Value], builder: Builder
    ) -> list[Node]:
        root, graph = match.root, match.root.graph
        assert graph is not None
        for value in builder.constants:
            value.graph = graph
            graph.initializers[value.name] = value
        covered = match.nodes
        self.describe(builder.nodes, covered, root)
        for node in builder.nodes:
            graph.insert_before(root, node)
        if len(roots) > 1:
            self.unsorted.add(graph)
        made = {v for node in builder.nodes for v in node.outputs}
        for old, new in zip(roots, values, strict=True):
            self.facts.equate(old, new)
            if new in made:
                new.name = old.name  # the old value goes, its name stays
                new.type = new.type or old.type
            self.results.replace(old, new)
        if self.trace is not None:
            self.trace.fired.append(
                Firing(rule.name, repr(root), tuple(map(repr, covered)), tuple(map(repr, builder.nodes)))
            )
        again = [*builder.nodes, *(user for v in values for user in v.users)]
        self.sweep(covered)
        self.count += 1
        return [node for node in dict.fromkeys(again) if node.graph is not None]

    def describe(self, made: Sequence[Node], covered: Sequence[Node], root: Node) -> None:
        """Give new nodes the names, sources and origins of those they replace."""
        if not made:
            return
        origins = [name for node in covered for name in (node.metadata.get(FUSED) or node.name).split(", ") if name]
        for node in made:
            node.source = root.source or next((n.source for n in covered if n.source), None)
            if origins:
                node.metadata[FUSED] = ", ".join(dict.fromkeys(origins))
        if root.name:
            made[-1].name = root.name

    def sweep(self, nodes: Iterable[Node]) -> None:
        """Erase nodes that nobody reads any more, and what only they read."""
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node.graph is None or any(v.uses or v in self.results for v in node.outputs):
                continue
            captured = [v for graph in node.subgraphs for v in graph.captured()]
            makers = [v.producer for v in (*node.inputs, *captured) if v is not None and v.producer is not None]
            node.erase()
            waiting += makers


def _differs(old: Type | None, new: Type | None) -> str:
    """How two types contradict each other; empty if they do not."""
    if not isinstance(old, TensorType) or not isinstance(new, TensorType):
        return ""
    if old.dtype is not None and new.dtype is not None and old.dtype is not new.dtype:
        return f"the result would be {new.dtype}, not {old.dtype}"
    if old.shape is None or new.shape is None:
        return ""
    contradiction = len(old.shape) != len(new.shape) or any(
        isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(old.shape, new.shape, strict=True)
    )
    return f"the result would be {new}, not {old}" if contradiction else ""
