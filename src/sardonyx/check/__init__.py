"""Is this model legal? Every fault with its place, its reason and its remedy."""

from __future__ import annotations

from sardonyx.check.report import check, faults
from sardonyx.check.rule import RULES, Rule

__all__ = ["RULES", "Rule", "check", "faults"]
