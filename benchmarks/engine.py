"""The engine beside its peers: `python -m benchmarks.engine [MODEL ...]` prints the table and writes Markdown and JSON.

For each model of `benchmarks.models` (with `--held-out`, of `benchmarks.families`), with the same inputs and the same number of threads for all:

- latency: all engines take turns in this process; medians;
- ratio: the latency of the fastest peer by ours (the first engine), so that above 1 ours is faster; for bfloat16,
  `--engine sardonyx-medium --engine openvino-bf16`;
- error: the largest difference from the torch module in float64, as a part of the largest magnitude;
- creation, cold and warm (without and with what is compiled on disk), first run, peak memory: each engine in a process of
  its own, and Python's modules compiled, as installing a package does.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import sardonyx
from benchmarks.worker import call, feeds_of, truth_path
from sardonyx.cli.engines import Runner, engine_named
from sardonyx.cli.measure import error_of, take_turns

MODELS = (
    "digits", "resnet18", "resnet50", "mobilenetv2", "efficientnet", "convnext", "vit", "swin", "segformer", "unet",
    "bert", "distilbert", "minilm", "t5", "gpt2", "gpt2_step", "llama_step", "whisper", "wav2vec2", "lstm",
)  # fmt: skip
OURS, PEERS = "sardonyx", ("onnxruntime", "openvino")
Row = dict[str, Any]


def row_of(name: str, engines: list[str], folder: Path, threads: int, seconds: float) -> dict[str, Row]:
    """What each engine needs for one model, or why it fails."""
    prepared = call("prepare", name, folder)
    if "failed" in prepared:
        return {engine: {"failed": f"export: {prepared['failed']}"} for engine in engines}
    path = Path(prepared["path"])
    rows = {engine: startup(engine, path, threads) for engine in engines}
    feeds = feeds_of(path)
    runners: dict[str, Runner] = {}
    for engine in engines:
        try:
            runners[engine] = engine_named(engine).make(path, threads)
            runners[engine](feeds)
        except Exception as error:  # an engine that cannot run the model is a result too
            runners.pop(engine, None)
            rows[engine] = {"failed": str(error).splitlines()[0]}
    with np.load(truth_path(path), allow_pickle=False) as arrays:
        truth = [arrays[key] for key in sorted(arrays.files, key=int)]
    for engine, run in runners.items():
        rows[engine]["error"] = error_of(run(feeds), truth)
    timings = take_turns({e: lambda run=run: run(feeds) for e, run in runners.items()}, seconds=seconds)
    for engine, timing in timings.items():
        rows[engine] |= {
            "median_ms": 1e3 * timing.median,
            "p90_ms": 1e3 * timing.percentile(90),
            "calls": len(timing.samples),
        }
    return rows


def startup(engine: str, path: Path, threads: int) -> Row:
    """Creation, first run and memory: once with nothing on disk, then with what the first process left there."""
    time.sleep(
        max(0.0, 3 - (time.time() - path.stat().st_mtime))
    )  # of a file that changed a moment ago nothing is kept
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (call("measure", engine, path, str(threads), env={"SARDONYX_CACHE": cache}) for _ in range(2))
    if "failed" in cold or "failed" in warm:
        return {"failed": cold.get("failed") or warm["failed"]}
    return {
        "create_cold_s": cold["create_s"],
        "create_warm_s": warm["create_s"],
        "first_cold_s": cold["first_run_s"],
        "first_warm_s": warm["first_run_s"],
        "peak_mb": warm["peak_mb"],
    }


def ratio(rows: dict[str, Row]) -> float | None:
    """The latency of the fastest peer by ours; ours is the first engine of the table."""
    ours, *_ = rows.values()
    peers = [row["median_ms"] for e, row in rows.items() if not e.startswith(OURS) and "median_ms" in row]
    return min(peers) / ours["median_ms"] if peers and "median_ms" in ours else None


def error_ratio(rows: dict[str, Row]) -> float | None:
    """Our error by that of onnxruntime."""
    ours, theirs = next(iter(rows.values())).get("error"), rows.get("onnxruntime", {}).get("error")
    return ours / theirs if ours is not None and theirs else None


def markdown(found: dict[str, dict[str, Row]], facts: dict[str, Any]) -> str:
    """The tables of a run."""
    engines = list(next(iter(found.values())))
    known = {m: r for m, rows in found.items() if (r := ratio(rows)) is not None}
    lines = [
        "# The engine beside its peers",
        "",
        ", ".join(f"{key}: {value}" for key, value in facts.items()),
        "",
        "Latency in milliseconds (median; engines take turns), ratio to the faster peer (above 1: ours is faster), largest"
        " error against float64 relative to the largest magnitude.",
        "",
        table_row("model", *engines, "ratio", *(f"error {e}" for e in engines), "error / onnxruntime's"),
        table_row("---", *["---:"] * (2 * len(engines) + 2)),
    ]
    for model, rows in found.items():
        latency = [number(rows[e], "median_ms", ".2f") for e in engines]
        errors = [number(rows[e], "error", ".1e") for e in engines]
        r, e = known.get(model), error_ratio(rows)
        lines.append(table_row(model, *latency, f"**{r:.2f}**" if r else "", *errors, f"{e:.2f}" if e else ""))
    if known:
        mean = statistics.geometric_mean(known.values())
        lines += ["", f"Geometric mean of the ratios: **{mean:.2f}**; lowest: {min(known.values()):.2f}."]
    columns = {
        "create_cold_s": "creation, cold", "create_warm_s": "creation, warm", "first_cold_s": "first run, cold",
        "first_warm_s": "first run, warm", "peak_mb": "peak memory, MB",
    }  # fmt: skip
    lines += ["", "Seconds in a process of its own, and its largest resident size.", ""]
    lines += [table_row("model", "engine", *columns.values()), table_row("---", "---", *["---:"] * len(columns))]
    for model, rows in found.items():
        for engine, row in rows.items():
            cells = [number(row, key, ".0f" if key == "peak_mb" else ".2f") for key in columns]
            lines.append(table_row(model, engine, *cells))
    failures = [
        f"- {m}, {e}: {row['failed']}" for m, rows in found.items() for e, row in rows.items() if "failed" in row
    ]
    return "\n".join([*lines, *(["", *failures] if failures else [])]) + "\n"


def table_row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def number(row: Row, key: str, form: str) -> str:
    return format(row[key], form) if key in row else "fails" if "failed" in row else ""


def held_out() -> tuple[str, ...]:
    """The names of models that the engine was not tuned for."""
    from benchmarks.families import HELD_OUT

    return HELD_OUT


def facts_of_this_run(engines: list[str], threads: int) -> dict[str, Any]:
    from sardonyx.engine.codegen import detect

    versions = [f"{e} {engine_named(e).version}" for e in engines]
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    return {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, instruction set {detect().isa}",
        "threads": threads,
        "load before": load,
        "engines": ", ".join(versions),
        "Python": platform.python_version(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", nargs="*", help=f"of {', '.join(MODELS)}; all by default")
    parser.add_argument("--held-out", action="store_true", help="by default the models of `benchmarks.families`")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each engine is measured per model")
    parser.add_argument("--engine", action="append", help=f"by default {OURS}, {', '.join(PEERS)}")
    parser.add_argument("--models-folder", type=Path, default=Path(tempfile.gettempdir()) / "sardonyx-models")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/engine"), help="without a suffix")
    options = parser.parse_args()
    engines: list[str] = options.engine or [OURS, *PEERS]
    compileall.compile_dir(Path(sardonyx.__file__).parent, quiet=1)
    facts = facts_of_this_run(engines, options.threads)
    found: dict[str, dict[str, Row]] = {}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    for name in options.models or (held_out() if options.held_out else MODELS):
        found[name] = row_of(name, engines, options.models_folder, options.threads, options.seconds)
        r = ratio(found[name])
        shown = ", ".join(f"{e} {number(row, 'median_ms', '.2f')}" for e, row in found[name].items())
        print(f"{name}: {shown}{f'; ratio {r:.2f}' if r else ''}", flush=True)
        # After every model, so that a run that is broken off leaves what it found.
        options.output.with_suffix(".json").write_text(json.dumps({"facts": facts, "models": found}, indent=1))
        options.output.with_suffix(".md").write_text(markdown(found, facts))
    print("\n" + markdown(found, facts))


if __name__ == "__main__":
    main()
