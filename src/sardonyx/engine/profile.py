"""Where the time of a run goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core.dims import free_symbols
from sardonyx.core.dtypes import STRING
from sardonyx.core.errors import InputError
from sardonyx.engine.bind import Timing
from sardonyx.ir import Graph, TensorType

__all__ = ["Profile", "ProfileRow", "sample"]


@dataclass(frozen=True)
class ProfileRow:
    """One step of a run.

    Attributes:
        kernel: the kernel, or the operator of a node that is not native.
        nodes: the ONNX nodes that it computes.
        seconds: the shortest time it took.
        flops: the floating-point operations in it, as far as they are known.
        native: whether it is compiled.
        why: why it is not.
    """

    kernel: str
    nodes: tuple[str, ...]
    seconds: float
    flops: int
    native: bool
    why: str = ""

    @property
    def gflops(self) -> float:
        """10^9 floating-point operations a second."""
        return self.flops / self.seconds / 1e9 if self.seconds else 0.0


@dataclass(frozen=True)
class Profile:
    """The steps of a run, in order. Printing it gives a table, the slowest first."""

    rows: tuple[ProfileRow, ...]

    @staticmethod
    def of(runs: Sequence[Sequence[Timing]], refused: Mapping[str, str]) -> Profile:
        """The shortest time of each step over several runs."""
        rows: list[ProfileRow] = []
        for same in zip(*runs, strict=True):
            step, why = same[0], "" if same[0].native else refused.get(same[0].nodes[0], "")
            seconds = min(t.seconds for t in same)
            rows.append(ProfileRow(step.kernel, step.nodes, seconds, step.flops, step.native, why))
        return Profile(tuple(rows))

    @property
    def seconds(self) -> float:
        """The time of all steps together."""
        return sum(r.seconds for r in self.rows)

    @property
    def fallbacks(self) -> tuple[ProfileRow, ...]:
        """The steps that are not native."""
        return tuple(r for r in self.rows if not r.native)

    def __str__(self) -> str:
        lines = [f"{'us':>10} {'share':>6} {'GFLOP/s':>8}  kernel"]
        for row in sorted(self.rows, key=lambda r: -r.seconds):
            share = row.seconds / self.seconds if self.seconds else 0.0
            speed = f"{row.gflops:8.1f}" if row.flops else " " * 8
            name = row.kernel if row.native else f"{row.kernel} on its NumPy reference ({row.why})"
            lines.append(f"{row.seconds * 1e6:10.1f} {share:6.1%} {speed}  {name}: {', '.join(row.nodes)}")
        lines.append(
            f"{self.seconds * 1e6:10.1f} 100.0% {'':8}  {len(self.rows)} steps, {len(self.fallbacks)} not native"
        )
        return "\n".join(lines)


def sample(graph: Graph, extents: Mapping[str, int]) -> dict[str, Any]:
    """An array for each input that needs one: normal floats, zeros of any other type.

    Args:
        extents: of symbolic dims; those left out are 1.

    Raises:
        InputError: an input is no tensor of a known rank.
    """
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for value in graph.inputs:
        if value.const is not None:
            continue
        kind = value.type
        if not isinstance(kind, TensorType) or kind.dtype is None or kind.shape is None or kind.dtype is STRING:
            raise InputError(f"there are no sample values for input '{value.name}' of type {kind}", fix="give `feeds`")
        shape: list[int] = []
        for d in kind.shape:
            names = free_symbols(d) if d is not None else ()
            shape.append(1 if d is None else dims.evaluate(d, {s: extents.get(s, 1) for s in names}))
        numbers = rng.standard_normal(shape) if kind.dtype.is_float else np.zeros(shape)
        found[value.name] = numbers.astype(kind.dtype.numpy)
    return found
