"""What `verify` found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sardonyx.core.compare import Difference
from sardonyx.core.errors import VerifyError
from sardonyx.verify.bisect import FirstDifference

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """Two executions side by side. It is true if they agree, and prints as a table.

    Attributes:
        a, b: what ran.
        outputs: a difference per output.
        inputs: what they were given.
        first: the first value inside the model that differs, where both are executions of ONNX models.
        note: why there is no `first`, if an output differs and none was found.
    """

    a: str
    b: str
    outputs: tuple[Difference, ...]
    inputs: Mapping[str, Any]
    first: FirstDifference | None = None
    note: str | None = None

    @property
    def ok(self) -> bool:
        return all(d.ok for d in self.outputs)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def verdict(self) -> str:
        """``equal`` (bit for bit), ``close`` (rounding explains the difference) or ``different``."""
        verdicts = {d.verdict for d in self.outputs}
        return next((v for v in ("different", "close") if v in verdicts), "equal")

    @property
    def worst(self) -> Difference | None:
        """The output with the largest error."""
        return max(self.outputs, key=lambda d: (not d.ok, d.error), default=None)

    def raise_if_different(self) -> None:
        """
        Raises:
            VerifyError: an output differs by more than rounding explains.
        """
        if self.ok:
            return
        wrong = next(d for d in self.outputs if not d.ok)
        raise VerifyError(
            f"output '{wrong.name}' of {self.a} is not what {self.b} gives: {wrong.fault}",
            where=self.first.where if self.first else None,
            why=str(self.first) if self.first else self.note,
            fix="both got the same inputs: report.inputs; if that error is acceptable, give tolerance=",
        )

    def __str__(self) -> str:
        import io

        from rich.console import Console

        console = Console(file=io.StringIO(), width=120)
        console.print(self)
        assert isinstance(console.file, io.StringIO)
        return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=f"{self.a} beside {self.b}: {self.verdict}", title_justify="left")
        for heading in ("output", "type", "max abs", "max rel", "error", "allowed", "cosine", "verdict"):
            table.add_column(heading, justify="left" if heading in ("output", "type", "verdict") else "right")
        for d in self.outputs:
            numbers = [f"{n:.1e}" for n in (d.max_abs, d.max_rel, d.error, d.tolerance)]
            table.add_row(Text(d.name), Text(d.type), *numbers, f"{d.cosine:.9f}", d.verdict)
        yield table
        for d in self.outputs:
            if d.fault:
                yield Text(f"{d.name}: {d.fault}")
        if self.first is not None or self.note:
            yield Text(str(self.first or self.note))
