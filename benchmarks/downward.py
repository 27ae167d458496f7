"""The official backend suite in other operator-set versions: `python -m benchmarks.conformance --down`.

Every case is converted to each version from 27 to 13: down where its model is newer, up where it is older. What comes out must
be legal there by `sx.check` and inference, and `sx.evaluate` must give what the case expects. `--peer onnx` or
`--peer onnxruntime` also lets another executor run the model as converted, which shares none of our adapters; it counts where
it runs the case as it stands. A refusal is listed with its operator and reason; a wrong result is a defect.
"""

from __future__ import annotations

import argparse
import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ml_dtypes import finfo
from rich.console import Console
from rich.table import Table

import sardonyx as sx
from benchmarks.conformance import ENGINES, judge
from benchmarks.suite import Case, suite
from sardonyx.check import faults
from sardonyx.core.errors import VersionError
from sardonyx.infer import infer
from sardonyx.ir import Model
from sardonyx.ops import schema_of

__all__ = ["OPSETS", "Outcome", "Report", "convert_case", "main", "report"]

OPSETS = tuple(range(27, 12, -1))


@dataclass(frozen=True)
class Outcome:
    """What became of one case in one version: ``down`` or ``up`` and right, ``refused``, or ``wrong``."""

    verdict: str
    operator: str = ""
    why: str = ""


@dataclass
class Report:
    """The outcomes of all cases, by version."""

    counts: dict[int, Counter[str]] = field(default_factory=dict[int, Counter[str]])
    refusals: dict[tuple[str, str], dict[int, list[str]]] = field(
        default_factory=dict[tuple[str, str], dict[int, list[str]]]
    )
    wrong: list[tuple[str, int, str]] = field(default_factory=list[tuple[str, int, str]])

    def add(self, case: Case, opset: int, outcome: Outcome) -> None:
        """Count one outcome."""
        self.counts.setdefault(opset, Counter())[outcome.verdict] += 1
        if outcome.verdict == "refused":
            reason = outcome.operator, _general(outcome.why)
            self.refusals.setdefault(reason, {}).setdefault(opset, []).append(case.name)
        elif outcome.verdict == "wrong":
            self.wrong.append((case.name, opset, outcome.why))


def _general(why: str) -> str:
    """A reason without the numbers and names of one node."""
    return re.sub(r"opset \d+", "opset N", re.sub(r"'[^']*/[^']*'", "'...'", why))


def convert_case(case: Case, opsets: Sequence[int] = OPSETS, peer: str = "") -> Iterator[tuple[int, Outcome]]:
    """What becomes of a case in each version, newest first.

    A model that says the same in two versions is run in the first of them. Once a version is refused, all older ones are: a
    conversion passes through every version between.
    """
    model = sx.from_bytes(case.model)
    peer = peer if peer and judge(case, ENGINES[peer].run) is None else ""
    seen: dict[object, Outcome | None] = {}
    refused: Outcome | None = None
    for opset in opsets:
        found = refused or _converted(model, opset)
        if isinstance(found, Outcome):
            refused = found
            yield opset, found
            continue
        meaning = _meaning(found)
        if meaning not in seen:
            seen[meaning] = _judged(case, found, peer)
        yield opset, seen[meaning] or Outcome("down" if opset < model.opset else "up")


def _converted(model: Model, opset: int) -> Model | Outcome:
    try:
        return sx.convert_version(model, opset)
    except VersionError as error:
        return Outcome("refused", error.what.split()[0], error.why or "")


def _meaning(model: Model) -> object:
    """Equal for models whose nodes say the same: what is written, and since when it has meant that."""
    same = model.clone()
    same.opsets[""] = same.ir_version = 10
    schemas = {
        (n.domain, n.op_type): schema_of(n.domain, n.op_type, model.opsets.get(n.domain, 1))
        for graph in model.graphs()
        for n in graph.walk()
    }
    since = {key: schema.version for key, schema in schemas.items() if schema is not None}
    return sx.to_bytes(same), frozenset(since.items())


def _judged(case: Case, model: Model, peer: str) -> Outcome | None:
    """What is wrong with a converted model; None if nothing is."""
    illegal = [f for f in (*faults(model), *infer(model).faults) if f.severity == "error"]
    if illegal:
        return Outcome("wrong", why=f"it is illegal: {illegal[0].what}")
    data = sx.to_bytes(model)
    for name in ("evaluate", *([peer] if peer else [])):
        converted = Case(case.name, case.kind, data, case.sets, *_tolerances(case))
        if why := judge(converted, ENGINES[name].run):
            return Outcome("wrong", why=f"by {name}: {why}")
    return None


def _tolerances(case: Case) -> tuple[float, float]:
    """Pieces round one after another: to 16 bits, four units instead of one; to 32, the last digits of a sum."""
    kinds = {str(getattr(x, "dtype", "")) for data in case.sets for x in data.expected}
    narrow = max((4 * float(finfo(k).eps) for k in kinds & {"float16", "bfloat16"}), default=0.0)
    return max(case.rtol, narrow), max(case.atol, narrow / 4 if narrow else 1e-6)


def report(cases: Sequence[Case], opsets: Sequence[int] = OPSETS, peer: str = "") -> Report:
    """The outcomes of `cases` in each version."""
    made = Report()
    for case in cases:
        for opset, outcome in convert_case(case, opsets, peer):
            made.add(case, opset, outcome)
    return made


def tables(made: Report) -> list[Table]:
    """The counts of each version, and what is refused, why, and in how many cases of the oldest version."""
    counts = Table("opset", "converted down, right", "brought up, right", "refused", "wrong")
    for column in counts.columns:
        column.justify = "right"
    for opset, found in made.counts.items():
        counts.add_row(str(opset), *(str(found[verdict]) for verdict in ("down", "up", "refused", "wrong")))
    reasons = Table("operator", "why it cannot be said", "from opset", "cases")
    reasons.columns[-1].justify = "right"
    for (operator, why), places in sorted(made.refusals.items(), key=lambda item: -len(item[1][min(item[1])])):
        reasons.add_row(operator, why, f"{max(places)} down", str(len(places[min(places)])))
    return [counts, reasons]


def main(words: Sequence[str] | None = None) -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser("python -m benchmarks.conformance --down", description=__doc__)
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--every", type=int, default=1, help="one case in so many")
    parser.add_argument("--opsets", help="these versions, separated by commas; 27 to 13 if not given")
    parser.add_argument("--peer", default="", choices=["", "onnx", "onnxruntime"], help="also runs what was converted")
    parser.add_argument("--json", type=Path, help="write counts, refusals and faults to this file")
    options = parser.parse_args(words)
    opsets = sorted({int(v) for v in options.opsets.split(",")}, reverse=True) if options.opsets else OPSETS
    cases = [c for i, c in enumerate(suite()) if i % options.every == 0 and options.only in c.name]
    made, console = report(cases, opsets, options.peer), Console()
    for shown in tables(made):
        console.print(shown)
    for case, opset, why in made.wrong:
        console.print(f"{case} in opset {opset}: {why}", markup=False, highlight=False)
    if options.json:
        options.json.write_text(json.dumps(_plain(made), indent=1))
    raise SystemExit(bool(made.wrong))


def _plain(made: Report) -> dict[str, object]:
    return {
        "counts": {opset: dict(found) for opset, found in made.counts.items()},
        "refusals": [
            {"operator": operator, "why": why, "cases": cases} for (operator, why), cases in made.refusals.items()
        ],
        "wrong": [{"case": case, "opset": opset, "why": why} for case, opset, why in made.wrong],
    }
