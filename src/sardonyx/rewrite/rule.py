"""A rewrite rule is a value: a pattern, a function that gives the replacement or refuses, and examples of both.

@rewrite(Add(MatMul(a, b), c))
def matmul_add_to_gemm(m: Match) -> Expr:
    \"""Add(MatMul(a, b), c) -> Gemm(a, b, c): the sum is made while the product is in registers.\"""
    m.require(m[a].rank == m[b].rank == 2, "Gemm multiplies matrices only")
    return Gemm(a, b, c)

matmul_add_to_gemm.fires(a=f32[4, 8], b=f32[8, 2], c=f32[2])
matmul_add_to_gemm.refuses(a=f32[2, 4, 8], b=f32[8, 2], c=f32[2], because="matrices only")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sardonyx.rewrite.match import Match
from sardonyx.rewrite.pattern import Out, Term

__all__ = ["Example", "Expr", "Rule", "by_operator", "rewrite"]

Expr: TypeAlias = Any  # a term, a variable, an operand, an array, a number; a tuple of them for several roots


@dataclass(frozen=True, eq=False)
class Example:
    """A graph that a rule takes effect in, or, if `because` is set, one that it refuses for that reason.

    The graph is `roots`, by default the rule's pattern. `given` says what the variables stand for: a type stands for an
    input of the graph (for a random constant where the variable is declared constant), an array for a constant.
    """

    rule: Rule
    roots: tuple[Term | Out, ...]
    given: dict[str, Any]
    because: str | None = None
    tolerance: float | None = None

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={_short(v)}" for k, v in self.given.items())
        return f"{self.rule.name}({shown})" + (f" refuses: {self.because}" if self.because else "")


def _short(item: Any) -> str:
    return f"array{list(item.shape)}" if hasattr(item, "ndim") and item.ndim else str(item)


@dataclass(eq=False)
class Rule:
    """What is looked for, what takes its place, and the examples that prove it.

    Attributes:
        forms: what is looked for, in other spellings that mean the same. Each is the patterns whose values are replaced; the
            first of them is where the search begins.
        shared: values inside the match may be read elsewhere too; their nodes then stay.
    """

    name: str
    doc: str
    forms: tuple[tuple[Term | Out, ...], ...]
    replace: Callable[[Match], Expr]
    shared: bool = False
    examples: list[Example] = field(default_factory=list[Example])

    @property
    def roots(self) -> tuple[Term | Out, ...]:
        """The first form."""
        return self.forms[0]

    def fires(self, *roots: Term | Out, tolerance: float | None = None, **given: Any) -> Rule:
        """State a case in which the rule takes effect; `roots` if it is not the pattern as it stands."""
        self.examples.append(Example(self, roots or self.roots, given, tolerance=tolerance))
        return self

    def refuses(self, *roots: Term | Out, because: str, **given: Any) -> Rule:
        """State a case in which the pattern is there and the rule refuses."""
        self.examples.append(Example(self, roots or self.roots, given, because=because))
        return self

    def __repr__(self) -> str:
        return f"<rule {self.name}>"


def rewrite(
    *roots: Term | Out, forms: Sequence[Term | Out] = (), shared: bool = False
) -> Callable[[Callable[[Match], Expr]], Rule]:
    """Make a rule of the function that gives the replacement.

    Args:
        forms: other spellings of the same, each with one root.
        shared: values inside the match may be read elsewhere too. Say so where the rule still pays off then, because it
            only looks through the inner nodes.
    """

    spellings = ((tuple(roots),) if roots else ()) + tuple((form,) for form in forms)

    def declare(function: Callable[[Match], Expr]) -> Rule:
        name = function.__name__.replace("_", "-")
        return Rule(name, (function.__doc__ or "").strip(), spellings, function, shared)

    return declare


def by_operator(rules: Sequence[Rule]) -> dict[tuple[str, str], list[tuple[Rule, tuple[Term | Out, ...]]]]:
    """The rules, each with one of its forms, by the domain and name of the operator at which the form begins."""
    index: dict[tuple[str, str], list[tuple[Rule, tuple[Term | Out, ...]]]] = {}
    for rule in rules:
        for form in rule.forms:
            first = form[0].term if isinstance(form[0], Out) else form[0]
            for name in first.op.names:
                index.setdefault((first.op.domain, name), []).append((rule, form))
    return index
