"""What rewriting did and did not do, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Firing", "Refusal", "Trace"]


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule took effect."""

    rule: str
    node: str
    replaced: tuple[str, ...]  # the nodes that were covered
    by: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.rule}: {', '.join(self.replaced)} -> {', '.join(self.by) or 'nothing'}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule's pattern was found, or nearly, and the rule did not take effect."""

    rule: str
    node: str
    reason: str
    found: bool = True  # False: not even the pattern was there

    def __str__(self) -> str:
        return f"{self.rule} at {self.node}: {self.reason}"


@dataclass(eq=False)
class Trace:
    """Collects firings and refusals. With `near_misses`, also how far each pattern came (slow)."""

    near_misses: bool = False
    fired: list[Firing] = field(default_factory=list[Firing])
    refused: dict[tuple[str, str], Refusal] = field(default_factory=dict[tuple[str, str], Refusal])

    def refuse(self, refusal: Refusal) -> None:
        self.refused[refusal.rule, refusal.node] = refusal

    def explain(self, rule: str | None = None) -> str:
        """What happened, a line for each firing and each refusal, for one rule or for all."""
        lines = [f"fired    {f}" for f in self.fired if rule in (None, f.rule)]
        lines += [f"refused  {r}" for r in self.refused.values() if rule in (None, r.rule)]
        return "\n".join(lines)
