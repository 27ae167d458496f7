"""Where the time of a run goes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core.dims import free_symbols
from sardonyx.core.dtypes import STRING
from sardonyx.core.errors import InputError
from sardonyx.engine.bind import Timing
from sardonyx.engine.peak import Peak
from sardonyx.io.files import replace_file
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
        bytes: of the buffers it reads and writes, each counted once and whole.
        native: whether it is compiled.
        why: why it is not.
    """

    kernel: str
    nodes: tuple[str, ...]
    seconds: float
    flops: int
    bytes: int
    native: bool
    why: str = ""

    @property
    def gflops(self) -> float:
        """10^9 floating-point operations a second."""
        return self.flops / self.seconds / 1e9 if self.seconds else 0.0

    @property
    def gbytes(self) -> float:
        """10^9 bytes a second."""
        return self.bytes / self.seconds / 1e9 if self.seconds else 0.0

    def share(self, peak: Peak) -> float:
        """How near it comes to what bounds it, arithmetic or memory. Caches, and the matrix unit, can lift it above 1."""
        return max(self.gflops * 1e9 / peak.flops, self.gbytes * 1e9 / peak.bytes)


@dataclass(frozen=True)
class Profile:
    """The steps of a run, in order. Printing it gives a table, the slowest first.

    Attributes:
        peak: what the machine can do at most, with the session's threads.
    """

    rows: tuple[ProfileRow, ...]
    peak: Peak

    @staticmethod
    def of(runs: Sequence[Sequence[Timing]], refused: Mapping[str, str], peak: Peak) -> Profile:
        """The shortest time of each step over several runs."""
        rows: list[ProfileRow] = []
        for same in zip(*runs, strict=True):
            step, why = same[0], "" if same[0].native else refused.get(same[0].nodes[0], "")
            seconds = min(t.seconds for t in same)
            rows.append(ProfileRow(step.kernel, step.nodes, seconds, step.flops, step.bytes, step.native, why))
        return Profile(tuple(rows), peak)

    @property
    def seconds(self) -> float:
        """The time of all steps together."""
        return sum(r.seconds for r in self.rows)

    @property
    def fallbacks(self) -> tuple[ProfileRow, ...]:
        """The steps that are not native."""
        return tuple(r for r in self.rows if not r.native)

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the steps as a trace that chrome://tracing and ui.perfetto.dev show, one after the other."""
        events: list[dict[str, Any]] = []
        start = 0.0
        for row in self.rows:
            facts = {"nodes": list(row.nodes), "flops": row.flops, "bytes": row.bytes, "native": row.native}
            kind = "native" if row.native else "reference"
            took = row.seconds * 1e6
            events.append(
                {
                    "name": row.kernel,
                    "cat": kind,
                    "ph": "X",
                    "ts": start,
                    "dur": took,
                    "pid": 0,
                    "tid": 0,
                    "args": facts,
                }
            )
            start += took
        text = json.dumps({"traceEvents": events, "displayTimeUnit": "ns"})
        replace_file(Path(path), lambda file: file.write(text.encode()))

    def __str__(self) -> str:
        lines = [f"{'us':>10} {'share':>6} {'GFLOP/s':>8} {'GB/s':>7} {'of peak':>7}  kernel"]
        for row in sorted(self.rows, key=lambda r: -r.seconds):
            share = row.seconds / self.seconds if self.seconds else 0.0
            speed = f"{row.gflops:8.1f}" if row.flops else " " * 8
            speed += f" {row.gbytes:7.1f} {row.share(self.peak):7.0%}"
            name = row.kernel if row.native else f"{row.kernel} on its NumPy reference ({row.why})"
            lines.append(f"{row.seconds * 1e6:10.1f} {share:6.1%} {speed}  {name}: {', '.join(row.nodes)}")
        flops, moved = self.peak.flops / 1e9, self.peak.bytes / 1e9
        steps = f"{len(self.rows)} steps, {len(self.fallbacks)} not native"
        lines.append(f"{self.seconds * 1e6:10.1f} 100.0% {'':24}  {steps}")
        lines.append(f"{'peak':>17} {flops:8.1f} {moved:7.1f} {'':7}  float32 in the vector unit; reads from memory")
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
