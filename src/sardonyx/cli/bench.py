"""The command `bench`: the engine beside every peer that is installed, on the user's own model."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from sardonyx.cli.app import AsJson, Dims, Inputs, Seed, out, print_json, print_table
from sardonyx.core.errors import ExecutionError, SardonyxError, UnsupportedError

__all__ = ["bench"]

notes = Console(stderr=True)


def bench(
    model: Annotated[str, typer.Argument(help="A model file, or module:function as for convert.", show_default=False)],
    inputs: Inputs = None,
    dim: Dims = None,
    seed: Seed = 0,
    threads: Annotated[int, typer.Option(help="Threads for every engine.")] = 2,
    seconds: Annotated[float, typer.Option(help="How long each engine is measured.")] = 3.0,
    engines: Annotated[list[str] | None, typer.Option("--engine", help="Compare these; all installed if none.")] = None,
    truth: Annotated[bool, typer.Option("--truth", help="Show errors against float64 (slow: NumPy).")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the engine with every peer that is installed, on your model: they take turns, medians are shown.

    Example: **sardonyx bench model.onnx --dim batch=8 --threads 2**
    """
    from sardonyx.cli.engines import Runner, engine_named, installed, torch_eager
    from sardonyx.cli.feeds import feeds_for
    from sardonyx.cli.measure import take_turns
    from sardonyx.cli.source import read_source
    from sardonyx.io import save

    source = read_source(model)
    feeds = feeds_for(source.model, inputs, dim, seed)
    chosen = [engine_named(name) for name in engines] if engines else installed()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(model)
        if path.suffix != ".onnx" or not path.is_file():
            path = Path(folder) / "model.onnx"
            save(source.model, path)
        makers: dict[str, Callable[[], Runner]] = {e.name: lambda e=e: e.make(path, threads) for e in chosen}
        if source.module is not None and not engines:
            makers["torch eager"] = lambda: torch_eager(source.module, threads)
        runners, first = _started(makers, feeds)
        timings = take_turns({n: lambda run=run: run(feeds) for n, run in runners.items()}, seconds=seconds)
        errors = _errors(source.model, runners, feeds) if truth else {}
    base = next(iter(timings))
    rows: dict[str, dict[str, Any]] = {
        name: {
            "median_ms": 1e3 * t.median,
            "p90_ms": 1e3 * t.percentile(90),
            "first_ms": 1e3 * first[name],
            f"times_{base}": t.median / timings[base].median,
            "calls": len(t.samples),
            **({"error": errors[name]} if name in errors else {}),
        }
        for name, t in timings.items()
    }
    shapes = {n: f"{x.dtype}{list(x.shape)}" for n, x in feeds.items()}
    if as_json:
        print_json({"inputs": shapes, "threads": threads, "engines": rows})
        return
    given = ", ".join(f"{n} {shape}" for n, shape in shapes.items())
    out.print(f"{model}: {given}; {threads} threads, engines take turns", markup=False, highlight=False)
    cells = [
        (
            name,
            *(f"{row[k]:.3f} ms" for k in ("median_ms", "p90_ms", "first_ms")),
            f"{row[f'times_{base}']:.2f}x",
            *([f"{row['error']:.1e}"] if errors else []),
        )
        for name, row in rows.items()
    ]
    print_table(["engine", "median", "90 %", "first run", f"beside {base}", *(["error"] if errors else [])], cells)


def _started(
    makers: Mapping[str, Callable[[], Any]], feeds: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, float]]:
    """The engines that can run the model, and how long their first call took. A peer that cannot is noted; ours must."""
    runners: dict[str, Any] = {}
    first: dict[str, float] = {}
    for name, make in makers.items():
        try:
            run = make()
            start = time.perf_counter()
            run(feeds)
            first[name] = time.perf_counter() - start
            runners[name] = run
        except SardonyxError:
            raise
        except Exception as error:  # peers raise what they like
            notes.print(f"{name} cannot run it: {str(error).splitlines()[0]}", markup=False, highlight=False)
    if not runners:
        raise ExecutionError("none of the engines can run this model", fix="run `sardonyx check` on it")
    return runners, first


def _errors(model: Any, runners: Mapping[str, Any], feeds: Mapping[str, Any]) -> dict[str, float]:
    from sardonyx.cli.measure import error_of
    from sardonyx.cli.truth import truth_of

    try:
        true = truth_of(model, feeds)
    except UnsupportedError as error:
        notes.print(f"no errors are shown: {error.what}", markup=False, highlight=False)
        return {}
    return {name: error_of(run(feeds), true) for name, run in runners.items()}
