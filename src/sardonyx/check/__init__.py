"""Is this model legal? Every fault with its place, its reason and its remedy."""

from __future__ import annotations

from sardonyx.check.report import Examination, check, examine, faults
from sardonyx.check.rule import RULES, Rule

__all__ = ["RULES", "Examination", "Rule", "check", "examine", "faults"]
