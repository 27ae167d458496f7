"""Pattern rewriting: rules as values, matched and replaced to a fixed point. This room knows no operator."""

from __future__ import annotations

from sardonyx.rewrite.driver import FUSED, apply_rules
from sardonyx.rewrite.facts import Facts
from sardonyx.rewrite.match import Match
from sardonyx.rewrite.operand import Operand
from sardonyx.rewrite.pattern import Op, Pattern, Term, Var, attribute, constants, one_of, rest, values
from sardonyx.rewrite.rule import Example, Expr, Rule, rewrite
from sardonyx.rewrite.trace import Trace

__all__ = [
    "FUSED",
    "Example",
    "Expr",
    "Facts",
    "Match",
    "Op",
    "Operand",
    "Pattern",
    "Rule",
    "Term",
    "Trace",
    "Var",
    "apply_rules",
    "attribute",
    "constants",
    "one_of",
    "rest",
    "rewrite",
    "values",
]
