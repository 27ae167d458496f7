"""Commands that run a model: run, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sardonyx.cli.app import AsJson, Dims, Inputs, ModelPath, Precisely, Seed, Threads, out, print_json, print_table
from sardonyx.core.errors import InputError

__all__ = ["run", "verify"]


def run(
    model: ModelPath,
    inputs: Inputs = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the results to this .npz file.")] = None,
    wanted: Annotated[
        list[str] | None, typer.Option("--want", help="A value to give, by name; outputs if none.")
    ] = None,
    dim: Dims = None,
    seed: Seed = 0,
    reference: Annotated[bool, typer.Option("--reference", help="Use the NumPy reference, not the engine.")] = False,
    precision: Precisely = "highest",
    threads: Threads = None,
    profile: Annotated[bool, typer.Option("--profile", help="Show where the time goes, kernel by kernel.")] = False,
    trace: Annotated[
        Path | None, typer.Option("--trace", help="Write where the time goes as a Chrome trace to this file.")
    ] = None,
    trap: Annotated[bool, typer.Option("--trap", help="Name the node that first gives NaN or infinity.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a model on inputs from a file, or on made-up ones, and show the results.

    Example: **sardonyx run model.onnx --dim batch=4 -o results.npz**
    """
    import numpy as np

    from sardonyx.cli.feeds import feeds_for
    from sardonyx.engine.session import Session
    from sardonyx.evaluate import Interpreter
    from sardonyx.io import load

    loaded = load(model)
    feeds = feeds_for(loaded, inputs, dim, seed)
    if profile and (reference or as_json):
        raise InputError("--profile goes with neither --reference nor --json", why="it shows the kernels of the engine")
    if reference and (trace or trap):
        raise InputError("--trace and --trap do not go with --reference", why="they look at the engine")
    if reference:
        results = Interpreter(loaded).run(feeds, wanted or None)
    else:
        session = Session(model, precision=precision, threads=threads)  # pyright: ignore[reportArgumentType] it is checked there
        if trap:
            session.trap(feeds)
        results = session.run(wanted or None, feeds)
        if profile or trace:
            measured = session.profile(feeds)
            if trace:
                measured.save_trace(trace)
            if profile:
                out.print(str(measured), markup=False, highlight=False)
    named = dict(zip(wanted or [v.name for v in loaded.graph.outputs], results, strict=True))
    rows = {name: _summary(result) for name, result in named.items()}
    if as_json:
        print_json(rows)
    else:
        statistics = ("min", "mean", "max")
        cells = [
            (name, row["type"], *(f"{row[k]:.6g}" if k in row else "" for k in statistics))
            for name, row in rows.items()
        ]
        print_table(["output", "type", *statistics], cells)
    if output is not None:
        arrays: dict[str, Any] = {name: np.asarray(result) for name, result in named.items()}
        np.savez(output, allow_pickle=False, **arrays)
        if not as_json:
            out.print(f"wrote {output}", markup=False, highlight=False)


def _summary(result: Any) -> dict[str, Any]:
    import numpy as np

    if isinstance(result, list):
        return {"type": f"sequence of {len(result)}"}
    array = np.asarray(result)
    row: dict[str, Any] = {"type": f"{array.dtype}{list(array.shape)}"}
    if array.size and array.dtype.kind in "fiub":
        numbers = array.astype(np.float64)
        row |= {"min": float(numbers.min()), "mean": float(numbers.mean()), "max": float(numbers.max())}
    return row


def verify(
    first: Annotated[str, typer.Argument(help="A model file, or module:function.", show_default=False)],
    second: Annotated[
        str | None,
        typer.Argument(help="What it should give: the same kinds. By default the reference.", show_default=False),
    ] = None,
    inputs: Inputs = None,
    dim: Dims = None,
    seed: Seed = 0,
    tolerance: Annotated[
        float | None, typer.Option(help="The error allowed; what rounding explains if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run two models on the same inputs and compare every output; exit with 1 if they differ.

    With one model, the engine is compared with the reference. What differs is traced to the first value that does.

    Examples: **sardonyx verify model.onnx**, **sardonyx verify new.onnx old.onnx --dim batch=4**,
    **sardonyx verify net.onnx net.py:net**
    """
    from sardonyx.cli.feeds import parse_dims, read_arrays
    from sardonyx.cli.source import read_source
    from sardonyx.engine.session import Session
    from sardonyx.verify import verify as compare

    given = read_arrays(inputs) if inputs is not None else None
    a = read_source(first)
    b = read_source(second) if second is not None else None
    left, right = (Session(a.model), a.module or a.model) if b is None else (a.module or a.model, b.module or b.model)
    report = compare(left, right, given, dims=parse_dims(dim or ()), tolerance=tolerance, seed=seed)
    if as_json:
        outputs = [
            {k: getattr(d, k) for k in ("name", "type", "max_abs", "max_rel", "error", "tolerance", "verdict", "fault")}
            for d in report.outputs
        ]
        print_json({"verdict": report.verdict, "outputs": outputs, "first": report.first and str(report.first)})
    else:
        out.print(report)
    if not report.ok:
        raise typer.Exit(1)
