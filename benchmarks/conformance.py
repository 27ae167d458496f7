"""The official backend suite, counted per engine: `python -m benchmarks.conformance`.

The engines are the NumPy references (`sx.evaluate`), a session at every instruction-set level of this machine, and for scale
the official reference evaluator and onnxruntime where they are installed. Each runs in a process of its own, which is
started again behind a case that takes it down. The six Bernoulli cases, whose values nothing fixes, are judged by type,
shape and statistics, whoever runs them.

`--down` converts the suite to older operator-set versions instead (`benchmarks.downward`).
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from rich.console import Console
from rich.table import Table

from benchmarks.suite import Case, fault, suite
from sardonyx.core.dtypes import dtype
from sardonyx.engine.codegen.target import LEVELS, detect
from sardonyx.ir import Tensor

__all__ = ["ENGINES", "Count", "count", "engines_here", "judge", "main"]

ROOT = Path(__file__).parents[1]
Run = Callable[[bytes, Mapping[str, Any]], Sequence[Any]]


def _evaluate(model: bytes, feeds: Mapping[str, Any]) -> Sequence[Any]:
    import sardonyx as sx

    return sx.evaluate(sx.from_bytes(model), feeds)


def _session(model: bytes, feeds: Mapping[str, Any]) -> Sequence[Any]:
    import sardonyx as sx

    return sx.Session(model).run(None, feeds)


def _official(model: bytes, feeds: Mapping[str, Any]) -> Sequence[Any]:
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(onnx.ModelProto.FromString(model)).run(None, dict(feeds))  # pyright: ignore[reportReturnType]


# The element types that NumPy lacks: onnxruntime takes and gives them as bytes.
_ODD = {
    kind: code
    for code in onnx.TensorProto.DataType.values()
    if code and (kind := np.dtype(onnx.helper.tensor_dtype_to_np_dtype(code))).name in dir(ml_dtypes)
}


def _onnxruntime(model: bytes, feeds: Mapping[str, Any]) -> Sequence[Any]:
    ort: Any = importlib.import_module("onnxruntime")
    ort.set_default_logger_severity(4)
    odd = {name: x for name, x in feeds.items() if isinstance(x, np.ndarray) and x.dtype in _ODD}
    if odd:  # it cannot be given such an array; as the default value of its input it can
        proto = onnx.ModelProto.FromString(model)
        proto.graph.initializer.extend(onnx.numpy_helper.from_array(x, name) for name, x in odd.items())
        model = proto.SerializeToString()
    given = {name: x for name, x in feeds.items() if name not in odd}
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    if not any(code in _ODD.values() for code in map(_code, session.get_outputs())):
        return session.run(None, given)
    values = {name: ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(x)) for name, x in given.items()}
    return [_array(x) for x in session.run_with_ort_values(None, values)]


def _code(port: Any) -> int:
    """The number of an element type that onnxruntime spells as in ``tensor(bfloat16)``; 0 for those of other kinds."""
    word = str(port.type).removeprefix("tensor(").removesuffix(")").upper()
    return dict(onnx.TensorProto.DataType.items()).get(word, 0)


def _array(value: Any) -> Any:
    kind = next((d for d, code in _ODD.items() if code == value.element_type()), None)
    if kind is None:
        return value.numpy()
    shape, packed = tuple(value.shape()), dtype(kind)
    raw = ctypes.string_at(value._ortvalue.data_ptr(), packed.nbytes(int(np.prod(shape))))
    return Tensor(memoryview(raw), dtype=packed, shape=shape).numpy()


@dataclass(frozen=True)
class Engine:
    """One executor: what it needs installed, how it runs a model, and in which environment."""

    package: str
    run: Run
    environment: Mapping[str, str]


ENGINES: dict[str, Engine] = {
    "evaluate": Engine("sardonyx", _evaluate, {}),
    **{f"session:{level}": Engine("sardonyx", _session, {"SARDONYX_ISA": level}) for level in LEVELS},
    "onnx": Engine("onnx", _official, {}),
    "onnxruntime": Engine("onnxruntime", _onnxruntime, {}),
}


def engines_here() -> list[str]:
    """The engines that are installed, at the levels that this machine has."""
    levels = [f"session:{level}" for level in LEVELS if detect().at_least(level)]
    installed = [n for n, e in ENGINES.items() if importlib.util.find_spec(e.package) is not None]
    return [n for n in installed if not n.startswith("session:") or n in levels]


@dataclass(frozen=True)
class Count:
    """How one engine fared: cases by kind, those it passed, and what was wrong with the others."""

    engine: str
    cases: Mapping[str, int]
    passed: Mapping[str, int]
    faults: Mapping[str, str]
    seconds: float


def judge(case: Case, run: Run) -> str | None:
    """What is wrong with what `run` gives for a case; None if nothing is."""
    try:
        for data in case.sets:
            wrong = fault(case, data, run(case.model, data.feeds))
            if wrong:
                return wrong
    except Exception as error:
        said = str(error).strip().splitlines()
        return f"{type(error).__name__}: {said[0] if said else ''}"[:300]
    return None


def work(name: str, start: int, only: str) -> None:
    """Judge the cases from number `start` on, a line of JSON for each; this is what the processes do."""
    warnings.simplefilter("ignore")
    run = ENGINES[name].run
    for i, case in _chosen(only):
        if i >= start:
            print(json.dumps([i, case.name, case.kind, judge(case, run)]), flush=True)


def _chosen(only: str) -> Iterator[tuple[int, Case]]:
    return ((i, c) for i, c in enumerate(suite()) if only in c.name)


def count(name: str, only: str = "") -> Count:
    """Let one engine run every case whose name contains `only`."""
    begin, lines = time.perf_counter(), list[tuple[int, str, str, str | None]]()
    expected = [(i, c.name, c.kind) for i, c in _chosen(only)]
    while len(lines) < len(expected):
        lines += _lines(name, expected[len(lines)][0], only)
        if len(lines) < len(expected):  # the process ended before its work did
            lines.append((*expected[len(lines)], "it took the process down"))
    cases, passed = Counter(kind for *_, kind, _ in lines), Counter(kind for *_, kind, wrong in lines if wrong is None)
    faults = {case: wrong for _, case, _, wrong in lines if wrong is not None}
    return Count(name, cases, passed, faults, time.perf_counter() - begin)


def _lines(name: str, start: int, only: str) -> list[tuple[int, str, str, str | None]]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.conformance", "--work", name, "--start", str(start), "--only", only],
        cwd=ROOT,
        env={**os.environ, **ENGINES[name].environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[")]


def table(counts: Sequence[Count]) -> Table:
    """How many cases of each kind passed, an engine a row."""
    cases = dict(kind for c in counts for kind in c.cases.items())
    made = Table(
        "engine", *(f"{kind}\nof {n}" for kind, n in cases.items()), f"in all\nof {sum(cases.values())}", "minutes"
    )
    for column in made.columns[1:]:
        column.justify = "right"
    for c in counts:
        passed = [str(c.passed.get(kind, 0)) for kind in cases]
        made.add_row(c.engine, *passed, str(sum(c.passed.values())), f"{c.seconds / 60:.1f}")
    return made


def main() -> None:
    if "--down" in sys.argv[1:]:
        from benchmarks import downward

        downward.main([word for word in sys.argv[1:] if word != "--down"])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--engines", help=f"separated by commas; all that are here if not given: {', '.join(ENGINES)}")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--down", action="store_true", help="convert the suite to older versions (see --down --help)")
    parser.add_argument("--json", type=Path, help="write the counts and every fault to this file")
    parser.add_argument("--faults", type=int, default=20, help="how many faults of each engine to show")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--start", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.start, options.only)
        return
    names = options.engines.split(",") if options.engines else engines_here()
    if unknown := [n for n in names if n not in ENGINES]:
        parser.error(f"there is no engine {unknown[0]!r}; one of {', '.join(ENGINES)}")
    console, counts = Console(), list[Count]()
    for name in names:
        counts.append(found := count(name, options.only))
        console.print(f"{name}: {sum(found.passed.values())} of {sum(found.cases.values())}", highlight=False)
        for case, wrong in list(found.faults.items())[: options.faults]:
            console.print(f"  {case}: {wrong}", markup=False, highlight=False)
    console.print(table(counts))
    if options.json:
        options.json.write_text(json.dumps([vars(c) for c in counts], indent=1))
    ours = [c for c in counts if ENGINES[c.engine].package == "sardonyx"]
    raise SystemExit(any(c.faults for c in ours))


if __name__ == "__main__":
    main()
